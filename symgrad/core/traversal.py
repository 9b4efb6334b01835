"""Walks that rebuild expressions. Iterative and memoised: cost follows the number of distinct nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from symgrad.core.expr import Apply, Expr, postorder


def rebuild(node: Expr, new: Mapping[Expr, Expr]) -> Expr:
    """Return `node` with its operands replaced by what `new` says."""
    if not isinstance(node, Apply):
        return node
    operands = tuple([new[operand] for operand in node.operands])
    if operands == node.operands:
        return node
    return node.op.make(operands, node.params)


def substitute(roots: Sequence[Expr], replacements: Mapping[Expr, Expr]) -> list[Expr]:
    """Return the roots with nodes replaced; a replacement is taken as it is, nothing below it is replaced."""
    new: dict[Expr, Expr] = dict(replacements)
    for node in postorder(*roots):
        if node not in new:
            new[node] = rebuild(node, new)
    return [new[root] for root in roots]


def expand(
    roots: Sequence[Expr], form: Callable[[Apply], Expr | None], done: dict[Expr, Expr] | None = None
) -> list[Expr]:
    """Replace nodes by what `form` returns (None: keep), until it keeps all; what it returns is expanded too.

    `done` says what became of nodes that were met before, and is told of those that are met now.
    """
    done = {} if done is None else done
    stack: list[Expr] = list(roots)
    pending: set[Expr] = set()  # replaced, waiting for the replacement: meeting one again would go round in circles
    while stack:
        top = stack[-1]
        if top in done:
            stack.pop()
            continue
        missing = [operand for operand in top.operands if operand not in done]
        if missing:
            stack.extend(reversed(missing))
            continue
        node = rebuild(top, done)
        replacement = form(node) if isinstance(node, Apply) and _is_rebuilt(node, top, done) else node
        if replacement is None or replacement is top or (replacement in pending and replacement not in done):
            done[top] = done[node] = node
            stack.pop()
        elif replacement in done:
            done[top] = done[replacement]
            stack.pop()
        else:
            pending.add(top)
            stack.append(replacement)
    return [done[root] for root in roots]


def _is_rebuilt(node: Apply, top: Expr, done: Mapping[Expr, Expr]) -> bool:
    """Has `node` just the operands of `top`, done? An op may build another node than the one that was asked for."""
    if not isinstance(top, Apply) or node.op is not top.op or len(node.operands) != len(top.operands):
        return False
    return node.operands == tuple([done[operand] for operand in top.operands])  # nodes are equal by identity
