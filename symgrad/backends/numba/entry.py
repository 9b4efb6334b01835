"""The Python side of a kernel's machine code. In a module of its own: a cached kernel imports it and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def make_entry(body: Any, name: str) -> Callable[..., None]:
    """Return the function that Numba compiles around `body`; two cached kernels must not have one name."""

    def kernel(arrays, scalars, work, dims):  # type: ignore[no-untyped-def]
        body(arrays, scalars, work, dims)

    kernel.__name__ = kernel.__qualname__ = name
    return kernel
