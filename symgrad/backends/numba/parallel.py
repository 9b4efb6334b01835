"""Points divided among Numba's threads: one driver for all kernels, which calls a kernel's C function by its address."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from llvmlite import ir
from numba import get_num_threads, njit, prange
from numba.core import types as numba_types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

types: Any = numba_types  # not typed for mypy
_ONE_AT_A_TIME = Lock()  # Numba's simplest thread pool ends the process when two threads use it at once


@dataclass(frozen=True, slots=True)
class Table:
    """The first argument of a kernel's C function.

    `step` says by how many bytes a pointer moves from one point to the next. `work` is the number of elements that
    a thread needs for itself, the last pointer.
    """

    pointers: Sequence[int]
    steps: Sequence[int]
    work: int
    dtype: np.dtype[Any]


def run(address: int, table: Table, dims: Sequence[int], place: int, points: int, block: int) -> None:
    """Call the C function at `address` for all points, at most `block` at once; `dims[place]` says how many.

    MemoryError when a routine of the kernel gets none.
    """
    threads = max(1, min(get_num_threads(), points))
    bounds = np.linspace(0, points, threads + 1).astype(np.int64)
    steps = np.array([*table.steps, 0], np.int64)
    line = -(-(table.work * table.dtype.itemsize) // 128) * 128
    work = np.empty(line * threads + 128, np.uint8)
    first = -(-work.ctypes.data // 128) * 128
    pointers = np.array([[*table.pointers, first + line * thread] for thread in range(threads)], np.int64)
    pointers += bounds[:-1, None] * steps
    sizes = np.array([dims] * threads, np.int64)
    with _ONE_AT_A_TIME:
        failures = _run(address, pointers, steps, sizes, place, np.diff(bounds), block)
    if failures:
        raise MemoryError("there is no memory for a routine of the kernel")


@intrinsic
def _call(typing_context, address, pointers, dims):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        vectors = [make_array(k)(context, builder, v).data for k, v in zip(signature.args[1:], args[1:], strict=True)]
        kind = ir.FunctionType(ir.IntType(32), [vector.type for vector in vectors])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), vectors)

    return types.int32(types.int64, pointers, dims), codegen


def _driver(address, pointers, steps, dims, place, counts, block):  # type: ignore[no-untyped-def]
    """Return how many threads failed. Each has a row of `pointers` and one of `dims`, which it changes."""
    failures = 0
    for thread in prange(len(counts)):
        left, status = counts[thread], 0
        while left > 0 and status == 0:
            count = min(left, block)
            dims[thread, place] = count
            status = _call(address, pointers[thread], dims[thread])
            for k in range(len(steps)):
                pointers[thread, k] += steps[k] * count
            left -= count
        failures += status != 0
    return failures


_run = njit(parallel=True, nogil=True, error_model="numpy")(_driver)
with suppress(RuntimeError):  # there is no folder for Numba's cache
    _run.enable_caching()
