"""The reference interpreter: walks the expression and calls each op's `reference` (NumPy) or `mp` (mpmath) function.

It shares no derivative code, no rewriting and no generated code with the kernels, so it can judge them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from symgrad.core.dims import Dim, Size, evaluate, shape_text
from symgrad.core.expr import Apply, Expr, Foreign, Input, Literal, OpDef, postorder
from symgrad.core.traversal import expand
from symgrad.errors import OperandError, ShapeError, UnknownNameError


def bind_sizes(
    inputs: Iterable[Input], arrays: Mapping[str, Any], given: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return the values of the named sizes, read off the shapes of the arrays; `given` supplies others.

    Raises ShapeError when an array does not have the declared shape, naming both inputs that disagree.
    """
    sizes: dict[str, int] = dict(given or {})
    origin: dict[str, str] = dict.fromkeys(sizes, "the call")
    inputs = list(inputs)
    for node in inputs:
        found = np.shape(arrays[node.name])
        if len(found) != node.ndim:
            raise ShapeError(
                f"{node.name} has shape {shape_text(found)}, but the formula needs {shape_text(node.shape)}: "
                f"{node.ndim} axes, not {len(found)}"
            )
        for declared, actual in zip(node.shape, found, strict=True):
            name = declared.name if isinstance(declared, Dim) else None
            if name is not None and sizes.setdefault(name, actual) != actual:
                raise ShapeError(
                    f"{node.name} has shape {shape_text(found)}, so {name} = {actual}, "
                    f"but {origin[name]} has {name} = {sizes[name]}"
                )
            if name is not None:
                origin.setdefault(name, f"{node.name} of shape {shape_text(found)}")
    for node in inputs:
        for declared, actual in zip(node.shape, np.shape(arrays[node.name]), strict=True):
            if _value(declared, sizes) != actual:
                raise ShapeError(
                    f"{node.name} has shape {shape_text(np.shape(arrays[node.name]))}, "
                    f"but the formula needs {shape_text(node.shape)}"
                )
    return sizes


def _value(size: Size, sizes: Mapping[str, int]) -> int:
    try:
        return evaluate(size, sizes)
    except KeyError as missing:
        raise ShapeError(f"the size {missing.args[0]} cannot be read off the shape of any input") from None


def requirements(outputs: Sequence[Expr]) -> Iterator[tuple[Size, str]]:
    """Yield sizes that must not be negative, each with a sentence for when it is: of shapes, slices and indices."""
    for node in postorder(*outputs):
        yield from ((size, f"{shape_text(node.shape)} is not a shape") for size in node.shape)
        if isinstance(node, Apply) and node.op.requires is not None:
            yield from node.op.requires(node)


def check_requirements(outputs: Sequence[Expr], sizes: Mapping[str, int]) -> None:
    """Check what slices and indices demand of the sizes. ShapeError with the sentence of the first that fails."""
    for size, sentence in requirements(outputs):
        if _value(size, sizes) < 0:
            raise ShapeError(f"{sentence} (here {', '.join(f'{k} = {v}' for k, v in sizes.items())})")


Call: TypeAlias = Callable[[Apply, Mapping[str, int], list[np.ndarray]], np.ndarray]


def call_reference(node: Apply, sizes: Mapping[str, int], operands: list[np.ndarray]) -> np.ndarray:
    """Return the value of one node from the values of its operands, with NumPy."""
    function = node.op.reference
    assert function is not None  # what has none was expanded
    if node.op.elementwise:
        return np.asarray((function.load() if isinstance(function, Foreign) else function)(*operands))
    if isinstance(function, Foreign):
        return np.asarray(function.load()(*operands))
    dtype = operands[0].dtype if operands else None
    return np.asarray(function(node, sizes, *operands), dtype)


def evaluate_reference(
    outputs: Sequence[Expr],
    values: Mapping[str, Any],
    dtype: str = "float64",
    call: Call = call_reference,
    sizes: Mapping[str, int] | None = None,
) -> list[np.ndarray]:
    """Evaluate expressions with NumPy, node by node. `call` may watch or change what a node gives.

    `sizes` are those that no input has, as in the gradient of sum(x), which is ones(n).

    Errors: ShapeError for arrays that do not fit, UnknownNameError for a missing input.

    >>> from symgrad.core.expr import Input
    >>> import symgrad.ops
    >>> x = Input("x")
    >>> evaluate_reference([x * x + 1], {"x": 3.0})
    [array(10.)]
    """
    arrays = {name: np.asarray(value, dtype=dtype) for name, value in values.items()}
    with np.errstate(all="ignore"):
        return _walk(outputs, arrays, _literal_of(np.dtype(dtype)), call, _has_float, sizes)


