"""Work memory for a call that brings none: on the stack when small, else a block that the kernel keeps for later.

The kernel's module holds one idle block. A call takes it in one atomic step, so that two threads never share it, and
puts its own back in another. PyMem_RawMalloc needs no GIL, and tracemalloc sees it.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba.core import cgutils

from symgrad.backends.numba.scope import I64
from symgrad.backends.numba.symbols import Library, Symbol, register

STACK_BYTES = 16384
NO_MEMORY = 1  # the status of the C function
_HEAD = 64  # bytes in front of the work memory, of which the first eight say how much there is
_POINTER = ir.IntType(8).as_pointer()


class Workspace:
    """Emits the code around calls of `run`, which takes a pointer to work memory and returns a status."""

    def __init__(self, builder: ir.IRBuilder, key: str, use: Callable[[Symbol], None]) -> None:
        self._builder, self._key, self._use = builder, key, use

    def call(self, size: ir.Value, run: Callable[[ir.Value], ir.Value]) -> None:
        """Call `run` with `size` bytes and return its status, or NO_MEMORY, from the function that is built."""
        b = self._builder
        small = b.icmp_unsigned("<=", size, ir.Constant(I64, STACK_BYTES))
        with b.if_then(small):
            b.ret(run(b.alloca(ir.IntType(8), size)))
        if _is_constant(size) and size.constant <= STACK_BYTES:
            b.unreachable()
            return
        block = self._take(size)
        status = run(b.gep(block, [ir.Constant(I64, _HEAD)]))
        self._free(self._swap(b.ptrtoint(block, I64)))
        b.ret(status)

    def _take(self, size: ir.Value) -> ir.Value:
        """Return a block with room for `size` bytes: the idle one, or a new one in its place."""
        b = self._builder
        idle = self._swap(ir.Constant(I64, 0))
        block = cgutils.alloca_once_value(b, b.inttoptr(idle, _POINTER))
        room = cgutils.alloca_once_value(b, ir.Constant(I64, 0))
        with b.if_then(cgutils.is_not_null(b, idle), likely=True):
            b.store(b.load(b.inttoptr(idle, I64.as_pointer())), room)
        with b.if_then(b.icmp_unsigned("<", b.load(room), size), likely=False):
            self._free(idle)
            allocate = self._function("PyMem_RawMalloc", ir.FunctionType(_POINTER, [I64]))
            fresh = b.call(allocate, [b.add(size, ir.Constant(I64, _HEAD))])
            with b.if_then(cgutils.is_null(b, fresh), likely=False):
                b.ret(ir.Constant(ir.IntType(32), NO_MEMORY))
            b.store(size, b.bitcast(fresh, I64.as_pointer()))
            b.store(fresh, block)
        return b.load(block)

    def _swap(self, block: ir.Value) -> ir.Value:
        """Put a block in the place of the idle one, and return that."""
        name = f"idle_work_{self._key}"
        idle = self._builder.module.globals.get(name)
        if idle is None:
            idle = ir.GlobalVariable(self._builder.module, I64, name)
            idle.linkage, idle.initializer = "internal", ir.Constant(I64, 0)
        return self._builder.atomic_rmw("xchg", idle, block, "acq_rel")

    def _free(self, block: ir.Value) -> None:
        free = self._function("PyMem_RawFree", ir.FunctionType(ir.VoidType(), [_POINTER]))
        self._builder.call(free, [self._builder.inttoptr(block, _POINTER)])

    def _function(self, name: str, kind: ir.FunctionType) -> ir.Function:
        symbol = Symbol(Library.PYTHON.value, name)
        self._use(symbol)
        return cgutils.get_or_insert_function(self._builder.module, kind, register(symbol))


def _is_constant(value: ir.Value) -> bool:
    return isinstance(value, ir.Constant)
