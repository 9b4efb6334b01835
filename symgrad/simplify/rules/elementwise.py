"""Rules that read the traits of elementwise ops, and implicit broadcasting."""

from __future__ import annotations

from functools import reduce

from symgrad.core.expr import Apply, Expr, Literal, lookup
from symgrad.core.shapes import broadcast
from symgrad.core.traits import Even, InverseOf, Odd
from symgrad.ops.arithmetic import ONE, add, div, mul, neg, sub
from symgrad.ops.constants import e
from symgrad.ops.exponential import exp, log, sqrt
from symgrad.ops.piecewise import ZERO, where
from symgrad.ops.power import power
from symgrad.simplify.engine import elementwise_rule, rule
from symgrad.simplify.normal import factorise
from symgrad.simplify.shapes import fit, is_op, is_zero, strip

MOST_GUARDS = 4  # more of them around one another are made one
_NORMAL_FORMS = frozenset({add, sub, neg, mul, div, power, sqrt})  # these strip their operands by themselves


@elementwise_rule
def implicit_broadcast(node: Apply) -> Expr | None:
    """f(broadcast_to(x, shape), y) is f(x, y) where y has the shape already; else the repetition moves outside."""
    if node.op in _NORMAL_FORMS:
        return None
    operands = tuple(strip(operand) for operand in node.operands)
    if all(a is b for a, b in zip(operands, node.operands, strict=True)):
        return None
    bare = node.op.make(operands, node.params)
    return fit(bare, node.shape) if broadcast(bare.shape, node.shape) == node.shape else None


@elementwise_rule
def parity(node: Apply) -> Expr | None:
    """sin(-x) is -sin(x), cos(-x) is cos(x)."""
    if node.op is neg or len(node.operands) != 1 or not node.op.traits & {Odd(), Even()}:
        return None
    (x,) = node.operands
    if not isinstance(x, Apply) or factorise(x).coefficient >= 0:
        return None
    result = node.op(-x)
    return result if Even() in node.op.traits else -result


@elementwise_rule
def inverse_functions(node: Apply) -> Expr | None:
    """log(exp(x)) is x."""
    if len(node.operands) != 1:
        return None
    (inner,) = node.operands
    if isinstance(inner, Apply) and any(
        isinstance(trait, InverseOf) and lookup(trait.name) is inner.op for trait in node.op.traits
    ):
        return inner.operands[0]
    return None


@rule(where)
def settled_choice(node: Apply) -> Expr | None:
    """where(c, a, a) is a; a constant condition chooses."""
    condition, a, b = node.operands
    if isinstance(condition, Literal):
        return fit(a if condition.value else b, node.shape)
    return fit(a, node.shape) if a is b else None


@rule(where)
def nested_guards(node: Apply) -> Expr | None:
    """where(c, where(d, a, 0), 0) is where(where(c, d, 0), a, 0), for a deep nest.

    What a guarded value is multiplied by goes inside of its guards: of n choices inside one another, the derivative
    has n factors, and each would pass up to n guards.
    """
    conditions: list[Expr] = []
    inner: Expr = node
    while len(conditions) <= MOST_GUARDS and is_op(inner, where) and any(map(is_zero, inner.operands[1:])):
        condition, a, b = inner.operands
        conditions.append(where(condition, 0, 1) if is_zero(a) else condition)
        inner = b if is_zero(a) else a
    if len(conditions) <= MOST_GUARDS:
        return None
    return fit(where(reduce(_both, conditions), inner, 0), node.shape)


def _both(condition: Expr, other: Expr) -> Expr:
    return where(condition, other, 0)


@rule(power)
def power_of_one(node: Apply) -> Expr | None:
    """1**p is 1."""
    return fit(ONE, node.shape) if strip(node.operands[0]) is ONE else None


@rule(power)
def power_of_e(node: Apply) -> Expr | None:
    """e**x is exp(x)."""
    base, exponent = node.operands
    return fit(exp(exponent), node.shape) if _is_e(base) else None


@rule(log)
def log_of_e(node: Apply) -> Expr | None:
    """log(e) is 1, log(1) is 0."""
    (x,) = node.operands
    number = strip(x)
    if number is ONE:
        return fit(ZERO, node.shape)
    return fit(ONE, node.shape) if _is_e(number) else None


@rule(exp)
def exp_of_zero(node: Apply) -> Expr | None:
    """exp(0) is 1, exp(1) is e."""
    number = strip(node.operands[0])
    if number is ZERO:
        return fit(ONE, node.shape)
    return fit(e(), node.shape) if number is ONE else None


def _is_e(x: Expr) -> bool:
    return isinstance(x, Apply) and x.op is e
