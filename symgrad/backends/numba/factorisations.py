"""Cholesky's factor, and routines from triangular factors. See routines.py; for LU see factored.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import carray

from symgrad.backends.numba.lapack import CHAR, INT, Recipe, external, types
from symgrad.backends.numba.symbols import Library


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
    "solve_lower": Recipe(partial(_make_triangular, _UPPER, (_AS_IT_IS,)), blas=("trsm",)),
    "solve_upper": Recipe(partial(_make_triangular, _LOWER, (_AS_IT_IS,)), blas=("trsm",)),
}
