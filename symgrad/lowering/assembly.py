"""Sums of arrays that are put into place: `pad(a) + pad(b)` is made in one buffer, where each term is added.

The gradient of `x[1:] - x[:-1]**2` is such a sum. Written out, every term would be an array of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.core.expr import Apply, Expr, NumericForm, postorder
from symgrad.core.numeric import Instruction, Scatter
from symgrad.core.traversal import rebuild


def scale_before_placing(outputs: Sequence[Expr]) -> list[Expr]:
    """Return equal outputs in which a number times an array put into place is the scaled array put into place."""
    order = postorder(*outputs)
    users = count_users(order, outputs)
    new: dict[Expr, Expr] = {}
    for old in order:
        node = rebuild(old, new)
        new[old] = _scaled(node, old, users) if isinstance(node, Apply) else node
    return [new[output] for output in outputs]


def count_users(order: Sequence[Expr], outputs: Sequence[Expr]) -> dict[Expr, int]:
    """Return how many nodes use each node; being an output counts as one."""
    users = dict.fromkeys(order, 0)
    for node in order:
        for operand in set(node.operands):
            users[operand] += 1
    for output in outputs:
        users[output] += 1
    return users


def _scaled(node: Apply, old: Expr, users: Mapping[Expr, int]) -> Expr:
    form = node.op.numeric_form(node)
    if form not in (Instruction.NEG, Instruction.MUL, Instruction.DIV):
        return node
    for position, x in enumerate(node.operands):
        others = [y for k, y in enumerate(node.operands) if k != position]
        once = users[old.operands[position]] == 1
        if once and isinstance(x, Apply) and is_placed(x) and not any(y.ndim for y in others):
            if form is Instruction.DIV and position == 1:
                return node
            (inner,) = x.operands
            operands = tuple(inner if k == position else y for k, y in enumerate(node.operands))
            return x.op.make((node.op.make(operands, node.params),), x.params)
    return node


def is_placed(node: Expr) -> bool:
    """Say whether a node puts its operand into place among zeros."""
    return isinstance(node, Apply) and isinstance(node.op.numeric_form(node), Scatter)


def placed_term(node: Expr, forms: Mapping[Expr, NumericForm], users: Mapping[Expr, int]) -> int | None:
    """Return which operand of a sum or difference can be added into the memory of the other one, if one can.

    Both must have the shape of the sum and no other use.
    """
    form = forms.get(node)
    if form not in (Instruction.ADD, Instruction.SUB) or any(x.shape != node.shape for x in node.operands):
        return None
    if node.operands[0] is node.operands[1] or any(users[x] != 1 for x in node.operands):
        return None
    for position in (1, 0) if form is Instruction.ADD else (1,):
        if isinstance(forms.get(node.operands[position]), Scatter):
            return position
    return None
