"""Loops that add to an array what an earlier loop has put there one place further on become one loop.

The gradient of `sum((x[1:] - x[:-1]**2)**2)` is stored at i + 1 by one loop and added to at i by another. In one loop
the element that is stored in a step is added to in the next, so the emitted code keeps it in a register: the array is
written once and never read, and what both loops compute is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from symgrad.core.numeric import Instruction
from symgrad.lowering.kernel_ir import (
    Accumulate,
    BodyItem,
    Compute,
    Effect,
    Fill,
    Loop,
    Program,
    Statement,
    Strip,
    accesses,
)

_LONGEST_BODY = 400


def join_shifted(program: Program) -> Program:
    """Return the program with loops joined where that keeps the order of all that meets in an element."""
    statements: list[Statement] = []
    for statement in program.statements:
        place = _partner(statements, statement)
        if place is None:
            statements.append(statement)
        else:
            statements[place] = _joined(statements[place], statement)  # type: ignore[arg-type]  # `_partner` saw them
    return replace(program, statements=tuple(statements))


def follower(effects: Sequence[Effect], position: int) -> int | None:
    """Return which effect adds to the element that the one at `position` has set in the step before.

    It is the next one on that buffer. No other may reach the element while it is on its way: from first to last, all
    effects on the buffer must be as far ahead or one step behind.
    """
    buffer = effects[position].target.buffer
    later = [k for k in range(position + 1, len(effects)) if effects[k].target.buffer == buffer]
    if not later or _distance(effects[position], effects[later[0]]) != 1 or not _stays_behind(effects, buffer, 1):
        return None
    return later[0]


def _partner(statements: Sequence[Statement], added: Statement) -> int | None:
    """Return the place of the loop that `added` can be joined with: what lies between does not depend on it."""
    if not isinstance(added, Loop) or len(added.extents) != 1 or not any(map(_adds, added.effects)):
        return None
    for place in range(len(statements) - 1, -1, -1):
        if _can_join(statements[place], added):
            return place
        if _conflict(statements[place], added):
            return None
    return None


def _can_join(first: Statement, second: Loop) -> bool:
    if not isinstance(first, Loop) or first.extents != second.extents:
        return False
    if len(first.body) + len(second.body) > _LONGEST_BODY:
        return False
    common = _written(first) & _written(second)
    if not common or _read(second) & _written(first) or _read(first) & _written(second):
        return False
    return all(_stays_behind([*first.effects, *second.effects], buffer, len(first.effects)) for buffer in common)


def _stays_behind(effects: Sequence[Effect], buffer: int, added: int) -> bool:
    """Does each effect on a buffer from the one at `added` on add what the one before reached now or a step before?"""
    positions = [k for k, effect in enumerate(effects) if effect.target.buffer == buffer]
    return all(
        _adds(effects[later]) and _distance(effects[earlier], effects[later]) in (0, 1)
        for earlier, later in pairwise(positions)
        if later >= added
    )


def _adds(effect: Effect) -> bool:
    moves = effect.target.at.strides[-1:] != (0,)
    return isinstance(effect, Accumulate) and effect.combine is Instruction.ADD and moves


def _distance(earlier: Effect, later: Effect) -> int | None:
    """Return how many steps after `earlier` the effect `later` reaches an element, if all their elements meet so."""
    a, b = earlier.target, later.target
    if a.through is not None or b.through is not None or a.at.strides != b.at.strides or not a.at.strides:
        return None
    apart = a.at.offset - b.at.offset
    return 0 if apart == 0 else 1 if apart == a.at.strides[-1] else None


def _conflict(a: Statement, b: Statement) -> bool:
    written_a, written_b = _written(a), _written(b)
    return bool(written_a & (written_b | _read(b)) or written_b & _read(a))


def _read(statement: Statement) -> set[int]:
    return {access.buffer for access in accesses(statement)[0]}


def _written(statement: Statement) -> set[int]:
    if isinstance(statement, Fill):
        return {statement.buffer}
    if isinstance(statement, Strip):
        return set().union(*map(_written, statement.body))
    return {access.buffer for access in accesses(statement)[1]}


def _joined(first: Loop, second: Loop) -> Loop:
    """Return one loop; items that are in both bodies are there once."""
    items: dict[BodyItem, int] = {item: k for k, item in enumerate(first.body)}
    body = [*first.body]
    renamed: list[int] = []
    for item in second.body:
        moved = Compute(item.code, tuple(renamed[k] for k in item.operands)) if isinstance(item, Compute) else item
        if moved not in items:
            items[moved] = len(body)
            body.append(moved)
        renamed.append(items[moved])
    effects = tuple(replace(effect, value=renamed[effect.value]) for effect in second.effects)
    return Loop(first.extents, tuple(body), (*first.effects, *effects))
