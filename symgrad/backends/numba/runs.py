"""Loops through tables of positions that go in equal steps for a while: a loop over such runs, and in it one without.

The pairs i < j in order are such runs: while j goes up, i stands still. In a run every address is affine, so a sum at
a position that stands still is kept in a register, and nothing is read from a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from llvmlite import ir

from symgrad.backends.numba.scope import I64, Scope, constant_array
from symgrad.backends.numba.symbols import Symbol
from symgrad.core.dims import named
from symgrad.lowering.kernel_ir import Access, Affine, Load, Loop, map_addresses

_SHORTEST = 3  # elements of a run, on average
_START, _COUNT = "run.start", "run.count"
Emit = Callable[[Scope, Loop, Callable[[Symbol], None]], None]


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a loop: where each begins, how long it is and its first position in each table.

    `steps` has the step from one position to the next, by tables; it is the same in all runs.
    """

    rows: tuple[tuple[int, ...], ...]
    steps: Mapping[int, int]


def find_runs(loop: Loop, tables: Mapping[int, Sequence[int]]) -> Runs | None:
    """Return the runs that all tables of a loop have in common, or None where they are too short or there are none."""
    accesses = [item.source for item in loop.body if isinstance(item, Load)] + [e.target for e in loop.effects]
    used = list(dict.fromkeys(access.through for access in accesses if access.through is not None))
    if not used or len(loop.extents) != 1 or not isinstance(loop.extents[0], int) or loop.extents[0] < _SHORTEST:
        return None
    count, plain = loop.extents[0], Affine(0, (1,))
    if any(access.at != plain for access in accesses if access.through is not None):
        return None
    columns = {table: np.array(tables[table][:count]) for table in used}
    steps: dict[int, int] = {}
    cut = np.zeros(count - 1, bool)
    for table, positions in columns.items():
        apart = np.diff(positions)
        values, counts = np.unique(apart, return_counts=True)
        steps[table] = int(values[counts.argmax()]) if len(values) else 0
        cut |= apart != steps[table]
    starts = np.concatenate(([0], np.flatnonzero(cut) + 1))
    if len(starts) * _SHORTEST > count:
        return None
    lengths = np.diff(np.append(starts, count))
    rows = np.stack([starts, lengths, *(positions[starts] for positions in columns.values())], axis=1)
    return Runs(tuple(map(tuple, rows.tolist())), steps)


def emit_runs(scope: Scope, loop: Loop, runs: Runs, name: str, emit: Emit, use: Callable[[Symbol], None]) -> None:
    """Emit the loop over runs, and in it the loop over the elements of one; `name` is one for the table of runs."""
    b, width = scope.builder, len(runs.rows[0])
    table = constant_array(b.module, name, np.array(runs.rows, np.int64)).bitcast(I64.as_pointer())
    inner = _in_a_run(loop, runs)
    names = [_START, _COUNT, *map(_first, runs.steps)]
    with scope.loop(ir.Constant(I64, len(runs.rows))) as run:
        row = b.gep(table, [b.mul(run, ir.Constant(I64, width))])
        found = {key: b.load(b.gep(row, [ir.Constant(I64, k)])) for k, key in enumerate(names)}
        dims = {**scope.dims, **found}
        emit(Scope(b, scope.real, dims, scope.pointers, scope.reproducible), inner, use)


def _in_a_run(loop: Loop, runs: Runs) -> Loop:
    """Return the loop over one run, whose start, length and first positions are sizes."""

    def later(at: Affine) -> Affine:
        return Affine(at.offset + at.strides[0] * named(_START), at.strides)

    def access(old: Access) -> Access:
        if old.through is None:
            return Access(old.buffer, later(old.at))
        return Access(old.buffer, Affine(named(_first(old.through)), (runs.steps[old.through],)))

    moved = map_addresses(loop, access, later)
    assert isinstance(moved, Loop)
    return Loop((named(_COUNT),), moved.body, moved.effects)


def _first(table: int) -> str:
    return f"run.table{table}"
