"""What a kernel offers to the user's own compiled code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

from symgrad.backends.programs import Program


class NativeFunctions:
    """The parts of a kernel as `@njit` functions, each made when it is first asked for.

    They take the inputs in the order of `Kernel.inputs`: numbers, and C-contiguous arrays of the kernel's dtype. They
    may be called from Python, from `@njit` functions and inside of `prange`. Derivatives are a tuple, in the order of
    `Kernel.wrt`. ValueError where shapes do not fit, Numba's TypingError for other types.
    """

    def __init__(
        self,
        names: Sequence[str],
        value: Callable[[], Program],
        fused: Callable[[], Program],
        halves: Callable[[], tuple[Program, Program]],
    ) -> None:
        self._names, self._value, self._fused, self._halves = tuple(names), value, fused, halves

    @cached_property
    def value(self) -> Any:
        """`value(*inputs)` returns the value."""
        return self._make("value", self._value())

    @cached_property
    def value_and_grad(self) -> Any:
        """`value_and_grad(*inputs)` returns the value and the tuple of derivatives."""
        return self._make("value_and_grad", self._fused())

    @cached_property
    def forward(self) -> Any:
        """`forward(*inputs)` returns the value and a tuple for `backward`, in which arrays are not copied."""
        return self._make("forward", self._halves()[0])

    @cached_property
    def backward(self) -> Any:
        """`backward(residuals, cotangent)` returns the tuple of pulled back cotangents."""
        return self._make("backward", self._halves()[1])

    def _make(self, what: str, program: Program) -> Any:
        native = import_module("symgrad.backends.numba.native")
        return native.make_function(program.compiled(), what, self._names)

    def __repr__(self) -> str:
        names = ", ".join(self._names)
        return f"<value({names}), value_and_grad({names}), forward({names}), backward(residuals, cotangent)>"
