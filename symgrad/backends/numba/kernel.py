"""A compiled program as a Python function of arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from symgrad.backends.numba.cache import MachineCode
from symgrad.backends.numba.layout import Layout, Region
from symgrad.core.dims import Size, evaluate
from symgrad.errors import ShapeError
from symgrad.lowering.kernel_ir import Program

_PLANS_KEPT = 64
_NO_WORK = {np.dtype(name): np.empty(0, name) for name in ("float64", "float32")}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call needs to know about one set of sizes: the int64 values of `program.dims`, the shapes of the outputs
    that have axes, and the number of elements of the work memory."""

    dims: np.ndarray
    shapes: tuple[tuple[int, ...], ...]
    work: int


class CompiledKernel:
    """Calls the machine code: packs scalars, allocates results, keeps work memory between calls. Thread-safe.

    `address` is that of its C function, `int symgrad_<hash>(T** pointers, const int64_t* dims)`: pointers to the arrays
    of `layout`, to the block of scalars and to the work memory, and `dims` as in `plan(sizes)`. It allocates nothing
    itself, may be called from several threads, and returns 0 unless a linear-algebra routine found no memory.
    """

    def __init__(self, program: Program, layout: Layout, dtype: str, code: MachineCode) -> None:
        self.program, self.layout = program, layout
        self.dtype = np.dtype(dtype)
        self._code = code  # the machine code lives as long as it does
        self._entry_point: Callable[..., None] = code.result.entry_point
        self._plans: dict[tuple[int, ...], Plan] = {}
        self._idle_work: list[np.ndarray] = []

    @property
    def address(self) -> int:
        """The address of the C function."""
        return self._code.address

    def __call__(
        self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int], out: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Return the output arrays: fresh ones, or those of `out` for outputs that have axes (it lists only them).

        ShapeError for a maximum over no elements.
        """
        layout, dtype = self.layout, self.dtype
        plan = self.plan(sizes)
        results = [np.empty(shape, dtype) for shape in plan.shapes] if out is None else list(out)
        scalars = np.empty(layout.scalars, dtype)
        for element, position in enumerate(layout.scalar_inputs):
            scalars[element] = inputs[position]
        arrays = (*[inputs[k] for k in layout.array_inputs], *results)
        work = self._borrow(plan.work) if plan.work else _NO_WORK[dtype]
        self._entry_point(arrays, scalars, work, plan.dims)
        if plan.work:
            self._idle_work.append(work)
        first = len(layout.array_inputs)
        return [
            scalars[place.element, ...] if place.region is Region.SCALARS else results[place.member - first]
            for place in layout.outputs
        ]

    def plan(self, sizes: Mapping[str, int]) -> Plan:
        """Return what a call with these sizes needs. ShapeError for a maximum over no elements."""
        key = tuple([sizes[name] for name in self.program.dims])
        return self._plans.get(key) or self._make_plan(key)

    def _borrow(self, size: int) -> np.ndarray:
        try:
            work = self._idle_work.pop()
        except IndexError:
            return np.empty(size, self.dtype)
        return work if work.size >= size else np.empty(size, self.dtype)

    def _make_plan(self, key: tuple[int, ...]) -> Plan:
        sizes = dict(zip(self.program.dims, key, strict=True))
        for size in self.program.nonempty:
            if evaluate(size, sizes) <= 0:
                raise ShapeError(f"a maximum or minimum over {_count_text(size, sizes)} elements has no value")
        shapes = self.layout.array_shapes[len(self.layout.array_inputs) :]
        plan = Plan(
            np.array(key, np.int64),
            tuple(tuple(evaluate(size, sizes) for size in shape) for shape in shapes),
            self.layout.work_size(self.program.sizes(sizes)),
        )
        if len(self._plans) >= _PLANS_KEPT:
            self._plans.clear()
        self._plans[key] = plan
        return plan


def _count_text(size: Size, sizes: Mapping[str, int]) -> str:
    return f"{size} = {evaluate(size, sizes)}" if not isinstance(size, int) else str(size)
