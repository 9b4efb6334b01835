"""What a person claims about a formula, as a text: read with the inputs of the formula, in their shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from symgrad import syntax
from symgrad.core.dims import shape_text
from symgrad.core.expr import Expr
from symgrad.core.traversal import substitute
from symgrad.errors import ShapeError, Span, SymgradError, UnknownNameError

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def read_claim(text: str, output: Expr) -> Expr:
    """Return what a text says about a formula: its names are the formula's inputs and sizes.

    Errors: those of `parse`, with their place in the text; UnknownNameError for another name.

    >>> f = syntax.parse("sum((X @ w)**2)")
    >>> print(read_claim("2*X.T @ X @ w", f).shape)
    (n,)
    """
    known = {name: node for name, node in output.inputs.items() if name in _WORD.findall(text)}
    found = syntax.parse(
        text,
        shapes={name: node.shape for name, node in known.items()},
        assume={name: node.properties for name, node in known.items() if node.properties},
    )
    try:
        return with_inputs_of(found, output)
    except UnknownNameError as error:
        strange = next(name for name in found.inputs if name not in output.inputs)
        start = next(match.start() for match in _WORD.finditer(text) if match.group() == strange)
        raise error.locate(Span(start, start + len(strange)), text) from None


def with_inputs_of(claimed: Expr, output: Expr) -> Expr:
    """Return a claim with the formula's inputs, so with what is assumed of them.

    Errors: UnknownNameError for an input that the formula does not have, ShapeError for one of another shape.
    """
    own: dict[Expr, Expr] = {}
    for name, node in claimed.inputs.items():
        if name not in output.inputs:
            names = ", ".join(output.inputs) or "none"
            raise UnknownNameError(f"{name} is not an input of the formula; the inputs are {names}")
        other = output.inputs[name]
        if other.shape != node.shape:
            shapes = shape_text(other.shape), shape_text(node.shape)
            raise ShapeError(f"the formula's input {name} has shape {shapes[0]}, not {shapes[1]}")
        own[node] = other
    return substitute([claimed], own)[0]


def read_beside(formula: str, claims: Iterable[object]) -> Expr | None:
    """Return a formula with its inputs in the shapes that claims have for them.

    None where the formula settles shapes itself, and where those of the claims do not fit.

    >>> read_beside("sum(x*y)", ["y @ eye(3)", "x @ eye(3)"]).inputs["x"].shape
    (3,)
    """
    if _settles(formula):
        return None
    try:
        found = [syntax.parse(text).inputs for text in claims if isinstance(text, str)]
        words = _WORD.findall(formula)
        known = {name: node.shape for inputs in found for name, node in inputs.items() if name in words}
        return syntax.parse(formula, shapes={name: shape for name, shape in known.items() if shape})
    except SymgradError:
        return None


def _settles(formula: str) -> bool:
    if syntax.declared_inputs(formula):
        return True
    try:
        return any(node.shape for node in syntax.parse(formula).inputs.values())
    except ShapeError:
        return False
