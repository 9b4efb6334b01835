"""What is printed when something goes wrong, and the exit status that goes with it."""

from __future__ import annotations

import os
import traceback

import click

from symgrad.errors import SymgradError

from .exit_status import BAD_INPUT, BUG


def explain(error: Exception) -> int:
    """Print a sentence about the error on stderr and return the exit status."""
    if isinstance(error, SymgradError):
        click.echo(f"symgrad: {error.kind} error: {error}", err=True)
        return BAD_INPUT
    if os.environ.get("SYMGRAD_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    if isinstance(error, MemoryError):
        click.echo("symgrad: not enough memory for this", err=True)
        return BAD_INPUT
    click.echo(
        f"symgrad: this is a bug of symgrad ({type(error).__name__}: {error}). Please report it with the command; "
        "SYMGRAD_DEBUG=1 shows where it happened.",
        err=True,
    )
    return BUG
