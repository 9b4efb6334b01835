"""`symgrad explain`: what made a value or a derivative NaN or infinite at a point."""

from __future__ import annotations

import json

import click

import symgrad as sg
from symgrad.backends.options import DType

from .display import show
from .exit_status import FAILED, PASSED
from .options import formula_options
from .problem import Problem, read_problem


@click.command("explain", epilog='Example: symgrad explain "sum(x*log(x))" --at "x=[1, 0, 2]"')
@formula_options
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    default="float64",
    show_default=True,
    help="The precision of the kernel.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def command(
    text: str | None,
    file: str | None,
    wrt: tuple[str, ...],
    shapes: tuple[str, ...],
    assumptions: tuple[str, ...],
    at: str | None,
    data: str | None,
    dtype: DType,
    as_json: bool,
) -> int:
    """Say which subexpression of the formula EXPR (- reads it from standard input) became NaN or infinite.

    The kernel of the value and of the derivatives is called at the point of --at and --data. Where a result is not
    finite, the first subexpression that was not is shown in the text, with its operands, the condition, and what would
    avoid it.

    Exit status: 0 all finite, 1 something is not, 2 bad input.
    """
    problem = read_problem(text, file, wrt, shapes, assumptions, at, data)
    if not problem.values:
        raise click.UsageError('Give the point: --at "x=1, w=[1, 2]", --data FILE, or both.')
    explanation = _explain(problem, dtype)
    if as_json:
        show((json.dumps(explanation.to_dict(), indent=2, allow_nan=False), ""))
    else:
        for line in explanation.lines():
            show((line, ""))
    return PASSED if explanation.finite else FAILED


def _explain(problem: Problem, dtype: DType) -> sg.Explanation:
    """The formula may have shapes that its text alone does not give, so it is compiled as it was read."""
    nodes = [problem.formula.inputs[name] for name in problem.wrt]
    return sg.Kernel(problem.formula, nodes, dtype, text=problem.source).explain(problem.values)
