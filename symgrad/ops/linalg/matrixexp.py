"""The exponential of a matrix and its Frechet derivative.

Higham, The scaling and squaring method for the matrix exponential revisited, SIAM J. Matrix Anal. Appl. 26 (2005),
algorithm 2.3; Al-Mohy & Higham, Computing the Frechet derivative of the matrix exponential, SIAM J. Matrix Anal. Appl.
30 (2009), section 1; Najfeld & Havel, Derivatives of the matrix exponential and their computation (1995).
"""

from __future__ import annotations

from math import frexp, log2

import numpy as np

from symgrad.core.dims import Size
from symgrad.core.expr import Apply, Expr, Foreign, Structured
from symgrad.core.indexing import FULL, Cut
from symgrad.core.numeric import Routine
from symgrad.core.properties import NONE, Properties, Property
from symgrad.core.shapes import broadcast
from symgrad.ops.broadcasting import broadcast_to, unbroadcast
from symgrad.ops.define import array_op
from symgrad.ops.infer import common
from symgrad.ops.reduction import first
from symgrad.ops.shaping import Sizes, scatter, swap

LARGEST_NORM = 2_000  # of what is computed to many digits: entries between exp(-norm) and exp(norm) stand in one scale
SCIPY_EXPM = Foreign("scipy.linalg", "expm")


def expm_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    return expm_frechet(node.operands[0], first(tangents))


def expm_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    """The adjoint of the Frechet derivative at A is that at A'."""
    return (expm_frechet(swap(node.operands[0]), cotangent),)


def expm_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(SCIPY_EXPM.load()(a)) if a.size else np.zeros(a.shape)


def fixed_point(x: np.ndarray, bits: int) -> np.ndarray:
    """Return x*2**bits as integers, whose products are many times faster than those of mpmath's numbers."""
    import mpmath

    numbers = [int(mpmath.ldexp(value, bits)) for value in x.ravel()]
    return np.array(numbers, dtype=object).reshape(x.shape)


def from_fixed_point(x: np.ndarray, bits: int) -> np.ndarray:
    import mpmath

    return np.array([mpmath.ldexp(mpmath.mpf(value), -bits) for value in x.ravel()], dtype=object).reshape(x.shape)


def largest_sum(x: np.ndarray) -> float:
    return float(np.max(np.sum(abs(x), axis=-1), initial=0.0))


