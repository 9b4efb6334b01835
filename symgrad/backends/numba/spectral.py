"""Routines by orthogonal matrices: QR, eigenvalues and singular values with their vectors. See routines.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray
from numba.extending import register_jitable

from symgrad.backends.numba.lapack import CHAR, INT, Recipe, external, types
from symgrad.backends.numba.symbols import Library

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


def _gesdd(letter: str, pointer: Any) -> Any:
    return external(
        letter, "gesdd", CHAR, INT, INT, pointer, INT, pointer, pointer, INT, pointer, INT, pointer, INT, INT, INT
    )


def _make_svd(letter: str, real: Any) -> Callable[..., None]:
    gesdd = _gesdd(letter, types.CPointer(real))

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


def _make_pinv(letter: str, real: Any) -> Callable[..., None]:
    """By singular values: the normal equations would lose twice the digits."""
    pointer = types.CPointer(real)
    gesdd = _gesdd(letter, pointer)
    gemm = external(
        letter, "gemm", CHAR, CHAR, INT, INT, INT, pointer, pointer, INT, pointer, INT, pointer, pointer, INT,
        library=Library.BLAS,
    )  # fmt: skip

    def pinv(n, rows, a, result):  # type: ignore[no-untyped-def]
        """LAPACK sees A' = U S W, so that the inverse of A is U inv(S) W."""
        if n == 0 or rows == 0:
            return
        source, inverse = carray(a, (rows * n,)), carray(result, (rows * n,))
        k = min(n, rows)
        copy, values = np.empty(rows * n, source.dtype), np.empty(k, source.dtype)
        left, right = np.empty(n * k, source.dtype), np.empty(k * rows, source.dtype)
        finite = True
        for i in range(rows * n):
            copy[i] = source[i]
            finite = finite and math.isfinite(copy[i])
        length = 4 * k * k + 8 * k + max(n, rows)
        work, int_work = np.empty(length, source.dtype), np.empty(8 * k, np.int32)
        flags, numbers, info = np.empty(2, np.uint8), np.empty(4, np.int32), np.empty(1, np.int32)
        flags[0], flags[1] = 83, 84  # "S", "T"
        numbers[0], numbers[1], numbers[2], numbers[3], info[0] = n, rows, k, length, 1
        if finite:
            gesdd(
                flags.ctypes, numbers.ctypes, numbers[1:].ctypes, copy.ctypes, numbers.ctypes, values.ctypes,
                left.ctypes, numbers.ctypes, right.ctypes, numbers[2:].ctypes, work.ctypes, numbers[3:].ctypes,
                int_work.ctypes, info.ctypes,
            )  # fmt: skip
        if info[0] != 0 or values[k - 1] <= np.finfo(source.dtype).eps * values[0]:
            for i in range(rows * n):
                inverse[i] = np.nan
            return
        for j in range(k):
            for i in range(n):
                left[j * n + i] /= values[j]
        factors = np.empty(2, source.dtype)
        factors[0], factors[1] = 1, 0
        gemm(
            flags[1:].ctypes, flags[1:].ctypes, numbers[1:].ctypes, numbers.ctypes, numbers[2:].ctypes,
            factors.ctypes, right.ctypes, numbers[2:].ctypes, left.ctypes, numbers.ctypes,
            factors[1:].ctypes, inverse.ctypes, numbers[1:].ctypes,
        )  # fmt: skip

    return pinv


def _make_qr(letter: str, real: Any) -> Callable[..., None]:
    pointer = types.CPointer(real)
    geqrf = external(letter, "geqrf", INT, INT, pointer, INT, pointer, pointer, INT, INT)
    orgqr = external(letter, "orgqr", INT, INT, INT, pointer, INT, pointer, pointer, INT, INT)

    def qr(n, rows, a, result):  # type: ignore[no-untyped-def]
        """A has at least as many rows as columns; LAPACK gets a copy by columns."""
        if n == 0:
            return
        source, q, r = carray(a, (rows, n)), carray(result, (rows, n)), carray(result, (rows + n, n))[rows:]
        copy, scales, work = np.empty((n, rows), q.dtype), np.empty(n, q.dtype), np.empty(64 * n, q.dtype)
        for i in range(rows):
            for j in range(n):
                copy[j, i] = source[i, j]
        sizes, info = np.empty(3, np.int32), np.empty(1, np.int32)
        sizes[0], sizes[1], sizes[2] = rows, n, 64 * n
        geqrf(
            sizes.ctypes, sizes[1:].ctypes, copy.ctypes, sizes.ctypes, scales.ctypes, work.ctypes, sizes[2:].ctypes,
            info.ctypes,
        )  # fmt: skip
        sign = np.empty(n, q.dtype)
        dependent = False
        for i in range(n):
            sign[i] = -1 if copy[i, i] < 0 else 1
            dependent = dependent or not abs(copy[i, i]) > 0
            for j in range(n):
                r[i, j] = copy[j, i] * sign[i] if j >= i else 0
        orgqr(
            sizes.ctypes, sizes[1:].ctypes, sizes[1:].ctypes, copy.ctypes, sizes.ctypes, scales.ctypes, work.ctypes,
            sizes[2:].ctypes, info.ctypes,
        )  # fmt: skip
        for j in range(n):
            for i in range(rows):
                q[i, j] = copy[j, i] * sign[j]
        if dependent:
            for i in range(n):
                for j in range(n):
                    r[i, j] = np.nan
            for i in range(rows):
                for j in range(n):
                    q[i, j] = np.nan

    return qr


SPECTRAL = {
    "eigh": Recipe(_make_eigh, ("syevd",)),
    "qr": Recipe(_make_qr, ("geqrf", "orgqr")),
    "pinv": Recipe(_make_pinv, ("gesdd",), ("gemm",)),
    "svd": Recipe(_make_svd, ("gesdd",)),
}
