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


_MAKERS = {
    "cholesky": _make_cholesky,
    "inv": _make_inv,
    "det": _make_det,
    "logdet": _make_logdet,
    "solve": _make_solve,
}
