"""BLAS and LAPACK functions as Numba calls them, and what a routine is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numba.core import types as numba_types

from symgrad.backends.numba.symbols import Library, Symbol

types: Any = numba_types  # not typed for mypy
INT, CHAR = types.CPointer(types.int32), types.CPointer(types.uint8)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a routine is made, and the functions that it calls, without their letter for the precision.

    `make(letter, real)` returns the Python function (n, columns, operand pointers..., result pointer).
    """

    make: Callable[[str, Any], Callable[..., None]]
    lapack: tuple[str, ...] = ()
    blas: tuple[str, ...] = ()

    def symbols(self, letter: str) -> tuple[Symbol, ...]:
        """Return the functions for `letter` d (double) or s (single)."""
        named = [(Library.LAPACK, name) for name in self.lapack] + [(Library.BLAS, name) for name in self.blas]
        return tuple(Symbol(library.value, letter + name) for library, name in named)


def external(letter: str, function: str, *arguments: Any, library: Library = Library.LAPACK) -> Any:
    """Return a function of BLAS or LAPACK for Numba, all arguments pointers."""
    return types.ExternalFunction(Symbol(library.value, letter + function).name, types.void(*arguments))
