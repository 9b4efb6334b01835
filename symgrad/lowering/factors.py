"""Inverses, solutions and determinants of one matrix are read from one factorisation of it.

The matrix or its transpose: `solve(A, b)` has the derivative `-outer(solve(A.T, b_bar), solve(A, b))`. What is read and
how is in `ops/linalg/factored`.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.core.expr import Apply, Expr, postorder
from symgrad.core.numeric import Along, Gather, Routine
from symgrad.core.traversal import rebuild
from symgrad.ops.linalg.factored import READERS, factored


def share_factors(outputs: Sequence[Expr]) -> list[Expr]:
    """Return equal outputs in which kernels factor each matrix once; what reads the factors is yet to be expanded."""
    new: dict[Expr, Expr] = {}
    for old in postorder(*outputs):
        node = rebuild(old, new)
        new[old] = _from_factors(node) if isinstance(node, Apply) and node.op in READERS else node
    return [new[output] for output in outputs]


def _from_factors(node: Apply) -> Expr:
    if not isinstance(node.op.numeric_form(node), Routine):
        return node
    matrix = node.operands[0]
    base = _transpose_of(matrix)
    return READERS[node.op](node, factored(matrix if base is None else base), base is not None)


def _transpose_of(x: Expr) -> Expr | None:
    """Return what x is the view of with the last two axes exchanged, None if it is no such view."""
    form = x.op.numeric_form(x) if isinstance(x, Apply) else None
    *front, row, column = map(Along, range(x.ndim))
    return x.operands[0] if form == Gather((*front, column, row)) else None
