"""Very long straight-line code as data: a table of instructions that one loop carries out.

Machine code for half a million operations takes a compiler a minute, and runs no faster than it can be fetched from
memory. Here each instruction is a row of numbers, (code, result, operands), all but the first being places in an array
of registers; a row with the number after that of the last code ends the table. The rows are sorted by height, then by
code: neighbours do not wait for each other, and the processor can predict where the next one goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush

from symgrad.core.dims import Shape
from symgrad.core.numeric import Scalar, Table
from symgrad.lowering.kernel_ir import (
    Access,
    Affine,
    Compute,
    Interpret,
    Load,
    Loop,
    Number,
    Statement,
    Store,
    code_text,
)
from symgrad.lowering.straightline import split

LONGEST_COMPILED = 50_000  # items of straight-line code; what is longer is interpreted


def interpret(loop: Loop, new_work: Callable[[Shape], int], new_table: Callable[[Table], int]) -> list[Statement]:
    """Return statements that do what straight-line code does; `new_work` and `new_table` make buffers."""
    assert not loop.extents
    body = loop.body
    numbers = [k for k, item in enumerate(body) if isinstance(item, Number)]
    given = [k for k, item in enumerate(body) if not isinstance(item, Number | Compute)]
    order = _by_height_and_code(loop)
    places = {position: place for place, position in enumerate([*numbers, *given])}
    count = _assign_registers(loop, order, places)
    registers = new_work((count,))
    codes, words = _instructions(loop, order, places)
    constants = Table.of("d", [item.value for item in body if isinstance(item, Number)])
    first = [_copy_numbers(new_table(constants), registers, len(numbers))] if numbers else []
    fetch = tuple(Store(_register(registers, places[k]), place) for place, k in enumerate(given))
    finish = tuple(replace(effect, value=place) for place, effect in enumerate(loop.effects))
    results = tuple(Load(_register(registers, places[effect.value])) for effect in loop.effects)
    return [
        *first,
        *(split(Loop((), tuple(body[k] for k in given), fetch), lambda: new_work(())) if given else ()),
        Interpret(registers, new_table(Table.of("i", words)), codes, len(order)),
        *split(Loop((), results, finish), lambda: new_work(())),
    ]


def _instructions(
    loop: Loop, order: list[int], places: dict[int, int]
) -> tuple[tuple[tuple[Scalar, int], ...], list[int]]:
    """Return the codes with their numbers of operands, and the rows of the table one behind the other."""
    items = [(position, _compute(loop, position)) for position in order]
    codes = {code: number for number, code in enumerate(dict.fromkeys((x.code, len(x.operands)) for _, x in items))}
    longest = max(arity for _, arity in codes)
    words: list[int] = []
    for position, item in items:
        operands = [places[operand] for operand in item.operands]
        padding = [0] * (longest - len(operands))
        words += [codes[item.code, len(operands)], places[position], *operands, *padding]
    return tuple(codes), [*words, len(codes), *[0] * (1 + longest)]


def _compute(loop: Loop, position: int) -> Compute:
    item = loop.body[position]
    assert isinstance(item, Compute)
    return item


def _by_height_and_code(loop: Loop) -> list[int]:
    heights: list[int] = []
    names: dict[Scalar, str] = {}
    keys: list[tuple[int, str, int]] = []
    for position, item in enumerate(loop.body):
        if not isinstance(item, Compute):
            heights.append(0)
            continue
        heights.append(1 + max(heights[operand] for operand in item.operands))
        name = names.get(item.code) or names.setdefault(item.code, code_text(item.code))
        keys.append((heights[-1], name, position))
    return [position for _, _, position in sorted(keys)]


def _assign_registers(loop: Loop, order: list[int], places: dict[int, int]) -> int:
    """Give each computed value a place, one that is free again where there is one; return the number of places."""
    last: dict[int, int] = {}
    for step, position in enumerate(order):
        for operand in _compute(loop, position).operands:
            last[operand] = step
    kept = {effect.value for effect in loop.effects}
    count = len(places)
    free: list[int] = []
    for step, position in enumerate(order):
        for operand in set(_compute(loop, position).operands):
            if last[operand] == step and operand not in kept and isinstance(loop.body[operand], Compute):
                heappush(free, places[operand])
        if free:
            places[position] = heappop(free)
        else:
            places[position] = count
            count += 1
    return count


def _register(registers: int, place: int) -> Access:
    return Access(registers, Affine(place, ()))


def _copy_numbers(table: int, registers: int, count: int) -> Loop:
    at = Affine(0, (1,))
    return Loop((count,), (Load(Access(table, at)),), (Store(Access(registers, at), 0),))
