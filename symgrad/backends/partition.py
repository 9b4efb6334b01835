"""Splits a reverse sweep in two: what the forward kernel saves, and the backward kernel that starts from it."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from symgrad.core.expr import Apply, Expr, Input, postorder
from symgrad.core.numeric import Constants, Fill, Gather, Reshape, SizeValue, Take
from symgrad.core.traversal import substitute
from symgrad.diff.pullback import pull_back
from symgrad.diff.tangent import project
from symgrad.simplify import simplify

_FREE = (
    Gather | Reshape | Fill | SizeValue | Constants | Take
)  # numeric forms that cost the backward kernel nothing to do again


@dataclass(frozen=True, slots=True)
class Partition:
    """The value, the nodes saved with it, and gradients in terms of the inputs, `saved_inputs` and `cotangent`."""

    value: Expr
    saved: tuple[Expr, ...]
    saved_inputs: tuple[Input, ...]
    cotangent: Input
    gradients: tuple[Expr, ...]


def partition(output: Expr, wrt: Sequence[Input], taken: Container[str]) -> Partition:
    """Split the gradients of `output`: save what the backward sweep reads of the forward one, views apart.

    New inputs get names that are not `taken`.
    """
    cotangent = Input(fresh("output_bar", taken), output.shape)
    free = pull_back(output, cotangent, wrt)
    value, *gradients = simplify([output, *(project(node, each) for node, each in zip(wrt, free, strict=True))])
    saved = _residuals(value, gradients)
    stand_ins = tuple(Input(fresh(f"residual_{k}", taken), node.shape, node.properties) for k, node in enumerate(saved))
    cut = substitute(gradients, dict(zip(saved, stand_ins, strict=True)))
    return Partition(value, saved, stand_ins, cotangent, tuple(cut))


def fresh(name: str, taken: Container[str]) -> str:
    """Return `name`, with underscores behind it until it is not among the names that are taken."""
    while name in taken:
        name += "_"
    return name


def _residuals(value: Expr, gradients: Sequence[Expr]) -> tuple[Expr, ...]:
    primal = set(postorder(value))
    saved: dict[Expr, None] = {}
    frontier = [*gradients]
    seen: set[Expr] = set()
    while frontier:
        node = frontier.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in primal and isinstance(node, Apply) and not isinstance(node.op.numeric_form(node), _FREE):
            saved[node] = None
            continue
        frontier.extend(reversed(node.operands))
    return tuple(node for node in postorder(value) if node in saved)
