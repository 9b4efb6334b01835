"""`symgrad verify`: the check alone, with its exit status."""

from __future__ import annotations

import click

from symgrad.diff.layout import Layout

from .checking import EXIT_STATUS, check, check_claims
from .display import show, show_report
from .options import formula_options
from .problem import read_problem


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
) -> int:
    """Check the derivative of the formula EXPR (- reads it from standard input) and print the report.

    With --claim it checks a derivative that you give, and shows a point at which it is wrong.
    The points are drawn from the domain of the formula, or given by --at and --data.

    Exit status: 0 passed, 1 failed, 2 bad input, 3 inconclusive.
    """
    if layout != Layout.DEFAULT.value and not claims:
        raise click.UsageError("--layout is that of a --claim, and none is given.")
    problem = read_problem(text, file, wrt, shapes, assumptions, at, data)
    if claims:
        report = check_claims(problem, claims, layout, seed=seed, points=points)
        for statement in report.statements:
            show((f"{statement.label} = ", "bold"), (statement.text, ""), (f"    shape {statement.shape}", "dim"))
        show()
    else:
        report = check(problem.formula, problem.wrt, seed=seed, points=points, at=problem.values)
    show_report(report)
    return EXIT_STATUS[report.verdict.value]
