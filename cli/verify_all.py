"""`symgrad verify FILE --all`: every formula of a file, a table of the verdicts, and the worst of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import click

import symgrad as sg
from symgrad.errors import SymgradError, UnknownNameError
from symgrad.report import headline

from .checking import EXIT_STATUS, check
from .destinations import Destinations
from .display import show_table
from .exit_status import BAD_INPUT, FAILED, INCONCLUSIVE, PASSED
from .formula_files import Entry, placed, read_formulas, unique_names
from .problem import read_problem

_WORST_FIRST = (FAILED, BAD_INPUT, INCONCLUSIVE)


def verify_all(path: str, wrt: Sequence[str], asked: Mapping[str, Any], destinations: Destinations) -> int:
    """Verify the formulas of a file, print a table, write the reports, and return the exit status.

    `asked` are options of `sg.verify`.
    """
    entries = read_formulas(path)
    destinations.check(path)
    reports: dict[str, sg.Report] = {}
    errors: dict[str, str] = {}
    names = unique_names(entries)
    for number, (name, entry) in enumerate(zip(names, entries, strict=True), start=1):
        try:
            title = f"{number} of {len(entries)}: verifying {name}"
            reports[name] = _verify(entry, wrt, asked, title)
        except SymgradError as error:
            errors[name] = placed(error, path, entry)
            click.echo(f"symgrad: {error.kind} error: {errors[name]}", err=True)
    show_table(("verdict", "formula", "report"), [_row(name, reports) for name in names])
    destinations.write(reports, errors)
    return worst([EXIT_STATUS[each.verdict.value] for each in reports.values()] + [BAD_INPUT] * bool(errors))


def worst(statuses: Collection[int]) -> int:
    """Return the worst exit status: failed, bad input, inconclusive, passed."""
    return next((status for status in _WORST_FIRST if status in statuses), PASSED)


def _verify(entry: Entry, wrt: Sequence[str], asked: Mapping[str, Any], title: str) -> sg.Report:
    text = f"{entry.text} "  # a space, so that a lone - is a formula (a wrong one), not standard input
    problem = read_problem(text, None, (), (), (), None, None)
    chosen = [name for name in problem.wrt if name in wrt] if wrt else problem.wrt
    if not chosen:
        raise UnknownNameError(f"--wrt: of {', '.join(wrt)} no input; the inputs are {', '.join(problem.wrt)}")
    return check(problem.formula, chosen, title=title, **asked)


def _row(name: str, reports: dict[str, sg.Report]) -> tuple[str, str, str]:
    if name not in reports:
        return "BAD INPUT", name, "not verified: see above"
    verdict, _, sentence = headline(reports[name]).partition(": ")
    return verdict, name, sentence
