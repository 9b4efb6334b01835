"""`symgrad derive`: the derivative of a formula, its numbers at a point, and a check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click

import symgrad as sg

from .checking import check_all
from .display import Segment, show
from .evaluation import Derivation, derive, evaluate
from .options import formula_options
from .presentation import (
    as_json,
    convention_lines,
    latex_lines,
    layout_lines,
    mathml_lines,
    report_line,
    step_lines,
    text_lines,
    value_lines,
)
from .problem import read_problem
from .progress import Working
from .python_module import python_lines

_LINES = {"text": text_lines, "latex": latex_lines, "python": python_lines, "mathml": mathml_lines}
# what stands before and behind a line that is no part of the result
_COMMENTS = {"text": ("", ""), "latex": ("% ", ""), "python": ("# ", ""), "mathml": ("<!-- ", " -->")}
_RESULT = ("", "")


@click.command("derive", epilog='Example: symgrad derive "sum((X @ w - y)**2) + lam*sum(w**2)" --wrt w')
@formula_options
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "latex", "python", "json", "mathml"]),
    default="text",
    show_default=True,
    help="How to write the result.",
)
@click.option("--verify/--no-verify", "wanted", default=True, help="Check the derivative (the default), or do not.")
@click.option(
    "--jacobian",
    is_flag=True,
    help="First derivatives, and their layout in any case (the default for a formula that is not a scalar).",
)
@click.option(
    "--names/--no-names",
    default=True,
    help="Name what the derivatives share, where they get clearly shorter by it (the default), or write it out.",
)
@click.option("--hessian", is_flag=True, help="Second derivatives of a scalar formula too, mixed ones included.")
@click.option(
    "--steps", "wants_steps", is_flag=True, help="First derivatives step by step: every rule that was applied."
)
@click.option(
    "--layout",
    type=click.Choice([layout.value for layout in sg.Layout]),
    default=sg.Layout.DEFAULT.value,
    show_default=True,
    help="Shape of derivatives: output axes then input axes; rows (numerator) or columns (denominator) for gradients; "
    "vec(output) by vec(input), columns stacked. Of a second derivative the output is the gradient.",
)
@click.option(
    "--convention",
    type=click.Choice([convention.value for convention in sg.Convention]),
    default=sg.Convention.TANGENT.value,
    show_default=True,
    help="With respect to an input that is assumed symmetric, ...: the derivative of the same structure (tangent), or "
    "the partial derivatives by its independent entries (entries).",
)
def command(
    text: str | None,
    file: str | None,
    wrt: tuple[str, ...],
    shapes: tuple[str, ...],
    assumptions: tuple[str, ...],
    at: str | None,
    data: str | None,
    style: str,
    wanted: bool,
    jacobian: bool,
    names: bool,
    hessian: bool,
    layout: str,
    convention: str,
    wants_steps: bool,
) -> int:
    """Print the derivative of the formula EXPR (- reads it from standard input) and check it.

    With --at or --data, or both, the value and the derivatives are also computed there by the compiled kernel.
    A formula that is not a scalar gives its Jacobian; --jacobian says so, and names the layout for a scalar too.

    Exit status: 0, 1 when the check failed, 2 for bad input.
    """
    problem = read_problem(text, file, wrt, shapes, assumptions, at, data)
    with Working("differentiating"):
        chosen = sg.Layout(layout), sg.Convention(convention)
        derivation = derive(problem, hessian, *chosen, state_layout=jacobian, names_subterms=names)
    steps = sg.steps(problem.formula, list(problem.wrt)) if wants_steps else []
    lines = _LINES.get(style)
    if lines is not None:
        _show_all(step_lines(steps), _COMMENTS[style])
        _show_all(lines(derivation), _RESULT)
        _show_all(layout_lines(derivation), _COMMENTS[style])
        _show_all(convention_lines(derivation), _COMMENTS[style])
    evaluation = None
    if problem.values:
        with Working("compiling"):
            evaluation = evaluate(derivation, problem.values)
        if lines is not None:
            _show_all(value_lines(derivation, evaluation), _COMMENTS[style])
    reports, unverified = _verify(derivation) if wanted else ({}, None)
    if style == "json":
        show((as_json(derivation, evaluation, reports, unverified, steps), ""))
    else:
        _show_reports(reports, unverified, style)
    return int(any(report.verdict.value == "FAIL" for report in reports.values()))


def _verify(derivation: Derivation) -> tuple[Mapping[str, sg.Report], str | None]:
    """Return the reports, or why there are none: the derivative has been printed, a problem now is no bad input."""
    try:
        return check_all(derivation), None
    except sg.SymgradError as error:
        return {}, error.message


def _show_reports(reports: Mapping[str, sg.Report], unverified: str | None, style: str) -> None:
    _show_all((report_line(report, label) for label, report in reports.items()), _COMMENTS[style])
    if unverified is not None:
        _show_all([[(f"not verified: {unverified}", "yellow")]], _COMMENTS[style])


def _show_all(lines: Iterable[Sequence[Segment]], comment: tuple[str, str]) -> None:
    before, behind = comment
    for segments in lines:
        inside = [(text.replace("\n", f"{behind}\n{before}"), style) for text, style in segments]
        show((before, ""), *inside, (behind, ""))
