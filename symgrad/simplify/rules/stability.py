"""Formulas that overflow or cancel, replaced by equal ones that do not."""

from __future__ import annotations

from symgrad.core.expr import Apply, Expr
from symgrad.ops.arithmetic import div
from symgrad.ops.broadcasting import Axes, sum
from symgrad.ops.exponential import exp, log, log1p, sigmoid, softplus, sqrt
from symgrad.ops.reduction import logsumexp, norm, softmax
from symgrad.simplify.engine import rule
from symgrad.simplify.normal import Product, build_product, collect, factorise


def _one_plus(x: Expr) -> Expr | None:
    """Return u when x is 1 + u for one term u."""
    terms = collect(x)
    one = terms.pop(frozenset(), None)
    if one is None or one.coefficient != 1 or len(terms) != 1:
        return None
    (term,) = terms.values()
    if term.coefficient != 1 or len(term.powers) != 1:
        return None
    ((base, exponent),) = term.powers.items()
    return base if exponent == 1 and base.shape == x.shape else None


def _operand_of(op: object, x: Expr | None) -> Expr | None:
    return x.operands[0] if isinstance(x, Apply) and x.op is op else None


@rule(log)
def log_one_plus_exp(node: Apply) -> Expr | None:
    """log(1 + exp(x)) is softplus(x)."""
    x = _operand_of(exp, _one_plus(node.operands[0]))
    return None if x is None else softplus(x)


@rule(log1p)
def log1p_exp(node: Apply) -> Expr | None:
    """log1p(exp(x)) is softplus(x)."""
    x = _operand_of(exp, node.operands[0])
    return None if x is None else softplus(x)


@rule(log)
def log_sum_exp(node: Apply) -> Expr | None:
    """log(sum(exp(x))) is logsumexp(x)."""
    total = node.operands[0]
    x = _operand_of(exp, _operand_of(sum, total))
    if x is None or not isinstance(total, Apply):
        return None
    axes = total.parameters(Axes)
    return logsumexp(x, axis=axes.axis, keepdims=axes.keepdims)


@rule(log)
def log_sigmoid(node: Apply) -> Expr | None:
    """log(sigmoid(x)) is -softplus(-x)."""
    x = _operand_of(sigmoid, node.operands[0])
    return None if x is None else -softplus(-x)


@rule(log)
def log_softmax(node: Apply) -> Expr | None:
    """log(softmax(x)) is x - logsumexp(x), finite where softmax underflows."""
    (inner,) = node.operands
    x = _operand_of(softmax, inner)
    if x is None or not isinstance(inner, Apply):
        return None
    return x - logsumexp(x, axis=inner.parameters(Axes).axis, keepdims=True)


@rule(div)
def logistic(node: Apply) -> Expr | None:
    """1/(1 + exp(-x)) and exp(x)/(1 + exp(x)) are sigmoid(x)."""
    product = factorise(node)
    for base, exponent in product.powers.items():
        power = _one_plus(base) if exponent == -1 else None
        x = _operand_of(exp, power)
        if x is None or power is None or base.shape != node.shape:
            continue
        rest = {b: e for b, e in product.powers.items() if b is not base}
        value = sigmoid(-x)
        if rest.get(power) == 1:
            del rest[power]
            value = sigmoid(x)
        return build_product(Product(product.coefficient, {value: 1, **rest}), node.shape)
    return None


@rule(sqrt)
def root_of_sum_of_squares(node: Apply) -> Expr | None:
    """sqrt(sum(x**2)) is norm(x), which has a derivative at 0 by convention."""
    total = node.operands[0]
    squares = _operand_of(sum, total)
    if squares is None or not isinstance(total, Apply) or total.shape:
        return None
    product = factorise(squares)
    if product.coefficient != 1 or len(product.powers) != 1:
        return None
    ((x, exponent),) = product.powers.items()
    return norm(x) if exponent == 2 and x.shape == squares.shape else None
