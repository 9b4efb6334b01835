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
from symgrad.core.dims import Shape, evaluate, shape_text
from symgrad.core.expr import Expr, Input
from symgrad.errors import OperandError, ShapeError, UnknownNameError
from symgrad.lowering import lower
from symgrad.lowering.batching import POINTS, Batched, batch
from symgrad.lowering.kernel_ir import BufferKind, Program

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Read: TypeAlias = Callable[[Sequence[Any], Mapping[str, Any]], list[Array]]

VALUE = "value"  # what the values are called in `out`
CACHE_BYTES = 1 << 18  # work memory of a block of points: half of the second-level cache of today's processors
SHAPES_KEPT = 64


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the shapes of the inputs tell."""

    sizes: Mapping[str, int]
    leading: tuple[int, ...]  # the axes in front of those of the formula, broadcast
    points: int
    mapped: frozenset[int]  # places of the inputs that differ between points
    shapes: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]  # of each input, broadcast and with one axis of points


class Batch:
    """A formula at many points at once; made by `Kernel.batch`.

    Inputs are given as to a `Kernel`. One with more axes than in the formula has a value for each point; the axes in
    front broadcast as those of a NumPy gufunc, whose `signature` this has. An input with no more axes is shared by all
    points. Results have the axes of the points in front, and are written into `out` where it is given: any strides,
    an input too. With `parallel` the points are divided among Numba's threads (`numba.set_num_threads`). An input
    called `out` or `parallel` is given in order or in a mapping.

    A formula whose sizes are numbers, and few, runs on several points at once in vector registers. There a derivative
    that is zero whatever the inputs is 0 also where the kernel for one point, which multiplies by zeros, gives NaN.

    Errors: ShapeError for inputs that do not fit the formula or each other, and for `out`; UnknownNameError,
    OperandError and InvalidValueError as `Kernel`.

    >>> import numpy as np, symgrad as sg
    >>> kernel = sg.compile("f(x[3], a) = a*sum(x**2)", wrt=["x"])
    >>> kernel.batch(x=np.arange(6.0).reshape(2, 3), a=10)
    array([ 50., 500.])
    >>> values, gradients = kernel.batch.value_and_grad(x=np.arange(6.0).reshape(2, 3), a=[10, 20])
    >>> gradients["x"]
    array([[  0.,  20.,  40.],
           [120., 160., 200.]])
    >>> sg.compile("A @ x").batch.signature
    '(m,n),(n)->(m)'
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
        self.signature = f"{','.join(_core(node.shape) for node in inputs)}->{_core(value.shape)}"
        self._value, self._nodes = value, tuple(inputs)
        self._wrt = [node.name for node in wrt]
        self._value_name = VALUE if VALUE not in self._wrt else ""
        self._options, self._real = options, np.dtype(options.dtype)
        self._read = read
        self._fused = fused
        self._plans: dict[tuple[tuple[int, ...], ...], _Plan] = {}
        self._programs: dict[bool, tuple[tuple[Expr, ...], Program]] = {}
        self._runners: dict[tuple[bool, frozenset[int]], _Runner] = {}

    def __call__(self, /, *inputs: Any, out: Array | None = None, parallel: bool = False, **named: Any) -> Any:
        """Return the values, of shape `(*points, *output.shape)`."""
        plan, arrays = self._bind(inputs, named)
        (values,) = self._run(False, plan, arrays, {VALUE: out}, parallel)
        return values if out is not None or values.ndim else values[()]

    def value_and_grad(
        self, /, *inputs: Any, out: Mapping[str, Array] | None = None, parallel: bool = False, **named: Any
    ) -> tuple[Any, dict[str, Array]]:
        """Return the values, and for each input of `wrt` the derivatives, `(*points, *output.shape, *input.shape)`.

        The derivative by an input that all points share is one for each point, too. `out` maps names of inputs to
        arrays for their derivatives, and "value" to one for the values. What it does not name is fresh.
        """
        plan, arrays = self._bind(inputs, named)
        given = {} if out is None else out
        for name in given:
            if name not in (self._value_name, *self._wrt):
                raise UnknownNameError(f"out names {name}, but the results are {', '.join([VALUE, *self._wrt])}")
        values, *derivatives = self._run(True, plan, arrays, given, parallel)
        if self._value_name not in given and not values.ndim:
            values = values[()]
        return values, dict(zip(self._wrt, derivatives, strict=True))

    def _bind(self, inputs: Sequence[Any], named: Mapping[str, Any]) -> tuple[_Plan, list[Array]]:
        """Return the plan, and the arrays with one axis of points or none."""
        arrays = self._read(inputs, named)
        key = tuple([array.shape for array in arrays])
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= SHAPES_KEPT:
                self._plans.clear()
            plan = self._plans[key] = self._make_plan(key)
        for node, array in zip(self._nodes, arrays, strict=True):
            if node.properties:
                require(node, array)
        return plan, [
            (array if array.shape == full else np.ascontiguousarray(np.broadcast_to(array, full))).reshape(flat)
            for array, (full, flat) in zip(arrays, plan.shapes, strict=True)
        ]

    def _make_plan(self, shapes: Sequence[tuple[int, ...]]) -> _Plan:
        fronts = [shape[: max(0, len(shape) - node.ndim)] for node, shape in zip(self._nodes, shapes, strict=True)]
        cores = [shape[len(front) :] for shape, front in zip(shapes, fronts, strict=True)]
        names = [node.name for node in self._nodes]
        sizes = bind_sizes(
            self._nodes, {name: np.broadcast_to(0, core) for name, core in zip(names, cores, strict=True)}
        )
        check_requirements([self._value], sizes)
        leading = self._broadcast(fronts)
        points = prod(leading)
        mapped = frozenset(k for k, front in enumerate(fronts) if front and (front == leading or prod(front) != 1))
        views = [
            ((*leading, *core), (points, *core)) if place in mapped else (shapes[place], core)
            for place, core in enumerate(cores)
        ]
        return _Plan(sizes, leading, points, mapped, tuple(views))

    def _broadcast(self, fronts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        leading: tuple[int, ...] = ()
        for place, front in enumerate(fronts):
            try:
                leading = np.broadcast_shapes(leading, front)
            except ValueError:
                earlier = zip(self._nodes[:place], fronts, strict=False)
                others = ", ".join(f"{node.name} {shape_text(shape)}" for node, shape in earlier if shape)
                raise ShapeError(
                    f"the axes of points of {self._nodes[place].name} are {shape_text(front)}, "
                    f"which does not broadcast with {others}"
                ) from None
        return leading

    def _run(
        self,
        derivatives: bool,
        plan: _Plan,
        arrays: Sequence[Array],
        out: Mapping[str, Array | None],
        parallel: bool,
    ) -> list[Array]:
        outputs, _ = self._program(derivatives)
        given = [out.get(name) for name in ((self._value_name if derivatives else VALUE), *self._wrt)]
        results: list[Array] = []
        for k, node in enumerate(outputs):
            shape = (*plan.leading, *(evaluate(size, plan.sizes) for size in node.shape))
            array = given[k]
            name = f"the derivatives by {self._wrt[k - 1]}" if k else "the values"
            usable = array is not None and self._is_direct(name, shape, array, [*arrays, *results])
            results.append(array if array is not None and usable else np.empty(shape, self._real))
        flat = [result.reshape((plan.points, *result.shape[len(plan.leading) :])) for result in results]
        self._runner(derivatives, plan.mapped)(arrays, flat, plan, parallel)
        for k, result in enumerate(results):
            array = given[k]
            if array is not None and array is not result:
                np.copyto(array, result)
                results[k] = array
        return results

    def _is_direct(self, name: str, shape: tuple[int, ...], out: Array, others: Sequence[Array]) -> bool:
        """Say whether the kernel can write into `out`; what is strided or overlaps another is copied afterwards."""
        if not isinstance(out, np.ndarray):
            raise OperandError(f"out for {name} must be an array, not {type(out).__name__}")
        if out.shape != shape:
            raise ShapeError(f"out for {name} has shape {shape_text(out.shape)}, but {shape_text(shape)} is needed")
        if out.dtype != self._real:
            raise OperandError(f"out for {name} must be an array of {self._real}, not of {out.dtype}")
        return out.flags.carray and not any(np.may_share_memory(out, other) for other in others)

    def _program(self, derivatives: bool) -> tuple[tuple[Expr, ...], Program]:
        if derivatives not in self._programs:
            outputs = tuple(self._fused()) if derivatives else (self._value,)
            self._programs[derivatives] = outputs, lower(outputs, self._nodes, strips=False)
        return self._programs[derivatives]

    def _runner(self, derivatives: bool, mapped: frozenset[int]) -> _Runner:
        key = derivatives, mapped
        if key not in self._runners:
            _, program = self._program(derivatives)
            self._runners[key] = _Runner(batch(program, mapped), self._options, mapped)
        return self._runners[key]


class _Runner:
    """A compiled program of many points, called for one block of points after the other."""

    def __init__(self, programs: Batched, options: Options, mapped: frozenset[int]) -> None:
        self._mapped = mapped
        self._itemsize = np.dtype(options.dtype).itemsize
        self._work = {b.slot: b.shape for b in programs.main.buffers if b.kind is BufferKind.WORK}.values()
        backend = import_module("symgrad.backends.numba")
        self._compiled = backend.compile_program(programs.main, options)
        shared = programs.shared
        self._shared = None if shared is None else backend.compile_program(shared, options)

    def __call__(self, arrays: Sequence[Array], results: Sequence[Array], plan: _Plan, parallel: bool) -> None:
        block = self._block(plan.sizes, plan.points)
        if self._shared is not None:
            arrays = [*arrays, *self._shared(arrays, {**plan.sizes, str(POINTS): plan.points})]
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
        if not self._work:
            return max(1, points)
        one, two = (
            sum(prod(evaluate(size, {**sizes, str(POINTS): count}) for size in shape) for shape in self._work)
            for count in (1, 2)
        )
        each = (two - one) * self._itemsize
        return max(1, min(points, CACHE_BYTES // each) if each else points)


def _core(shape: Shape) -> str:
    return f"({','.join(str(size).replace(' ', '') for size in shape)})"
