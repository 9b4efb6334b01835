"""Dense linear algebra on one matrix: small Python functions around LAPACK that Numba compiles into a kernel.

Plain loops throughout: Numba takes seconds to compile whole-array assignments.
Row-major memory is the transpose to LAPACK, which reads columns. What cannot be computed is NaN; nothing raises. The
inverses, solutions and determinants of general matrices are in factored.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.backends.numba.exponentials import EXPONENTIALS
from symgrad.backends.numba.factorisations import FACTORISATIONS
from symgrad.backends.numba.spectral import SPECTRAL
from symgrad.backends.numba.symbols import Symbol

_RECIPES = {**FACTORISATIONS, **SPECTRAL, **EXPONENTIALS}


def symbols_of(name: str, letter: str) -> tuple[Symbol, ...]:
    """Return the BLAS and LAPACK functions that the routine calls, for `letter` d (double) or s (single)."""
    return _RECIPES[name].symbols(letter)


def make_routine(name: str, letter: str, real: Any) -> Callable[..., None]:
    """Return the Python function of a routine: (n, columns, operand pointers..., result pointer)."""
    return _RECIPES[name].make(letter, real)
