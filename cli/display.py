"""Lines on the terminal: colours through rich on a terminal, plain text in a pipe, a file or under NO_COLOR."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import click

from symgrad.report import plain, rich_report
from symgrad.verification import Report

# A piece of a line and its style, a word of rich's or "".
Segment: TypeAlias = tuple[str, str]


def colourful() -> bool:
    """Whether standard output is a terminal that may be coloured."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(*segments: Segment) -> None:
    """Print a line and flush it. Lines are never wrapped: a formula is one thing to copy."""
    if not colourful():
        click.echo("".join(text for text, _ in segments))
        sys.stdout.flush()
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text.assemble(*segments), soft_wrap=True)
    sys.stdout.flush()


def show_report(report: Report) -> None:
    """Print all that a verification found."""
    if not colourful():
        click.echo(plain(report))
        return
    from rich.console import Console

    Console(highlight=False).print(rich_report(report))


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, each row on one line in plain text; on a terminal rich fits it to the width."""
    if colourful():
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in header:
            table.add_column(title, overflow="fold")
        for row in rows:
            table.add_row(*(cell.replace("[", r"\[") for cell in row))
        Console(highlight=False).print(table)
        return
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
