"""`symgrad ops`: the functions of the language, told by their definitions."""

from __future__ import annotations

from collections.abc import Iterator

import click

from symgrad.core.expr import OpDef, all_ops, lookup, op_names
from symgrad.core.multiresult import MultiResult, find_multi_result
from symgrad.errors import Span, UnknownNameError
from symgrad.syntax.suggestions import function_message

from .derivative_table import derivative_text, domain_text
from .display import show, show_table
from .progress import Working

_HEADER = ("function", "domain", "kinks", "derivative")


@click.command("ops", epilog="Example: symgrad ops log1p")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print the table of functions with their domains and derivatives, or all about the function NAME.

    For a function of whole arrays the derivative is given by cotangents: x_bar is that of the operand x, and out_bar
    that of the result.
    """
    import symgrad.ops  # noqa: F401  # fills the registry

    if name is not None:
        several = find_multi_result(name)
        for title, text in _details(_find(name)) if several is None else _results(several):
            show((f"{title:12}", "bold"), (text, ""))
        return
    with Working("differentiating"):
        rows = [_row(op) for op in sorted(all_ops(), key=_name)]
    show_table(_HEADER, rows)


def _find(name: str) -> OpDef:
    if name not in op_names():
        raise UnknownNameError(function_message(name), span=Span(0, max(1, len(name))), source=name)
    return lookup(name)


def _name(op: OpDef) -> str:
    return op.name


def _row(op: OpDef) -> tuple[str, ...]:
    kinks = "; ".join(kink.where for kink in op.kinks)
    return op.usage(), domain_text(op), kinks, "; ".join(derivative_text(op, brief=True))


def _results(function: MultiResult) -> Iterator[tuple[str, str]]:
    yield "function", function.usage()
    yield "", function.doc
    for result, part in zip(function.results, function.parts, strict=True):
        yield "result", f"{result} = {part.usage()}"


def _details(op: OpDef) -> Iterator[tuple[str, str]]:
    yield "function", op.usage()
    yield "", op.doc
    if op.aliases:
        yield "aliases", ", ".join(op.aliases)
    yield "domain", domain_text(op)
    for text in derivative_text(op):
        yield "derivative", text
    for kink in op.kinks:
        yield "kink", f"{kink.where}: the derivative is {kink.convention}"
    for reference in op.references:
        yield "reference", reference
