"""Where the nodes of an expression stand in a text that says it."""

from __future__ import annotations

from collections.abc import Mapping

from symgrad.core.expr import Expr, postorder
from symgrad.errors import Span, SymgradError
from symgrad.syntax.build import build_steps
from symgrad.syntax.inference import infer_shapes
from symgrad.syntax.limits import Limits
from symgrad.syntax.parser import parse_program
from symgrad.syntax.program import resolve


def places(text: str, expr: Expr, limits: Limits | None = None) -> Mapping[Expr, Span]:
    """Return the span of every node of `expr` in `text`; none if the text says another expression.

    Expressions keep no spans, since equal ones are one node: the text is read once more. A node that is written twice
    has its first place, and one that stands for more than was written, such as a rewritten operand, that of the whole.

    >>> from symgrad.syntax.reading import parse
    >>> text = "sum(log(x))"
    >>> f = parse(text)
    >>> places(text, f)[f.operands[0]]
    Span(start=4, end=10)
    """
    shapes = {name: node.shape for name, node in expr.inputs.items()}
    assumed = {name: node.properties for name, node in expr.inputs.items() if node.properties}
    try:
        resolved = resolve(parse_program(text, limits or Limits()), shapes, assumed)
        nodes = build_steps(resolved, infer_shapes(resolved), limits or Limits())
    except SymgradError:  # an expression that was built otherwise need not have a text
        return {}
    if nodes[resolved.result] is not expr:
        return {}
    found: dict[Expr, Span] = {}
    for node, step in zip(nodes, resolved.steps, strict=True):
        found.setdefault(node, step.span)
    for node in reversed(postorder(expr)):
        for operand in node.operands:
            found.setdefault(operand, found[node])
    return found
