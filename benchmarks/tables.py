"""The tables that a run prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from symgrad_cli.timing import seconds_text

from .task import HAND_WRITTEN, OURS

if TYPE_CHECKING:
    from .run import Outcome


def show_variant(outcome: Outcome) -> None:
    """Print all implementations of a variant, the fastest first."""
    table = Table(title=f"{outcome.task.number} {outcome.task.name}: {outcome.variant.name}", title_justify="left")
    for column in ("", "median", "min", "to best peer", "to hand-written", "ready cold", "ready warm", "memory MiB"):
        table.add_column(column, justify="right" if column else "left")
    for name in sorted(outcome.measured, key=lambda name: outcome.measured[name].times.least):
        found = outcome.measured[name]
        table.add_row(
            f"[bold]{name}[/]" if name == OURS else name,
            seconds_text(found.times.median),
            seconds_text(found.times.least),
            _ratio(outcome.ratio(name, outcome.best_peer)),
            _ratio(outcome.ratio(name, HAND_WRITTEN)),
            seconds_text(found.cold.seconds if found.cold else None),
            seconds_text(found.warm.seconds if found.warm else None),
            f"{found.cold.memory:.1f}" if found.cold else "-",
        )
    console = _console()
    console.print(table)
    for name, reason in outcome.missing.items():
        console.print(f"  {name}: no result ({reason})", style="dim", markup=False)
    for name, reason in outcome.wrong.items():
        console.print(f"  {name} IS WRONG: {reason}", style="bold red", markup=False)


def show_summary(outcomes: Sequence[Outcome]) -> None:
    """Print one line a variant: ours beside the best peer, the kernel written by hand, and JAX's time to be ready."""
    table = Table(title="summary", title_justify="left")
    for column in ("task", "ours", "best peer", "ratio", "by hand", "ratio", "cold", "jax cold", "warm"):
        table.add_column(column, justify="left" if column == "task" else "right")
    for outcome in outcomes:
        best = outcome.best_peer
        cold, warm = _ready(outcome, OURS)
        table.add_row(
            f"{outcome.task.number} {outcome.task.name}: {outcome.variant.name}",
            _least(outcome, OURS),
            f"{best} {_least(outcome, best)}" if best else "-",
            _ratio(outcome.ratio(OURS, best)),
            _least(outcome, HAND_WRITTEN),
            _ratio(outcome.ratio(OURS, HAND_WRITTEN)),
            seconds_text(cold),
            seconds_text(_ready(outcome, "jax")[0]),
            seconds_text(warm),
        )
    _console().print(table)


def _least(outcome: Outcome, name: str) -> str:
    return seconds_text(outcome.measured[name].times.least) if name in outcome.measured else "-"


def _ready(outcome: Outcome, name: str) -> tuple[float | None, float | None]:
    found = outcome.measured.get(name)
    if found is None or found.cold is None or found.warm is None:
        return None, None
    return found.cold.seconds, found.warm.seconds


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def _console() -> Console:
    """A console as wide as the terminal; in a file as wide as the tables."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 150)
