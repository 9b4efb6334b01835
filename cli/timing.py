"""Times of several functions, measured in turn: what disturbs the machine disturbs all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Clock: TypeAlias = Callable[[], float]

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_SLICE = 0.002  # seconds: short calls are repeated until a sample takes this long


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds a call, one sample for each round that the function took part in."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median sample."""
        return statistics.median(self.samples)

    @property
    def least(self) -> float:
        """The shortest."""
        return min(self.samples)

    def over(self, other: Times) -> float:
        """Return the ratio of the shortest times: what else runs on the machine can only make a sample longer."""
        return self.least / other.least


def measure(
    calls: Mapping[str, Callable[[], Any]], rounds: int, budget: float, clock: Clock = time.perf_counter
) -> dict[str, Times]:
    """Time the functions in turn; each is given about `budget` seconds, and at least three rounds."""
    plans = {name: _plan(call, rounds, budget, clock) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            for name, (repeats, stride) in plans.items():
                if turn % stride == 0:
                    samples[name].append(_seconds(calls[name], repeats, clock))
    finally:
        gc.enable()
    return {name: Times(tuple(found)) for name, found in samples.items()}


def _plan(call: Callable[[], Any], rounds: int, budget: float, clock: Clock) -> tuple[int, int]:
    """Return how often to call in a sample, and in which rounds: every one, every second, ..."""
    call()
    once = min(_seconds(call, 1, clock) for _ in range(2))
    repeats = max(1, round(_SLICE / max(once, 1e-9)))
    affordable = max(3, int(budget / (once * repeats)))
    return repeats, max(1, min(rounds // 3, -(-rounds // affordable)))


def _seconds(call: Callable[[], Any], repeats: int, clock: Clock) -> float:
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def seconds_text(seconds: float | None) -> str:
    """Return a time with three digits and a unit.

    >>> seconds_text(0.001234), seconds_text(12.0), seconds_text(None)
    ('1.23 ms', '12 s', '-')
    """
    if seconds is None:
        return "-"
    unit, name = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    return f"{seconds / unit:.3g} {name}"
