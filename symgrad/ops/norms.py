"""Norms of all entries, beside the Euclidean one and the sum of absolute values, which are with the reductions.

Those of a matrix as a linear map are in symgrad/ops/linalg/matrixnorms.py.
"""

from __future__ import annotations

import numpy as np

from symgrad.core.domain import REALS, Interval
from symgrad.core.expr import Apply, Expr, Structured
from symgrad.core.traits import Kink
from symgrad.ops.broadcasting import sum
from symgrad.ops.define import array_op
from symgrad.ops.exponential import log
from symgrad.ops.infer import NONNEGATIVE_RESULT
from symgrad.ops.piecewise import absolute, equal, sign, where
from symgrad.ops.reduction import max, to_number
from symgrad.ops.shaping import Sizes, append_axes


def norm_inf_expand(node: Apply) -> Expr:
    return max(absolute(node.operands[0]))


def norm_inf_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.asarray(np.max(abs(x)))


norm_inf = array_op(
    "norm_inf",
    doc="The largest absolute value among the entries; for the largest row sum of a matrix: operator_norm_inf.",
    properties=NONNEGATIVE_RESULT,
    latex=r"\left\lVert {0} \right\rVert_\infty",
    shape=to_number,
    expand=norm_inf_expand,
    reference=norm_inf_reference,
    kinks=(Kink("two entries tie in absolute value", "shared equally between the tied entries"),),
    references=("Petersen & Pedersen, The Matrix Cookbook (2012), section 10.3",),
)


def shares(node: Apply) -> Expr:
    """Return abs(x)/normp(x, p), numbers between 0 and 1; 0 at x = 0."""
    return absolute(node.operands[0]) / where(equal(node, 0), 1, node)


def slope(node: Apply) -> Expr:
    """The derivative by x: sign(x)*(abs(x)/norm)**(p - 1)."""
    x, p = node.operands
    return sign(x) * shares(node) ** (p - 1)


def slope_of_exponent(node: Apply) -> Expr:
    """The derivative by p: norm/p * sum(r**p*log(r)) with r = abs(x)/norm; an entry 0 adds nothing."""
    _, p = node.operands
    r = shares(node)
    positive = where(equal(r, 0), 1, r)
    return node / p * sum(positive**p * log(positive))


def normp_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    x_dot, p_dot = tangents
    if p_dot is None:
        assert x_dot is not None  # the engine calls no pushforward when all tangents are zero
        return sum(slope(node) * x_dot)
    by_exponent = slope_of_exponent(node) * p_dot
    return by_exponent if x_dot is None else sum(slope(node) * x_dot) + by_exponent


def normp_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    x, _ = node.operands
    return append_axes(cotangent, x.ndim) * slope(node), cotangent * slope_of_exponent(node)


def normp_expand(node: Apply) -> Expr:
    """Scaled by the largest entry, so that no power overflows."""
    x, p = node.operands
    largest = norm_inf(x)
    scale = where(equal(largest, 0), 1, largest)
    return largest * sum((absolute(x) / scale) ** p) ** (1 / p)


def normp_reference(_node: Apply, _sizes: Sizes, x: np.ndarray, p: np.ndarray) -> np.ndarray:
    largest = np.max(abs(x))
    return np.asarray(largest * np.sum((abs(x) / (largest or 1)) ** p[()]) ** (1 / p[()]))


normp = array_op(
    "normp",
    doc="The p-norm of all entries, sum(abs(x)**p)**(1/p), for p >= 1.",
    properties=NONNEGATIVE_RESULT,
    operands=("x", "p"),
    latex=r"\left\lVert {0} \right\rVert_{{{1}}}",
    signature="(n),()->() | (m,n),()->() | (k,m,n),()->()",
    derivative=Structured(normp_pushforward, normp_pullback),
    expand=normp_expand,
    reference=normp_reference,
    domain=(REALS, Interval(low=1.0, closed_low=True)),
    kinks=(Kink("x = 0, or an entry is 0 and p = 1", "0, a subgradient"),),
    references=("Petersen & Pedersen, The Matrix Cookbook (2012), section 10.3",),
)
