"""The Numba function that Python calls: it checks shapes, lays out pointers and calls the C function."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from symgrad.backends.numba.entry import ArrayArgument, ResultsArgument
from symgrad.backends.numba.layout import Layout, Region
from symgrad.backends.numba.scope import I64, Scope
from symgrad.backends.numba.sizes import read_sizes
from symgrad.lowering.kernel_ir import BufferKind, Program

SHAPES = "the shapes of the arrays do not fit the formula, or one for a result lies in the memory of another array"
MEMORY = "there is no memory for the work of the kernel"


def emit_entry(
    context: Any,
    builder: ir.IRBuilder,
    function: ir.Function,
    program: Program,
    layout: Layout,
    signature: Any,
    args: Any,
) -> ir.Value:
    """Emit the body of the function: its arguments are one tuple, inputs first, then arrays for outputs."""
    values, kinds = _arguments(context, builder, signature, args)
    arrays = {
        k: cgutils.create_struct_proxy(kind)(context, builder, values[k])
        for k, kind in enumerate(kinds)
        if isinstance(kind, ArrayArgument)
    }
    with_axes = [k for k in program.select(BufferKind.OUTPUT) if program.buffers[k].shape]
    buffers = [*program.select(BufferKind.INPUT), *with_axes]
    extents = {
        buffers[k]: [builder.load(builder.gep(array.shape, [ir.Constant(I64, axis)])) for axis in range(kinds[k].rank)]
        for k, array in arrays.items()
    }
    real = function.args[0].type.pointee.pointee
    scope, fits = read_sizes(builder, real, program, extents)
    writeable = [kind.writeable for kind in kinds if isinstance(kind, ArrayArgument)]
    ends = [_end(builder, array.data, extents[buffers[k]]) for k, array in arrays.items()]
    pointers = [array.data for array in arrays.values()]
    fits = builder.and_(fits, _apart(builder, pointers, ends, writeable))
    with builder.if_then(builder.not_(fits), likely=False):
        context.call_conv.return_user_exc(builder, ValueError, (SHAPES,))
    numbers = [values[k] for k in layout.scalar_inputs]
    found = emit_call(context, builder, function, scope, layout, program.dims, pointers, numbers)
    if len(found) > 1:
        return context.make_tuple(builder, signature.return_type, found)
    return found[0] if found else context.get_dummy_value()


def _arguments(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> tuple[list[ir.Value], list[Any]]:
    """Return the arguments and their types, those for results one by one."""
    kinds = list(signature.args[0].types)
    values = [builder.extract_value(args, k) for k in range(len(kinds))]
    if kinds and isinstance(kinds[-1], ResultsArgument):
        results = cgutils.create_struct_proxy(kinds[-1])(context, builder, values.pop())
        kinds[-1:] = kinds[-1].arrays
        values += [getattr(results, f"array{k}") for k in range(len(kinds) - len(values))]
    return values, kinds


def emit_call(
    context: Any,
    builder: ir.IRBuilder,
    function: ir.Value,
    scope: Scope,
    layout: Layout,
    dims: Sequence[str],
    pointers: Sequence[ir.Value],
    numbers: Sequence[ir.Value],
) -> list[ir.Value]:
    """Call the C function with its own work memory; return the outputs without axes as doubles, in order."""
    real = scope.real
    scalars = place_numbers(builder, real, layout, numbers)
    table = [*pointers, scalars, ir.Constant(real.as_pointer(), None)]
    place = cgutils.alloca_once(builder, real.as_pointer(), size=len(table))
    for position, pointer in enumerate(table):
        builder.store(pointer, builder.gep(place, [ir.Constant(I64, position)]))
    sizes = cgutils.alloca_once(builder, I64, size=max(len(dims), 1))
    for position, name in enumerate(dims):
        builder.store(scope.dims[name], builder.gep(sizes, [ir.Constant(I64, position)]))
    status = builder.call(function, [place, sizes])
    with builder.if_then(cgutils.is_not_null(builder, status), likely=False):
        context.call_conv.return_user_exc(builder, MemoryError, (MEMORY,))
    return read_numbers(builder, layout, scalars)


def place_numbers(builder: ir.IRBuilder, real: ir.Type, layout: Layout, numbers: Sequence[ir.Value]) -> ir.Value:
    """Return the block of scalars with the inputs in it, which are given as doubles."""
    scalars = cgutils.alloca_once(builder, real, size=max(layout.scalars, 1))
    for element, number in enumerate(numbers):
        given = number if number.type == real else builder.fptrunc(number, real)
        builder.store(given, builder.gep(scalars, [ir.Constant(I64, element)]))
    return scalars


def read_numbers(builder: ir.IRBuilder, layout: Layout, scalars: ir.Value) -> list[ir.Value]:
    """Return the outputs in the block of scalars as doubles, in order."""
    double = ir.DoubleType()
    found = [
        builder.load(builder.gep(scalars, [ir.Constant(I64, output.element)]))
        for output in layout.outputs
        if output.region is Region.SCALARS
    ]
    return [value if value.type == double else builder.fpext(value, double) for value in found]


def _end(builder: ir.IRBuilder, data: ir.Value, extents: Sequence[ir.Value]) -> ir.Value:
    count: ir.Value = ir.Constant(I64, 1)
    for extent in extents:
        count = builder.mul(count, extent)
    return builder.gep(data, [count])


def _apart(
    builder: ir.IRBuilder, starts: Sequence[ir.Value], ends: Sequence[ir.Value], writeable: Sequence[bool]
) -> ir.Value:
    """Return whether no array that is written to shares memory with another."""
    apart: ir.Value = ir.Constant(ir.IntType(1), 1)
    for i, j in combinations(range(len(starts)), 2):
        if writeable[i] or writeable[j]:
            before = builder.icmp_unsigned("<=", ends[i], starts[j])
            after = builder.icmp_unsigned("<=", ends[j], starts[i])
            apart = builder.and_(apart, builder.or_(before, after))
    return apart
