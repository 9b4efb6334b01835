"""The reverse sweep: cotangents flow from the result to the inputs, each node's rule applied once.

Griewank & Walther, Evaluating Derivatives (2008), chapter 3; the cost of all gradients is a small constant times
that of the value, because the derivative is built on the same interned DAG.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import TypeAlias

from symgrad.core.dims import Shape, shape_text
from symgrad.core.expr import (
    Apply,
    Expr,
    Flat,
    Input,
    Literal,
    NotDifferentiable,
    Partials,
    Structured,
    Transposed,
    Via,
    postorder,
)
from symgrad.core.traversal import substitute
from symgrad.errors import OperandError, ShapeError
from symgrad.ops.arithmetic import MINUS_ONE, ONE
from symgrad.ops.broadcasting import broadcast_to, unbroadcast
from symgrad.ops.constants import zeros
from symgrad.ops.piecewise import ZERO

# A node, the cotangent that arrived at it, and (operand, its share) for each operand it was passed to.
Trace: TypeAlias = Callable[[Apply, Expr, Sequence[tuple[Expr, Expr]]], None]


def pull_back(
    output: Expr, cotangent: Expr, wrt: Sequence[Expr], *, stop: Container[Expr] = (), trace: Trace | None = None
) -> list[Expr]:
    """Return, for each node of `wrt`, the cotangent that `cotangent` of `output` pulls back to.

    Shapes: `cotangent` has some batch axes and then the shape of `output`; each result has the same batch axes and
    then the shape of its node. The sweep does not go below the nodes in `stop`; `trace` hears of every node.
    Errors: ShapeError when the cotangent does not fit; OperandError for an op that has no derivative.
    """
    batch = cotangent.ndim - output.ndim
    if batch < 0 or cotangent.shape[batch:] != output.shape:
        raise ShapeError(
            f"the cotangent has shape {shape_text(cotangent.shape)}, the output {shape_text(output.shape)}"
        )
    front = cotangent.shape[:batch]
    targets = set(wrt)
    order = postorder(output, stop=stop)
    active = _active(order, targets, stop)
    bars: dict[Expr, list[Expr]] = {output: [cotangent]}
    totals: dict[Expr, Expr] = {}
    for node in reversed(order):
        if node not in active or node not in bars:
            continue
        total = _sum(bars.pop(node))
        totals[node] = total
        if not isinstance(node, Apply) or node in stop:
            continue
        shares = _shares(node, total, active, batch)
        if trace is not None:
            trace(node, total, shares)
        for operand, share in shares:
            bars.setdefault(operand, []).append(_fit(share, front + operand.shape))
    return [totals[node] if node in totals else zero(front + node.shape) for node in wrt]


def zero(shape: Shape) -> Expr:
    """Return zeros of a shape: the literal 0 for a scalar."""
    return zeros(shape) if shape else ZERO


def _active(order: Sequence[Expr], targets: set[Expr], stop: Container[Expr]) -> set[Expr]:
    """Return the nodes that depend on a target through something that has a derivative.

    A node of `stop` depends on nothing, also where its operands are met on another way.
    """
    active: set[Expr] = set()
    for node in order:
        carries = _carries(node) and node not in stop
        if node in targets or (carries and any(operand in active for operand in node.operands)):
            active.add(node)
    return active


def _carries(node: Expr) -> bool:
    return isinstance(node, Apply) and not isinstance(node.op.derivative, Flat)


def _sum(shares: list[Expr]) -> Expr:
    """Add up what arrived, the last first: the sweep runs backwards, and terms read best in the formula's order."""
    total = shares[-1]
    for share in reversed(shares[:-1]):
        total = total + share
    return total


def _fit(share: Expr, shape: Shape) -> Expr:
    return share if share.shape == shape else broadcast_to(share, shape)


def _shares(node: Apply, cotangent: Expr, active: set[Expr], batch: int) -> list[tuple[Expr, Expr]]:
    """Return (operand, its cotangent) for each active operand whose share is not zero."""
    match derivative_of(node):
        case Partials(functions):
            shares = [
                (operand, unbroadcast(_scale(cotangent, partial(node, *node.operands)), operand.shape, batch))
                for operand, partial in zip(node.operands, functions, strict=True)
                if operand in active
            ]
        case Transposed(function):
            shares = [(node.operands[0], function(node, cotangent))]
        case Structured(_, pullback):
            shares = [
                (operand, _unbroadcast_elementwise(node, share, operand, batch))
                for operand, share in zip(node.operands, pullback(node, cotangent), strict=True)
                if operand in active
            ]
        case Via(form):
            expression, stand_ins = own_terms(node, form, (cotangent,))
            inner = {stand_ins[operand]: operand for operand in node.operands if operand in active}
            pulled = pull_back(expression, cotangent, list(inner), stop=tuple(stand_ins.values()))
            shares = list(zip(inner.values(), put_back(pulled, stand_ins), strict=True))
        case Flat():
            shares = []
    return [(operand, share) for operand, share in shares if share is not ZERO]


def own_terms(node: Apply, form: Callable[[Apply], Expr], others: Sequence[Expr]) -> tuple[Expr, dict[Expr, Expr]]:
    """Return the equal expression of a node, and what stands for each operand in it: mostly the operand itself.

    But building an expression may look through the operands: (-A) @ B is built as -(A @ B), and a sweep that ends at
    -A would miss it. Then new inputs stand for them, of names that are neither in the node nor in `others`.
    """
    operands = dict.fromkeys(node.operands)
    expression = form(node)
    if not any(isinstance(x, Input) and x not in operands for x in postorder(expression, stop=operands)):
        return expression, {operand: operand for operand in operands}
    taken = {name for expr in (node, *others) for name in expr.inputs}
    prefix = "operand"
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    stand_ins: dict[Expr, Expr] = {
        x: x if isinstance(x, Literal) else Input(f"{prefix}{position}", x.shape) for position, x in enumerate(operands)
    }
    opaque = Apply(node.op, tuple(stand_ins[operand] for operand in node.operands), node.params)
    return form(opaque), stand_ins


def put_back(exprs: Sequence[Expr], stand_ins: Mapping[Expr, Expr]) -> list[Expr]:
    """Return expressions with the operands again where something stands for them."""
    replaced = {stand_in: operand for operand, stand_in in stand_ins.items() if stand_in is not operand}
    return substitute(exprs, replaced) if replaced else list(exprs)


def _unbroadcast_elementwise(node: Apply, share: Expr, operand: Expr, batch: int) -> Expr:
    return unbroadcast(share, operand.shape, batch) if node.op.elementwise and share is not ZERO else share


def _scale(cotangent: Expr, partial: Expr) -> Expr:
    if partial is ONE:
        return cotangent
    if partial is MINUS_ONE:
        return -cotangent
    if cotangent is ONE:
        return partial
    return ZERO if partial is ZERO else cotangent * partial


def derivative_of(node: Apply) -> Partials | Transposed | Structured | Via | Flat:
    """Return the derivative of the node's op. OperandError, with the reason, when it has none."""
    derivative = node.op.derivative
    if derivative is None:
        assert node.op.expand is not None  # OpDef demands one of the two
        return Via(node.op.expand)
    if isinstance(derivative, NotDifferentiable):
        raise OperandError(f"{node.op.name} has no derivative: {derivative.why}")
    return derivative
