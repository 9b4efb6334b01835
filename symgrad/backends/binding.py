"""What a caller gives, as arrays and sizes: names, conversions and clear errors. The careful way into a kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from symgrad.backends.membership import require
from symgrad.backends.reference import bind_sizes, check_requirements
from symgrad.backends.strides import worth_keeping
from symgrad.core.dims import shape_text
from symgrad.core.expr import Expr, Input
from symgrad.errors import OperandError, ShapeError, UnknownNameError

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
_SHAPES_KEPT = 256


class Binding:
    """The inputs of a formula, and how what is given for them becomes arrays of one dtype."""

    def __init__(self, output: Expr, inputs: Sequence[Input], dtype: str) -> None:
        self.output, self.real = output, np.dtype(dtype)
        self.nodes = tuple(inputs)
        self.names = tuple(node.name for node in inputs)
        self.assumed = [(place, node) for place, node in enumerate(self.nodes) if node.properties]
        self._sizes: dict[tuple[tuple[int, ...], ...], Mapping[str, int]] = {}

    def bind(self, given: Sequence[Any], named: Mapping[str, Any]) -> tuple[list[Array], Mapping[str, int]]:
        """Return arrays in the order of the inputs, large ones as they lie in memory, and the sizes.

        Errors: OperandError, UnknownNameError, ShapeError for what does not fit; InvalidValueError for an array that
        is not what is assumed of it.
        """
        arrays = [
            value if worth_keeping(value, self.real) else self.as_array(name, value)
            for name, value in zip(self.names, self._in_order(given, named), strict=True)
        ]
        shapes = tuple([array.shape for array in arrays])
        sizes = self._sizes.get(shapes)
        if sizes is None:
            sizes = self._bind_shapes(arrays, shapes)
        for place, node in self.assumed:
            require(node, arrays[place])
        return arrays, sizes

    def read(self, given: Sequence[Any], named: Mapping[str, Any]) -> list[Array]:
        """Return C-contiguous arrays in the order of the inputs, of any shapes."""
        values = self._in_order(given, named)
        return [self.as_array(name, value) for name, value in zip(self.names, values, strict=True)]

    def by_name(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Return arrays given in order under the names of the inputs."""
        return dict(zip(self.names, arrays, strict=True))

    def as_array(self, name: str, value: Any) -> Array:
        """Return a C-contiguous array of the kernel's dtype: the value itself if it is one."""
        if type(value) is np.ndarray and value.dtype == self.real and value.flags.carray:
            return value
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError):
            raise ShapeError(f"{name} is not an array of numbers: its rows have different lengths") from None
        if array.dtype.kind not in "biuf":
            raise OperandError(f"{name} must hold real numbers, not {array.dtype} (shape {shape_text(array.shape)})")
        return np.require(array, self.real, ["C", "A"]) if array.ndim else array.astype(self.real)

    def _in_order(self, given: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
        first = given[0] if len(given) == 1 else None
        if isinstance(first, Mapping):
            given, named = [], {**first, **named}
        if given and named:
            raise OperandError("inputs are given in order, or as keywords, or as one mapping, but not mixed")
        if given and len(given) != len(self.names):
            order, found = ", ".join(self.names) or "none", ", ".join(type(value).__name__ for value in given)
            raise OperandError(f"inputs are given in order ({order}), as keywords or as one mapping, not as {found}")
        if given:
            return list(given)
        if named.keys() != set(self.names):
            self._check_names(named)
        return [named[name] for name in self.names]

    def _check_names(self, given: Mapping[str, Any]) -> None:
        for name in given:
            if name not in self.names:
                raise UnknownNameError(f"{name} is not an input; the inputs are {', '.join(self.names) or 'none'}")
        for name in self.names:
            if name not in given:
                raise UnknownNameError(f"no value was given for {name}")

    def _bind_shapes(self, arrays: Sequence[Array], shapes: tuple[tuple[int, ...], ...]) -> Mapping[str, int]:
        """Read the sizes off the shapes and check them, once for each set of shapes."""
        sizes = bind_sizes(self.nodes, self.by_name(arrays))
        check_requirements([self.output], sizes)
        if len(self._sizes) >= _SHAPES_KEPT:
            self._sizes.clear()
        self._sizes[shapes] = sizes
        return sizes


def check_result(name: str, given: Any, shape: tuple[int, ...], real: np.dtype[Any], read: Sequence[Array]) -> None:
    """Check that a result can be written into what was given for it. OperandError or ShapeError if not."""
    if type(given) is not np.ndarray or given.dtype != real:
        found = f"an array of {given.dtype}" if isinstance(given, np.ndarray) else type(given).__name__
        raise OperandError(f"out for {name} must be an array of {real}, not {found}")
    if given.shape != shape:
        raise ShapeError(f"out for {name} has shape {shape_text(given.shape)}, but the result {shape_text(shape)}")
    if not given.flags.carray:
        raise OperandError(f"out for {name} must be writeable, aligned and C-contiguous")
    if any(np.may_share_memory(given, array) for array in read if array.ndim):
        raise OperandError(f"out for {name} shares memory with an input or with another result")
