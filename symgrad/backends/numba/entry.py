"""The names of a kernel's functions. In a module of its own: a cached kernel imports it and not the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def make_entry(body: Any, key: str) -> Callable[..., None]:
    """Return the function that Numba compiles around `body`; two cached kernels must not have one name."""

    def kernel(arrays, scalars, work, dims):  # type: ignore[no-untyped-def]
        body(arrays, scalars, work, dims)

    kernel.__name__ = kernel.__qualname__ = f"kernel_{key}"
    return kernel


def entry_symbol(key: str) -> str:
    """Return the name of the C function of a kernel."""
    return f"symgrad_{key}"
