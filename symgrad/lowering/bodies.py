"""The body of a loop: inline what is not stored, following each access back to memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from symgrad.core.dims import Shape, Size
from symgrad.core.expr import Expr, Literal
from symgrad.core.numeric import (
    BandMask,
    Fill,
    Gather,
    Instruction,
    IntegerPower,
    Libm,
    Reshape,
    Scalar,
    SizeValue,
    Special,
    Table,
    Take,
)
from symgrad.lowering.addressing import (
    Where,
    constant,
    linear,
    row_major,
    through_broadcast,
    through_index,
    through_ones,
)
from symgrad.lowering.kernel_ir import (
    Access,
    BodyItem,
    Compute,
    Effect,
    Inside,
    Load,
    Loop,
    Number,
    SizeNumber,
)
from symgrad.lowering.schedule import Role, Schedule

Place = tuple[Expr, Where]


class BodyBuilder:
    """Collects the items and effects of one loop over `extents`.

    `memory` gives the buffer of a node, if it is complete, `strides` those of its elements there, and `table` the
    buffer of a table.
    """

    def __init__(
        self,
        extents: Shape,
        schedule: Schedule,
        memory: Callable[[Expr], int | None],
        strides: Callable[[Expr], tuple[Size, ...]],
        table: Callable[[Table], int],
    ) -> None:
        self.extents = extents
        self.rank = len(extents)
        self.items: list[BodyItem] = []
        self.effects: list[Effect] = []
        self._schedule = schedule
        self._memory = memory
        self._strides = strides
        self._table = table
        self._places: dict[Place, int] = {}
        self._positions: dict[BodyItem | str, int] = {}

    def value(self, node: Expr, where: Where) -> int:
        """Return the position in the body of the value of `node` at `where`."""
        stack = [(node, where)]
        while stack:
            place = stack[-1]
            if place in self._places:
                stack.pop()
                continue
            needed = self._operands(place)
            missing = [p for p in needed if p not in self._places]
            if missing:
                stack.extend(reversed(missing))
                continue
            self._places[place] = self._emit(place, tuple(self._places[p] for p in needed))
            stack.pop()
        return self._places[node, where]

    def negated(self, value: int) -> int:
        """Return the position of minus a value of the body."""
        return self._add(Compute(Instruction.NEG, (value,)))

    def loop(self) -> Loop:
        """Return the finished loop, without values that nothing uses."""
        used = {effect.value for effect in self.effects}
        for position in range(len(self.items) - 1, -1, -1):
            item = self.items[position]
            if position in used and isinstance(item, Compute):
                used.update(item.operands)
        if len(used) == len(self.items):
            return Loop(self.extents, tuple(self.items), tuple(self.effects))
        new = {position: number for number, position in enumerate(sorted(used))}
        items = [self.items[position] for position in new]
        body = [Compute(x.code, tuple([new[k] for k in x.operands])) if isinstance(x, Compute) else x for x in items]
        return Loop(self.extents, tuple(body), tuple(replace(e, value=new[e.value]) for e in self.effects))

    def _operands(self, place: Place) -> list[Place]:
        node, where = place
        if self._schedule.roles[node] is not Role.INLINE or self._memory(node) is not None:
            return []
        form = self._schedule.forms[node]
        operands = node.operands
        match form:
            case Gather(index):
                return [(operands[0], through_index(index, where, self.rank))]
            case Reshape():
                return [(operands[0], through_ones(operands[0].shape, node.shape, where, self.rank))]
            case Take():
                return []
            case BandMask():
                return [(operands[0], where)]
            case IntegerPower():  # the exponent, another operand, is in the code
                return [(operands[0], through_broadcast(operands[0].shape, where, self.rank))]
            case _:
                return [(x, through_broadcast(x.shape, where, self.rank)) for x in operands]

    def _emit(self, place: Place, operands: tuple[int, ...]) -> int:
        node, where = place
        if isinstance(node, Literal):
            return self._add(Number(float(node.value)))
        buffer = self._memory(node)
        if buffer is not None:
            return self._add(Load(Access(buffer, linear(self._strides(node), where, self.rank))))
        match self._schedule.forms[node]:
            case Instruction() | Libm() | Special() | IntegerPower() as code:
                return self._compute(code, operands)
            case Gather() | Reshape():
                return operands[0]
            case Fill(value):
                return self._add(Number(float(value)))
            case SizeValue(size):
                return self._add(SizeNumber(size))
            case Take(table):
                source = self._memory(node.operands[0])
                assert source is not None, "elements are taken from memory"
                at = linear(row_major(node.shape), where, self.rank)
                return self._add(Load(Access(source, at, self._table(table))))
            case BandMask(upper):
                return self._banded(where, upper, operands[0])
            case form:
                raise TypeError(f"{form} cannot be part of a loop's body")

    def _compute(self, code: Scalar, operands: tuple[int, ...]) -> int:
        """Signs of factors move outwards, which is exact: products that differ by a sign are computed once."""
        if code in (Instruction.MUL, Instruction.DIV):
            negated = [isinstance(item := self.items[k], Compute) and item.code is Instruction.NEG for k in operands]
            if any(negated):
                bare = tuple(self._operand(k) if sign else k for k, sign in zip(operands, negated, strict=True))
                product = self._add(Compute(code, bare))
                return product if all(negated) else self._add(Compute(Instruction.NEG, (product,)))
        return self._add(Compute(code, operands))

    def _operand(self, position: int) -> int:
        item = self.items[position]
        assert isinstance(item, Compute)
        return item.operands[0]

    def _banded(self, where: Where, upper: int, value: int) -> int:
        row, column = where[-2:]
        reach = row.plus(column.scaled(-1)).plus(constant(upper, self.rank))
        inside, zero = self._add(Inside(reach)), self._add(Number(0.0))
        return self._add(Compute(Instruction.SELECT, (inside, value, zero)))

    def _add(self, item: BodyItem) -> int:
        key = str(item) if isinstance(item, Number) else item  # 0.0 == -0.0, but they are two numbers
        if key not in self._positions:
            self._positions[key] = len(self.items)
            self.items.append(item)
        return self._positions[key]
