"""Expressions that are compiled together when they are first called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from operator import attrgetter, itemgetter
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from symgrad.backends.options import Options
from symgrad.backends.strides import Kinds, in_order, pitches, profitable, strides_of, with_strides
from symgrad.core.dims import Dim, Size
from symgrad.core.expr import Expr, Input
from symgrad.lowering import Program as KernelProgram
from symgrad.lowering import lower
from symgrad.lowering.kernel_ir import BufferKind
from symgrad.ops.linalg.gram import weighted_grams

if TYPE_CHECKING:
    from symgrad.backends.numba import CompiledKernel

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
UNFIT = (TypeError, ValueError, LookupError, AttributeError)  # what `direct` raises for arguments that it cannot take
_SHAPES_KEPT = 256
_SHAPE = attrgetter("shape")


class Program:
    """Some expressions of the same inputs, compiled when first called. Thread-safe.

    `direct(*inputs)` is the fast way: the output, or a sequence of the outputs, of inputs that are floats and
    C-contiguous arrays of exactly the dtype. It raises one of UNFIT for others, for shapes it has not seen, before the
    first careful call and, where `checked` says that inputs have to be looked at first, always. `into(*inputs, out)`
    is the fast way into given arrays: a tuple of arrays for all outputs that have axes, or a dict of them by `names`.
    It returns the other outputs: None, a number or a tuple of numbers.
    """

    def __init__(
        self,
        outputs: Sequence[Expr],
        inputs: Sequence[Input],
        options: Options,
        names: Sequence[str] = (),
        nonnegative: Sequence[Size] = (),
        checked: bool = False,
    ) -> None:
        self.outputs = tuple(outputs)
        self.inputs = tuple(inputs)
        self.direct: Callable[..., Any] = _not_ready
        self.into: Callable[..., Any] = _not_ready
        self.names = tuple(names) or ("",) * len(self.outputs)
        self._options, self._dtype = options, options.dtype
        self._nonnegative, self._checked = tuple(filter(_can_be_negative, nonnegative)), checked
        self._compiled: CompiledKernel | None = None
        self._lock = Lock()
        self._known: dict[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] = {}
        self._variants: dict[Kinds, tuple[Kinds, Program]] = {}

    def __call__(
        self, arrays: Sequence[Array], sizes: Mapping[str, int], given: Mapping[int, Array] | None = None
    ) -> list[Array]:
        """Return the outputs as arrays; shapes and dtypes have been checked. `given` are arrays for some outputs."""
        if not all(array.flags.c_contiguous for array in arrays):
            return self._of_any_strides(arrays, sizes, given)
        compiled, given = self.compiled(), given or {}
        shapes = compiled.plan(sizes).shapes
        with_axes = [position for position, node in enumerate(self.outputs) if node.shape]
        results = [
            given[position] if position in given else np.empty(shape, self._dtype)
            for position, shape in zip(with_axes, shapes, strict=True)
        ]
        outputs = compiled(arrays, sizes, results)
        for position in given.keys() - set(with_axes):
            given[position][...] = outputs[position]
            outputs[position] = given[position]
        self._remember(arrays, shapes)
        return outputs

    def _of_any_strides(
        self, arrays: Sequence[Array], sizes: Mapping[str, int], given: Mapping[int, Array] | None
    ) -> list[Array]:
        """Call the program compiled for these kinds of strides; a copy has the one order that is reproducible."""
        kinds: Kinds = tuple([None if self._options.reproducible else strides_of(array) for array in arrays])
        if kinds not in self._variants:
            chosen = profitable(self.outputs, self.inputs, kinds) if any(kinds) else kinds
            variant = self
            if any(chosen):
                outputs, inputs = with_strides(self.outputs, self.inputs, chosen)
                variant = Program(outputs, inputs, self._options, self.names, self._nonnegative, checked=True)
            self._variants[kinds] = chosen, variant
        chosen, variant = self._variants[kinds]
        return variant(in_order(arrays, chosen), {**sizes, **pitches(self.inputs, arrays, chosen)}, given)

    def compiled(self) -> CompiledKernel:
        """Return the compiled kernel; only the first of several threads compiles."""
        with self._lock:
            if self._compiled is None:
                self._compiled = self.compile()
                if not self._checked:
                    if self._dtype == "float64" or all(node.shape for node in self.outputs):
                        self.into = self._compiled.exact
                    self.direct = self._make_direct(self._compiled)
        return self._compiled

    def compile(self) -> CompiledKernel:
        """Compile now. Numba is imported here and not before: it takes half a second."""
        backend = import_module("symgrad.backends.numba")
        compiled: CompiledKernel = backend.compile_program(self.lowered(), self._options)
        return compiled

    def lowered(self) -> KernelProgram:
        """Return the kernel program, with the names of the outputs."""
        program = lower(weighted_grams(self.outputs), self.inputs, tuned=not self._options.reproducible)
        names = dict(zip(program.select(BufferKind.OUTPUT), self.names, strict=True))
        buffers = tuple(replace(b, name=names[k]) if k in names else b for k, b in enumerate(program.buffers))
        return replace(program, buffers=buffers, nonnegative=self._nonnegative)

    def _remember(self, arrays: Sequence[Array], shapes: tuple[tuple[int, ...], ...]) -> None:
        if len(self._known) >= _SHAPES_KEPT:
            self._known.clear()
        self._known[tuple([array.shape for array in arrays if array.ndim])] = shapes

    def _make_direct(self, compiled: CompiledKernel) -> Callable[..., Any]:
        if self._dtype == "float64" and not any(node.shape for node in self.outputs):
            return compiled.exact
        exact, in_order, known, real = compiled.exact, compiled.in_order, self._known, np.dtype(self._dtype)
        arrays, single = picker(compiled.layout.array_inputs), len(self.outputs) == 1
        places = {node.shape: place for place, node in enumerate(self.inputs)}
        like = [places.get(node.shape, -1) for node in self.outputs if node.shape]
        all_alike = -1 not in like  # as the gradients of a scalar are: no table of shapes is needed

        def direct(*inputs: Any) -> Any:
            if all_alike:
                results = tuple([np.empty(inputs[place].shape, real) for place in like])
            else:
                shapes = known[tuple(map(_SHAPE, arrays(inputs)))]
                results = tuple([np.empty(shape, real) for shape in shapes])
            outputs = in_order(exact(*inputs, results) if results else exact(*inputs), results)
            return outputs[0] if single else outputs

        return direct


def picker(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that takes the values at these keys, or positions, out of a mapping or sequence."""
    if len(keys) > 1:
        return itemgetter(*keys)

    def pick(values: Any) -> tuple[Any, ...]:
        return tuple([values[key] for key in keys])

    return pick


def _can_be_negative(size: Size) -> bool:
    """Say whether the signs of the terms leave it open; named sizes are not negative."""
    if not isinstance(size, Dim):
        return size < 0
    return any(factor < 0 or not all(isinstance(atom, str) for atom in atoms) for atoms, factor in size.terms)


def _not_ready(*_inputs: Any) -> Any:
    raise TypeError("not compiled")
