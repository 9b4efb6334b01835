"""Kernels as functions for the user's own compiled code: `@njit` functions, and C function pointers.

They call the machine code at its address, which Numba knows to be good for this process only: a caller that asks for
`cache=True` gets a warning and is compiled in each process, so that no stale kernel is ever found in a cache. A kernel
that is a few operations without a loop is no call: its operations become part of the caller, where LLVM drops what is
not used and may vectorise the caller's loop.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from keyword import iskeyword
from typing import Any

from llvmlite import ir
from numba import cfunc, njit
from numba.core import cgutils
from numba.core import types as numba_types
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import _empty_nd_impl, make_array

from symgrad.backends.numba.calling import SHAPES, emit_call, place_numbers, read_numbers
from symgrad.backends.numba.kernel import CompiledKernel
from symgrad.backends.numba.layout import Layout, Region
from symgrad.backends.numba.loops import emit_loop
from symgrad.backends.numba.scope import I64, Scope
from symgrad.backends.numba.sizes import read_sizes, unreadable
from symgrad.backends.numba.symbols import Symbol
from symgrad.backends.numba.vector_math import keep
from symgrad.errors import OperandError, ShapeError
from symgrad.lowering.kernel_ir import BufferKind, Loop, Program

types: Any = numba_types  # not typed for mypy
_INLINED = 200  # operations of a kernel that becomes part of its caller
_BODIES = {
    "value": "return symgrad_call({inputs})[0]",
    "value_and_grad": "symgrad_found = symgrad_call({inputs}); return symgrad_found[0], symgrad_found[1:]",
    "forward": "symgrad_found = symgrad_call({inputs}); return symgrad_found[0], {inputs} + symgrad_found[1:]",
    "backward": "return symgrad_call(residuals + (cotangent,))",
}
_SCALAR = {  # how a C function of numbers passes them
    "double (double)": (types.float64(types.float64), "x", "x"),
    "double (double, void *)": (types.float64(types.float64, types.voidptr), "x, data", "x"),
    "double (int, double *)": (types.float64(types.intc, types.CPointer(types.float64)), "n, xx", "xx[{k}]"),
    "double (int, double *, void *)": (
        types.float64(types.intc, types.CPointer(types.float64), types.voidptr),
        "n, xx, data",
        "xx[{k}]",
    ),
}


def make_function(kernel: CompiledKernel, what: str, names: Sequence[str]) -> Any:
    """Return an `@njit` function of the inputs in order; `what` is a key of the table of bodies.

    Raises ShapeError when a size cannot be read off the inputs.
    """
    missing = unreadable(kernel.program, kernel.program.select(BufferKind.INPUT))
    if missing:
        raise ShapeError(f"the size {missing[0]} cannot be read off the shape of any input")
    plain = all(name.isidentifier() and not iskeyword(name) and not name.startswith("symgrad_") for name in names)
    parameters = list(names) if plain else [f"input_{k}" for k in range(len(names))]
    inputs = f"({''.join(f'{name}, ' for name in parameters)})"
    head = "residuals, cotangent" if what == "backward" else ", ".join(parameters)
    scope = {"symgrad_call": _caller(kernel), "__name__": __name__}
    return njit(_define(what, head, _BODIES[what].format(inputs=inputs), scope), nogil=True)


def make_scalar_function(value: Any, arity: int, signature: str) -> Any:
    """Return a C function pointer of a function of numbers. It gives NaN when called with a number of numbers that is
    not `arity`. OperandError for a signature that is not one of the table."""
    words = next((words for words in _SCALAR if _tight(words) == _tight(signature)), "")
    if not words:
        raise OperandError(f"signature is one of {', '.join(map(repr, _SCALAR))}, not {signature!r}")
    kind, head, item = _SCALAR[words]
    if "double *" not in words and arity != 1:
        raise OperandError(f"{words!r} is for a formula of one input, not of {arity}")
    call = f"symgrad_value({', '.join(item.format(k=k) for k in range(arity))})"
    body = f"return {call} if n == {arity} else symgrad_nan" if "double *" in words else f"return {call}"
    scope = {"symgrad_value": value, "symgrad_nan": float("nan"), "__name__": __name__}
    return cfunc(kind)(_define("function", head, body, scope)).ctypes


def _tight(signature: str) -> str:
    return "".join(signature.split())


def make_c_function(kernel: CompiledKernel) -> Any:
    """Return a pointer to the C function itself."""
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(kernel.address)


def _define(name: str, head: str, body: str, scope: dict[str, Any]) -> Callable[..., Any]:
    """Define a function: Numba wants a fixed number of parameters, and keywords use their names."""
    exec(f"def {name}({head}): {body}", scope)
    function: Callable[..., Any] = scope[name]
    return function


def _caller(kernel: CompiledKernel) -> Any:
    """Return the intrinsic that calls a kernel with a tuple of inputs and returns the tuple of its outputs."""
    program, layout = kernel.program, kernel.layout
    real = types.float64 if kernel.dtype == "float64" else types.float32
    outputs = types.Tuple([_kind(real, len(program.buffers[k].shape)) for k in program.select(BufferKind.OUTPUT)])

    @intrinsic
    def call(typing_context, arguments):  # type: ignore[no-untyped-def]  # noqa: ARG001
        for buffer, kind in zip(program.select(BufferKind.INPUT), arguments.types, strict=True):
            _check(program.buffers[buffer].name, kind, len(program.buffers[buffer].shape), real)

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return _Call(context, builder, kernel, real).emit(signature, args[0])

        return outputs(arguments), codegen

    assert len(layout.outputs) == len(outputs.types)
    return call


def _kind(real: Any, rank: int) -> Any:
    return types.Array(real, rank, "C") if rank else real


def _check(name: str, kind: Any, rank: int, real: Any) -> None:
    """Raise Numba's TypingError, which is what its users see, for an argument of another type."""
    if not rank and isinstance(kind, types.Integer | types.Float | types.Boolean):
        return
    if isinstance(kind, types.Array) and (kind.dtype, kind.ndim, kind.layout) == (real, rank, "C") and kind.aligned:
        return
    wanted = f"a C-contiguous array of {real} with {rank} axes" if rank else "a real number"
    raise TypingError(f"{name} must be {wanted}, not {kind}")


