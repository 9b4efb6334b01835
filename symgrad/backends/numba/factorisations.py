"""Routines by triangular factors: Cholesky, inverse, determinant, linear systems. See routines.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import carray
from numba.extending import register_jitable

from symgrad.backends.numba.lapack import CHAR, INT, Recipe, external, types
from symgrad.backends.numba.symbols import Library


def _getrf(letter: str, real: Any) -> Any:
    return external(letter, "getrf", INT, INT, types.CPointer(real), INT, INT, INT)


def _make_cholesky(letter: str, real: Any) -> Callable[..., None]:
    potrf = external(letter, "potrf", CHAR, INT, types.CPointer(real), INT, INT)

    def cholesky(n, columns, a, result):  # type: ignore[no-untyped-def]  # noqa: ARG001
        source, factor = carray(a, (n, n)), carray(result, (n, n))
        for i in range(n):
            for j in range(n):
                factor[i, j] = (source[i, j] + source[j, i]) / 2
        if n == 0:
            return
        upper, size, info = np.empty(1, np.uint8), np.empty(1, np.int32), np.empty(1, np.int32)
        upper[0], size[0] = 85, n  # "U"
        potrf(upper.ctypes, size.ctypes, factor.ctypes, size.ctypes, info.ctypes)
        for i in range(n):
            for j in range(n):
                if info[0] != 0:
                    factor[i, j] = np.nan
                elif j > i:
                    factor[i, j] = 0

    return cholesky


def _make_inv(letter: str, real: Any) -> Callable[..., None]:
    getrf = _getrf(letter, real)
    getri = external(letter, "getri", INT, types.CPointer(real), INT, INT, types.CPointer(real), INT, INT)

    def inv(n, columns, a, result):  # type: ignore[no-untyped-def]  # noqa: ARG001
        source, inverse = carray(a, (n * n,)), carray(result, (n * n,))
        for i in range(n * n):
            inverse[i] = source[i]
        if n == 0:
            return
        size, length, info = np.empty(1, np.int32), np.empty(1, np.int32), np.empty(1, np.int32)
        pivots, work = np.empty(n, np.int32), np.empty(64 * n, inverse.dtype)
        size[0], length[0] = n, 64 * n
        getrf(size.ctypes, size.ctypes, inverse.ctypes, size.ctypes, pivots.ctypes, info.ctypes)
        if info[0] == 0:
            getri(size.ctypes, inverse.ctypes, size.ctypes, pivots.ctypes, work.ctypes, length.ctypes, info.ctypes)
        if info[0] != 0:
            for i in range(n * n):
                inverse[i] = np.nan

    return inv


# --- determinants ----------------------------------------------------------------------------------------------------


@register_jitable
def _product(factors, pivots, n):  # type: ignore[no-untyped-def]
    value = factors.dtype.type(1)
    for i in range(n):
        value *= factors[i * n + i] if pivots[i] == i + 1 else -factors[i * n + i]
    return value


@register_jitable
def _sign(factors, pivots, n):  # type: ignore[no-untyped-def]
    value = factors.dtype.type(1)
    for i in range(n):
        value *= np.sign(factors[i * n + i] if pivots[i] == i + 1 else -factors[i * n + i])
    return value


@register_jitable
def _logarithm(factors, pivots, n):  # type: ignore[no-untyped-def]  # noqa: ARG001
    value = factors.dtype.type(0)
    for i in range(n):
        value += math.log(abs(factors[i * n + i]))
    return value


def _make_determinant(finish: Any, letter: str, real: Any) -> Callable[..., None]:
    """`finish` reads the factors of an LU factorisation."""
    getrf = _getrf(letter, real)

    def determinant(n, columns, a, result):  # type: ignore[no-untyped-def]  # noqa: ARG001
        source, value = carray(a, (n * n,)), carray(result, (1,))
        factors, pivots = np.empty(n * n, source.dtype), np.empty(n, np.int32)
        size, info = np.empty(1, np.int32), np.empty(1, np.int32)
        size[0] = n
        for i in range(n * n):
            factors[i] = source[i]
        if n > 0:
            getrf(size.ctypes, size.ctypes, factors.ctypes, size.ctypes, pivots.ctypes, info.ctypes)
        value[0] = finish(factors, pivots, n)

    return determinant


# --- linear systems --------------------------------------------------------------------------------------------------


def _make_solve(letter: str, real: Any) -> Callable[..., None]:
    getrf, pointer = _getrf(letter, real), types.CPointer(real)
    getrs = external(letter, "getrs", CHAR, INT, INT, pointer, INT, INT, pointer, INT, INT)

    def solve(n, columns, a, b, result):  # type: ignore[no-untyped-def]
        source, right, solution = carray(a, (n * n,)), carray(b, (n * columns,)), carray(result, (n * columns,))
        if n == 0 or columns == 0:
            return
        factors, by_columns = np.empty(n * n, source.dtype), np.empty(n * columns, source.dtype)
        pivots, size, count = np.empty(n, np.int32), np.empty(1, np.int32), np.empty(1, np.int32)
        info, transposed = np.empty(1, np.int32), np.empty(1, np.uint8)
        size[0], count[0], transposed[0] = n, columns, 84  # "T"
        for i in range(n * n):
            factors[i] = source[i]
        for i in range(n):
            for j in range(columns):
                by_columns[j * n + i] = right[i * columns + j]
        getrf(size.ctypes, size.ctypes, factors.ctypes, size.ctypes, pivots.ctypes, info.ctypes)
        if info[0] == 0:
            getrs(
                transposed.ctypes, size.ctypes, count.ctypes, factors.ctypes, size.ctypes, pivots.ctypes,
                by_columns.ctypes, size.ctypes, info.ctypes,
            )  # fmt: skip
        for i in range(n):
            for j in range(columns):
                solution[i * columns + j] = by_columns[j * n + i] if info[0] == 0 else np.nan

    return solve


def _trsm(letter: str, real: Any) -> Any:
    pointer = types.CPointer(real)
    return external(
        letter, "trsm", CHAR, CHAR, CHAR, CHAR, INT, INT, pointer, pointer, INT, pointer, INT, library=Library.BLAS
    )  # fmt: skip


_RIGHT, _UPPER, _LOWER, _AS_IT_IS, _TRANSPOSED = 82, 85, 76, 78, 84  # the letters R, U, L, N, T


def _make_triangular(triangle: int, transposes: tuple[int, ...], letter: str, real: Any) -> Callable[..., None]:
    """Solve one system after the other, in place: BLAS sees X' op(A') = B', with A' in the other triangle."""
    trsm = _trsm(letter, real)
    first, last, count = transposes[0], transposes[-1], len(transposes)

    def solve_triangular(n, columns, a, b, result):  # type: ignore[no-untyped-def]
        if n == 0 or columns == 0:
            return
        factor, right, solution = carray(a, (n * n,)), carray(b, (n * columns,)), carray(result, (n * columns,))
        singular = False
        for i in range(n):
            singular = singular or factor[i * n + i] == 0
        for i in range(n * columns):
            solution[i] = np.nan if singular else right[i]
        if singular:
            return
        flags, sizes, one = np.empty(5, np.uint8), np.empty(2, np.int32), np.empty(1, factor.dtype)
        flags[0], flags[1], flags[2], flags[3], flags[4] = _RIGHT, triangle, _AS_IT_IS, first, last
        sizes[0], sizes[1], one[0] = columns, n, 1
        for turn in range(count):
            trsm(
                flags.ctypes, flags[1:].ctypes, flags[3 + turn :].ctypes, flags[2:].ctypes, sizes.ctypes,
                sizes[1:].ctypes, one.ctypes, factor.ctypes, sizes[1:].ctypes, solution.ctypes, sizes.ctypes,
            )  # fmt: skip

    return solve_triangular


def _make_cholesky_inverse(letter: str, real: Any) -> Callable[..., None]:
    potri = external(letter, "potri", CHAR, INT, types.CPointer(real), INT, INT)

    def cholesky_inverse(n, columns, a, result):  # type: ignore[no-untyped-def]  # noqa: ARG001
        if n == 0:
            return
        factor, inverse = carray(a, (n, n)), carray(result, (n, n))
        upper, size, info = np.empty(1, np.uint8), np.empty(1, np.int32), np.empty(1, np.int32)
        upper[0], size[0] = _UPPER, n
        for i in range(n):
            for j in range(n):
                inverse[i, j] = factor[i, j]
        potri(upper.ctypes, size.ctypes, inverse.ctypes, size.ctypes, info.ctypes)
        for i in range(n):
            for j in range(i + 1):
                if info[0] != 0:
                    inverse[i, j] = np.nan
                inverse[j, i] = inverse[i, j]

    return cholesky_inverse


FACTORISATIONS = {
    "cholesky": Recipe(_make_cholesky, ("potrf",)),
    "cholesky_inverse": Recipe(_make_cholesky_inverse, ("potri",)),
    "cholesky_solve": Recipe(partial(_make_triangular, _UPPER, (_AS_IT_IS, _TRANSPOSED)), blas=("trsm",)),
    "det": Recipe(partial(_make_determinant, _product), ("getrf",)),
    "inv": Recipe(_make_inv, ("getrf", "getri")),
    "logdet": Recipe(partial(_make_determinant, _logarithm), ("getrf",)),
    "sign_det": Recipe(partial(_make_determinant, _sign), ("getrf",)),
    "solve": Recipe(_make_solve, ("getrf", "getrs")),
    "solve_lower": Recipe(partial(_make_triangular, _UPPER, (_AS_IT_IS,)), blas=("trsm",)),
    "solve_upper": Recipe(partial(_make_triangular, _LOWER, (_AS_IT_IS,)), blas=("trsm",)),
}
