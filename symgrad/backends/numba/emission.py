"""A kernel program as an external C function, each statement of it an internal one with `noalias` pointers.

The C function is `int symgrad_<hash>(T** pointers, const int64_t* dims)`. `pointers` lists, in the order of `Layout`,
the arrays (inputs, then outputs, that have axes), the block of scalars and the work memory; `dims` are the values of
`program.dims`. Where the pointer to the work memory is null, the kernel has its own (`workspace`). It returns 0, or
another number when memory ran out. The Numba function around it is for Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import cgutils
from numba.core import types as numba_types
from numba.extending import intrinsic

from symgrad.backends.numba.arguments import OBJECTS
from symgrad.backends.numba.calling import emit_entry
from symgrad.backends.numba.entry import ArrayArgument, NumberArgument, ResultsArgument, entry_symbol, make_entry
from symgrad.backends.numba.factored import is_emitted, routine_function
from symgrad.backends.numba.interpreter import emit_interpreter
from symgrad.backends.numba.layout import Layout, Region
from symgrad.backends.numba.loops import emit_fill, emit_loop, emit_recurrence
from symgrad.backends.numba.matrices import emit_matmul, emit_weighted_gram
from symgrad.backends.numba.pipeline import KernelCompiler
from symgrad.backends.numba.routines import make_routine, symbols_of
from symgrad.backends.numba.runs import Runs, emit_runs, find_runs
from symgrad.backends.numba.scope import I64, Scope, constant_array, emit_block
from symgrad.backends.numba.symbols import Symbol, register
from symgrad.backends.numba.vector_math import prefer_wide_vectors
from symgrad.backends.numba.workspace import Workspace
from symgrad.backends.options import Options
from symgrad.core.dims import element_count
from symgrad.core.numeric import WEIGHTED_GRAM, Libm, Special
from symgrad.lowering.kernel_ir import (
    Buffer,
    BufferKind,
    Call,
    Compute,
    Fill,
    Interpret,
    Loop,
    Matmul,
    Program,
    Recur,
    Statement,
    Strip,
)
from symgrad.lowering.liveness import padded

I32 = ir.IntType(32)
Base = tuple[Region, int]
types: Any = numba_types  # not typed for mypy
_REALS: dict[str, tuple[Any, ir.Type, str]] = {
    "float64": (types.float64, ir.DoubleType(), "d"),
    "float32": (types.float32, ir.FloatType(), "s"),
}


def compile_function(program: Program, layout: Layout, options: Options, key: str) -> tuple[Any, tuple[Symbol, ...]]:
    """Return Numba's compilation result for a program, and the C functions it calls.

    The function takes the inputs, and a tuple or dict of arrays for the outputs that have axes, if there are any; it
    returns the others: nothing, a float or a tuple of floats. It raises TypeError for an argument that is not exactly
    right (`arguments`) and ValueError where the shapes do not fit. `key` names it and the C function.
    """
    used: dict[Symbol, None] = dict.fromkeys(OBJECTS)
    for symbol in used:
        register(symbol)
    kinds = _argument_types(program, options.dtype)
    numbers = sum(place.region is Region.SCALARS for place in layout.outputs)
    result = types.UniTuple(types.float64, numbers) if numbers > 1 else types.float64 if numbers else types.void
    entry = make_entry(_make_body(program, layout, options, key, result, used), key, len(kinds))
    nogil = bool(layout.array_shapes)  # a few numbers take less time than to release the lock
    choices = {"error_model": "numpy", "nogil": nogil, "no_cfunc_wrapper": True, "pipeline_class": KernelCompiler}
    dispatcher = njit(result(*kinds), **choices)(entry)
    return dispatcher.overloads[tuple(kinds)], tuple(sorted(used))


def _argument_types(program: Program, dtype: str) -> list[Any]:
    inputs = [len(program.buffers[k].shape) for k in program.select(BufferKind.INPUT)]
    kinds: list[Any] = [ArrayArgument(dtype, rank) if rank else NumberArgument() for rank in inputs]
    results = [buffer for k in program.select(BufferKind.OUTPUT) if (buffer := program.buffers[k]).shape]
    if results:
        ranks, names = tuple(len(buffer.shape) for buffer in results), tuple(buffer.name for buffer in results)
        kinds.append(ResultsArgument(dtype, ranks, names))
    return kinds


def _make_body(
    program: Program, layout: Layout, options: Options, key: str, result: Any, used: dict[Symbol, None]
) -> Any:
    @intrinsic
    def body(typing_context, arguments):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            main = _Main(context, builder.module, program, layout, options, key, used.setdefault)
            main.emit()
            return emit_entry(context, builder, main.function, program, layout, signature, args[0])

        return result(arguments), codegen

    return body


_MANY_CALLS = 50
_BUFFER = re.compile(r"\bb(\d+)(?=\[)")


class _Main:
    """The C function: pointers, then one call for each statement."""

    def __init__(
        self,
        context: Any,
        module: ir.Module,
        program: Program,
        layout: Layout,
        options: Options,
        key: str,
        use: Callable[[Symbol], None],
    ) -> None:
        self.context, self.use = context, use
        self.program, self.layout, self.options, self.key = program, layout, options, key
        self.numba_real, self.real, self.letter = _REALS[options.dtype]
        table, sizes, work = self.real.as_pointer().as_pointer(), I64.as_pointer(), self.real.as_pointer()
        self.function = ir.Function(module, ir.FunctionType(I32, [table, sizes]), entry_symbol(key))
        self.body = ir.Function(module, ir.FunctionType(I32, [table, sizes, work]), f"body_{key}")
        self.body.linkage = "internal"
        for function in (self.function, self.body):
            function.attributes.add("noinline")  # its code is wanted once
        self.builder = builder = ir.IRBuilder(self.body.append_basic_block("entry"))
        self.bases: dict[Base, ir.Value] = {}
        self.functions: dict[tuple[object, ...], ir.Function] = {}
        self.scope = Scope(builder, self.real, {}, self._pointer, options.reproducible)
        tables = {k: program.buffers[k].table for k in program.select(BufferKind.TABLE)}
        self.positions = {k: table.values() for k, table in tables.items() if table and table.typecode == "i"}

    def emit(self) -> None:
        """Emit everything."""
        self._emit_body()
        pointers, dims = self.function.args
        builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        last = ir.Constant(I64, len(self.layout.array_shapes) + 1)
        given = builder.load(builder.gep(pointers, [last]))
        if self.layout.slots or self.layout.scratch:
            with builder.if_then(cgutils.is_null(builder, given)):
                self._bring_work(builder)
        builder.ret(builder.call(self.body, [pointers, dims, given]))

    def _bring_work(self, builder: ir.IRBuilder) -> None:
        pointers, dims = self.function.args

        def run(work: ir.Value) -> ir.Value:
            return builder.call(self.body, [pointers, dims, builder.bitcast(work, self.real.as_pointer())])

        scope = Scope(builder, self.real, self._load_dims(builder, dims), self._pointer)
        elements: ir.Value = ir.Constant(I64, padded(self.layout.scratch))
        for size in self.layout.slots:
            elements = builder.add(elements, scope.size(padded(size)))
        width = ir.Constant(I64, 8 if self.letter == "d" else 4)
        Workspace(builder, self.key, self.use).call(builder.mul(elements, width), run)

    def _load_dims(self, builder: ir.IRBuilder, dims: ir.Value) -> dict[str, ir.Value]:
        """Return the values of the named sizes, and the rows of a strip if there are strips."""
        named = {dim: builder.load(builder.gep(dims, [ir.Constant(I64, k)])) for k, dim in enumerate(self.program.dims)}
        block = self.program.block
        if block is None:
            return named
        return {**named, f"{block.name}.block": emit_block(Scope(builder, self.real, named, self._pointer), block)}

    def _emit_body(self) -> None:
        pointers, dims, work = self.body.args
        arrays = [(Region.ARRAYS, member) for member in range(len(self.layout.array_shapes))]
        for position, base in enumerate([*arrays, (Region.SCALARS, 0)]):
            self.bases[base] = self.builder.load(self.builder.gep(pointers, [ir.Constant(I64, position)]))
        self.scope.dims = self._load_dims(self.builder, dims)
        self._place_work(work)
        for member, buffer in enumerate(self.program.select(BufferKind.TABLE)):
            self.bases[Region.TABLES, member] = self._table(self.program.buffers[buffer], f"table_{self.key}_{member}")
        for statement in self.program.statements:
            self._statement(statement)
        self.builder.ret(ir.Constant(I32, 0))

    def _statement(self, statement: Statement) -> None:
        match statement:
            case Strip():
                self._strip(statement)
            case Call() if statement.name != WEIGHTED_GRAM:
                self._routine(statement)
            case Fill():
                count = element_count(self.program.buffers[statement.buffer].shape)
                emit_fill(self.scope, statement, self.scope.size(count))
            case Loop() | Matmul() | Recur() | Call() | Interpret():
                self._call_function(statement, f"statement_{self.key}_{len(self.functions)}")

    def _strip(self, strip: Strip) -> None:
        """Emit the loop over strips; sizes that depend on the strip are computed in it."""
        outside, b = self.scope, self.builder
        total, block = outside.dims[strip.name], outside.dims[f"{strip.name}.block"]
        rounded_up = b.sub(b.add(total, block), ir.Constant(I64, 1))
        with outside.loop(b.sdiv(rounded_up, block)) as index:
            start = b.mul(index, block)
            left = b.sub(total, start)
            rows = b.select(b.icmp_signed("<", left, block), left, block)
            dims = {**outside.dims, f"{strip.name}.start": start, f"{strip.name}.rows": rows}
            self.scope = Scope(b, self.real, dims, self._pointer, self.options.reproducible)
            for statement in strip.body:
                self._statement(statement)
        self.scope = outside

    def _place_work(self, work: ir.Value) -> None:
        self.bases[Region.SCRATCH, 0] = work
        offset: ir.Value = ir.Constant(I64, padded(self.layout.scratch))
        for member, size in enumerate(self.layout.slots):
            self.bases[Region.SLOTS, member] = self.builder.gep(work, [offset])
            offset = self.builder.add(offset, self.scope.size(padded(size)))

    def _table(self, buffer: Buffer, name: str) -> ir.Value:
        """Return the pointer to a constant array."""
        assert buffer.table is not None
        values = np.array(buffer.table.values(), np.int32 if buffer.table.typecode == "i" else self.options.dtype)
        place = constant_array(self.builder.module, name, values)
        return self.builder.bitcast(place, self.real.as_pointer())

    def _pointer(self, buffer: int) -> ir.Value:
        place = self.layout.places[buffer]
        return _at(self.builder, self.bases[place.base], place.element)

    def _call_function(self, statement: Loop | Matmul | Recur | Call | Interpret, name: str) -> None:
        """Call the function of a statement; statements that differ in nothing but their buffers share it."""
        order: list[int] = []

        def place_in_order(match: re.Match[str]) -> str:
            buffer = int(match[1])
            if buffer not in order:
                order.append(buffer)
            return f"b#{order.index(buffer)}"

        text = _BUFFER.sub(place_in_order, "\n".join(statement.lines()))
        places = [self.layout.places[buffer] for buffer in order]
        bases = list(dict.fromkeys(place.base for place in places))
        runs = find_runs(statement, self.positions) if isinstance(statement, Loop) else None
        held = (runs.rows, tuple(runs.steps.values())) if runs is not None else ()  # the code depends on the tables
        key = text, len(self.scope.dims), tuple((bases.index(place.base), place.element) for place in places), held
        if key not in self.functions:
            self.functions[key] = self._function(statement, name, bases, runs)
        self.builder.call(self.functions[key], [*self.scope.dims.values(), *(self.bases[base] for base in bases)])

    def _function(
        self, statement: Loop | Matmul | Recur | Call | Interpret, name: str, bases: list[Base], runs: Runs | None
    ) -> ir.Function:
        pointer = self.real.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [I64] * len(self.scope.dims) + [pointer] * len(bases))
        function = ir.Function(self.function.module, kind, name)
        function.linkage = "internal"
        prefer_wide_vectors(function)
        if isinstance(statement, Loop) and _many_calls(statement):
            function.attributes.add("optnone")
        dims = dict(zip(self.scope.dims, function.args, strict=False))
        arguments = dict(zip(bases, function.args[len(dims) :], strict=True))
        for argument in arguments.values():
            argument.add_attribute("noalias")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        scope = Scope(builder, self.real, dims, self._pointers_in(builder, arguments), self.options.reproducible)
        match statement:
            case Loop() if runs is not None:
                emit_runs(scope, statement, runs, f"runs_of_{name}", emit_loop, self.use)
            case Loop():
                emit_loop(scope, statement, self.use)
            case Matmul():
                emit_matmul(scope, statement, self.use)
            case Recur():
                emit_recurrence(scope, statement)
            case Call():
                emit_weighted_gram(scope, statement, self.use)
            case Interpret():
                emit_interpreter(scope, statement, self.use)
        builder.ret_void()
        return function

    def _pointers_in(self, builder: ir.IRBuilder, arguments: Mapping[Base, ir.Value]) -> Callable[[int], ir.Value]:
        def pointer(buffer: int) -> ir.Value:
            place = self.layout.places[buffer]
            return _at(builder, arguments[place.base], place.element)

        return pointer

    def _routine(self, call: Call) -> None:
        for size in (call.size, call.columns, *call.batch):
            self.scope.size(size)
        for access in (*call.operands, call.result):
            for size in (access.at.offset, *access.at.strides):
                self.scope.size(size)
        run = self._emitted_routine(call) if is_emitted(call.name) else self._python_routine(call)
        with ExitStack() as loops:
            indices = [loops.enter_context(self.scope.loop(self.scope.size(extent))) for extent in call.batch]
            pointers = [self.scope.element(x.buffer, x.at, indices) for x in (*call.operands, call.result)]
            run([self.scope.size(call.size), self.scope.size(call.columns), *pointers])

    def _emitted_routine(self, call: Call) -> Callable[[list[ir.Value]], object]:
        key = ("routine", call.name)
        if key not in self.functions:
            self.functions[key] = routine_function(self.function.module, call.name, self.key, self.real, self.use)
        return partial(self.builder.call, self.functions[key])

    def _python_routine(self, call: Call) -> Callable[[list[ir.Value]], object]:
        for symbol in symbols_of(call.name, self.letter):
            register(symbol)
            self.use(symbol)
        pointer = types.CPointer(self.numba_real)
        signature = types.void(types.intp, types.intp, *[pointer] * (len(call.operands) + 1))
        routine = make_routine(call.name, self.letter, self.numba_real)

        def run(args: list[ir.Value]) -> None:
            compiled = self.context.compile_subroutine(self.builder, routine, signature)
            status, _ = self.context.call_internal_no_propagate(self.builder, compiled.fndesc, signature, args)
            with self.builder.if_then(status.is_error, likely=False):
                self.builder.ret(status.code)

        return run


def _many_calls(loop: Loop) -> bool:
    """Say whether straight-line code calls so much that optimising it takes seconds and gains a few per cent."""
    calls = sum(isinstance(item, Compute) and isinstance(item.code, Libm | Special) for item in loop.body)
    return not loop.extents and calls > _MANY_CALLS


def _at(builder: ir.IRBuilder, base: ir.Value, element: int) -> ir.Value:
    return builder.gep(base, [ir.Constant(I64, element)], inbounds=True) if element else base
