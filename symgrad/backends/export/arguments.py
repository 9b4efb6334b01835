"""The part of a written module that reads its arguments: arrays of float64, shapes that fit, sizes that are allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from symgrad.core.dims import Dim, Size, named, shape_text
from symgrad.core.expr import Apply, Expr, Input, postorder
from symgrad.errors import ShapeError
from symgrad.syntax.identifiers import shape_source, size_text
from symgrad.syntax.python_source import Scope

AS_ARRAY = '''
def as_array(name, value, axes):
    """Return an array of float64, row by row in memory, or a number for no axes."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    if array.ndim != axes:
        raise ValueError(f"{name} has {array.ndim} axes, not {axes}")
    return np.asarray(array, dtype=np.float64, order="C")[()]

'''


def read_inputs(formula: Expr, scope: Scope, nonempty: Sequence[Size]) -> str:
    """Return the source of the function that reads and checks the inputs; `nonempty` sizes must be positive.

    ShapeError for a size that no input tells.
    """
    parameters = ", ".join(scope.variables.values())
    lines = [
        f'{scope.variables[name]} = as_array("{name}", {scope.variables[name]}, {node.ndim})'
        for name, node in scope.inputs.items()
    ]
    checks = [*_shape_checks(scope), *_requirements(formula, scope), *_positive(nonempty, scope)]
    names = {name for size in _checked_sizes(formula, scope, nonempty) for name in _names(size)}
    lines += sizes_read(scope, sorted(names))
    for condition, message in dict(checks).items():
        lines += [f"if {condition}:", f"    raise ValueError({message})"]
    body = "".join(f"    {line}\n" for line in [*lines, f"return {parameters}"])
    doc = '"""Return the inputs as arrays of float64. ValueError for shapes that do not fit."""'
    return f"\ndef read_inputs({parameters}):\n    {doc}\n{body}\n"


def sizes_read(scope: Scope, needed: Sequence[str]) -> list[str]:
    """Return the lines that read sizes off the inputs. ShapeError for one that no input tells."""
    lines, free = scope.read_sizes(needed)
    if free:
        raise ShapeError(f"the size {free[0]} cannot be read off the shape of any input")
    return lines


def _names(size: Size) -> Iterator[str]:
    return size.names() if isinstance(size, Dim) else iter(())


def _checked_sizes(formula: Expr, scope: Scope, nonempty: Sequence[Size]) -> Iterator[Size]:
    for node in _told(scope):
        yield from node.shape
    for size, _ in _demands(formula):
        yield size
    yield from nonempty


def _told(scope: Scope) -> list[Input]:
    """Return the inputs whose shape is to be checked: all but those that have every size first."""
    found: list[Input] = []
    seen: set[str] = set()
    for node in scope.inputs.values():
        names = [size.name for size in node.shape if isinstance(size, Dim) and size.name]
        new = len(names) == len(set(names)) == node.ndim and not seen & set(names)
        if node.shape and not new:
            found.append(node)
        seen |= {name for size in node.shape if _tells(size) for name in _names(size)}
    return found


def _tells(size: Size) -> bool:
    """Whether the extent of an axis tells a size: it is a name, or a name and a number."""
    return isinstance(size, Dim) and isinstance(size - named(next(size.names())), int)


def _shape_checks(scope: Scope) -> Iterator[tuple[str, str]]:
    for node in _told(scope):
        variable, shape = scope.variables[node.name], shape_source(node.shape, scope.sizes)
        yield f"{variable}.shape != {shape}", f'f"{node.name} has shape {{{variable}.shape}}, not {{{shape}}}"'


def _demands(formula: Expr) -> Iterator[tuple[Size, str]]:
    """Yield what slices and indices demand: sizes that must not be negative, with a sentence."""
    for node in postorder(formula):
        for size in node.shape:
            if isinstance(size, Dim) and size.name is None:
                yield size, f"{shape_text(node.shape)} is not a shape"
        if isinstance(node, Apply) and node.op.requires is not None:
            yield from node.op.requires(node)


def _requirements(formula: Expr, scope: Scope) -> Iterator[tuple[str, str]]:
    for size, sentence in _demands(formula):
        if isinstance(size, int) and size < 0:
            raise ShapeError(sentence)
        if isinstance(size, Dim) and any(coefficient < 0 for _, coefficient in size.terms):
            yield f"{size_text(size, scope.sizes)} < 0", _quoted(sentence)


def _positive(nonempty: Sequence[Size], scope: Scope) -> Iterator[tuple[str, str]]:
    for size in nonempty:
        yield f"{size_text(size, scope.sizes)} <= 0", _quoted("a maximum or minimum over no elements has no value")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
