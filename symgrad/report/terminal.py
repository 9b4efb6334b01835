"""A verification report for the terminal: plain text, or tables that rich draws."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from symgrad.report.outline import GROUPS, Row, count, grouped, headline, place_of, rows, ulps_text
from symgrad.verification import Report, Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

COLUMNS = ("verdict", "derivative by", "error", "bound", "would catch", "ulps", "worst at", "route")
STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}
_NUMBERS = ("error", "bound", "would catch", "ulps")


def plain(report: Report) -> str:
    """Return the report as text: the verdict, the formulas, tables of the checks, and what could not be checked."""
    tables = {kind: [_cells(row) for row in rows(members)] for kind, members in grouped(report.checks).items()}
    lines = [headline(report), *statement_lines(report)]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *chain(*tables.values()), strict=True)]
    for kind, table in tables.items():
        lines += ["", GROUPS[kind][0].lower()]
        lines += ["  " + "  ".join(map(str.ljust, cells, widths)).rstrip() for cells in (COLUMNS, *table)]
    return "\n".join([*lines, "", *notes(report)])


def rich_report(report: Report) -> RenderableType:
    """Return the report as something a rich console prints."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = [Text(headline(report), f"bold {STYLES[report.verdict]}")]
    parts += [Text(line) for line in statement_lines(report)]
    for kind, members in grouped(report.checks).items():
        table = Table(box=None, header_style="dim", pad_edge=False)
        for name in COLUMNS:
            table.add_column(name, justify="right" if name in _NUMBERS else "left")
        for row in rows(members):
            verdict, *rest = _cells(row)
            table.add_row(Text(verdict, STYLES[row.verdict]), *map(Text, rest))
        parts += [Text(f"\n{GROUPS[kind][0].lower()}", "bold"), Padding(table, (0, 0, 0, 2))]
    return Group(*parts, Text(""), *map(Text, notes(report)))


def statement_lines(report: Report) -> list[str]:
    """Return the formula and its derivatives as they were understood, one a line."""
    return [f"  {each.label} = {each.text}" for each in report.statements]


def notes(report: Report) -> list[str]:
    """Return the sentences under the tables."""
    planted = report.worth()
    return [
        *(f"why: {reason}" for reason in report.reasons),
        *(f"not checked: {what}" for what in report.not_checked),
        *([f"planted errors: {planted}"] if planted else []),
        *([f"all together: {report.pooled}"] if report.pooled is not None else []),
        "errors and bounds are relative to the largest entry, and each bound is an estimated error; of several points "
        "the one nearest to its bound is shown; ulps: the kernel's largest distance from 50 digits, in last places",
        f"{count(len(report.points), 'point')} drawn with seed {report.seed}"
        if not any(point.given for point in report.points)
        else f"points drawn with seed {report.seed}, or given",
    ]


def _cells(row: Row) -> tuple[str, ...]:
    check = row.deciding
    route = f"{check.route.value} ({check.detail})" if check.detail else check.route.value
    numbers = (f"{check.error:.1e}", f"{check.bound:.1e}", f"{row.resolution:.1e}", ulps_text(row.ulps))
    return row.verdict.value, row.subject, *numbers, place_of(check), route