def series_mp(a: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return expm(A) and its derivative along E: Taylor's series of a pair after scaling, then squaring of the pair.

    OverflowError for a norm beyond the largest.
    """
    import mpmath

    norm, scale = largest_sum(a), frexp(largest_sum(e))[1]
    if not norm <= LARGEST_NORM:
        raise OverflowError(f"expm of a matrix with a norm above {LARGEST_NORM} is not computed to many digits")
    halvings = max(0, frexp(norm)[1] + 8)
    bits = mpmath.mp.prec + 64 + 2 * halvings + int(3 * norm)  # an entry may be as small as exp(-norm)
    x, y = fixed_point(a, bits - halvings), fixed_point(e, bits - halvings - scale)
    identity = np.array([[int(i == j) << bits for j in range(a.shape[-1])] for i in range(a.shape[-1])], dtype=object)
    term, slope = identity.reshape(a.shape[-2:]), 0 * y
    value, derivative = term + 0 * x, slope
    order, left = 0, float(bits)
    while left > 0:
        order, left = order + 1, left - 8 - log2(order + 1)
        slope = (np.matmul(slope, x) + np.matmul(term, y) >> bits) // order
        term = (np.matmul(term, x) >> bits) // order
        value, derivative = value + term, derivative + slope
    for _turn in range(halvings):
        derivative = np.matmul(value, derivative) + np.matmul(derivative, value) >> bits
        value = np.matmul(value, value) >> bits
    return from_fixed_point(value, bits), from_fixed_point(derivative, bits - scale)


def expm_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return series_mp(a, 0 * a)[0]


def expm_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    known = common(operands)
    found = known & {Property.DIAGONAL, Property.LOWER, Property.UPPER} | {Property.INVERTIBLE}
    found |= {Property.SPD} if Property.SYMMETRIC in known else NONE
    return found | {Property.ORTHOGONAL} if Property.SKEW in known else found


expm = array_op(
    "expm",
    doc="The exponential of a square matrix, the sum of the powers A**k/k!.",
    properties=expm_properties,
    operands=("A",),
    aliases=("matrix_exp",),
    latex="e^{0}",
    signature="...(n,n)->(n,n)",
    derivative=Structured(expm_pushforward, expm_pullback),
    numeric=Routine("expm"),
    reference=expm_reference,
    mp=expm_mp,
    references=("Higham, The scaling and squaring method for the matrix exponential revisited (2005), algorithm 2.3",),
)


# --- Frechet derivative ----------------------------------------------------------------------------------------------


def block_triangle(a: Expr, beside: Expr | None = None) -> Expr:
    """Return [[A, B], [0, A]], or without B [[A, 0], [0, A]]; batch axes are those of A."""
    n, front = a.shape[-1], a.shape[:-2]
    full = [FULL] * len(front)
    upper, lower = Cut(None, n), Cut(n, None)
    shape = (*front, 2 * n, 2 * n)
    total = scatter(a, (*full, upper, upper), shape) + scatter(a, (*full, lower, lower), shape)
    return total if beside is None else total + scatter(beside, (*full, upper, lower), shape)


def corner(blocks: Expr, n: Size) -> Expr:
    """Return the upper right n x n block."""
    return blocks[(*[FULL] * (blocks.ndim - 2), Cut(None, n), Cut(n, None))]


def together(*matrices: Expr) -> tuple[Expr, ...]:
    """Broadcast the batch axes."""
    shape = broadcast(*(x.shape[:-2] for x in matrices)) + matrices[0].shape[-2:]
    return tuple(broadcast_to(x, shape) for x in matrices)


def second_derivative(a: Expr, e: Expr, f: Expr) -> Expr:
    """Return the derivative of expm_frechet(A, E) by A along F: that of its block form, a Frechet derivative again."""
    a, e, f = together(a, e, f)
    return corner(expm_frechet(block_triangle(a, e), block_triangle(f)), a.shape[-1])


def expm_frechet_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    a, e = node.operands
    a_dot, e_dot = tangents
    linear = None if e_dot is None else expm_frechet(a, e_dot)
    if a_dot is None:
        assert linear is not None  # the engine calls no pushforward when all tangents are zero
        return linear
    turned = second_derivative(a, e, a_dot)
    return turned if linear is None else turned + linear


def expm_frechet_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    a, e = node.operands
    batch = cotangent.ndim - node.ndim
    a_bar = second_derivative(swap(a), swap(e), cotangent)
    e_bar = expm_frechet(swap(a), cotangent)
    return unbroadcast(a_bar, a.shape, batch), unbroadcast(e_bar, e.shape, batch)


def expm_frechet_expand(node: Apply) -> Expr:
    a, e = together(*node.operands)
    return corner(expm(block_triangle(a, e)), a.shape[-1])


def blocks(a: np.ndarray, e: np.ndarray) -> np.ndarray:
    front = np.broadcast_shapes(a.shape[:-2], e.shape[:-2])
    a, e = (np.broadcast_to(x, front + x.shape[-2:]) for x in (a, e))
    rows = np.concatenate([a, e], axis=-1), np.concatenate([0 * a, a], axis=-1)
    return np.concatenate(rows, axis=-2)


def expm_frechet_reference(node: Apply, sizes: Sizes, a: np.ndarray, e: np.ndarray) -> np.ndarray:
    n = a.shape[-1]
    return expm_reference(node, sizes, blocks(a, e))[..., :n, n:]


def expm_frechet_mp(_node: Apply, _sizes: Sizes, a: np.ndarray, e: np.ndarray) -> np.ndarray:
    return series_mp(a, e)[1]


expm_frechet = array_op(
    "expm_frechet",
    doc="The derivative of expm at A along E: the upper right block of expm([[A, E], [0, A]]).",
    operands=("A", "E"),
    signature="...(n,n),(n,n)->(n,n)",
    derivative=Structured(expm_frechet_pushforward, expm_frechet_pullback),
    expand=expm_frechet_expand,
    reference=expm_frechet_reference,
    mp=expm_frechet_mp,
    references=(
        "Najfeld & Havel, Derivatives of the matrix exponential and their computation (1995)",
        "Al-Mohy & Higham, Computing the Frechet derivative of the matrix exponential (2009), section 1",
    ),
)
