"""Runs the verification for the commands: progress on stderr, and the exit status that a verdict means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

import symgrad as sg
from symgrad.errors import SymgradError

from .evaluation import Derivation
from .exit_status import FAILED, INCONCLUSIVE, PASSED
from .presentation import function_name
from .problem import Problem
from .progress import Working

EXIT_STATUS = {"PASS": PASSED, "FAIL": FAILED, "INCONCLUSIVE": INCONCLUSIVE}


def check(formula: sg.Expr, wrt: Sequence[str], *, title: str = "verifying", **options: Any) -> sg.Report:
    """Verify the derivatives of a formula by some of its inputs, with options of `sg.verify`.

    `title` stands before the progress.
    """
    with Working(title) as working:
        return sg.verify(formula, wrt=list(wrt), progress=working.advance, **options)


def check_claims(problem: Problem, claims: Sequence[str], layout: str, *, seed: int, points: int) -> sg.Report:
    """Check derivatives that the user wrote, one for each input that is differentiated by."""
    if len(claims) != len(problem.wrt):
        names = ", ".join(problem.wrt)
        raise click.UsageError(f"Give one --claim for each --wrt: {len(claims)} for {names} cannot be told apart.")
    given = dict(zip(problem.wrt, claims, strict=True))
    options: dict[str, Any] = {"seed": seed, "points": points, "at": problem.values or None}
    try:
        return sg.check_expression(problem.formula, given, layout=layout, **options)
    except SymgradError as error:
        if error.source in claims:
            error.message = f"--claim: {error.message}"
        raise


def check_all(derivation: Derivation) -> dict[str, sg.Report]:
    """Verify the derivatives (under the label ""), and second ones as the derivatives of each first one."""
    names = list(derivation.derivatives)
    reports = {"": check(derivation.formula, names)}
    if not derivation.second:
        return reports
    for name, gradient in derivation.derivatives.items():
        present = [other for other in names if other in gradient.inputs]
        if present:
            reports[f"d{function_name(derivation)}/d{name}"] = check(gradient, present)
    return reports
