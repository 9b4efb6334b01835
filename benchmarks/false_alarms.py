"""Right gradients that a check rejects: there must be none.

Run: python benchmarks/false_alarms.py [--count 10000] [--seed 0] [--processes 2] [--minutes N]

A gradient is the derivative of one formula by one input at one point: samples of every op, the lists of the tests and
random formulas, at as many points as it takes. Exit status 1 if any is rejected. What is left open is counted.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import Problem, formulas, is_defined, limited, registry
from symgrad.verification.checks import weigh
from symgrad.verification.model import Verdict

FORMULAS = 300
MOST_OPERATIONS = 150  # of an evaluation, so that ten thousand gradients take a quarter of an hour
MOST_SECONDS = 6.0
BATCH = 20  # problems that a process does at a time


@dataclass
class Tally:
    """Verdicts on right gradients, and what was not a PASS."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    alarms: list[str] = field(default_factory=list)
    left_open: Counter[str] = field(default_factory=Counter)
    unfinished: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Enter the counts of another one."""
        self.verdicts += other.verdicts
        self.alarms += other.alarms
        self.left_open += other.left_open
        self.unfinished += other.unfinished

    @property
    def gradients(self) -> int:
        """How many were judged."""
        return sum(self.verdicts.values())


@cache
def problems(seed: int) -> tuple[Problem, ...]:
    """Return the formulas, in random order. Processes share them: expressions do not travel."""
    found = [*registry(2), *formulas(FORMULAS, seed)]
    small = [problem for problem in found if problem.is_small(MOST_OPERATIONS)]
    return tuple(small[k] for k in np.random.default_rng(seed).permutation(len(small)))


def judge(problem: Problem, number: int, seed: int) -> Tally:
    """Check the right gradients of one formula at one point."""
    tally = Tally()
    examined = problem.moved(number).examine(number, seed)
    if examined is None:
        return tally
    _, examination = examined
    values = [check for check in examination.checks if check.input is None and check.verdict is Verdict.FAIL]
    tally.alarms += [f"{problem.name}: {check.route.value}, {check.detail}; point {number}" for check in values]
    for name, findings in examination.findings.items():
        if not is_defined(examination, name):
            tally.left_open["no finite derivative"] += 1
            continue
        checks = [c for c in weigh([f.check() for f in findings], examination.exact) if c.decisive]
        failed = [check for check in checks if check.verdict is Verdict.FAIL]
        opened = [check for check in checks if check.verdict is Verdict.INCONCLUSIVE]
        verdict = Verdict.FAIL if failed else Verdict.INCONCLUSIVE if opened else Verdict.PASS
        tally.verdicts[verdict] += 1
        for check in failed:
            error = f"error {check.error:.3g}, bound {check.bound:.3g}"
            tally.alarms.append(f"{problem.name} by {name}: {check.route.name}, {error}; point {number}, seed {seed}")
        tally.left_open.update({f"{check.route.name}: {check.detail}": 1 for check in opened})
    return tally


def judge_batch(seed: int, start: int) -> Tally:
    """Check some problems; the start counts problems, and again for the second point of each."""
    tally, known = Tally(), problems(seed)
    for position in range(start, start + BATCH):
        number, place = divmod(position, len(known))
        try:
            with limited(MOST_SECONDS), np.errstate(all="ignore"):
                tally.add(judge(known[place], number, seed))
        except TimeoutError:
            tally.unfinished[known[place].name] += 1
    return tally


def run(wanted: int, seed: int, processes: int, minutes: float = math.inf) -> Iterator[Tally]:
    """Yield the tally so far until so many gradients were judged."""
    start, total = time.perf_counter(), Tally()
    problems(seed)
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        numbers = count(0, BATCH)
        waiting = {pool.submit(partial(judge_batch, seed), next(numbers)) for _ in range(2 * processes)}
        while total.gradients < wanted and time.perf_counter() - start < 60 * minutes:
            done = next(as_completed(waiting))
            waiting.remove(done)
            waiting.add(pool.submit(partial(judge_batch, seed), next(numbers)))
            total.add(done.result())
            yield total
        pool.shutdown(cancel_futures=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="gradients")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop then, and print what was found")
    options = parser.parse_args()
    start, total = time.perf_counter(), Tally()
    for total in run(options.count, options.seed, options.processes, options.minutes):
        print(f"\r{total.gradients} of {options.count}", end="", file=sys.stderr, flush=True)
    counts = ", ".join(f"{verdict.value} {total.verdicts[verdict]}" for verdict in Verdict)
    print(f"\n{total.gradients} right gradients of {len(problems(options.seed))} formulas: {counts}")
    print(f"{time.perf_counter() - start:.0f} s")
    for reason, times in total.left_open.most_common():
        print(f"  open {times:4d}  {reason}")
    for name, times in total.unfinished.items():
        print(f"  not finished in {MOST_SECONDS:g} s, {times} times: {name}")
    for line in total.alarms:
        print(f"  false alarm: {line}")
    return int(bool(total.alarms))


if __name__ == "__main__":
    sys.exit(main())
