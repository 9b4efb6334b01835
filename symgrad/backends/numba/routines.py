"""Dense linear algebra on one matrix: small Python functions around LAPACK that Numba compiles into a kernel.

Plain loops throughout: Numba takes seconds to compile whole-array assignments.
Row-major memory is the transpose to LAPACK, which reads columns: factorisations are of A', so determinants and
inverses come out right as they are, and solve asks for the transposed system. A singular matrix gives NaN (inverse,
solution), 0 (determinant) or -inf (its logarithm); nothing raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray
from numba.core import types as numba_types

from symgrad.backends.numba.symbols import Library, Symbol

types: Any = numba_types  # not typed for mypy
_INT, _CHAR = types.CPointer(types.int32), types.CPointer(types.uint8)


def symbols_of(name: str, letter: str) -> tuple[Symbol, ...]:
    """Return the LAPACK functions that the routine calls, for `letter` d (double) or s (single)."""
    functions = {
        "cholesky": ("potrf",),
        "inv": ("getrf", "getri"),
        "det": ("getrf",),
        "logdet": ("getrf",),
        "solve": ("getrf", "getrs"),
        "eigh": ("syevd",),
        "svd": ("gesdd",),
    }
    return tuple(Symbol(Library.LAPACK.value, letter + function) for function in functions[name])


def make_routine(name: str, letter: str, real: Any) -> Callable[..., None]:
    """Return the Python function of a routine: (n, columns, operand pointers..., result pointer)."""
    return _MAKERS[name](letter, real)


def _external(letter: str, function: str, *arguments: Any) -> Any:
    symbol = Symbol(Library.LAPACK.value, letter + function)
    return types.ExternalFunction(symbol.name, types.void(*arguments))


def _getrf(letter: str, real: Any) -> Any:
    return _external(letter, "getrf", _INT, _INT, types.CPointer(real), _INT, _INT, _INT)


def _make_cholesky(letter: str, real: Any) -> Callable[..., None]:
    potrf = _external(letter, "potrf", _CHAR, _INT, types.CPointer(real), _INT, _INT)

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
    getri = _external(letter, "getri", _INT, types.CPointer(real), _INT, _INT, types.CPointer(real), _INT, _INT)

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


def _make_det(letter: str, real: Any) -> Callable[..., None]:
    getrf = _getrf(letter, real)

    def det(n, columns, a, result):  # type: ignore[no-untyped-def]  # noqa: ARG001
        source, value = carray(a, (n * n,)), carray(result, (1,))
        value[0] = 1
        if n == 0:
            return
        factors, pivots = np.empty(n * n, source.dtype), np.empty(n, np.int32)
        size, info = np.empty(1, np.int32), np.empty(1, np.int32)
        size[0] = n
        for i in range(n * n):
            factors[i] = source[i]
        getrf(size.ctypes, size.ctypes, factors.ctypes, size.ctypes, pivots.ctypes, info.ctypes)
        for i in range(n):
            value[0] *= factors[i * n + i] if pivots[i] == i + 1 else -factors[i * n + i]

    return det


def _make_logdet(letter: str, real: Any) -> Callable[..., None]:
    getrf = _getrf(letter, real)

    def logdet(n, columns, a, result):  # type: ignore[no-untyped-def]  # noqa: ARG001
        source, value = carray(a, (n * n,)), carray(result, (1,))
        value[0] = 0
        if n == 0:
            return
        factors, pivots = np.empty(n * n, source.dtype), np.empty(n, np.int32)
        size, info = np.empty(1, np.int32), np.empty(1, np.int32)
        size[0] = n
        for i in range(n * n):
            factors[i] = source[i]
        getrf(size.ctypes, size.ctypes, factors.ctypes, size.ctypes, pivots.ctypes, info.ctypes)
        for i in range(n):
            value[0] += math.log(abs(factors[i * n + i]))

    return logdet


def _make_solve(letter: str, real: Any) -> Callable[..., None]:
    getrf, pointer = _getrf(letter, real), types.CPointer(real)
    getrs = _external(letter, "getrs", _CHAR, _INT, _INT, pointer, _INT, _INT, pointer, _INT, _INT)

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


_NOT_SMALL = 0.61  # as in symgrad/ops/linalg/eigen.py: the entry that decides the sign of an eigenvector


def _make_eigh(letter: str, real: Any) -> Callable[..., None]:
    pointer = types.CPointer(real)
    syevd = _external(
        letter, "syevd", _CHAR, _CHAR, _INT, pointer, _INT, pointer, pointer, _INT, _INT, _INT, _INT
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
            largest = abs(vectors[k * n])
            for i in range(1, n):
                largest = max(largest, abs(vectors[k * n + i]))
            leading = 0
            while abs(vectors[k * n + leading]) < _NOT_SMALL * largest:
                leading += 1
            negative = vectors[k * n + leading] < 0
            packed[k] = values[k]
            for i in range(n):
                entry = vectors[k * n + i]
                packed[(i + 1) * n + k] = -entry if negative else entry

    return eigh


def _make_svd(letter: str, real: Any) -> Callable[..., None]:
    pointer = types.CPointer(real)
    gesdd = _external(
        letter, "gesdd", _CHAR, _INT, _INT, pointer, _INT, pointer, pointer, _INT, pointer, _INT, pointer,
        _INT, _INT, _INT,
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
            largest = abs(right[k * n])
            for i in range(1, n):
                largest = max(largest, abs(right[k * n + i]))
            leading = 0
            while abs(right[k * n + leading]) < _NOT_SMALL * largest:
                leading += 1
            negative = right[k * n + leading] < 0
            packed[k] = values[k]
            for i in range(n):
                packed[(1 + i) * n + k] = -right[k * n + i] if negative else right[k * n + i]
            for i in range(rows):
                packed[(1 + n + i) * n + k] = -left[i * n + k] if negative else left[i * n + k]

    return svd


_MAKERS = {
    "cholesky": _make_cholesky,
    "inv": _make_inv,
    "det": _make_det,
    "logdet": _make_logdet,
    "solve": _make_solve,
    "eigh": _make_eigh,
    "svd": _make_svd,
}
