"""Sizes read off the shapes of arrays, and checked, in machine code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llvmlite import ir

from symgrad.backends.numba.scope import I64, Scope
from symgrad.core.dims import Dim
from symgrad.lowering.kernel_ir import Program

Extents = Mapping[int, Sequence[ir.Value]]  # of buffers, those of inputs first


def read_sizes(builder: ir.IRBuilder, real: ir.Type, program: Program, extents: Extents) -> tuple[Scope, ir.Value]:
    """Return a scope that knows the named sizes, and whether all shapes fit and the program has a result for them.

    A named size is read where it first stands alone; a program may have sizes that stand alone nowhere, which the scope
    lacks (`unreadable` says which).
    """
    pairs = [
        (size, extent)
        for buffer, found in extents.items()
        for size, extent in zip(program.buffers[buffer].shape, found, strict=True)
    ]
    dims: dict[str, ir.Value] = {}
    for size, extent in pairs:
        if isinstance(size, Dim) and size.name is not None:
            dims.setdefault(size.name, extent)
    scope = Scope(builder, real, dims, _no_pointer)
    tests = [builder.icmp_signed("==", scope.size(size), extent) for size, extent in pairs]
    tests += [builder.icmp_signed(">", scope.size(size), ir.Constant(I64, 0)) for size in program.nonempty]
    tests += [builder.icmp_signed(">=", scope.size(size), ir.Constant(I64, 0)) for size in program.nonnegative]
    fits: ir.Value = ir.Constant(ir.IntType(1), 1)
    for test in tests:
        fits = builder.and_(fits, test)
    return scope, fits


def unreadable(program: Program, buffers: Sequence[int]) -> list[str]:
    """Return the named sizes that stand alone in no shape of these buffers."""
    sizes = (size for buffer in buffers for size in program.buffers[buffer].shape)
    names = {size.name for size in sizes if isinstance(size, Dim)}
    return [name for name in program.dims if name not in names]


def _no_pointer(buffer: int) -> ir.Value:
    raise AssertionError(f"buffer {buffer} has no pointer where only sizes are computed")
