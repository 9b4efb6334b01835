"""A kernel program as an external C function, each statement of it an internal one with `noalias` pointers.

The C function is `int symgrad_<hash>(T** pointers, const int64_t* dims)`. `pointers` lists, in the order of `Layout`,
the arrays (inputs, then outputs, that have axes), the block of scalars and the work memory; `dims` are the values of
`program.dims`. It returns 0, or another number when memory ran out. The Numba function around it is for Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from llvmlite import ir
from numba import njit
from numba.core import cgutils
from numba.core import types as numba_types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from symgrad.backends.numba.entry import entry_symbol, make_entry
from symgrad.backends.numba.factored import is_emitted, routine_function
from symgrad.backends.numba.layout import Layout, Region, round_up
from symgrad.backends.numba.loops import emit_fill, emit_loop, emit_recurrence
from symgrad.backends.numba.matrices import emit_matmul
from symgrad.backends.numba.routines import make_routine, symbols_of
from symgrad.backends.numba.scope import I64, Scope, emit_block
from symgrad.backends.numba.symbols import Symbol, register
from symgrad.backends.numba.vector_math import prefer_wide_vectors
from symgrad.backends.options import Options
from symgrad.core.dims import element_count
from symgrad.core.numeric import Libm, Special
from symgrad.lowering.kernel_ir import Call, Compute, Fill, Loop, Matmul, Program, Recur, Statement, Strip

I32 = ir.IntType(32)
Base = tuple[Region, int]
types: Any = numba_types  # not typed for mypy
_REALS: dict[str, tuple[Any, ir.Type, str]] = {
    "float64": (types.float64, ir.DoubleType(), "d"),
    "float32": (types.float32, ir.FloatType(), "s"),
}


def compile_function(program: Program, layout: Layout, options: Options, key: str) -> tuple[Any, tuple[Symbol, ...]]:
    """Return Numba's compilation result for a program, and the C functions it calls.

    The function takes (arrays, scalars, work, dims) as `Layout` describes them; `key` names it and the C function.
    """
    real = _REALS[options.dtype][0]
    arrays = types.BaseTuple.from_types([types.Array(real, len(shape), "C") for shape in layout.array_shapes])
    vector = types.Array(real, 1, "C")
    signature = types.void(arrays, vector, vector, types.Array(types.int64, 1, "C"))
    used: dict[Symbol, None] = {}
    entry = make_entry(_make_body(program, layout, options, key, used), key)
    dispatcher = njit(signature, error_model="numpy", nogil=True)(entry)
    return dispatcher.overloads[signature.args], tuple(sorted(used))


def _make_body(program: Program, layout: Layout, options: Options, key: str, used: dict[Symbol, None]) -> Any:
    @intrinsic
    def body(typing_context, arrays, scalars, work, dims):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            main = _Main(context, builder.module, program, layout, options, key, used.setdefault)
            main.emit()
            _call_entry(context, builder, main.function, signature.args, args)
            return context.get_dummy_value()

        return types.void(arrays, scalars, work, dims), codegen

    return body


_MANY_CALLS = 50
_BUFFER = re.compile(r"\bb(\d+)(?=\[)")


def _call_entry(context: Any, builder: ir.IRBuilder, entry: ir.Function, kinds: Sequence[Any], args: Any) -> None:
    """Call the C function with (arrays, scalars, work, dims) as Numba passes them."""
    members = [(kind, builder.extract_value(args[0], member)) for member, kind in enumerate(kinds[0].types)]
    *pointers, dims = [
        make_array(kind)(context, builder, value).data
        for kind, value in [*members, *zip(kinds[1:], args[1:], strict=True)]
    ]
    table = cgutils.alloca_once(builder, pointers[0].type, size=len(pointers))
    for position, pointer in enumerate(pointers):
        builder.store(pointer, builder.gep(table, [ir.Constant(I64, position)]))
    status = builder.call(entry, [table, dims])
    with builder.if_then(cgutils.is_not_null(builder, status), likely=False):
        context.call_conv.return_user_exc(builder, MemoryError, ("there is no memory for a routine of the kernel",))


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
        kind = ir.FunctionType(I32, [self.real.as_pointer().as_pointer(), I64.as_pointer()])
        self.function = ir.Function(module, kind, entry_symbol(key))
        self.function.attributes.add("noinline")  # its code is wanted once
        self.builder = builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.bases: dict[Base, ir.Value] = {}
        self.functions: dict[tuple[object, ...], ir.Function] = {}
        self.scope = Scope(builder, self.real, {}, self._pointer, options.reproducible)

    def emit(self) -> None:
        """Emit everything."""
        pointers, dims = self.function.args
        arrays = [(Region.ARRAYS, member) for member in range(len(self.layout.array_shapes))]
        for position, base in enumerate([*arrays, (Region.SCALARS, 0), (Region.SCRATCH, 0)]):
            self.bases[base] = self.builder.load(self.builder.gep(pointers, [ir.Constant(I64, position)]))
        self.scope.dims = {
            dim: self.builder.load(self.builder.gep(dims, [ir.Constant(I64, k)]))
            for k, dim in enumerate(self.program.dims)
        }
        if self.program.block is not None:
            self.scope.dims[f"{self.program.block.name}.block"] = emit_block(self.scope, self.program.block)
        self._place_slots()
        for statement in self.program.statements:
            self._statement(statement)
        self.builder.ret(ir.Constant(I32, 0))

    def _statement(self, statement: Statement) -> None:
        match statement:
            case Strip():
                self._strip(statement)
            case Call():
                self._routine(statement)
            case Fill():
                count = element_count(self.program.buffers[statement.buffer].shape)
                emit_fill(self.scope, statement, self.scope.size(count))
            case Loop() | Matmul() | Recur():
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

    def _place_slots(self) -> None:
        work = self.bases[Region.SCRATCH, 0]
        offset: ir.Value = ir.Constant(I64, round_up(self.layout.scratch))
        line = round_up(1)
        for member, size in enumerate(self.layout.slots):
            self.bases[Region.SLOTS, member] = self.builder.gep(work, [offset])
            padded = self.builder.add(self.scope.size(size), ir.Constant(I64, line - 1))
            offset = self.builder.add(offset, self.builder.and_(padded, ir.Constant(I64, -line)))

    def _pointer(self, buffer: int) -> ir.Value:
        place = self.layout.places[buffer]
        return _at(self.builder, self.bases[place.base], place.element)

    def _call_function(self, statement: Loop | Matmul | Recur, name: str) -> None:
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
        key = text, len(self.scope.dims), tuple((bases.index(place.base), place.element) for place in places)
        if key not in self.functions:
            self.functions[key] = self._function(statement, name, bases)
        self.builder.call(self.functions[key], [*self.scope.dims.values(), *(self.bases[base] for base in bases)])

    def _function(self, statement: Loop | Matmul | Recur, name: str, bases: list[Base]) -> ir.Function:
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
            case Loop():
                emit_loop(scope, statement, self.use)
            case Matmul():
                emit_matmul(scope, statement, self.use)
            case Recur():
                emit_recurrence(scope, statement)
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
