"""A formula and its derivatives as the source of a module: what it says about itself, what it needs, its functions."""

from __future__ import annotations

import builtins
import keyword
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.backends.export.arguments import AS_ARRAY, read_inputs, sizes_read
from symgrad.backends.export.loops import LoopWriter
from symgrad.backends.export.routines import SPECIAL, SPECIAL_IMPORTS
from symgrad.core.dims import Size, shape_text
from symgrad.core.expr import Expr, Input
from symgrad.core.properties import properties_text
from symgrad.diff.jacobian import jacobian
from symgrad.diff.tangent import Convention, manifold
from symgrad.errors import InvalidValueError
from symgrad.lowering import lower
from symgrad.simplify import simplify, textbook
from symgrad.syntax import formula as formula_text
from symgrad.syntax import signature
from symgrad.syntax.identifiers import RESERVED
from symgrad.syntax.python_source import NumpyWriter, Scope, escaped, shortened

_WIDTH = 120
_NEEDS = {
    "numpy": "It needs NumPy{scipy}, and not symgrad.",
    "numba": "It needs Numba, NumPy and SciPy, and not symgrad. The functions compiled_... may be called from other "
    "functions that Numba compiles. They take arrays of float64 and do not check the shapes.",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What to write: the formula as it was given, as it is computed, and its derivatives as they are computed."""

    formula: Expr
    value: Expr
    wrt: Sequence[Input]
    derivatives: Sequence[Expr]
    name: str

    @property
    def title(self) -> str:
        """What the formula is called in print, f unless an input is."""
        return signature(self.formula).partition("(")[0]

    @property
    def with_derivatives(self) -> str:
        """The name of the function that returns the derivatives too."""
        return f"{self.name}_and_grad"

    def scope(self) -> Scope:
        """Name the inputs and sizes, the same in every function."""
        mine = (self.name, self.with_derivatives, f"compiled_{self.name}", f"compiled_{self.with_derivatives}")
        exprs = [self.formula, self.value, *self.derivatives]
        return Scope.of(exprs, self.formula.inputs.values(), reserved=mine)

    def result_names(self, scope: Scope) -> list[str]:
        """Return names for the value and the derivatives."""
        plain = [self.title, *(f"d{self.title}_d{node.name}" for node in self.wrt)]
        return [scope.identifiers.claim(name) for name in plain]


@dataclass(slots=True)
class Parts:
    """What a module is put together from."""

    imports: dict[str, None] = field(default_factory=lambda: {"import numpy as np": None})
    definitions: dict[str, None] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    nonempty: dict[Size, None] = field(default_factory=dict)


def write_module(formula: Expr, wrt: Sequence[Input], backend: str = "numpy", name: str = "value") -> str:
    """Return the source of a module with the functions `name` and `name`_and_grad.

    They take the inputs in order and return the value, and the value with a dict of derivatives, laid out as those of
    a kernel: `formula.shape + input.shape`.
    Errors: OperandError for what the backend cannot say, ShapeError for a size that no input tells, InvalidValueError
    for an unknown backend and for a name that is no free identifier.
    """
    if backend not in BACKENDS:
        raise InvalidValueError(f"the backend is one of {', '.join(BACKENDS)}, not {backend!r}")
    _check_name(name)
    (stable,) = simplify([formula])
    value, *derivatives = simplify([stable, *jacobian(stable, wrt)])
    request = Request(formula, value, tuple(wrt), derivatives, name)
    parts = Parts()
    BACKENDS[backend](request, parts)
    reader = read_inputs(formula, request.scope(), list(parts.nonempty))
    head = f'"""{escaped(_documentation(request, backend, parts))}"""\n'
    imports = "".join(f"{line}\n" for line in sorted(parts.imports, key=_import_order))
    blocks = [*parts.definitions, AS_ARRAY, reader, *parts.functions]
    return head + "\n" + "\n\n\n".join(block.strip() for block in [imports, *blocks]) + "\n"


def _check_name(name: str) -> None:
    taken = name in RESERVED or keyword.iskeyword(name) or hasattr(builtins, name)
    if taken or not (name.isascii() and name.isidentifier()):
        raise InvalidValueError(f"{name!r} cannot name a function of the module: use a free identifier")


def _import_order(line: str) -> tuple[bool, bool, str]:
    return not line.startswith(("import ctypes", "import math", "import re")), line.startswith("from"), line


# --- what it says about itself ---------------------------------------------------------------------------------------


def _documentation(request: Request, backend: str, parts: Parts) -> str:
    title = request.title
    needs = _NEEDS[backend].format(scipy=" and SciPy" if any("scipy" in line for line in parts.imports) else "")
    paragraphs = [
        [f"{signature(request.formula)} and its derivatives."],
        ["Formula:", *_indented(_assignments(title, request.formula))],
        ["Inputs:", *_indented(map(_input_line, request.scope().variables.items(), request.formula.inputs.values()))],
        [f"Derivatives, of the shape of {title} and then that of the input:", *_indented(_derivative_lines(request))],
        _convention(request),
        [needs],
    ]
    lines = [line for paragraph in paragraphs if paragraph for line in ["", *_wrapped(paragraph)]]
    return "\n".join(lines[1:]) + "\n"


def _assignments(name: str, expr: Expr) -> list[str]:
    *before, last = shortened(formula_text(expr)).split("; ")
    return [*before, f"{name} = {last}"]


def _input_line(named: tuple[str, str], node: Input) -> str:
    name, variable = named
    line = f"{name} {shape_text(node.shape)}" if node.shape else f"{name}, a number"
    if node.properties:
        line += f", assumed {properties_text(node.properties)}, which is not checked"
    return line if name == variable else f"{line}; the parameter is called {variable}"


def _derivative_lines(request: Request) -> list[str]:
    lines: list[str] = []
    for node, shown in zip(request.wrt, textbook(request.derivatives), strict=True):
        *before, last = _assignments(f"d{request.title}/d{node.name}", shown)
        lines += [*before, f"{last}    shape {shape_text(shown.shape)}"]
    return lines


def _convention(request: Request) -> list[str]:
    structured = [f"{x.name} is {found.value}" for x in request.wrt if (found := manifold(x)) is not None]
    return [f"Convention {Convention.TANGENT.description} ({', '.join(structured)})."] if structured else []


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _wrapped(paragraph: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for line in paragraph:
        indent = "" if not line.startswith(" ") else "        "
        lines += textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines


# --- its functions ---------------------------------------------------------------------------------------------------


def _numpy(request: Request, parts: Parts) -> None:
    for name, outputs in _functions(request).items():
        scope = request.scope()
        writer = NumpyWriter(scope)
        names = request.result_names(scope)
        texts = writer.results(outputs)
        lines = [*sizes_read(scope, list(writer.needed)), *writer.lines]
        parts.imports.update(dict.fromkeys(f"import {module}" for module in sorted(writer.modules)))
        parts.definitions.update(writer.functions)
        if len(outputs) == 1:
            lines.append(f"return {texts[0]}")
        else:
            lines += [f"{name} = {text}" for name, text in zip(names, texts, strict=True)]
            lines.append(_returned(request, names))
        parts.functions.append(_function(request, name, [_reading(scope), *lines]))


def _numba(request: Request, parts: Parts) -> None:
    parts.imports["from numba import njit"] = None
    for name, outputs in _functions(request).items():
        scope = request.scope()
        names = request.result_names(scope)[: len(outputs)]
        program = lower(outputs, list(request.formula.inputs.values()), tuned=False, factored=False)
        writer = LoopWriter(program, scope, names)
        body = writer.write()
        lines = [*sizes_read(scope, list(writer.needed)), *body, f"return {', '.join(names)}"]
        parts.nonempty.update(dict.fromkeys(program.nonempty))
        parts.definitions.update(writer.functions)
        _need_modules(parts, writer, lines)
        parameters = ", ".join(scope.variables.values())
        doc = f'"""Return {_results(request) if len(outputs) > 1 else request.title}, computed by loops."""'
        source = "".join(f"    {line}\n" for line in [doc, *lines])
        parts.functions.append(f'@njit(error_model="numpy")\ndef compiled_{name}({parameters}):\n{source}')
        results = "return" if len(outputs) == 1 else f"{', '.join(names)} ="
        calling = _call_lines(f"{results} compiled_{name}", parameters)
        if len(outputs) > 1:
            calling.append(_returned(request, names))
        parts.functions.append(_function(request, name, [_reading(scope), *calling]))


def _call_lines(head: str, arguments: str) -> list[str]:
    """Return a call in a function's body, on one line or as ruff breaks it."""
    line = f"{head}({arguments})"
    return [line] if len(line) + 4 <= _WIDTH else [f"{head}(", f"    {arguments}", ")"]


def _need_modules(parts: Parts, writer: LoopWriter, lines: Sequence[str]) -> None:
    if any("math." in line for line in lines):
        parts.imports["import math"] = None
    if not writer.specials:
        return
    parts.imports.update(dict.fromkeys(SPECIAL_IMPORTS))
    parts.definitions[SPECIAL] = None
    for (function, arity), name in writer.specials.items():
        parts.definitions[f'{name} = special_function("{function}", {arity})\n'] = None


def _functions(request: Request) -> Mapping[str, list[Expr]]:
    return {
        request.name: [request.value],
        request.with_derivatives: [request.value, *request.derivatives],
    }


def _reading(scope: Scope) -> str:
    parameters = ", ".join(scope.variables.values())
    return f"{parameters} = read_inputs({parameters})"


def _results(request: Request) -> str:
    return f"{request.title} and its derivatives by {', '.join(node.name for node in request.wrt)}"


def _returned(request: Request, names: Sequence[str]) -> str:
    """Return the line that gives back the value and the derivatives by name."""
    value, *slopes = names
    entries = [f'"{node.name}": {slope}' for node, slope in zip(request.wrt, slopes, strict=True)]
    return f"return {value}, {{{', '.join(entries)}}}"


def _function(request: Request, name: str, lines: Sequence[str]) -> str:
    """Return a function that a user calls."""
    doc = f"Return {request.title}, of shape {shape_text(request.formula.shape)}."
    if name == request.with_derivatives:
        doc = f"Return {request.title} and a dict of its derivatives, by the names of the inputs."
    body = "".join(f"    {line}\n" for line in [f'"""{doc}"""', *lines])
    return f"def {name}({', '.join(request.scope().variables.values())}):\n{body}"


BACKENDS: Mapping[str, Callable[[Request, Parts], None]] = {"numpy": _numpy, "numba": _numba}
