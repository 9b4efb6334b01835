"""Cutting a large DAG into pieces that are rewritten one by one.

Rules that collect sums and products look through the results they are made of. In a large DAG that would write shared
results out again at every use, and cost more than linear time; so there shared results, and every few steps of a long
chain, stand as inputs of their own while the rules look at what is between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from symgrad.core.expr import Apply, Expr, Input, OpDef, postorder
from symgrad.core.traversal import rebuild
from symgrad.ops.arithmetic import add, div, mul, neg, sub
from symgrad.ops.exponential import sqrt
from symgrad.ops.power import power

_COLLECTED: frozenset[OpDef] = frozenset({add, sub, neg, mul, div, power, sqrt})  # what normal forms look through
LONGEST_CHAIN = 6


def cut(roots: Sequence[Expr]) -> tuple[list[Expr], list[Input], list[Expr]]:
    """Return the pieces (the roots last) and, for each but the roots, the input and the node it stands for."""
    order = postorder(*roots)
    uses = Counter(operand for node in order for operand in node.operands)
    new: dict[Expr, Expr] = {}
    depth: dict[Expr, int] = {}
    pieces: list[Expr] = []
    stand_ins: list[Input] = []
    nodes: list[Expr] = []
    for node in order:
        piece = rebuild(node, new)
        if not isinstance(node, Apply) or node.op not in _COLLECTED:
            new[node] = piece
            continue
        depth[node] = 1 + max((depth.get(operand, 0) for operand in node.operands), default=0)
        if uses[node] < 2 and depth[node] < LONGEST_CHAIN:
            new[node] = piece
            continue
        depth[node] = 0
        stand_in = Input(f"__piece_{len(pieces)}", node.shape, node.properties)
        pieces.append(piece)
        stand_ins.append(stand_in)
        nodes.append(node)
        new[node] = stand_in
    return [*pieces, *(new[root] for root in roots)], stand_ins, nodes


def join(pieces: Sequence[Expr], stand_ins: Sequence[Input]) -> list[Expr]:
    """Put the pieces back together and return the roots."""
    new: dict[Expr, Expr] = {}
    for position, piece in enumerate(pieces):
        for node in postorder(piece, stop=new):
            if node not in new:
                new[node] = rebuild(node, new)
        if position < len(stand_ins):
            new[stand_ins[position]] = new[piece]
    return [new[piece] for piece in pieces[len(stand_ins) :]]
