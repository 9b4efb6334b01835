"""Split long straight-line code: a compiler's time grows faster than the length of a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from symgrad.lowering.kernel_ir import Access, Affine, BodyItem, Compute, Effect, Load, Loop, Store

LONGEST = 1000  # items in one piece
_SCALAR = Affine(0, ())


def split(loop: Loop, new_scalar: Callable[[], int], longest: int = LONGEST) -> list[Loop]:
    """Return pieces of straight-line code; `new_scalar` makes a work buffer for a value that a later piece uses.

    Numbers and loads are repeated in each piece that needs them.
    """
    assert not loop.extents
    if len(loop.body) <= longest:
        return [loop]
    carried = _carried(loop, longest)
    homes: dict[int, int] = {}
    effects: dict[int, list[Effect]] = {}
    for effect in loop.effects:
        effects.setdefault(effect.value // longest, []).append(effect)
    pieces = []
    for start in range(0, len(loop.body), longest):
        piece = _Piece(loop.body, homes)
        for position in range(start, min(start + longest, len(loop.body))):
            if isinstance(loop.body[position], Compute):
                piece.take(position)
        ending = effects.get(start // longest, [])
        stores: list[Effect] = [replace(effect, value=piece.take(effect.value)) for effect in ending]
        for position in sorted(carried.intersection(range(start, start + longest))):
            homes[position] = new_scalar()
            stores.append(Store(Access(homes[position], _SCALAR), piece.take(position)))
        if stores:
            pieces.append(Loop((), tuple(piece.items), tuple(stores)))
    return pieces


class _Piece:
    """Items of one piece, numbered anew."""

    def __init__(self, body: tuple[BodyItem, ...], homes: dict[int, int]) -> None:
        self.items: list[BodyItem] = []
        self._body = body
        self._homes = homes
        self._new: dict[int, int] = {}

    def take(self, position: int) -> int:
        """Return the new number of an item; its operands from earlier pieces are loaded."""
        if position in self._new:
            return self._new[position]
        item = self._body[position]
        if position in self._homes:
            item = Load(Access(self._homes[position], _SCALAR))
        elif isinstance(item, Compute):
            item = Compute(item.code, tuple(self._operand(k) for k in item.operands))
        self._new[position] = len(self.items)
        self.items.append(item)
        return self._new[position]

    def _operand(self, position: int) -> int:
        known = position in self._new or position in self._homes or not isinstance(self._body[position], Compute)
        assert known, "operands come before their users"
        return self.take(position)


def _carried(loop: Loop, longest: int) -> set[int]:
    """Return the computed values that a piece after their own uses."""
    return {
        operand
        for position, item in enumerate(loop.body)
        if isinstance(item, Compute)
        for operand in item.operands
        if operand // longest < position // longest and isinstance(loop.body[operand], Compute)
    }
