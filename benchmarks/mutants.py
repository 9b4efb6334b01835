"""Mutants of the rule table and of the code generator: does the verifier kill every one?

Run: python benchmarks/mutants.py [--rules] [--programs] [--only NAME] [--processes 2]

Each op's derivative is spoiled in every way of benchmarks/rule_mutants.py, and has to be caught on two different
formulas; each statement of the programs of twenty formulas in every way of benchmarks/kernel_mutants.py. The score is
the part that was killed of those that are not equivalent to the right one. Exit status 1 if any survives.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import kernel_mutants, rule_mutants
from benchmarks.corpus import Problem
from symgrad.core.expr import lookup
from symgrad.syntax import parse

T = TypeVar("T")


def of_rule(name: str) -> list[rule_mutants.Outcome]:
    """Return what became of the mutants of an op's rule."""
    op = lookup(name)
    known = list(rule_mutants.cases(op))
    return [rule_mutants.run(mutant, known) for mutant in rule_mutants.mutants(op)]


def of_program(text: str) -> list[kernel_mutants.Outcome]:
    """Return what became of the mutants of a formula's program."""
    output = parse(text)
    return list(kernel_mutants.outcomes(text, Problem(text, output, tuple(output.inputs.values()))))


def all_of(function: Callable[[str], list[T]], names: list[str], processes: int) -> Iterator[tuple[str, list[T]]]:
    """Yield what a function returns for each name, computed by several processes."""
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        yield from zip(names, pool.map(function, names), strict=True)


def show_rules(names: list[str], processes: int) -> int:
    """Print the score of every op; return how many mutants survived."""
    survivors: list[rule_mutants.Outcome] = []
    tried = equivalent = once = 0
    for name, found in all_of(of_rule, names, processes):
        different = [outcome for outcome in found if outcome.different]
        killed = [outcome for outcome in different if not outcome.survived]
        twice = sum(outcome.kills >= rule_mutants.KILLS for outcome in different)
        tried, equivalent, once = (
            tried + len(found),
            equivalent + len(found) - len(different),
            once + len(killed) - twice,
        )
        survivors += [outcome for outcome in different if outcome.survived]
        print(f"{name:24s} {len(killed):3d} of {len(different):3d} killed, {twice:3d} by two formulas", flush=True)
        for outcome in different:
            if outcome.kills < rule_mutants.KILLS:
                how = "survives, refused" if outcome.survived else "refused"
                print(f"  {outcome.kind}: {how} by {outcome.kills} of {outcome.different} formulas", flush=True)
    killed_count = tried - equivalent - len(survivors)
    print(f"\nrules: {tried} mutants of {len(names)} ops, {equivalent} equivalent, {killed_count} killed", end=", ")
    print(f"{once} of them by one formula only, {len(survivors)} survived")
    for outcome in survivors:
        print(f"  {outcome.op}: {outcome.kind}, killed by {outcome.kills} of {outcome.different} formulas")
    return len(survivors)


def show_programs(names: list[str], processes: int) -> int:
    """Print the score of every kind of mutant; return how many survived."""
    counts: Counter[tuple[str, str]] = Counter()
    survivors = []
    for _, found in all_of(of_program, names, processes):
        counts.update((outcome.kind, outcome.fate) for outcome in found)
        survivors += [outcome for outcome in found if outcome.fate == "survived"]
    print("\n| mutant of a program | killed | survived | equivalent |\n| --- | ---: | ---: | ---: |")
    for kind in sorted({kind for kind, _ in counts}):
        print(
            f"| {kind} | " + " | ".join(str(counts[kind, fate]) for fate in ("killed", "survived", "equivalent")) + " |"
        )
    for outcome in survivors:
        print(f"  {outcome.formula}: {outcome.kind}: {outcome.statement}")
    return len(survivors)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", action="store_true", help="only those of the rule table")
    parser.add_argument("--programs", action="store_true", help="only those of the code generator")
    parser.add_argument("--only", action="append", help="an op")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    start, survived = time.perf_counter(), 0
    if not options.programs:
        names = options.only or [op.name for op in rule_mutants.ops_with_rules()]
        survived += show_rules(names, options.processes)
    if not options.rules:
        survived += show_programs(list(kernel_mutants.FORMULAS), options.processes)
    print(f"\n{time.perf_counter() - start:.0f} s")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
