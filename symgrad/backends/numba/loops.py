"""Loops of the kernel IR as LLVM code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from llvmlite import ir
from numba.core import cgutils

from symgrad.backends.numba.scalars import emit_scalar, intrinsic
from symgrad.backends.numba.scope import I64, Scope
from symgrad.backends.numba.symbols import Symbol
from symgrad.core.numeric import Instruction
from symgrad.lowering.kernel_ir import (
    Accumulate,
    BodyItem,
    Compute,
    Fill,
    Inside,
    Load,
    Loop,
    Number,
    Recur,
    SizeNumber,
)
from symgrad.lowering.shifting import follower

_REORDER = ("reassoc", "contract", "nsz", "arcp")  # for reductions only; never nnan or ninf
_REDUCTIONS = {Instruction.MAXIMUM: "llvm.maximum", Instruction.MINIMUM: "llvm.minimum"}
_START = {
    Instruction.ADD: 0.0,
    Instruction.MUL: 1.0,
    Instruction.MAXIMUM: float("-inf"),
    Instruction.MINIMUM: float("inf"),
}


def emit_loop(scope: Scope, loop: Loop, use: Callable[[Symbol], None]) -> None:
    """Emit a loop nest; accumulators that stand still in the innermost loop live in registers there."""
    _prepare_sizes(scope, loop)
    if not loop.extents:
        _emit_body(scope, loop, [], {}, use, _Carried({}, {}))
        return
    with ExitStack() as outer:
        indices = [outer.enter_context(scope.loop(scope.size(extent))) for extent in loop.extents[:-1]]
        _emit_innermost(scope, loop, indices, use)


def emit_fill(scope: Scope, fill: Fill, count: ir.Value) -> None:
    """Emit the loop that sets every element, or the one store."""
    if isinstance(count, ir.Constant) and count.constant == 1:
        scope.builder.store(scope.number(fill.value), scope.pointers(fill.buffer))
        return
    with scope.loop(count) as index:
        scope.builder.store(scope.number(fill.value), scope.builder.gep(scope.pointers(fill.buffer), [index]))


def emit_recurrence(scope: Scope, recur: Recur) -> None:
    """Emit the loops; the running value is a variable that LLVM keeps in a register."""
    for size in (*recur.extents, recur.length):
        scope.size(size)
    for access in (recur.a, recur.b, recur.c):
        for size in (access.at.offset, *access.at.strides):
            scope.size(size)
    b = scope.builder
    running = cgutils.alloca_once(b, scope.real)
    with ExitStack() as outer:
        indices = [outer.enter_context(scope.loop(scope.size(extent))) for extent in recur.extents]
        b.store(scope.number(recur.initial), running)
        with scope.loop(scope.size(recur.length)) as index:
            factor, term, target = (
                scope.element(x.buffer, x.at, [*indices, index]) for x in (recur.a, recur.b, recur.c)
            )
            value = b.load(running)
            b.store(value, target)
            b.store(b.fadd(b.fmul(b.load(factor), value), b.load(term)), running)


def _prepare_sizes(scope: Scope, loop: Loop) -> None:
    """Compute every size in the entry block, where it dominates all of its uses."""
    for extent in loop.extents:
        scope.size(extent)
    loads = [item.source.at for item in loop.body if isinstance(item, Load)]
    guards = [item.at for item in loop.body if isinstance(item, Inside)]
    for at in (*loads, *guards, *(effect.target.at for effect in loop.effects)):
        for size in (at.offset, *at.strides):
            scope.size(size)
    for item in loop.body:
        if isinstance(item, SizeNumber):
            scope.size(item.size)


def _emit_innermost(scope: Scope, loop: Loop, outer: list[ir.Value], use: Callable[[Symbol], None]) -> None:
    b = scope.builder
    carried = _Carried.of(loop)
    extent, before, zero = scope.size(loop.extents[-1]), b.block, ir.Constant(I64, 0)
    first, body, last, after = (b.append_basic_block(name) for name in ("first", "inner", "last", "done"))
    b.cbranch(b.icmp_signed("<", zero, extent), first, after)
    b.position_at_end(first)
    starts = {k: b.load(scope.accessed(loop.effects[k].target, [*outer, zero])) for k in carried.next.values()}
    starts |= {k: ir.Constant(_register_type(scope, held), _START[held.combine]) for k, held in carried.held.items()}
    b.branch(body)
    b.position_at_end(body)
    index = b.phi(I64)
    index.add_incoming(zero, first)
    registers = {k: b.phi(start.type) for k, start in starts.items()}
    values = _emit_body(scope, loop, [*outer, index], registers, use, carried)
    following = b.add(index, ir.Constant(I64, 1), flags=["nsw"])
    index.add_incoming(following, b.block)
    for k, register in registers.items():
        register.add_incoming(starts[k], first)
        register.add_incoming(values[carried.source(k)], b.block)
    b.cbranch(b.icmp_signed("<", following, extent), body, last)
    b.position_at_end(last)
    for k in carried.next:
        b.store(values[k], scope.accessed(loop.effects[k].target, [*outer, index]))
    b.branch(after)
    b.position_at_end(after)
    totals = {k: b.phi(values[k].type) for k in carried.held}  # such nodes stand first in a block
    for k, total in totals.items():
        total.add_incoming(starts[k], before)
        total.add_incoming(values[k], last)
    for k, total in totals.items():
        narrow = total if total.type == scope.real else b.fptrunc(total, scope.real)
        _combine_into_memory(scope, carried.held[k], narrow, [*outer, zero])


@dataclass(frozen=True, slots=True)
class _Carried:
    """What an innermost loop carries in registers from step to step, by the positions of its effects.

    `held` are accumulators that stand still. `next` leads from an effect to the one that adds to the same element in
    the following step: only what is left after the last step is stored.
    """

    held: Mapping[int, Accumulate]
    next: Mapping[int, int]

    @staticmethod
    def of(loop: Loop) -> _Carried:
        effects = dict(enumerate(loop.effects))
        held = {k: e for k, e in effects.items() if isinstance(e, Accumulate) and e.target.at.strides[-1] == 0}
        found = {k: follower(loop.effects, k) for k in effects.keys() - held.keys()}
        return _Carried(held, {k: place for k, place in sorted(found.items()) if place is not None})

    def source(self, position: int) -> int:
        """Return the effect whose value the register of the one at `position` has in the next step."""
        return next((k for k, place in self.next.items() if place == position), position)


def _register_type(scope: Scope, effect: Accumulate) -> ir.Type:
    """A sum in a single float32 loses digits (4e-6 of a mean of 1e6 numbers); the lanes of vectors, some 32 partial
    sums, keep them (1e-7), and sums in float64 would cost them 5 to 20 % of the time."""
    return ir.DoubleType() if scope.reproducible and effect.combine is Instruction.ADD else scope.real


def _emit_body(
    scope: Scope,
    loop: Loop,
    indices: list[ir.Value],
    registers: Mapping[int, ir.Value],
    use: Callable[[Symbol], None],
    carried: _Carried,
) -> dict[int, ir.Value]:
    """Return, by the positions of the effects, the values that are carried to the next step; store the others."""
    values: list[ir.Value] = []
    for item in loop.body:
        values.append(_emit_item(scope, item, values, indices, use))
    kept: dict[int, ir.Value] = {}
    for k, effect in enumerate(loop.effects):
        value = values[effect.value]
        if isinstance(effect, Accumulate) and k in registers:
            wide = registers[k].type
            value = _combine(
                scope, effect.combine, registers[k], value if value.type == wide else scope.builder.fpext(value, wide)
            )
        elif isinstance(effect, Accumulate):
            value = _combine(scope, effect.combine, scope.builder.load(scope.accessed(effect.target, indices)), value)
        if k in carried.held or k in carried.next:
            kept[k] = value
        else:
            scope.builder.store(value, scope.accessed(effect.target, indices))
    return kept


def _emit_item(
    scope: Scope, item: BodyItem, values: list[ir.Value], indices: list[ir.Value], use: Callable[[Symbol], None]
) -> ir.Value:
    b = scope.builder
    match item:
        case Number(value):
            return scope.number(value)
        case SizeNumber(size):
            return b.sitofp(scope.size(size), scope.real)
        case Load(source):
            return b.load(scope.accessed(source, indices))
        case Inside(at):
            inside = b.icmp_signed(">=", scope.address(at, indices), ir.Constant(I64, 0))
            return b.uitofp(inside, scope.real)
        case Compute(code, operands):
            return emit_scalar(scope, code, [values[k] for k in operands], use)


def _combine_into_memory(scope: Scope, effect: Accumulate, value: ir.Value, indices: list[ir.Value]) -> None:
    pointer = scope.accessed(effect.target, indices)
    scope.builder.store(_combine(scope, effect.combine, scope.builder.load(pointer), value), pointer)


def _combine(scope: Scope, combine: Instruction, total: ir.Value, value: ir.Value) -> ir.Value:
    if combine is Instruction.ADD:
        return scope.builder.fadd(total, value, flags=() if scope.reproducible else _REORDER)
    if combine is Instruction.MUL:
        return scope.builder.fmul(total, value, flags=() if scope.reproducible else _REORDER)
    return intrinsic(scope, _REDUCTIONS[combine], [total, value], () if scope.reproducible else ("nsz",))
