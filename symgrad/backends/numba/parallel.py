"""Points divided among Numba's threads: one driver for all kernels, which calls their C functions by address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from threading import Lock
from typing import Any

import numpy as np
from llvmlite import ir
from numba import get_num_threads, njit, prange
from numba.core import types as numba_types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from symgrad.backends.numba.kernel import CompiledKernel
from symgrad.lowering.batching import POINTS

types: Any = numba_types  # not typed for mypy
_LINES = 128  # bytes: two cache lines, which processors fetch together
_ONE_AT_A_TIME = Lock()  # Numba's simplest thread pool ends the process when two threads use it at once


def run(
    kernel: CompiledKernel,
    inputs: Sequence[np.ndarray],
    results: Sequence[np.ndarray],
    mapped: Set[int],
    sizes: Mapping[str, int],
    block: int,
) -> None:
    """Run a program of `lowering.batching` on Numba's threads: each takes a share of the points, `block` at once.

    `mapped` are the places of the inputs that have an axis of points; all results have it. MemoryError when a routine
    of the kernel gets none.
    """
    layout, name = kernel.layout, str(POINTS)
    points = len(results[0])
    threads = max(1, min(get_num_threads(), points))
    bounds = np.linspace(0, points, threads + 1).astype(np.int64)
    block = min(block, int(np.diff(bounds).max()))
    plan = kernel.plan({**sizes, name: block})
    scalars = np.array([inputs[place] for place in layout.scalar_inputs], kernel.dtype)
    work = [_aligned(plan.work, kernel.dtype) for _ in range(threads)]
    arrays = [*(inputs[place] for place in layout.array_inputs), *results]
    moving = [*(place in mapped for place in layout.array_inputs), *(True for _ in results)]
    steps = np.array([array.strides[0] if moves else 0 for array, moves in zip(arrays, moving, strict=True)] + [0, 0])
    shared = [array.ctypes.data for array in (*arrays, scalars)]
    pointers = np.array([[*shared, own.ctypes.data] for own in work], np.int64) + bounds[:-1, None] * steps
    dims = np.array([plan.dims] * threads)
    with _ONE_AT_A_TIME:
        place = kernel.program.dims.index(name)
        failures = _run(kernel.address, pointers, steps, dims, place, np.diff(bounds), block)
    if failures:
        raise MemoryError("there is no memory for a routine of the kernel")


def _aligned(count: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return memory of its own cache lines: two threads that write one line wait for each other."""
    memory = np.empty(count * dtype.itemsize + 2 * _LINES, np.uint8)
    start = -memory.ctypes.data % _LINES
    return memory[start : start + count * dtype.itemsize + _LINES]


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
