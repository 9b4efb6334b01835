"""The names and types of a kernel's functions. In a module of its own: a cached kernel needs it, not the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import types as numba_types

types: Any = numba_types  # not typed for mypy


class NumberArgument(types.Type):  # type: ignore[misc]
    """An argument from Python that has to be a float, or NumPy's float64."""

    def __init__(self) -> None:
        super().__init__(name="NumberArgument")


class ArrayArgument(types.Type):  # type: ignore[misc]
    """An argument from Python that has to be an array of this dtype and rank, C-contiguous and aligned."""

    def __init__(self, dtype: str, rank: int, writeable: bool = False) -> None:
        self.dtype, self.rank, self.writeable = dtype, rank, writeable
        super().__init__(name=f"ArrayArgument({dtype}, {rank}, {writeable})")


class ResultsArgument(types.Type):  # type: ignore[misc]
    """An argument from Python that has to be a tuple of arrays to write into, or a dict of them by these names."""

    def __init__(self, dtype: str, ranks: tuple[int, ...], names: tuple[str, ...]) -> None:
        self.names = names
        self.arrays = tuple(ArrayArgument(dtype, rank, writeable=True) for rank in ranks)
        super().__init__(name=f"ResultsArgument({dtype}, {ranks}, {names})")


def make_entry(body: Any, key: str, arity: int) -> Callable[..., Any]:
    """Return the function that Numba compiles around `body`, which gets its arguments as one tuple.

    Two cached kernels must not have one name. Numba compiles functions of a fixed number of arguments best.
    """
    names = "".join(f"a{k}, " for k in range(arity))
    scope = {"body": body, "__name__": __name__}  # by its module's name a cached function finds its globals
    exec(f"def kernel_{key}({names}): return body(({names}))", scope)
    entry: Callable[..., Any] = scope[f"kernel_{key}"]
    return entry


def entry_symbol(key: str) -> str:
    """Return the name of the C function of a kernel."""
    return f"symgrad_{key}"
