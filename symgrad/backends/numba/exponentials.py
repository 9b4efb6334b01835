"""The exponential of a matrix by scaling, a Pade approximant and squaring. See routines.py.

Higham, The scaling and squaring method for the matrix exponential revisited (2005), algorithm 2.3, always with the
approximant of degree 13, which is as accurate for small matrices. The order of memory does not matter, since every
matrix here is a polynomial of one matrix: LAPACK computes the exponential of A', by columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray

from symgrad.backends.numba.lapack import CHAR, INT, Recipe, external, types
from symgrad.backends.numba.symbols import Library

_LARGEST = 5.371920351148152  # theta_13 of table 2.3: the 1-norm up to which the approximant is exact to rounding
_PADE = (
    *(64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0),
    *(10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0),
)


def _make_expm(letter: str, real: Any) -> Callable[..., None]:
    pointer = types.CPointer(real)
    gemm = external(
        letter, "gemm", CHAR, CHAR, INT, INT, INT, pointer, pointer, INT, pointer, INT, pointer, pointer, INT,
        library=Library.BLAS,
    )  # fmt: skip
    gesv = external(letter, "gesv", INT, INT, pointer, INT, INT, pointer, INT, INT)

    def expm(n, columns, a, result):  # type: ignore[no-untyped-def]  # noqa: ARG001
        if n == 0:
            return
        source, exponential = carray(a, (n, n)), carray(result, (n * n,))
        norm = 0.0
        for j in range(n):
            column = 0.0
            for i in range(n):
                column += abs(source[i, j])
            norm = column if not column <= norm else norm  # NaN stays
        if not math.isfinite(norm):
            for i in range(n * n):
                exponential[i] = np.nan
            return
        halvings = 0
        while math.ldexp(norm, -halvings) > _LARGEST:
            halvings += 1
        kind, count = exponential.dtype, n * n
        powers, sums, pivots = np.empty((4, count), kind), np.empty((4, count), kind), np.empty(n, np.int32)
        flag, size, info, weights = (
            np.empty(1, np.uint8),
            np.empty(1, np.int32),
            np.empty(1, np.int32),
            np.empty(2, kind),
        )
        flag[0], size[0], weights[0], weights[1] = 78, n, 1, 0  # "N"
        for i in range(n):
            for j in range(n):
                powers[0, i * n + j] = math.ldexp(source[i, j], -halvings)
        for left, right, product in ((0, 0, 1), (1, 1, 2), (1, 2, 3)):  # powers 2, 4, 6
            gemm(
                flag.ctypes, flag.ctypes, size.ctypes, size.ctypes, size.ctypes, weights.ctypes, powers[left].ctypes,
                size.ctypes, powers[right].ctypes, size.ctypes, weights[1:].ctypes, powers[product].ctypes, size.ctypes,
            )  # fmt: skip
        for i in range(count):
            square, fourth, sixth = powers[1, i], powers[2, i], powers[3, i]
            unit = 1.0 if i % (n + 1) == 0 else 0.0
            for odd in range(2):
                sums[odd, i] = _PADE[12 + odd] * sixth + _PADE[10 + odd] * fourth + _PADE[8 + odd] * square
                low = _PADE[6 + odd] * sixth + _PADE[4 + odd] * fourth + _PADE[2 + odd] * square
                sums[2 + odd, i] = low + _PADE[odd] * unit
        weights[1] = 1
        for odd in range(2):  # the even and the odd part, the latter without a factor A
            gemm(
                flag.ctypes, flag.ctypes, size.ctypes, size.ctypes, size.ctypes, weights.ctypes, powers[3].ctypes,
                size.ctypes, sums[odd].ctypes, size.ctypes, weights[1:].ctypes, sums[2 + odd].ctypes, size.ctypes,
            )  # fmt: skip
        weights[1] = 0
        gemm(
            flag.ctypes, flag.ctypes, size.ctypes, size.ctypes, size.ctypes, weights.ctypes, powers[0].ctypes,
            size.ctypes, sums[3].ctypes, size.ctypes, weights[1:].ctypes, sums[1].ctypes, size.ctypes,
        )  # fmt: skip
        for i in range(count):
            exponential[i] = sums[2, i] + sums[1, i]
            sums[0, i] = sums[2, i] - sums[1, i]
        gesv(
            size.ctypes, size.ctypes, sums[0].ctypes, size.ctypes, pivots.ctypes, exponential.ctypes, size.ctypes,
            info.ctypes,
        )  # fmt: skip
        for _turn in range(halvings):
            for i in range(count):
                sums[0, i] = exponential[i]
            gemm(
                flag.ctypes, flag.ctypes, size.ctypes, size.ctypes, size.ctypes, weights.ctypes, sums[0].ctypes,
                size.ctypes, sums[0].ctypes, size.ctypes, weights[1:].ctypes, exponential.ctypes, size.ctypes,
            )  # fmt: skip
        if info[0] != 0:
            for i in range(count):
                exponential[i] = np.nan

    return expm


EXPONENTIALS = {"expm": Recipe(_make_expm, ("gesv",), ("gemm",))}
