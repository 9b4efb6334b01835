"""What follows for a result from what is known of its operands: the rules that several ops share.

A rule takes the operands and the static parameters and returns properties; what those imply is added by the caller, and
matrix properties of a result that is no square matrix are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.core.expr import Expr
from symgrad.core.properties import NONE, Properties, Property
from symgrad.core.shapes import broadcast

P = Property
ENTRYWISE: Properties = frozenset({P.NONNEGATIVE, P.POSITIVE, P.NONZERO})
LINEAR: Properties = frozenset({P.SYMMETRIC, P.SKEW, P.DIAGONAL, P.LOWER, P.UPPER})  # of subspaces of matrices
TRIANGLES: Properties = frozenset({P.LOWER, P.UPPER})
# What inverses, integer powers and Kronecker products of matrices share with the matrices.
MULTIPLICATIVE: Properties = frozenset(
    {P.SYMMETRIC, P.PSD, P.SPD, P.DIAGONAL, P.LOWER, P.UPPER, P.ORTHOGONAL, P.INVERTIBLE}
)


@dataclass(frozen=True, slots=True)
class Always:
    """The result has these properties whatever the operands are."""

    properties: Properties

    def __call__(self, _operands: tuple[Expr, ...], _params: object) -> Properties:
        return self.properties


@dataclass(frozen=True, slots=True)
class Shared:
    """The result has those of these properties that all operands have."""

    properties: Properties

    def __call__(self, operands: tuple[Expr, ...], _params: object) -> Properties:
        return common(operands) & self.properties


POSITIVE_RESULT = Always(frozenset({P.POSITIVE}))
NONNEGATIVE_RESULT = Always(frozenset({P.NONNEGATIVE}))
SAME_ENTRIES = Shared(ENTRYWISE)
SAME_SIGN = Shared(ENTRYWISE | TRIANGLES)  # f(0) = 0, and f(x) has the sign of x
of_smaller = Shared(frozenset({P.NONNEGATIVE, P.POSITIVE}))


def common(operands: Sequence[Expr]) -> Properties:
    """Return the properties that all operands have."""
    found = operands[0].properties
    for x in operands[1:]:
        if not found:
            break
        found = found & x.properties
    return found


def of_sum(operands: tuple[Expr, ...], _params: object) -> Properties:
    """Sums keep subspaces and cones; what is strict in one term stays strict."""
    x, y = operands
    both = common(operands)
    found = both & {P.NONNEGATIVE}
    if P.NONNEGATIVE in both and P.POSITIVE in x.properties | y.properties:
        found |= {P.POSITIVE}
    if x.shape == y.shape:
        found |= both & (LINEAR | {P.PSD})
        if P.PSD in both and P.SPD in x.properties | y.properties:
            found |= {P.SPD}
    return found


def of_difference(operands: tuple[Expr, ...], _params: object) -> Properties:
    x, y = operands
    return common(operands) & LINEAR if x.shape == y.shape else NONE


def of_negative(operands: tuple[Expr, ...], _params: object) -> Properties:
    return common(operands) & (LINEAR | {P.ORTHOGONAL, P.INVERTIBLE, P.NONZERO})


def of_product(operands: tuple[Expr, ...], _params: object) -> Properties:
    """Entry by entry. Of two semidefinite matrices it is semidefinite (Schur 1911)."""
    x, y = operands
    if not (x.properties or y.properties or x is y):
        return NONE
    found = common(operands) & {P.NONNEGATIVE, P.NONZERO}
    if x is y:
        found |= {P.NONNEGATIVE}
    for scale, matrix in ((x, y), (y, x)):
        found |= zeros_kept(matrix, scale)
        if scale.ndim == 0 and matrix.ndim:
            found |= of_scaled(scale, matrix)
    if x.shape == y.shape:
        found |= common(operands) & {P.SYMMETRIC, P.PSD, P.SPD}
        if P.SKEW in x.properties ^ y.properties and P.SYMMETRIC in x.properties ^ y.properties:
            found |= {P.SKEW}
    return found


def of_quotient(operands: tuple[Expr, ...], _params: object) -> Properties:
    x, y = operands
    found = common(operands) & {P.NONNEGATIVE, P.NONZERO}
    found |= zeros_kept(x, y)
    return found | of_scaled(y, x) if y.ndim == 0 and x.ndim else found


def zeros_kept(matrix: Expr, other: Expr) -> Properties:
    """Return the triangles of zeros that a product or quotient with `other` keeps: not those of a repeated 1 x 1."""
    if not matrix.properties & TRIANGLES or broadcast(matrix.shape, other.shape)[-2:] != matrix.shape[-2:]:
        return NONE
    return matrix.properties & TRIANGLES


def of_scaled(scale: Expr, matrix: Expr) -> Properties:
    """Return what a number times a matrix has of the matrix."""
    found = matrix.properties & LINEAR
    if P.NONZERO in scale.properties:
        found |= matrix.properties & {P.INVERTIBLE}
    if P.NONNEGATIVE in scale.properties:
        found |= matrix.properties & {P.PSD}
    if P.POSITIVE in scale.properties:
        found |= matrix.properties & {P.SPD}
    return found


def of_absolute(operands: tuple[Expr, ...], _params: object) -> Properties:
    return frozenset({P.NONNEGATIVE}) | common(operands) & (TRIANGLES | {P.NONZERO})


def of_root(operands: tuple[Expr, ...], _params: object) -> Properties:
    return frozenset({P.NONNEGATIVE}) | common(operands) & (TRIANGLES | {P.POSITIVE})


def of_larger(operands: tuple[Expr, ...], _params: object) -> Properties:
    """The larger of two numbers is positive if one of them is."""
    x, y = operands
    return (x.properties | y.properties) & {P.NONNEGATIVE, P.POSITIVE}


def of_choice(operands: tuple[Expr, ...], _params: object) -> Properties:
    return common(operands[1:]) & ENTRYWISE


def of_total(operands: tuple[Expr, ...], _params: object) -> Properties:
    """A sum or product of numbers >= 0, of none of them too."""
    return common(operands) & {P.NONNEGATIVE}


def of_trace(operands: tuple[Expr, ...], _params: object) -> Properties:
    """The trace of a semidefinite matrix is a sum of numbers >= 0; so is that of a matrix of such numbers."""
    return frozenset({P.NONNEGATIVE}) if common(operands) & {P.NONNEGATIVE, P.PSD} else NONE
