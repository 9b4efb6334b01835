"""A compiled formula: its value, its derivatives, and the forward and backward halves of a reverse sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, TypeAlias

import numpy as np

from symgrad.backends.membership import require
from symgrad.backends.partition import Partition, partition
from symgrad.backends.reference import bind_sizes, check_requirements
from symgrad.core.dims import shape_text
from symgrad.core.expr import Expr, Input
from symgrad.diff.jacobian import jacobian
from symgrad.errors import InvalidValueError, OperandError, ShapeError, UnknownNameError
from symgrad.lowering import lower
from symgrad.lowering.rolling import roll
from symgrad.simplify import simplify

DType: TypeAlias = Literal["float64", "float32"]
Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Compiled: TypeAlias = Callable[[Sequence[Array], Mapping[str, int]], list[Array]]


SHAPES_KEPT = 256


@dataclass(frozen=True, slots=True)
class Residuals:
    """What `Kernel.forward` keeps for `Kernel.backward`: the inputs and some intermediate results."""

    inputs: tuple[Array, ...]
    saved: tuple[Array, ...]
    sizes: Mapping[str, int]


class Program:
    """Some expressions of the same inputs, compiled when first called."""

    def __init__(self, outputs: Sequence[Expr], inputs: Sequence[Input], dtype: DType) -> None:
        self.outputs = tuple(outputs)
        self.inputs = tuple(inputs)
        self._dtype: DType = dtype
        self._compiled: Compiled | None = None

    def __call__(self, arrays: Sequence[Array], sizes: Mapping[str, int]) -> list[Array]:
        if self._compiled is None:
            self._compiled = self.compile()
        return self._compiled(arrays, sizes)

    def compile(self) -> Compiled:
        """Compile now. Numba is imported here and not before: it takes half a second."""
        backend = import_module("symgrad.backends.numba")
        compiled: Compiled = backend.compile_program(lower(self.outputs, self.inputs), self._dtype)
        return compiled


class Kernel:
    """A formula compiled for arrays of one dtype; made by `sg.compile`, one for every shape.

    Inputs are given as keywords or as one mapping: lists, numbers, arrays of any real dtype and any strides.
    Derivatives have the shape `output.shape + input.shape`; a scalar's gradient has the input's shape.
    Errors: ShapeError, UnknownNameError, OperandError for inputs that do not fit the formula; InvalidValueError for one
    that is not what is assumed of it (that a matrix is invertible or definite is not looked at).
    """

    def __init__(self, output: Expr, wrt: Sequence[Input], dtype: DType = "float64") -> None:
        dtype = _dtype_name(dtype)
        self.output = output
        self.inputs = output.inputs
        self.wrt = tuple(wrt)
        self.dtype = dtype
        nodes = tuple(self.inputs.values())
        (self._stable,) = simplify([roll(output)])
        self._nodes = nodes
        self._value = Program([self._stable], nodes, dtype)
        self._derivative: Program | None = None
        self._halves: tuple[Partition, Program, Program] | None = None
        self._sizes: dict[tuple[tuple[int, ...], ...], Mapping[str, int]] = {}
        self._real = np.dtype(dtype)
        self._assumed = [(place, node) for place, node in enumerate(nodes) if node.properties]

    def __call__(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """Return the value: a number for a scalar formula, else an array."""
        arrays, sizes = self._bind(inputs, named)
        return self._value(arrays, sizes)[0][()]

    def value_and_grad(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> tuple[Any, dict[str, Array]]:
        """Return the value and the derivative with respect to each input of `wrt`, by one fused kernel."""
        arrays, sizes = self._bind(inputs, named)
        value, *derivatives = self._fused()(arrays, sizes)
        return value[()], self._by_name(derivatives)

    def forward(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> tuple[Any, Residuals]:
        """Return the value, and what `backward` needs."""
        arrays, sizes = self._bind(inputs, named)
        _, forward, _ = self._split()
        value, *saved = forward(arrays, sizes)
        kept = tuple(array.copy() for array in arrays)  # the caller may change his arrays before `backward`
        return value[()], Residuals(kept, tuple(saved), sizes)

    def backward(self, residuals: Residuals, cotangent: Any = 1.0) -> dict[str, Array]:
        """Pull a cotangent of the output's shape back to each input of `wrt`. ShapeError when it does not fit."""
        if not isinstance(residuals, Residuals):
            raise OperandError(f"backward starts from what forward returned, not from {residuals!r}")
        parts, _, backward = self._split()
        seed = self._as_array("the cotangent", cotangent)
        bind_sizes([*self._nodes, parts.cotangent], self._named(residuals.inputs) | {parts.cotangent.name: seed})
        arrays = dict(zip(self._nodes, residuals.inputs, strict=True))
        arrays |= dict(zip(parts.saved_inputs, residuals.saved, strict=True)) | {parts.cotangent: seed}
        return self._by_name(backward([arrays[node] for node in backward.inputs], residuals.sizes))

    def _fused(self) -> Program:
        if self._derivative is None:
            outputs = simplify([self._stable, *jacobian(self._stable, self.wrt)], settled=[self._stable])
            self._derivative = Program(outputs, self._nodes, self.dtype)
        return self._derivative

    def _split(self) -> tuple[Partition, Program, Program]:
        if self._halves is None:
            parts = partition(self._stable, self.wrt, self.inputs)
            forward = Program([parts.value, *parts.saved], self._nodes, self.dtype)
            backward = Program(parts.gradients, (*self._nodes, *parts.saved_inputs, parts.cotangent), self.dtype)
            self._halves = parts, forward, backward
        return self._halves

    def _by_name(self, derivatives: Sequence[Array]) -> dict[str, Array]:
        return {node.name: array for node, array in zip(self.wrt, derivatives, strict=True)}

    def _named(self, arrays: Sequence[Array]) -> dict[str, Array]:
        return {node.name: array for node, array in zip(self._nodes, arrays, strict=True)}

    def _bind(
        self, inputs: Mapping[str, Any] | None, named: Mapping[str, Any]
    ) -> tuple[list[Array], Mapping[str, int]]:
        if inputs is not None and not isinstance(inputs, Mapping):
            raise OperandError(f"inputs are given as keywords or as one mapping, not as {type(inputs).__name__}")
        given = {**inputs, **named} if inputs is not None else named
        if given.keys() != self.inputs.keys():
            self._check_names(given)
        arrays = [self._as_array(name, given[name]) for name in self.inputs]
        shapes = tuple([array.shape for array in arrays])
        sizes = self._sizes.get(shapes)
        if sizes is None:
            sizes = self._bind_shapes(arrays, shapes)
        for place, node in self._assumed:
            require(node, arrays[place])
        return arrays, sizes

    def _check_names(self, given: Mapping[str, Any]) -> None:
        for name in given:
            if name not in self.inputs:
                raise UnknownNameError(f"{name} is not an input; the inputs are {', '.join(self.inputs) or 'none'}")
        for name in self.inputs:
            if name not in given:
                raise UnknownNameError(f"no value was given for {name}")

    def _bind_shapes(self, arrays: Sequence[Array], shapes: tuple[tuple[int, ...], ...]) -> Mapping[str, int]:
        """Read the sizes off the shapes and check them, once for each set of shapes."""
        sizes = bind_sizes(self._nodes, self._named(arrays))
        check_requirements([self.output], sizes)
        if len(self._sizes) >= SHAPES_KEPT:
            self._sizes.clear()
        self._sizes[shapes] = sizes
        return sizes

    def _as_array(self, name: str, value: Any) -> Array:
        if type(value) is np.ndarray and value.dtype == self._real and value.flags.carray:
            return value
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError):
            raise ShapeError(f"{name} is not an array of numbers: its rows have different lengths") from None
        if array.dtype.kind not in "biuf":
            raise OperandError(f"{name} must hold real numbers, not {array.dtype} (shape {shape_text(array.shape)})")
        return np.require(array, self._real, ["C", "A"]) if array.ndim else array.astype(self._real)

    def __repr__(self) -> str:
        return f"<Kernel {self.dtype} of {self.output}>"


def _dtype_name(dtype: Any) -> DType:
    """Return the name of a dtype, given by name or as NumPy's."""
    try:
        name = np.dtype(dtype).name if dtype is not None else ""
    except TypeError:
        name = ""
    if name == "float64" or name == "float32":
        return name  # type: ignore[return-value]  # a str that was compared is not narrowed
    raise InvalidValueError(f"dtype is float64 or float32, not {dtype!r}")