class _Call:
    """The code of one call in one function of the user's."""

    def __init__(self, context: Any, builder: ir.IRBuilder, kernel: CompiledKernel, real: Any) -> None:
        self.context, self.builder, self.kernel, self.real = context, builder, kernel, real

    def emit(self, signature: Any, arguments: ir.Value) -> ir.Value:
        """Emit it; return the tuple of the outputs."""
        context, builder, program = self.context, self.builder, self.kernel.program
        real = context.get_value_type(self.real)
        numbers, pointers, extents = self._inputs(signature.args[0], arguments)
        scope, fits = read_sizes(builder, real, program, extents)
        with builder.if_then(builder.not_(fits), likely=False):
            context.call_conv.return_user_exc(builder, ValueError, (SHAPES,))
        arrays = [
            _empty_nd_impl(context, builder, kind, [scope.size(size) for size in program.buffers[buffer].shape])
            for buffer, kind in zip(program.select(BufferKind.OUTPUT), signature.return_type.types, strict=True)
            if isinstance(kind, types.Array)
        ]
        pointers += [array.data for array in arrays]
        layout = self.kernel.layout
        if _is_short(program, layout):
            found = self._inlined(scope, pointers, numbers)
        else:
            found = emit_call(context, builder, self._function(real), scope, layout, program.dims, pointers, numbers)
        rest = iter(context.cast(builder, number, types.float64, self.real) for number in found)
        fresh = iter(array._getvalue() for array in arrays)
        outputs = [next(rest if place.region is Region.SCALARS else fresh) for place in self.kernel.layout.outputs]
        return context.make_tuple(builder, signature.return_type, outputs)

    def _inputs(
        self, kinds: Any, arguments: ir.Value
    ) -> tuple[list[ir.Value], list[ir.Value], dict[int, list[ir.Value]]]:
        """Return the numbers as doubles, the pointers to the arrays and their extents."""
        context, builder, program = self.context, self.builder, self.kernel.program
        numbers, pointers, extents = [], [], {}
        for position, (buffer, kind) in enumerate(zip(program.select(BufferKind.INPUT), kinds.types, strict=True)):
            value = builder.extract_value(arguments, position)
            if isinstance(kind, types.Array):
                array = make_array(kind)(context, builder, value)
                pointers.append(array.data)
                extents[buffer] = cgutils.unpack_tuple(builder, array.shape)
            else:
                numbers.append(context.cast(builder, value, kind, types.float64))
        return numbers, pointers, extents

    def _inlined(self, sizes: Scope, pointers: list[ir.Value], numbers: list[ir.Value]) -> list[ir.Value]:
        """Emit the statements themselves; return the outputs without axes as doubles, in order."""
        builder, layout, used = self.builder, self.kernel.layout, set[Symbol]()
        scalars = place_numbers(builder, sizes.real, layout, numbers)
        scratch = cgutils.alloca_once(builder, sizes.real, size=max(layout.scratch, 1))

        def pointer(buffer: int) -> ir.Value:
            place = layout.places[buffer]
            bases = {Region.SCALARS: scalars, Region.SCRATCH: scratch}
            base = bases[place.region] if place.region in bases else pointers[place.member]
            return builder.gep(base, [ir.Constant(I64, place.element)])

        scope = Scope(builder, sizes.real, sizes.dims, pointer, self.kernel.options.reproducible)
        for statement in self.kernel.program.statements:
            assert isinstance(statement, Loop)
            emit_loop(scope, statement, used.add)
        self._address()
        keep(builder.module, [builder.module.globals[f"numba.dynamic.globals.{self.kernel.address:x}"]])
        return read_numbers(builder, layout, scalars)

    def _function(self, real: ir.Type) -> ir.Value:
        kind = ir.FunctionType(ir.IntType(32), [real.as_pointer().as_pointer(), I64.as_pointer()])
        return self.builder.bitcast(self._address(), kind.as_pointer())

    def _address(self) -> ir.Value:
        """The address of the C function. A module that holds one is not cached by Numba."""
        return self.context.add_dynamic_addr(self.builder, self.kernel.address, info="a symgrad kernel")


def _is_short(program: Program, layout: Layout) -> bool:
    """Say whether a program is a few operations without a loop, work arrays and tables."""
    loops = [statement for statement in program.statements if isinstance(statement, Loop) and not statement.extents]
    few = sum(len(loop.body) for loop in loops) <= _INLINED
    whole = len(loops) == len(program.statements) and not layout.slots and not program.select(BufferKind.TABLE)
    return few and whole
