"""Let work buffers share memory once they are dead."""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush

from symgrad.core.dims import Size, element_count
from symgrad.lowering.kernel_ir import BufferKind, Program, buffers_touched

LINE = 16  # elements: work buffers begin at multiples of it


def padded(count: Size) -> Size:
    """Return a number of elements in whole lines.

    >>> padded(17)
    32
    """
    return (count + (LINE - 1)) // LINE * LINE


def share_slots(program: Program) -> Program:
    """Return the program with work buffers of equal size in one slot where their lives do not overlap."""
    lives: dict[int, tuple[int, int]] = {}
    for position, statement in enumerate(program.statements):
        for buffer in buffers_touched(statement):
            if program.buffers[buffer].kind is BufferKind.WORK:
                lives[buffer] = (lives.get(buffer, (position, 0))[0], position)
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
    return Program(buffers, program.statements, program.nonempty)
