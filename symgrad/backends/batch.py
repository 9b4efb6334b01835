"""A formula at many points: arrays with leading axes in, values and derivatives with the same leading axes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import prod
from typing import Any, TypeAlias

import numpy as np

from symgrad.backends.membership import require
from symgrad.backends.options import Options
from symgrad.backends.reference import bind_sizes, check_requirements
from symgrad.core.dims import evaluate, shape_text
from symgrad.core.expr import Expr, Input
from symgrad.errors import OperandError, ShapeError
from symgrad.lowering import lower
from symgrad.lowering.batching import POINTS, batch
from symgrad.lowering.kernel_ir import BufferKind, Program

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Read: TypeAlias = Callable[[Mapping[str, Any] | None, Mapping[str, Any]], list[Array]]
Out: TypeAlias = "tuple[Array | None, Mapping[str, Array]]"

CACHE_BYTES = 1 << 18  # work memory of a block of points: half of the second-level cache of today's processors
SHAPES_KEPT = 64


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the shapes of the inputs tell."""

    sizes: Mapping[str, int]
    leading: tuple[int, ...]  # the axes in front of those of the formula, broadcast
    mapped: frozenset[int]  # places of the inputs that differ between points

    @property
    def points(self) -> int:
        return prod(self.leading)


class Batch:
    """A formula at many points at once; made by `Kernel.batch`.

    An input with more axes than in the formula has one value for each point; the axes in front broadcast as those of a
    NumPy gufunc. An input with no more axes is shared by all points. Results have the axes of the points in front.
    With `parallel` the points are divided among Numba's threads (`numba.set_num_threads`). An input called `out` or
    `parallel` is given in the mapping. Arrays in `out` are written and returned.

    A formula whose sizes are numbers, and few, runs on several points at once in vector registers. There a derivative
    that is zero whatever the inputs is 0 also where the kernel for one point, which multiplies by zeros, gives NaN.

    Errors: ShapeError for inputs that do not fit the formula or each other, and for `out`; UnknownNameError,
    OperandError and InvalidValueError as `Kernel`.

    >>> import numpy as np, symgrad as sg
    >>> kernel = sg.compile(sg.parse("a*sum(x**2)", shapes={"x": (3,), "a": ()}), wrt=["x"])
    >>> kernel.batch(x=np.arange(6.0).reshape(2, 3), a=10)
    array([ 50., 500.])
    >>> values, gradients = kernel.batch.value_and_grad(x=np.arange(6.0).reshape(2, 3), a=[10, 20])
    >>> gradients["x"]
    array([[  0.,  20.,  40.],
           [120., 160., 200.]])
    """

    def __init__(
        self,
        value: Expr,
        inputs: Sequence[Input],
        wrt: Sequence[Input],
        options: Options,
        read: Read,
        fused: Callable[[], Sequence[Expr]],
    ) -> None:
        self._value, self._nodes, self._wrt = value, tuple(inputs), tuple(wrt)
        self._options, self._real = options, np.dtype(options.dtype)
        self._read = read
        self._fused = fused
        self._plans: dict[tuple[tuple[int, ...], ...], _Plan] = {}
        self._programs: dict[bool, tuple[tuple[Expr, ...], Program]] = {}
        self._runners: dict[tuple[bool, frozenset[int]], _Runner] = {}

    def __call__(
        self,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        out: Array | None = None,
        parallel: bool = False,
        **named: Any,
    ) -> Any:
        """Return the values, of shape `(*points, *output.shape)`."""
        plan, arrays = self._bind(inputs, named)
        (values,) = self._run(False, plan, arrays, [out], ["the values"], parallel)
        return values[()]

    def value_and_grad(
        self,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        out: Out | None = None,
        parallel: bool = False,
        **named: Any,
    ) -> tuple[Any, dict[str, Array]]:
        """Return the values, and for each input of `wrt` the derivatives, `(*points, *output.shape, *input.shape)`.

        The derivative by an input that all points share is one for each point, too. `out` is a pair like the result; a
        name may be missing and the first entry None.
        """
        plan, arrays = self._bind(inputs, named)
        given_values, given = (None, {}) if out is None else out
        for name in given:
            if name not in [node.name for node in self._wrt]:
                raise OperandError(f"out has an array for {name}, by which the kernel does not differentiate")
        outs = [given_values, *(given.get(node.name) for node in self._wrt)]
        names = ["the values", *(f"the derivatives by {node.name}" for node in self._wrt)]
        values, *derivatives = self._run(True, plan, arrays, outs, names, parallel)
        return values[()], {node.name: array for node, array in zip(self._wrt, derivatives, strict=True)}

    def _bind(self, inputs: Mapping[str, Any] | None, named: Mapping[str, Any]) -> tuple[_Plan, list[Array]]:
        """Return the plan, and the arrays with one axis of points or none."""
        arrays = self._read(inputs, named)
        key = tuple([array.shape for array in arrays])
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= SHAPES_KEPT:
                self._plans.clear()
            plan = self._plans[key] = self._make_plan(key)
        flat = []
        for place, (node, array) in enumerate(zip(self._nodes, arrays, strict=True)):
            if node.properties:
                require(node, array)
            core = array.shape[array.ndim - node.ndim :]
            if place in plan.mapped and array.shape[: array.ndim - node.ndim] != plan.leading:
                array = np.ascontiguousarray(np.broadcast_to(array, (*plan.leading, *core)))
            flat.append(array.reshape((plan.points, *core) if place in plan.mapped else core))
        return plan, flat

    def _make_plan(self, shapes: Sequence[tuple[int, ...]]) -> _Plan:
        fronts = [shape[: max(0, len(shape) - node.ndim)] for node, shape in zip(self._nodes, shapes, strict=True)]
        cores = {
            node.name: np.broadcast_to(0.0, shape[len(front) :])
            for node, shape, front in zip(self._nodes, shapes, fronts, strict=True)
        }
        sizes = bind_sizes(self._nodes, cores)
        check_requirements([self._value], sizes)
        leading = self._broadcast(fronts)
        mapped = [k for k, front in enumerate(fronts) if front and (front == leading or prod(front) != 1)]
        return _Plan(sizes, leading, frozenset(mapped))

    def _broadcast(self, fronts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        leading: tuple[int, ...] = ()
        for place, front in enumerate(fronts):
            try:
                leading = np.broadcast_shapes(leading, front)
            except ValueError:
                earlier = ", ".join(
                    f"{node.name} {shape_text(shape)}"
                    for node, shape in zip(self._nodes[:place], fronts, strict=False)
                    if shape
                )
                raise ShapeError(
                    f"the axes of points of {self._nodes[place].name} are {shape_text(front)}, "
                    f"which does not broadcast with {earlier}"
                ) from None
        return leading

    def _run(
        self,
        derivatives: bool,
        plan: _Plan,
        arrays: Sequence[Array],
        outs: Sequence[Array | None],
        names: Sequence[str],
        parallel: bool,
    ) -> list[Array]:
        outputs, _ = self._program(derivatives)
        shapes = [(*plan.leading, *(evaluate(size, plan.sizes) for size in node.shape)) for node in outputs]
        results = [
            np.empty(shape, self._real) if out is None or not self._direct(name, shape, out, arrays) else out
            for name, shape, out in zip(names, shapes, outs, strict=True)
        ]
        flat = [result.reshape((plan.points, *result.shape[len(plan.leading) :])) for result in results]
        self._runner(derivatives, plan.mapped)(arrays, flat, plan, parallel)
        for out, result in zip(outs, results, strict=True):
            if out is not None and out is not result:
                np.copyto(out, result)
        return [result if out is None else out for out, result in zip(outs, results, strict=True)]

    def _direct(self, name: str, shape: tuple[int, ...], out: Array, arrays: Sequence[Array]) -> bool:
        """Say whether the kernel can write into `out`; what is strided or overlaps an input is copied afterwards."""
        if not isinstance(out, np.ndarray):
            raise OperandError(f"out for {name} is an array, not {type(out).__name__}")
        if out.shape != shape:
            raise ShapeError(f"out for {name} has shape {shape_text(out.shape)}, but {shape_text(shape)} is needed")
        if out.dtype != self._real:
            raise OperandError(f"out for {name} holds {out.dtype}, but the kernel gives {self._real}")
        return out.flags.carray and not any(np.may_share_memory(out, array) for array in arrays)

    def _program(self, derivatives: bool) -> tuple[tuple[Expr, ...], Program]:
        if derivatives not in self._programs:
            outputs = tuple(self._fused()) if derivatives else (self._value,)
            self._programs[derivatives] = outputs, lower(outputs, self._nodes)
        return self._programs[derivatives]

    def _runner(self, derivatives: bool, mapped: frozenset[int]) -> _Runner:
        key = derivatives, mapped
        if key not in self._runners:
            _, program = self._program(derivatives)
            self._runners[key] = _Runner(batch(program, mapped), self._options, mapped)
        return self._runners[key]


class _Runner:
    """A compiled program of many points, called for one block of points after the other."""

    def __init__(self, program: Program, options: Options, mapped: frozenset[int]) -> None:
        self._program, self._mapped = program, mapped
        self._itemsize = np.dtype(options.dtype).itemsize
        self._compiled = import_module("symgrad.backends.numba").compile_program(program, options)

    def __call__(self, arrays: Sequence[Array], results: Sequence[Array], plan: _Plan, parallel: bool) -> None:
        block = self._block(plan.sizes, plan.points)
        if parallel and plan.points > 1:
            threads = import_module("symgrad.backends.numba.parallel")
            threads.run(self._compiled, arrays, results, self._mapped, plan.sizes, block)
            return
        for start in range(0, max(plan.points, 1), block):
            part = slice(start, min(start + block, plan.points))
            inputs = [array[part] if place in self._mapped else array for place, array in enumerate(arrays)]
            sizes = {**plan.sizes, str(POINTS): part.stop - part.start}
            self._compiled(inputs, sizes, out=[result[part] for result in results])

    def _block(self, sizes: Mapping[str, int], points: int) -> int:
        """Return for how many points at once the work memory stays in the cache."""
        slots = {b.slot: b.shape for b in self._program.buffers if b.kind is BufferKind.WORK}
        one, two = (
            sum(prod(evaluate(size, {**sizes, str(POINTS): count}) for size in shape) for shape in slots.values())
            for count in (1, 2)
        )
        each = (two - one) * self._itemsize
        return max(1, min(points, CACHE_BYTES // each) if each else points)
