"""Routines by orthogonal matrices: eigenvalues and singular values, with their vectors. See routines.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray
from numba.extending import register_jitable

from symgrad.backends.numba.lapack import CHAR, INT, Recipe, external, types

_NOT_SMALL = 0.61  # as in symgrad/ops/linalg/eigen.py: the entry that decides the sign of an eigenvector


@register_jitable
def _points_back(vectors, start, n):  # type: ignore[no-untyped-def]
    """Whether the entry that decides the sign of the vector of n entries from `start` is negative."""
    largest = abs(vectors[start])
    for i in range(1, n):
        largest = max(largest, abs(vectors[start + i]))
    leading = start
    while abs(vectors[leading]) < _NOT_SMALL * largest:
        leading += 1
    return vectors[leading] < 0


def _make_eigh(letter: str, real: Any) -> Callable[..., None]:
    pointer = types.CPointer(real)
    syevd = external(
        letter, "syevd", CHAR, CHAR, INT, pointer, INT, pointer, pointer, INT, INT, INT, INT
    )  # fmt: skip

    def eigh(n, columns, a, result):  # type: ignore[no-untyped-def]  # noqa: ARG001
        if n == 0:
            return
        source, packed = carray(a, (n * n,)), carray(result, (n * n + n,))
        vectors, values = np.empty(n * n, source.dtype), np.empty(n, source.dtype)
        finite = True
        for i in range(n):
            for j in range(n):
                vectors[i * n + j] = (source[i * n + j] + source[j * n + i]) / 2
                finite = finite and math.isfinite(vectors[i * n + j])
        length, int_length = 1 + 6 * n + 2 * n * n, 3 + 5 * n
        work, int_work = np.empty(length, source.dtype), np.empty(int_length, np.int32)
        flags, numbers, info = np.empty(2, np.uint8), np.empty(3, np.int32), np.empty(1, np.int32)
        flags[0], flags[1] = 86, 85  # "V", "U"
        numbers[0], numbers[1], numbers[2], info[0] = n, length, int_length, 1
        if finite:
            syevd(
                flags.ctypes, flags[1:].ctypes, numbers.ctypes, vectors.ctypes, numbers.ctypes, values.ctypes,
                work.ctypes, numbers[1:].ctypes, int_work.ctypes, numbers[2:].ctypes, info.ctypes,
            )  # fmt: skip
        if info[0] != 0:
            for i in range(n * n + n):
                packed[i] = np.nan
            return
        for k in range(n):  # LAPACK's columns are rows here
            negative = _points_back(vectors, k * n, n)
            packed[k] = values[k]
            for i in range(n):
                entry = vectors[k * n + i]
                packed[(i + 1) * n + k] = -entry if negative else entry

    return eigh


def _make_svd(letter: str, real: Any) -> Callable[..., None]:
    pointer = types.CPointer(real)
    gesdd = external(
        letter, "gesdd", CHAR, INT, INT, pointer, INT, pointer, pointer, INT, pointer, INT, pointer,
        INT, INT, INT,
    )  # fmt: skip

    def svd(n, rows, a, result):  # type: ignore[no-untyped-def]
        """A has at least as many rows as columns. LAPACK sees A', so its left vectors are our right ones."""
        if n == 0:
            return
        source, packed = carray(a, (rows * n,)), carray(result, ((1 + n + rows) * n,))
        copy, values = np.empty(rows * n, source.dtype), np.empty(n, source.dtype)
        right, left = np.empty(n * n, source.dtype), np.empty(rows * n, source.dtype)
        finite = True
        for i in range(rows * n):
            copy[i] = source[i]
            finite = finite and math.isfinite(copy[i])
        length = 4 * n * n + 8 * n + rows
        work, int_work = np.empty(length, source.dtype), np.empty(8 * n, np.int32)
        flag, numbers, info = np.empty(1, np.uint8), np.empty(3, np.int32), np.empty(1, np.int32)
        flag[0] = 83  # "S"
        numbers[0], numbers[1], numbers[2], info[0] = n, rows, length, 1
        if finite:
            gesdd(
                flag.ctypes, numbers.ctypes, numbers[1:].ctypes, copy.ctypes, numbers.ctypes, values.ctypes,
                right.ctypes, numbers.ctypes, left.ctypes, numbers.ctypes, work.ctypes, numbers[2:].ctypes,
                int_work.ctypes, info.ctypes,
            )  # fmt: skip
        if info[0] != 0:
            for i in range((1 + n + rows) * n):
                packed[i] = np.nan
            return
        for k in range(n):
            negative = _points_back(right, k * n, n)
            packed[k] = values[k]
            for i in range(n):
                packed[(1 + i) * n + k] = -right[k * n + i] if negative else right[k * n + i]
            for i in range(rows):
                packed[(1 + n + i) * n + k] = -left[i * n + k] if negative else left[i * n + k]

    return svd


SPECTRAL = {
    "eigh": Recipe(_make_eigh, ("syevd",)),
    "svd": Recipe(_make_svd, ("gesdd",)),
}
