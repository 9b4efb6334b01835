"""`symgrad bench`: the time of a formula's value and derivatives, beside what else is installed."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

import symgrad as sg
from symgrad.core.dims import evaluate
from symgrad.errors import FormulaSyntaxError, InvalidValueError, LimitError, Span, UnknownNameError
from symgrad.syntax import signature
from symgrad.verification.sampling import Sampler, size_names, violations

from .contest import Findings, Row, first_results, run_contest, write_job
from .contestants import CONTESTANTS, OURS, WITHOUT_DERIVATIVES, Subject, installed
from .datafiles import MOST_ELEMENTS
from .display import show, show_table
from .exit_status import FAILED, PASSED
from .first_result import FirstResult
from .literals import Array, read_shape
from .options import formula_options
from .problem import Problem, read_problem
from .progress import Working
from .surroundings import describe
from .timing import seconds_text

_USUAL_SIZE = 100
_HEADER = ("", "median", "min", "to best peer", "ready cold", "ready warm", "memory MiB", "error")
Ready = tuple[FirstResult | None, FirstResult | None]


@click.command("bench", epilog='Example: symgrad bench "sum((X @ w - y)**2)" --wrt w --size m=1000 --size n=50')
@formula_options
@click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="NAME=NUMBER",
    help=f"Value of a size, such as n=1000 (repeatable; {_USUAL_SIZE} otherwise).",
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    type=click.Choice([name for name in CONTESTANTS if name != OURS]),
    help="Compare with this alone (repeatable; default: with all that are installed).",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Fixes the data that are drawn."
)
@click.option("--repeat", type=click.IntRange(3, 10_000), default=30, show_default=True, help="Rounds of timing.")
@click.option("--ready/--no-ready", default=True, help="Measure the time to a first result (the default), or do not.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
def command(
    text: str | None,
    file: str | None,
    wrt: tuple[str, ...],
    shapes: tuple[str, ...],
    assumptions: tuple[str, ...],
    at: str | None,
    data: str | None,
    sizes: tuple[str, ...],
    peers: tuple[str, ...],
    seed: int,
    repeat: int,
    ready: bool,
    as_json: bool,
) -> int:
    """Time the value and the derivatives of the formula EXPR (- reads it from standard input).

    Our kernel takes turns on one core with JAX, if it is installed, and with NumPy, which computes the value alone.
    Data are drawn from the domain of the formula, or given by --at and --data. All results are compared with NumPy's.
    "Ready" is the time from the formula to the first result in a fresh process, imports apart, before and after there
    is anything in the caches.

    Exit status: 0, 1 when results differ, 2 for bad input.
    """
    problem = read_problem(text, file, wrt, shapes, assumptions, at, data)
    known = read_sizes(sizes, problem.formula)
    values = check_values(problem) if problem.values else draw_values(problem, known, seed)
    subject = Subject(problem.formula, problem.wrt, {name: np.asarray(x, float) for name, x in values.items()})
    names = [name for name in installed() if name == OURS or not peers or name in peers]
    with tempfile.TemporaryDirectory(prefix="symgrad-bench-") as folder, Working("measuring"):
        write_job(Path(folder), subject)
        findings = run_contest(Path(folder), names, repeat)
        started = {row.name: first_results(Path(folder), row.name) for row in findings.rows} if ready else {}
    for name in peers:
        if name not in names:
            findings = Findings(findings.rows, {**findings.missing, name: "it is not installed"}, findings.wrong)
    if as_json:
        show((json.dumps(_document(subject, findings, started), indent=2, allow_nan=False), ""))
    else:
        _show_text(subject, findings, started)
    return FAILED if findings.wrong else PASSED


def read_sizes(options: Sequence[str], formula: sg.Expr) -> dict[str, int]:
    """Read `n=1000` and give the sizes that are not named their usual value. Errors are placed in the option.

    >>> read_sizes(["n=3"], sg.parse("X @ w"))
    {'m': 100, 'n': 3}
    """
    known = dict.fromkeys(size_names(formula.inputs.values()), _USUAL_SIZE)
    for option in options:
        name, shape = read_shape(option, "--size")
        span = Span(0, max(1, len(option)))
        if len(shape) != 1 or not isinstance(shape[0], int):
            raise FormulaSyntaxError("--size: write NAME=NUMBER, such as n=1000", span=span, source=option)
        if name not in known:
            there = f"the sizes are {', '.join(known)}" if known else "the formula has none"
            raise UnknownNameError(f"--size: {name} is not the name of a size; {there}", span=span, source=option)
        known[name] = shape[0]
    return known


def draw_values(problem: Problem, sizes: Mapping[str, int], seed: int) -> Mapping[str, Array]:
    """Draw a value for each input. InvalidValueError where the domain cannot be met, LimitError for large arrays."""
    inputs = tuple(problem.formula.inputs.values())
    for node in inputs:
        count = math.prod(evaluate(size, sizes) for size in node.shape)
        if count > MOST_ELEMENTS:
            raise LimitError(f"{node.name} would have {count} entries; at most {MOST_ELEMENTS:.0e} are drawn")
    sampler = Sampler(problem.formula, inputs, np.random.default_rng(seed), sizes=dict(sizes))
    try:
        return sampler.draw().values
    except InvalidValueError as error:
        raise InvalidValueError(error.message.replace("`at`", "--at or --data")) from None


def check_values(problem: Problem) -> Mapping[str, Array]:
    """Return the values that were given. SymgradError where they do not fit, or the formula is not defined there."""
    inputs = tuple(problem.formula.inputs.values())
    Sampler(problem.formula, inputs, np.random.default_rng(0)).draw(at=problem.values)
    if violations(problem.formula, problem.values):
        raise InvalidValueError("the formula is not defined at these values, or its value is not finite")
    return problem.values


def _show_text(subject: Subject, findings: Findings, started: Mapping[str, Ready]) -> None:
    show((signature(subject.formula), "bold"), (_sizes_text(subject), "dim"))
    rows = sorted(findings.rows, key=lambda row: row.least)
    show_table(_HEADER, [_cells(row, *started.get(row.name, (None, None))) for row in rows])
    for name in WITHOUT_DERIVATIVES:
        if any(row.name == name for row in rows):
            show((f"{name} computes the value alone", "dim"))
    for name, reason in findings.missing.items():
        show((f"{name}: no result ({reason})", "yellow"))
    for name, reason in findings.wrong.items():
        show((f"{name} differs from NumPy: {reason}", "bold red"))


def _sizes_text(subject: Subject) -> str:
    return "  " + ", ".join(_shapes_of(subject)) + f"; derivatives by {', '.join(subject.wrt)}"


def _shapes_of(subject: Subject) -> Iterator[str]:
    for name, array in subject.values.items():
        yield f"{name} {'x'.join(map(str, array.shape))}" if array.ndim else f"{name} a number"


def _cells(row: Row, cold: FirstResult | None, warm: FirstResult | None) -> list[str]:
    return [
        row.name,
        seconds_text(row.median),
        seconds_text(row.least),
        "-" if row.to_best_peer is None else f"{row.to_best_peer:.2f}",
        seconds_text(cold.seconds if cold else None),
        seconds_text(warm.seconds if warm else None),
        f"{cold.memory:.1f}" if cold and cold.memory is not None else "-",
        f"{row.error:.1e}",
    ]


def _document(subject: Subject, findings: Findings, started: Mapping[str, Ready]) -> dict[str, Any]:
    rows = {}
    for row in findings.rows:
        cold, warm = started.get(row.name, (None, None))
        rows[row.name] = {
            **{key: value for key, value in asdict(row).items() if key != "name"},
            "cold": asdict(cold) if cold else None,
            "warm": asdict(warm) if warm else None,
        }
    return {
        "formula": str(subject.formula),
        "wrt": list(subject.wrt),
        "shapes": {name: list(array.shape) for name, array in subject.values.items()},
        "implementations": rows,
        "missing": dict(findings.missing),
        "wrong": dict(findings.wrong),
        "surroundings": describe(),
    }
