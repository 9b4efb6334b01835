"""Let work buffers share memory once they are dead."""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush

from symgrad.core.dims import Size, element_count, named
from symgrad.lowering.kernel_ir import BufferKind, Program, Strip, buffers_touched


def share_slots(program: Program) -> Program:
    """Return the program with work buffers of equal size in one slot where their lives do not overlap."""
    lives = {b: life for b, life in _lives(program).items() if program.buffers[b].kind is BufferKind.WORK}
    count, slots = 0, dict[int, int]()
    ended: dict[Size, list[tuple[int, int]]] = {}  # by element count, a heap of (last use, slot)
    for buffer, (start, end) in sorted(lives.items(), key=lambda item: (item[1], item[0])):
        reusable = ended.setdefault(element_count(program.buffers[buffer].shape), [])
        if reusable and reusable[0][0] < start:
            slots[buffer] = heappop(reusable)[1]
        else:
            slots[buffer] = count
            count += 1
        heappush(reusable, (end, slots[buffer]))
    buffers = tuple(replace(b, slot=slots.get(k, 0)) for k, b in enumerate(program.buffers))
    return replace(program, buffers=buffers)


def _lives(program: Program) -> dict[int, tuple[int, int]]:
    """Return the first and the last use of each buffer, as places in the text of the program.

    What is used in a strip and outside of it lives as long as the strip runs.
    """
    lives: dict[int, tuple[int, int]] = {}
    place = 0
    for statement in program.statements:
        body = statement.body if isinstance(statement, Strip) else (statement,)
        local = {k for k in buffers_touched(statement) if isinstance(statement, Strip) and _is_narrow(program, k)}
        end = place + len(body) - 1
        for at, inner in enumerate(body, place):
            for buffer in buffers_touched(inner):
                first, last = (at, at) if buffer in local else (place, end)
                lives[buffer] = (min(lives.get(buffer, (first, 0))[0], first), last)
        place = end + 1
    return lives


def _is_narrow(program: Program, buffer: int) -> bool:
    """Say whether a buffer holds one strip, and nothing from one strip to the next."""
    return program.block is not None and named(f"{program.block.name}.block") in program.buffers[buffer].shape
