"""`parse`: the way from a text to an expression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from symgrad.core.dims import Dim, Shape, Size
from symgrad.core.expr import Expr
from symgrad.core.properties import Property, read_properties
from symgrad.errors import OperandError, ShapeError
from symgrad.syntax.arguments import Reader
from symgrad.syntax.build import build
from symgrad.syntax.inference import infer_shapes
from symgrad.syntax.limits import Limits
from symgrad.syntax.parser import parse_program, parse_size
from symgrad.syntax.program import resolve

SizeLike: TypeAlias = "int | str | Dim"
Shapes: TypeAlias = "Mapping[str, Sequence[SizeLike] | SizeLike]"
Assumptions: TypeAlias = "Mapping[str, str | Iterable[str | Property]]"

_DEFAULT_LIMITS = Limits()


def parse(
    text: str, shapes: Shapes | None = None, limits: Limits = _DEFAULT_LIMITS, assume: Assumptions | None = None
) -> Expr:
    """Return the expression that `text` says.

    `text` is an expression, a definition with shapes (`f(X[m,n], w[n]) = X @ w`), or several statements
    `name = expression` on lines or between `;`, of which the last is the result. `shapes` gives the shapes of some or
    all inputs; the others are inferred (see symgrad.syntax.inference). What is assumed of an input stands behind it,
    `f(A[n,n]: symmetric, x[n]) = x.T @ A @ x`, or in `assume`.

    Errors: FormulaSyntaxError, UnknownNameError, ShapeError, OperandError, InvalidValueError, LimitError, each with
    its span in `text`.

    >>> f = parse("sum((X @ w - y)**2) + lam*sum(w**2)")
    >>> {name: node.shape for name, node in f.inputs.items()}
    {'X': (m, n), 'w': (n,), 'y': (m,), 'lam': ()}
    """
    given = {name: _read_shape(name, shape, limits) for name, shape in (shapes or {}).items()}
    assumed = {name: read_properties(words) for name, words in (assume or {}).items()}
    resolved = resolve(parse_program(text, limits), given, assumed)
    return build(resolved, infer_shapes(resolved), limits)


def declared_inputs(text: str, limits: Limits = _DEFAULT_LIMITS) -> tuple[str, ...]:
    """Return the names in the head of a definition, in its order; none where the text has no head.

    >>> declared_inputs("f(x[n], c) = c*sum(x**2)")
    ('x', 'c')
    """
    statements = parse_program(text, limits).statements
    return tuple(each.name for statement in statements for each in statement.parameters or ())


def _read_shape(name: str, shape: Sequence[SizeLike] | SizeLike, limits: Limits) -> Shape:
    entries = (shape,) if isinstance(shape, int | str | Dim) else tuple(shape)
    return tuple(_read_size(name, entry, limits) for entry in entries)


def _read_size(name: str, entry: object, limits: Limits) -> Size:
    if isinstance(entry, str):
        return Reader(entry, _any_name).size(parse_size(entry, limits))
    if isinstance(entry, bool) or not isinstance(entry, int | Dim):
        raise OperandError(f"the shape of {name} has the entry {entry!r}; a size is an int or a str such as 'n'")
    if isinstance(entry, int) and entry < 0:
        raise ShapeError(f"the shape of {name} has the negative size {entry}")
    return entry


def _any_name(_name: str) -> bool:
    return True
