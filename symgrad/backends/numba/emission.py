"""A kernel program as one Numba function: each statement an internal LLVM function with `noalias` pointers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types as numba_types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from symgrad.backends.numba.entry import make_entry
from symgrad.backends.numba.interpreter import emit_interpreter
from symgrad.backends.numba.layout import Layout, Region, round_up
from symgrad.backends.numba.loops import emit_fill, emit_loop, emit_recurrence
from symgrad.backends.numba.matrices import emit_matmul
from symgrad.backends.numba.routines import make_routine, symbols_of
from symgrad.backends.numba.scope import I64, Scope
from symgrad.backends.numba.symbols import Symbol, register
from symgrad.backends.numba.vector_math import prefer_wide_vectors
from symgrad.core.dims import element_count
from symgrad.core.numeric import Libm, Special
from symgrad.lowering.kernel_ir import Buffer, BufferKind, Call, Compute, Fill, Interpret, Loop, Matmul, Program, Recur

Base = tuple[Region, int]
types: Any = numba_types  # not typed for mypy
_REALS: dict[str, tuple[Any, ir.Type, str]] = {
    "float64": (types.float64, ir.DoubleType(), "d"),
    "float32": (types.float32, ir.FloatType(), "s"),
}


def compile_function(program: Program, layout: Layout, dtype: str, name: str) -> tuple[Any, tuple[Symbol, ...]]:
    """Return Numba's compilation result for a program, and the C functions it calls.

    The function takes (arrays, scalars, work, dims) as `Layout` describes them.
    """
    real = _REALS[dtype][0]
    arrays = types.BaseTuple.from_types([types.Array(real, len(shape), "C") for shape in layout.array_shapes])
    vector = types.Array(real, 1, "C")
    signature = types.void(arrays, vector, vector, types.Array(types.int64, 1, "C"))
    used: dict[Symbol, None] = {}
    entry = make_entry(_make_body(program, layout, dtype, name, used), name)
    dispatcher = njit(signature, error_model="numpy", nogil=True)(entry)
    return dispatcher.overloads[signature.args], tuple(sorted(used))


def _make_body(program: Program, layout: Layout, dtype: str, name: str, used: dict[Symbol, None]) -> Any:
    @intrinsic
    def body(typing_context, arrays, scalars, work, dims):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            _Main(context, builder, program, layout, dtype, name, used.setdefault).emit(signature.args, args)
            return context.get_dummy_value()

        return types.void(arrays, scalars, work, dims), codegen

    return body


_MANY_CALLS = 50
_BUFFER = re.compile(r"\bb(\d+)(?=\[)")


class _Main:
    """The code of the kernel itself: pointers, then one call for each statement."""

    def __init__(
        self,
        context: Any,
        builder: ir.IRBuilder,
        program: Program,
        layout: Layout,
        dtype: str,
        name: str,
        use: Callable[[Symbol], None],
    ) -> None:
        self.context, self.builder, self.use = context, builder, use
        self.program, self.layout, self.name = program, layout, name
        self.dtype = dtype
        self.numba_real, self.real, self.letter = _REALS[dtype]
        self.bases: dict[Base, ir.Value] = {}
        self.functions: dict[tuple[object, ...], ir.Function] = {}
        self.scope = Scope(builder, self.real, {}, self._pointer)

    def emit(self, kinds: Sequence[Any], args: Sequence[ir.Value]) -> None:
        """Emit everything."""
        arrays, *vectors = args
        data = [self._data(kind, vector) for kind, vector in zip(kinds[1:], vectors, strict=True)]
        for member, kind in enumerate(kinds[0].types):
            value = self.builder.extract_value(arrays, member)
            self.bases[Region.ARRAYS, member] = self._data(kind, value)
        self.bases[Region.SCALARS, 0], work, dims = data
        self.scope.dims = {
            dim: self.builder.load(self.builder.gep(dims, [ir.Constant(I64, k)]))
            for k, dim in enumerate(self.program.dims)
        }
        self._place_work(work)
        for member, buffer in enumerate(self.program.select(BufferKind.TABLE)):
            self.bases[Region.TABLES, member] = self._table(self.program.buffers[buffer], f"{self.name}_table_{member}")
        for position, statement in enumerate(self.program.statements):
            match statement:
                case Call():
                    self._routine(statement)
                case Fill():
                    count = element_count(self.program.buffers[statement.buffer].shape)
                    emit_fill(self.scope, statement, self.scope.size(count))
                case Loop() | Matmul() | Recur() | Interpret():
                    self._call_function(statement, f"{self.name}_{position}")

    def _data(self, kind: Any, value: ir.Value) -> ir.Value:
        return make_array(kind)(self.context, self.builder, value).data

    def _place_work(self, work: ir.Value) -> None:
        self.bases[Region.SCRATCH, 0] = work
        offset: ir.Value = ir.Constant(I64, round_up(self.layout.scratch))
        line = round_up(1)
        for member, size in enumerate(self.layout.slots):
            self.bases[Region.SLOTS, member] = self.builder.gep(work, [offset])
            padded = self.builder.add(self.scope.size(size), ir.Constant(I64, line - 1))
            offset = self.builder.add(offset, self.builder.and_(padded, ir.Constant(I64, -line)))

    def _table(self, buffer: Buffer, name: str) -> ir.Value:
        """Return the pointer to a constant array; as a string, which LLVM reads much faster than numbers."""
        assert buffer.table is not None
        values = np.array(buffer.table.values(), np.int32 if buffer.table.typecode == "i" else self.dtype)
        content = bytearray(values.tobytes())
        kind = ir.ArrayType(ir.IntType(8), len(content))
        place = ir.GlobalVariable(self.builder.module, kind, name)
        place.linkage, place.global_constant, place.align = "internal", True, 64
        place.initializer = ir.Constant(kind, content)
        return self.builder.bitcast(place, self.real.as_pointer())

    def _pointer(self, buffer: int) -> ir.Value:
        place = self.layout.places[buffer]
        return _at(self.builder, self.bases[place.base], place.element)

    def _call_function(self, statement: Loop | Matmul | Recur | Interpret, name: str) -> None:
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
        key = text, tuple((bases.index(place.base), place.element) for place in places)
        if key not in self.functions:
            self.functions[key] = self._function(statement, name, bases)
        self.builder.call(self.functions[key], [*self.scope.dims.values(), *(self.bases[base] for base in bases)])

    def _function(self, statement: Loop | Matmul | Recur | Interpret, name: str, bases: list[Base]) -> ir.Function:
        pointer = self.real.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [I64] * len(self.program.dims) + [pointer] * len(bases))
        function = ir.Function(self.builder.module, kind, name)
        function.linkage = "internal"
        prefer_wide_vectors(function)
        if isinstance(statement, Loop) and _many_calls(statement):
            function.attributes.add("optnone")
        dims = dict(zip(self.program.dims, function.args, strict=False))
        arguments = dict(zip(bases, function.args[len(dims) :], strict=True))
        for argument in arguments.values():
            argument.add_attribute("noalias")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        scope = Scope(builder, self.real, dims, self._pointers_in(builder, arguments))
        match statement:
            case Loop():
                emit_loop(scope, statement, self.use)
            case Matmul():
                emit_matmul(scope, statement, self.use)
            case Recur():
                emit_recurrence(scope, statement)
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
        for symbol in symbols_of(call.name, self.letter):
            register(symbol)
            self.use(symbol)
        pointer = types.CPointer(self.numba_real)
        signature = types.void(types.intp, types.intp, *[pointer] * (len(call.operands) + 1))
        for size in (call.size, call.columns, *call.batch):
            self.scope.size(size)
        for access in (*call.operands, call.result):
            for size in access.at.strides:
                self.scope.size(size)
        routine = make_routine(call.name, self.letter, self.numba_real)
        with ExitStack() as loops:
            indices = [loops.enter_context(self.scope.loop(self.scope.size(extent))) for extent in call.batch]
            pointers = [self.scope.element(x.buffer, x.at, indices) for x in (*call.operands, call.result)]
            args = [self.scope.size(call.size), self.scope.size(call.columns), *pointers]
            self.context.compile_internal(self.builder, routine, signature, args)


def _many_calls(loop: Loop) -> bool:
    """Say whether straight-line code calls so much that optimising it takes seconds and gains a few per cent."""
    calls = sum(isinstance(item, Compute) and isinstance(item.code, Libm | Special) for item in loop.body)
    return not loop.extents and calls > _MANY_CALLS


def _at(builder: ir.IRBuilder, base: ir.Value, element: int) -> ir.Value:
    return builder.gep(base, [ir.Constant(I64, element)], inbounds=True) if element else base
