"""A compiled program as a Python function of arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.backends.numba.cache import MachineCode
from symgrad.backends.numba.layout import Layout, Region
from symgrad.backends.options import Options
from symgrad.core.dims import Size, evaluate
from symgrad.errors import ShapeError
from symgrad.lowering.kernel_ir import Program

_PLANS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call needs to know about one set of sizes: the int64 values of `program.dims`, the shapes of the outputs
    that have axes, and the number of elements of the work memory."""

    dims: np.ndarray
    shapes: tuple[tuple[int, ...], ...]
    work: int


class CompiledKernel:
    """Calls the machine code. Thread-safe.

    `exact` is the machine code as Python sees it, with no step between: it takes the inputs, floats and C-contiguous
    arrays of exactly the kernel's dtype, then, if some outputs have axes, a tuple of arrays for them, or a dict of
    arrays by the outputs' names. It returns the other outputs: None, a float or a tuple of floats. TypeError or
    ValueError for arguments that are not right.

    `address` is that of the C function, `int symgrad_<hash>(T** pointers, const int64_t* dims)`: pointers to the arrays
    of `layout`, to the block of scalars and to the work memory, and `dims` as in `plan(sizes)`. With a null pointer for
    work memory the kernel uses its own. It may be called from several threads and returns 0 unless memory ran out.
    """

    def __init__(self, program: Program, layout: Layout, options: Options, code: MachineCode) -> None:
        self.program, self.layout, self.options = program, layout, options
        self.dtype = np.dtype(options.dtype)
        self._code = code  # the machine code lives as long as it does
        self.exact: Callable[..., Any] = code.result.entry_point
        self._order = _order(layout)
        self._number_first = options.dtype == "float64" and [p.region is Region.ARRAYS for p in layout.outputs] == [
            k > 0 for k in range(len(layout.outputs))
        ]
        self._plans: dict[tuple[int, ...], Plan] = {}

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
        results = [np.empty(shape, self.dtype) for shape in self.plan(sizes).shapes] if out is None else list(out)
        given = [array if array.ndim else float(array) for array in inputs]
        numbers = self.exact(*given, tuple(results)) if results else self.exact(*given)
        return [np.asarray(value, self.dtype) for value in self.in_order(numbers, results)]

    def in_order(self, numbers: Any, results: Sequence[np.ndarray]) -> Sequence[Any]:
        """Put what `exact` returned, as numbers of the dtype, and the arrays in the order of the outputs."""
        if self._number_first:
            return (numbers, *results)
        found = () if numbers is None else numbers if isinstance(numbers, tuple) else (numbers,)
        outputs = (*(map(np.float32, found) if self.dtype == np.float32 else found), *results)
        return [outputs[place] for place in self._order]

    def plan(self, sizes: Mapping[str, int]) -> Plan:
        """Return what a call with these sizes needs. ShapeError for a maximum over no elements."""
        key = tuple([sizes[name] for name in self.program.dims])
        return self._plans.get(key) or self._make_plan(key)

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


def _order(layout: Layout) -> list[int]:
    """Return where each output stands in the numbers followed by the arrays."""
    isarray = [place.region is Region.ARRAYS for place in layout.outputs]
    order = sorted(range(len(isarray)), key=isarray.__getitem__)
    return [order.index(k) for k in range(len(order))]


def _count_text(size: Size, sizes: Mapping[str, int]) -> str:
    return f"{size} = {evaluate(size, sizes)}" if not isinstance(size, int) else str(size)
