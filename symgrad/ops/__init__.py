"""The ops: each family is a file, each op one definition. Importing this package fills the registry."""

from symgrad.ops import (
    arithmetic,
    bessel,
    broadcasting,
    constants,
    contraction,
    exponential,
    hyperbolic,
    integrals,
    piecewise,
    power,
    reduction,
    shaping,
    special,
    trigonometric,
)
from symgrad.ops.linalg import cholesky, determinant, inverse, triangle

__all__ = [
    "arithmetic",
    "bessel",
    "broadcasting",
    "cholesky",
    "constants",
    "contraction",
    "determinant",
    "exponential",
    "hyperbolic",
    "integrals",
    "inverse",
    "piecewise",
    "power",
    "reduction",
    "shaping",
    "special",
    "triangle",
    "trigonometric",
]
