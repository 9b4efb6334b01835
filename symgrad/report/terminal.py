"""A verification report for the terminal: plain text, or a table that rich draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.verification import Check, Report, Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

COLUMNS = ("verdict", "point", "derivative by", "error", "bound", "route")
STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}


def plain(report: Report) -> str:
    """Return the report as text: the verdict, a table of the checks, and what could not be checked."""
    rows = [COLUMNS, *map(_row, report.checks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([report.summary(), "", *table, "", *notes(report)])


def rich_report(report: Report) -> RenderableType:
    """Return the report as something a rich console prints."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in ("error", "bound") else "left")
    for check in report.checks:
        verdict, *rest = _row(check)
        table.add_row(Text(verdict, STYLES[check.verdict]), *map(Text, rest))
    return Group(Text(report.summary(), STYLES[report.verdict]), table, *map(Text, notes(report)))


def notes(report: Report) -> list[str]:
    """Return the sentences under the table."""
    return [
        *(f"why: {reason}" for reason in report.reasons),
        *(f"not checked: {what}" for what in report.not_checked),
        "errors and bounds are relative to the largest entry; each bound is an estimated error",
        f"points drawn with seed {report.seed}",
    ]


def _row(check: Check) -> tuple[str, ...]:
    route = f"{check.route.value} ({check.detail})" if check.detail else check.route.value
    name = "(value)" if check.input is None else check.input
    return check.verdict.value, str(check.point), name, f"{check.error:.1e}", f"{check.bound:.1e}", route
