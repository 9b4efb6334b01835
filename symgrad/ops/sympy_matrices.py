"""How SymPy's matrix classes are read; see sympy_scalars for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import matmul, mul
from typing import Any

from symgrad.core.dims import Shape, Size, named
from symgrad.core.expr import Expr, Literal, lookup
from symgrad.errors import OperandError, ShapeError
from symgrad.ops.constants import eye, ones, zeros
from symgrad.ops.shaping import diag, reshape, scatter
from symgrad.ops.sympy_scalars import Done, raised

LARGEST_MATRIX_POWER = 64


def size_of_sympy(size: Any) -> Size:
    """Read a size: a polynomial with integer coefficients in symbols. ShapeError for anything else."""
    import sympy

    total: Size = 0
    for term in sympy.Add.make_args(sympy.expand(sympy.sympify(size))):
        product: Size = 1
        for factor in sympy.Mul.make_args(term):
            base, exponent = factor.as_base_exp()
            if not (exponent.is_Integer and exponent > 0 and (base.is_Integer or base.is_Symbol)):
                raise ShapeError(f"{size} cannot be the size of an array: it takes integers, names and their products")
            for _repeat in range(int(exponent)):
                product = product * (int(base) if base.is_Integer else named(base.name))
        total = total + product
    return total


def _shape(part: Any) -> Shape:
    return tuple(map(size_of_sympy, part.shape))


def identity(part: Any, _done: Done) -> Expr:
    return eye(_shape(part)[0])


def zero_matrix(part: Any, _done: Done) -> Expr:
    return zeros(_shape(part))


def one_matrix(part: Any, _done: Done) -> Expr:
    return ones(_shape(part))


def transposed(part: Any, done: Done) -> Expr:
    return done[part.arg].T


def inverse(part: Any, done: Done) -> Expr:
    return lookup("inv")(done[part.arg])


def trace(part: Any, done: Done) -> Expr:
    return lookup("trace")(done[part.arg])


def determinant(part: Any, done: Done) -> Expr:
    return lookup("det")(done[part.arg])


def diagonal_matrix(part: Any, done: Done) -> Expr:
    vector = done[part.args[0]]
    return diag(reshape(vector, (-1,)))


def matrix_power(part: Any, done: Done) -> Expr:
    base, exponent = done[part.base], part.exp
    if not exponent.is_Integer or abs(exponent) > LARGEST_MATRIX_POWER:
        raise OperandError(
            f"a matrix power needs an integer exponent of at most {LARGEST_MATRIX_POWER} in size, not {exponent}"
        )
    if exponent == 0:
        return eye(base.shape[0])
    product = reduce(matmul, [base] * abs(int(exponent)))
    return lookup("inv")(product) if exponent < 0 else product


def hadamard_product(part: Any, done: Done) -> Expr:
    return reduce(mul, (done[factor] for factor in part.args))


def hadamard_power(part: Any, done: Done) -> Expr:
    return raised(done[part.base], part.exp, done)


def dot_product(part: Any, done: Done) -> Expr:
    """The sum of products of two vectors, rows or columns; with a vector of ones, a sum."""
    import sympy

    factors = [done[vector] for vector in part.args if not isinstance(vector, sympy.OneMatrix)]
    if len(factors) == 1:
        return lookup("sum")(factors[0])
    if len({factor.shape for factor in factors}) > 1:
        factors = [reshape(factor, (-1,)) for factor in factors]
    return lookup("sum")(reduce(mul, factors or [done[part.args[0]]]))


def element(part: Any, done: Done) -> Expr:
    matrix, *position = part.args
    return done[matrix][tuple(map(size_of_sympy, position))]


def part_of_matrix(part: Any, done: Done) -> Expr:
    """Slices along both axes."""
    return done[part.parent][tuple(map(_slice, (part.rowslice, part.colslice), part.parent.shape))]


def _slice(bounds: Any, extent: Any) -> slice:
    start, stop, step = bounds
    first = None if start == 0 else size_of_sympy(start)
    last = None if stop == extent else size_of_sympy(stop)
    return slice(first, last, int(step))


def entries(part: Any) -> Sequence[Any]:
    return part.flat()  # type: ignore[no-any-return]


def explicit(part: Any, done: Done) -> Expr:
    """A matrix written out: each entry at its place in a matrix of zeros."""
    rows, columns = part.shape
    placed = [
        scatter(done[entry], (k // columns, k % columns), (rows, columns))
        for k, entry in enumerate(part.flat())
        if done[entry] is not Literal(0)
    ]
    return _balanced_sum(placed) if placed else zeros((rows, columns))


def _balanced_sum(terms: list[Expr]) -> Expr:
    while len(terms) > 1:
        pairs = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + ([terms[-1]] if len(terms) % 2 else [])
    return terms[0]
