"""The process in which `symgrad bench` measures: on one core, with libraries that were loaded for one thread.

It is started with a folder that `write_job` filled, and what to do: `times`, or `first` and the name of a contestant.
It prints what it found as one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .first_result import FirstResult, cold_and_warm, observe
from .surroundings import cache_folders, pin_to_one_core

if TYPE_CHECKING:  # they import NumPy, and the process has to be pinned before
    from .contestants import Subject

_TOLERANCE = 1e-6  # of the largest entry: two right ways to compute a derivative differ by what rounding does to them
_SECONDS_EACH = 2.0


@dataclass(frozen=True, slots=True)
class Row:
    """What was found of a contestant; `to_best_peer` is a ratio of times, None without a peer."""

    name: str
    median: float
    least: float
    to_best_peer: float | None
    error: float


@dataclass(frozen=True, slots=True)
class Findings:
    """Those that gave right results, why others gave none, and those that disagree with the reference."""

    rows: tuple[Row, ...]
    missing: Mapping[str, str]
    wrong: Mapping[str, str]


def write_job(folder: Path, subject: Subject) -> None:
    """Put a subject into a folder: text and arrays, nothing pickled."""
    numpy = import_module("numpy")
    job = {"formula": str(subject.formula), "wrt": list(subject.wrt)}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    numpy.savez(folder / "values.npz", **{f"input {name}": array for name, array in subject.values.items()})


def read_job(folder: Path) -> Subject:
    """Read what `write_job` wrote."""
    sg, numpy = import_module("symgrad"), import_module("numpy")
    contestants = import_module(f"{__package__}.contestants")
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    formula = sg.parse(job["formula"], limits=sg.Limits(characters=10**9, nodes=10**9))
    with numpy.load(folder / "values.npz") as arrays:
        values = {name: arrays[f"input {name}"] for name in formula.inputs}
    subject: Subject = contestants.Subject(formula, tuple(job["wrt"]), values)
    return subject


def run_contest(folder: Path, names: Sequence[str], rounds: int) -> Findings:
    """Start the process that measures times; raise what the library refused there, RuntimeError if it fails."""
    environment = {**os.environ, **cache_folders(str(folder))}
    command = [*_command(folder), "times", str(rounds), *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the process that measures failed: {done.stderr.strip()[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if "refused" in found:
        raise getattr(import_module("symgrad.errors"), found["refused"])(found["message"])
    return Findings(tuple(Row(**row) for row in found["rows"]), found["missing"], found["wrong"])


def first_results(folder: Path, name: str) -> tuple[FirstResult | None, FirstResult | None]:
    """Start processes that measure the time to a first result, cold and warm."""
    return cold_and_warm([*_command(folder), "first", name], name)


def _command(folder: Path) -> list[str]:
    """-P: what lies in the working directory is not imported."""
    return [sys.executable, "-P", "-m", f"{__package__}.contest", str(folder)]


def find_times(subject: Subject, names: Sequence[str], rounds: int) -> Findings:
    """Check the contestants against the reference and time them in turn."""
    agreement, timing = import_module(f"{__package__}.agreement"), import_module(f"{__package__}.timing")
    contestants = import_module(f"{__package__}.contestants")
    expected = contestants.expected(subject)
    calls, errors = {}, {}
    missing: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name in names:
        right = expected[:1] if name in contestants.WITHOUT_DERIVATIVES else expected
        try:
            call = contestants.CONTESTANTS[name](subject)
            errors[name] = agreement.check(call(), right, _TOLERANCE)
        except agreement.WrongResult as error:
            wrong[name] = str(error)
        except Exception as error:
            if name == contestants.OURS:
                raise
            missing[name] = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            calls[name] = call
    times = timing.measure(calls, rounds, _SECONDS_EACH)
    peers = [name for name in calls if name not in (contestants.OURS, *contestants.WITHOUT_DERIVATIVES)]
    best = min((times[name] for name in peers), key=_least, default=None)
    rows = [
        Row(name, found.median, found.least, None if best is None else found.over(best), errors[name])
        for name, found in times.items()
    ]
    return Findings(tuple(rows), missing, wrong)


def _least(times: Any) -> float:
    least: float = times.least
    return least


def _prepare(folder: Path, name: str) -> Callable[[], Any]:
    subject = read_job(folder)
    build = import_module(f"{__package__}.contestants").CONTESTANTS[name]
    return lambda: build(subject)()


def main(arguments: Sequence[str]) -> None:
    """Do what the arguments say and print the result."""
    folder, task = Path(arguments[0]), arguments[1]
    if task == "first":
        name = arguments[2]
        document = asdict(observe(name, lambda: _prepare(folder, name)))
    else:
        document = _times_or_refusal(folder, arguments[3:], int(arguments[2]))
    print(json.dumps(document))  # noqa: T201  # the other process reads it


def _times_or_refusal(folder: Path, names: Sequence[str], rounds: int) -> dict[str, Any]:
    error_class = import_module("symgrad.errors").SymgradError
    try:
        return asdict(find_times(read_job(folder), names, rounds))
    except error_class as error:
        return {"refused": type(error).__name__, "message": error.message}


if __name__ == "__main__":
    pin_to_one_core()
    main(sys.argv[1:])
