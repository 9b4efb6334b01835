"""Runs tasks: checks each implementation against the reference, times them in turn, prints tables, writes JSON.

Run: python -m benchmarks [--task 4] [--variant NAME] [--peer jax] [--repeat 30] [--no-ready] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from symgrad_cli.agreement import WrongResult, check
from symgrad_cli.first_result import IMPORTS, FirstResult
from symgrad_cli.surroundings import cache_folders, describe
from symgrad_cli.timing import Times, measure

from .ready import measure_ready
from .tables import show_summary, show_variant
from .task import HAND_WRITTEN, OURS, REFERENCE, Call, Task, Variant, find_tasks, implementations_of, one_by_one

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found of one implementation."""

    times: Times
    error: float
    cold: FirstResult | None = None
    warm: FirstResult | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of one variant: measurements by implementation, and why others are missing."""

    task: Task
    variant: Variant
    measured: Mapping[str, Measured]
    missing: Mapping[str, str]
    wrong: Mapping[str, str]

    @property
    def best_peer(self) -> str | None:
        """The fastest implementation that is neither ours nor written by hand."""
        peers = [name for name in self.measured if name not in (OURS, HAND_WRITTEN, REFERENCE)]
        return min(peers, key=lambda name: self.measured[name].times.least, default=None)

    def ratio(self, name: str, other: str | None) -> float | None:
        """Return how many times as long as `other` an implementation takes, by their shortest times."""
        if other is None or other not in self.measured or name not in self.measured:
            return None
        return self.measured[name].times.over(self.measured[other].times)


def run_variant(task: Task, variant: Variant, chosen: Sequence[str], options: argparse.Namespace) -> Outcome:
    """Build, check, time and, if wanted, measure the time to a first result."""
    data = variant.data()
    expected = variant.reference(**data)
    calls: dict[str, Call] = {}
    errors: dict[str, float] = {}
    missing: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, build in implementations_of(variant).items():
        if name not in chosen:
            continue
        try:
            call = build(data)
            errors[name] = check(one_by_one(call()), expected, variant.tolerance)
            calls[name] = call
        except WrongResult as error:
            wrong[name] = str(error)
        except Exception as error:  # a peer that cannot do it is no reason to stop
            missing[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    times = measure(calls, options.repeat, options.budget, CLOCKS[options.clock])
    for name, call in calls.items():  # after thousands of calls the results are still right
        try:
            check(one_by_one(call()), expected, variant.tolerance)
        except WrongResult as error:
            wrong[name] = f"after many calls: {error}"
    right = [name for name in calls if name not in wrong]
    ready = {name: measure_ready(task.number, variant.name, name) for name in right} if options.ready else {}
    measured = {name: Measured(times[name], errors[name], *ready.get(name, (None, None))) for name in right}
    return Outcome(task, variant, measured, missing, wrong)


def as_json(outcomes: Sequence[Outcome], clock: str) -> dict[str, Any]:
    """Return everything that was found."""
    return {"surroundings": describe(), "clock": clock, "variants": [_variant_json(outcome) for outcome in outcomes]}


def _variant_json(outcome: Outcome) -> dict[str, Any]:
    best = outcome.best_peer
    rows = {
        name: {
            "median": found.times.median,
            "min": found.times.least,
            "samples": len(found.times.samples),
            "to_best_peer": outcome.ratio(name, best),
            "to_hand_written": outcome.ratio(name, HAND_WRITTEN),
            "error": found.error,
            "cold": asdict(found.cold) if found.cold else None,
            "warm": asdict(found.warm) if found.warm else None,
        }
        for name, found in outcome.measured.items()
    }
    return {
        "task": outcome.task.number,
        "name": outcome.task.name,
        "variant": outcome.variant.name,
        "best_peer": best,
        "implementations": rows,
        "missing": dict(outcome.missing),
        "wrong": dict(outcome.wrong),
    }


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--task", action="append", help="number or part of the name (repeatable; default: all)")
    parser.add_argument("--variant", action="append", help="part of a variant's name (repeatable; default: all)")
    parser.add_argument("--peer", action="append", help="only these beside ours, such as jax, numba (repeatable)")
    parser.add_argument("--repeat", type=int, default=30, help="rounds in which all take turns (default 30)")
    parser.add_argument("--budget", type=float, default=3.0, help="seconds of timing for each implementation")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="wall, or cpu: the time of this process, on a busy machine"
    )
    parser.add_argument("--no-ready", dest="ready", action="store_false", help="leave out the time to a first result")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser.parse_args(arguments)


def selected(options: argparse.Namespace) -> list[tuple[Task, Variant]]:
    """Return the variants that the options name."""
    tasks = [task for task in find_tasks() if _named(options.task, str(task.number), task.name)]
    return [(task, v) for task in tasks for v in task.variants if _named(options.variant, v.name, v.name)]


def _named(wanted: Sequence[str] | None, exact: str, text: str) -> bool:
    return wanted is None or any(w == exact or (not w.isdigit() and w.lower() in text.lower()) for w in wanted)


def installed(peers: Sequence[str] | None) -> list[str]:
    """Return the implementations that can run here, of those that were asked for."""
    found = [name for name, modules in IMPORTS.items() if find_spec(modules[0]) is not None]
    return [name for name in found if peers is None or name in peers or name == OURS]


def main() -> int:
    """Run what the command line asks for. Exit status 1 when a result is wrong, 2 when nothing is selected."""
    options = read_options()
    chosen, variants = installed(options.peer), selected(options)
    if not variants:
        print("no such task or variant", file=sys.stderr)
        return 2
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="symgrad-bench-") as folder:
        os.environ.update(cache_folders(folder))
        for task, variant in variants:
            outcomes.append(run_variant(task, variant, chosen, options))
            show_variant(outcomes[-1])
            if options.json:  # after each variant: an interrupted run has what it found
                options.json.write_text(json.dumps(as_json(outcomes, options.clock), indent=2))
    show_summary(outcomes)
    return int(any(outcome.wrong for outcome in outcomes))
