"""`symgrad verify`: the check alone, with its exit status."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

import symgrad as sg
from symgrad.diff.layout import Layout

from .checking import EXIT_STATUS, check, check_claims
from .destinations import Destinations, destination_options
from .display import show, show_report
from .options import formula_options
from .problem import read_problem
from .recheck import is_certificate, recheck
from .verify_all import verify_all


@click.command("verify", epilog='Example: symgrad verify "logsumexp(A @ x)" --wrt x --points 5')
@formula_options
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Fixes the points that are drawn."
)
@click.option("--points", type=click.IntRange(1, 1000), default=3, show_default=True, help="How many points to check.")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="DERIVATIVE",
    help='Check this derivative instead, such as "2*X.T @ (X @ w - y)" (one for each --wrt, in their order).',
)
@click.option(
    "--layout",
    type=click.Choice([layout.value for layout in Layout]),
    default=Layout.DEFAULT.value,
    show_default=True,
    help="The layout of what is claimed.",
)
@click.option(
    "--all", "whole_file", is_flag=True, help="EXPR is a file of formulas: one a line, `name: formula` or not."
)
@click.option("--hessian", is_flag=True, help="Check the second derivatives of a scalar too, and their symmetry.")
@click.option("--products", is_flag=True, help="Check the kernels of Jacobian-vector and vector-Jacobian products too.")
@click.option("--batch", is_flag=True, help="Check the kernel for many points too.")
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    default="float64",
    show_default=True,
    help="The precision of the kernels.",
)
@destination_options
def command(
    text: str | None,
    file: str | None,
    wrt: tuple[str, ...],
    shapes: tuple[str, ...],
    assumptions: tuple[str, ...],
    at: str | None,
    data: str | None,
    seed: int,
    points: int,
    claims: tuple[str, ...],
    layout: str,
    whole_file: bool,
    hessian: bool,
    products: bool,
    batch: bool,
    dtype: str,
    html: str | None,
    json: str | None,
    junit: str | None,
) -> int:
    """Check the derivative of the formula EXPR (- reads it from standard input) and print the report.

    The points are drawn from the domain of the formula, or given by --at and --data. With --claim
    a derivative that you give is checked, and a point is shown at which it is wrong. With --all, EXPR is a file of
    formulas, which are all checked. An EXPR that ends with .json is a certificate that --json wrote: it is checked
    again, at the same points.

    Exit status: 0 passed, 1 failed, 2 bad input, 3 inconclusive; with --all the worst, of 1, 2, 3, 0.
    """
    destinations = Destinations(html, json, junit)
    asked: dict[str, Any] = {"seed": seed, "points": points, "order": 1 + hessian}
    asked |= {"products": products, "batch": batch, "dtype": dtype}
    of_kernels = hessian or products or batch or dtype != "float64"
    declared = bool(shapes or assumptions or at or data)
    if layout != Layout.DEFAULT.value and not claims:
        raise click.UsageError("--layout is that of a --claim, and none is given.")
    if claims and (whole_file or json or (text is not None and is_certificate(text))):
        raise click.UsageError("--claim is for one formula, and has no certificate; --html and --junit it may have.")
    if claims and of_kernels:
        raise click.UsageError("--hessian, --products, --batch and --dtype are for kernels; a --claim has none.")
    if whole_file:
        if declared or (text is None) == (file is None):
            raise click.UsageError("--all takes one file, and declarations in its formulas: f(A[n, n]: spd) = ...")
        return verify_all(text or file or "", wrt, asked, destinations)
    if text is not None and is_certificate(text):
        if declared or wrt or of_kernels or _is_given("seed", "points"):
            raise click.UsageError("A certificate says itself what is checked; give no more than files to write.")
        return recheck(text, destinations)
    destinations.check(file)
    problem = read_problem(text, file, wrt, shapes, assumptions, at, data)
    if claims:
        report = check_claims(problem, claims, layout, seed=seed, points=points)
        _show_claims(report)
    else:
        report = check(problem.formula, problem.wrt, at=problem.values or None, **asked)
    show_report(report)
    destinations.write({"": report})
    return EXIT_STATUS[report.verdict.value]


def _is_given(*options: str) -> bool:
    context = click.get_current_context()
    return any(context.get_parameter_source(option) is not ParameterSource.DEFAULT for option in options)


def _show_claims(report: sg.Report) -> None:
    for statement in report.statements:
        show((f"{statement.label} = ", "bold"), (statement.text, ""), (f"    shape {statement.shape}", "dim"))
    show()
