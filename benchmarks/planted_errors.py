"""How many wrong versions of right gradients a check rejects: the verifier's, and the rules of other libraries.

Run: python benchmarks/planted_errors.py [--count 300] [--per-op 3] [--seed 0] [--processes 2]

The gradients are those of samples of every op of the registry and of `--count` formulas, each with the objective times
1e-6, 1 and 1e6. A wrong version is wrong in formula and kernel alike. Versions that survive are listed. Exit status 1
if a share is below its target.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import PER_OP, Problem, formulas, is_defined, limited, registry
from benchmarks.rules import RULES
from symgrad.verification.checks import Examination
from symgrad.verification.model import Point, Route, Verdict
from symgrad.verification.planted import Level, Version, plant, versions_of
from symgrad.verification.subject import Subject

MOST_SECONDS = 12.0  # of a formula
SCALES = (1e-6, 1.0, 1e6)
RIGHT = "(right gradient)"
FORMULA = "formula and kernel"
KERNEL = "kernel alone"
DIFFERENCES = "differences alone"
COLUMNS = (FORMULA, KERNEL, DIFFERENCES, *(named.name for named in RULES))
TARGETS = {"factor 1 + 1e-06": 0.995, "entry times 1 + 1e-06": 0.995, "factor 1 + 1e-09": 0.99}  # all others: 1


@dataclass
class Tally:
    """Counts by scale, kind of version and who judges: tried and rejected."""

    tried: Counter[tuple[float, str, str]] = field(default_factory=Counter)
    rejected: Counter[tuple[float, str, str]] = field(default_factory=Counter)
    survivors: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    formulas: int = 0
    gradients: int = 0

    def count(self, scale: float, kind: str, judge: str, rejected: bool) -> None:
        """Enter one verdict."""
        self.tried[scale, kind, judge] += 1
        self.rejected[scale, kind, judge] += rejected

    def add(self, other: Tally) -> None:
        """Enter the counts of another one."""
        self.tried += other.tried
        self.rejected.update(other.rejected)
        self.survivors += other.survivors
        self.unfinished += other.unfinished
        self.formulas += other.formulas
        self.gradients += other.gradients

    def share(self, kind: str, judge: str, scales: Iterable[float] = SCALES) -> float:
        """Return the part of the versions of a kind that was rejected; NaN if there were none."""
        tried, rejected = (sum(c[scale, kind, judge] for scale in scales) for c in (self.tried, self.rejected))
        return rejected / tried if tried else float("nan")

    def kinds(self) -> list[str]:
        """Return the kinds in the order in which they were met."""
        return list(dict.fromkeys(kind for _, kind, _ in self.tried))


def judge(problem: Problem, scale: float, seed: int) -> Tally:
    """Try the wrong versions of one gradient."""
    tally, scaled = Tally(), problem.scaled(scale)
    examined = scaled.examine(0, seed)
    if examined is None or not examined[1].findings:
        return tally
    if not all(is_defined(examined[1], name) for name in examined[1].findings):
        tally.unfinished.append(f"no finite derivative: {scaled.name}")
        return tally
    point, examination = examined
    verdicts = {check.verdict for check in examination.checks if check.decisive}
    tally.gradients = len(examination.findings)
    tally.count(scale, RIGHT, FORMULA, Verdict.FAIL in verdicts)
    if Verdict.FAIL in verdicts:
        tally.survivors.append(f"false alarm: {scaled.name}")
    for trial in plant([examination], seed):
        column = FORMULA if trial.level is Level.FORMULA else KERNEL
        tally.count(scale, trial.kind, column, trial.verdict is Verdict.FAIL)
        if trial.verdict is not Verdict.FAIL:
            tally.survivors.append(
                f"{trial.kind}, {trial.level.value}, {trial.verdict.value}: d/d{trial.input} {scaled.name}"
            )
    with np.errstate(all="ignore"):
        _compare(tally, scale, scaled.subject(), point, examination, seed)
    return tally


def _compare(tally: Tally, scale: float, subject: Subject, point: Point, examination: Examination, seed: int) -> None:
    """Try the same kinds of versions on the rules of others."""
    for name, findings in examination.findings.items():
        evidence = next(finding.evidence for finding in findings if finding.evidence.route is Route.GRADIENT)
        truth, rounding = np.asarray(evidence.low, float), np.asarray(evidence.bound, float)
        size = float(np.max(np.abs(truth), initial=0.0)) or evidence.natural or 1.0
        versions = versions_of(truth, rounding, size, np.random.default_rng(seed))
        wrong_versions = list(_wrong(versions, truth, rounding))
        for evidence in (finding.evidence for finding in findings if finding.evidence.route is Route.DIFFERENCES):
            for kind, wrong in [(RIGHT, truth), *wrong_versions]:
                tally.count(scale, kind, DIFFERENCES, evidence.judge(wrong).verdict is Verdict.FAIL)
        function = partial(_moved, subject, point, name)
        x = np.asarray(point.values[name], float)
        for named in RULES:
            accept = named.rule(function, x.ravel(), np.random.default_rng(0))
            shape = (-1, max(x.size, 1))
            tally.count(scale, RIGHT, named.name, not accept(truth.reshape(shape)))
            for kind, wrong in wrong_versions:
                tally.count(scale, kind, named.name, not accept(wrong.reshape(shape)))


def _wrong(versions: list[Version | None], truth: np.ndarray, rounding: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    is_zero = bool((np.abs(truth) <= rounding).all())
    for version in versions:
        if version is None or (version.slightly and is_zero):
            continue
        wrong = version.change(truth)
        if (np.abs(wrong - truth) > (0 if version.slightly else rounding)).any():
            yield version.kind, wrong


def _moved(subject: Subject, point: Point, name: str, flat: np.ndarray) -> np.ndarray:
    """Return the value with one input replaced; NaN where there is none."""
    shape = np.shape(point.values[name])
    try:
        return np.asarray(subject.kernel({**point.values, name: flat.reshape(shape)}), float).ravel()
    except (np.linalg.LinAlgError, ValueError):
        return np.full(int(np.prod([*subject.kernel(point.values).shape], dtype=int)), np.nan)


@cache
def problems(count: int, per_op: int, seed: int) -> tuple[Problem, ...]:
    """Return what is tried, in random order. Processes share it: expressions do not travel."""
    found = [*registry(per_op), *formulas(count, seed)]
    return tuple(found[k] for k in np.random.default_rng(seed).permutation(len(found)))


def judge_all(chosen: tuple[int, int, int], position: int) -> Tally:
    """Try one problem at every scale."""
    tally, seed, problem = Tally(formulas=1), chosen[2], problems(*chosen)[position]
    try:
        with limited(MOST_SECONDS):
            for scale in SCALES:
                tally.add(judge(problem, scale, seed))
    except TimeoutError:
        tally.unfinished.append(f"not finished in {MOST_SECONDS:g} s: {problem.name}")
    return tally


def show(tally: Tally, seconds: float) -> None:
    """Print the tables: all scales together, then each for the factors; in Markdown."""
    print(f"\n{tally.formulas} formulas, {tally.gradients} gradients, {seconds:.0f} s\n")
    _table(tally, tally.kinds(), SCALES)
    for scale in SCALES:
        print(f"\nobjective times {scale:g}:\n")
        _table(tally, [kind for kind in tally.kinds() if "factor" in kind or kind in (RIGHT, "sign")], [scale])
    for name in tally.unfinished:
        print(name)
    print(f"\n{len(tally.survivors)} survivors")
    for line in tally.survivors:
        print(f"  {line}")


def _table(tally: Tally, kinds: list[str], scales: Iterable[float]) -> None:
    scales = list(scales)
    print("| rejected, % | tried | " + " | ".join(COLUMNS) + " |")
    print("| --- |" + " ---: |" * (1 + len(COLUMNS)))
    for kind in kinds:
        tried = sum(tally.tried[scale, kind, FORMULA] for scale in scales)
        cells = [f"{100 * tally.share(kind, judge, scales):.2f}" for judge in COLUMNS]
        print(f"| {kind} | {tried} | " + " | ".join("" if cell == "nan" else cell for cell in cells) + " |")


def misses(tally: Tally) -> list[str]:
    """Return the kinds that fell below their target."""
    found = []
    for kind in tally.kinds():
        for column in (FORMULA, KERNEL):
            share, target = tally.share(kind, column), TARGETS.get(kind, 1.0)
            if kind != RIGHT and share < target:
                found.append(f"{kind} ({column}): {100 * share:.3f} % of {100 * target:g} %")
    return found + (["a right gradient was rejected"] if tally.share(RIGHT, FORMULA) > 0 else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="formulas, beside the samples of ops")
    parser.add_argument("--per-op", type=int, default=PER_OP)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop then, and print what was found")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    start, tally = time.perf_counter(), Tally()
    chosen = (options.count, options.per_op, options.seed)
    total = len(problems(*chosen))
    with ProcessPoolExecutor(options.processes, get_context("fork")) as pool:
        waiting = [pool.submit(judge_all, chosen, position) for position in range(total)]
        for done, future in enumerate(as_completed(waiting), 1):
            tally.add(future.result())
            print(f"\r{done} of {total}", end="", file=sys.stderr, flush=True)
            if time.perf_counter() - start > 60 * options.minutes:
                pool.shutdown(cancel_futures=True)
                break
    show(tally, time.perf_counter() - start)
    missed = misses(tally)
    print("\n".join(["", *(f"below target: {line}" for line in missed)]))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