def evaluate_mp(
    outputs: Sequence[Expr], values: Mapping[str, Any], digits: int = 50, sizes: Mapping[str, int] | None = None
) -> list[np.ndarray]:
    """Evaluate expressions with mpmath at `digits` decimal digits, into arrays of mpf. Inputs are taken exactly.

    Errors: OperandError for an op without an mpmath form, ValueError and ZeroDivisionError outside of a domain.
    """
    import mpmath

    with mpmath.workdps(digits):
        to_mp = np.frompyfunc(mpmath.mpf, 1, 1)
        arrays = {
            name: np.asarray(to_mp(value if np.asarray(value).dtype == object else np.asarray(value, float)), object)
            for name, value in values.items()
        }
        return _walk(outputs, arrays, _mp_literal, _call_mp, _has_mp, sizes)


def _walk(
    outputs: Sequence[Expr],
    arrays: Mapping[str, np.ndarray],
    literal: Callable[[Literal], np.ndarray],
    call: Call,
    known: Callable[[Apply], Expr | None],
    given: Mapping[str, int] | None,
) -> list[np.ndarray]:
    roots = expand(outputs, known)
    order = postorder(*roots)
    inputs = [node for node in order if isinstance(node, Input)]
    for name in (node.name for node in inputs):
        if name not in arrays:
            raise UnknownNameError(f"no value was given for {name}")
    sizes = bind_sizes(inputs, arrays, given)
    check_requirements(roots, sizes)
    results: dict[Expr, np.ndarray] = {}
    for node in order:
        match node:
            case Input():
                results[node] = arrays[node.name]
            case Literal():
                results[node] = literal(node)
            case Apply():
                results[node] = call(node, sizes, [results[operand] for operand in node.operands])
    return [results[root] for root in roots]


def _literal_of(dtype: np.dtype[Any]) -> Callable[[Literal], np.ndarray]:
    def literal(node: Literal) -> np.ndarray:
        return np.asarray(node.value, dtype)

    return literal


def _mp_literal(node: Literal) -> np.ndarray:
    import mpmath

    return np.asarray(mpmath.mpf(node.value), dtype=object)


def with_references(outputs: Sequence[Expr]) -> list[Expr]:
    """Return the expressions that `evaluate_reference` walks: ops without a NumPy function are expanded."""
    return expand(outputs, _has_float)


def _has_float(node: Apply) -> Expr | None:
    return None if node.op.reference is not None or node.op.expand is None else node.op.expand(node)


def _has_mp(node: Apply) -> Expr | None:
    if node.op.mp is not None or node.op.expand is None:
        return None
    if not node.op.elementwise and node.op.reference is not None and not isinstance(node.op.reference, Foreign):
        return None
    return node.op.expand(node)


def _call_mp(node: Apply, sizes: Mapping[str, int], operands: list[np.ndarray]) -> np.ndarray:
    if node.op.elementwise:
        return np.asarray(_on_entries(node.op)(*operands), dtype=object)
    function = node.op.mp or node.op.reference
    assert function is not None and not isinstance(function, Foreign)
    return np.asarray(_as_mp(function(node, sizes, *operands)), dtype=object)


def _as_mp(value: Any) -> Any:
    """Return arrays of mpf: constants made by NumPy (zeros, ones) come as floats."""
    import mpmath

    array = np.asarray(value)
    if array.dtype == object and all(isinstance(entry, mpmath.mpf) for entry in array.flat):
        return array
    return np.frompyfunc(mpmath.mpf, 1, 1)(array)


@cache
def _on_entries(op: OpDef) -> Callable[..., Any]:
    if op.mp is None:
        raise OperandError(f"{op.name} has no mpmath form")
    function = op.mp.load() if isinstance(op.mp, Foreign) else op.mp
    entrywise: Callable[..., Any] = np.frompyfunc(function, len(op.operand_names), 1)
    return entrywise
