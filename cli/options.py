"""The options that say what the formula is and what to differentiate by; commands share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from symgrad.core.properties import Property

F = TypeVar("F", bound=Callable[..., Any])

_DECLARATIONS = (
    click.argument("text", metavar="EXPR", required=False),
    click.option("-f", "--file", metavar="FILE", help="Read the formula from a file; - is standard input."),
    click.option(
        "--wrt", multiple=True, metavar="NAME", help="Differentiate by this input (repeatable; default: all)."
    ),
    click.option(
        "--shape",
        "shapes",
        multiple=True,
        metavar="NAME=SIZES",
        help="Shape of an input, such as X=m,n, or lam= for a scalar (repeatable).",
    ),
    click.option(
        "--assume",
        "assumptions",
        multiple=True,
        metavar="NAME: WORDS",
        help='What holds for an input, such as "A: symmetric" or "x: positive" (repeatable); '
        f"words: {', '.join(p.value for p in Property)}.",
    ),
)
_VALUES = (
    click.option("--at", metavar="VALUES", help='Values of inputs, such as "x=1, w=[1, 2, 3]".'),
    click.option(
        "--data",
        metavar="FILE",
        help="Arrays of inputs: a .npz file, or a .csv file with a header row whose columns are vectors.",
    ),
)


def declaration_options(command: F) -> F:
    """Give a command the formula, with the options that declare its inputs and say what to differentiate by."""
    for option in reversed(_DECLARATIONS):
        command = option(command)
    return command


def formula_options(command: F) -> F:
    """Give a command the formula and its options, those for values of the inputs included."""
    for option in reversed(_VALUES):
        command = option(command)
    return declaration_options(command)
