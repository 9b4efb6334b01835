"""Formulas that overflow or cancel, replaced by equal ones that do not."""

from __future__ import annotations

from symgrad.core.expr import Apply, Expr
from symgrad.ops.arithmetic import add, div, mul, sub
from symgrad.ops.broadcasting import Axes, sum
from symgrad.ops.exponential import exp, expm1, log, log1p, sigmoid, softplus, sqrt
from symgrad.ops.hyperbolic import tanh
from symgrad.ops.piecewise import ZERO
from symgrad.ops.reduction import logsumexp, norm, softmax
from symgrad.ops.shaping import index
from symgrad.simplify.engine import rule
from symgrad.simplify.normal import LONGEST_RUN, Product, Term, build_product, collect, factorise
from symgrad.simplify.shapes import fit, strip


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


def _divides_by_sum(node: Apply) -> bool:
    """Is there a sum among the factors of the denominator? Told without reading the whole product."""
    stack = [strip(node.operands[1])]
    while stack:
        x = stack.pop()
        if isinstance(x, Apply) and x.op is add:
            return True
        if isinstance(x, Apply) and x.op is mul and len(stack) < LONGEST_RUN:
            stack.extend(map(strip, x.operands))
    return False


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
def log_of_exponentials(node: Apply) -> Expr | None:
    """log(exp(x)*y) is x + log(y), and log(1/y) is -log(y)."""
    product = factorise(node.operands[0])
    exponents = {b: e for b, e in product.powers.items() if isinstance(b, Apply) and b.op is exp and e == int(e)}
    rest = {b: e for b, e in product.powers.items() if b not in exponents}
    if not exponents and not (rest and product.coefficient == 1 and all(e < 0 for e in rest.values())):
        return None
    total: Expr = fit(ZERO, node.shape)
    for power, exponent in exponents.items():
        total = total + build_product(Product(exponent, {power.operands[0]: 1}), power.shape)
    if not rest:
        return total if product.coefficient == 1 else total + log(build_product(Product(product.coefficient, {}), ()))
    if product.coefficient == 1 and all(e < 0 for e in rest.values()):
        inverse = Product(1, {b: -e for b, e in rest.items()})
        return total - log(build_product(inverse, node.operands[0].shape))
    return total + log(build_product(Product(product.coefficient, rest), node.operands[0].shape))


@rule(add, sub)
def exp_minus_one(node: Apply) -> Expr | None:
    """exp(x) - 1 is expm1(x), exact for small x."""
    if not any(_operand_of(exp, strip(x)) is not None for x in node.operands):
        return None
    terms = collect(node)
    one = terms.pop(frozenset(), None)
    if one is None or len(terms) != 1 or one.coefficient not in (1, -1):
        return None
    (term,) = terms.values()
    x = _operand_of(exp, next(iter(term.powers)))
    if x is None or list(term.powers.values()) != [1] or term.coefficient != -one.coefficient:
        return None
    return fit(expm1(x) if term.coefficient == 1 else -expm1(x), node.shape)


@rule(div)
def hyperbolic_tangent(node: Apply) -> Expr | None:
    """(exp(x) - exp(-x))/(exp(x) + exp(-x)) is tanh(x)."""
    if not _divides_by_sum(node):
        return None
    product = factorise(node)
    for base, exponent in product.powers.items():
        x = _difference_of_exponentials(base, 1) if exponent == -1 else None
        if x is None:
            continue
        for other, power in product.powers.items():
            y = _difference_of_exponentials(other, -1) if power == 1 and other.shape == base.shape else None
            if y is x or (y is not None and _negated(y) is x):
                rest = {b: e for b, e in product.powers.items() if b not in (base, other)}
                return build_product(Product(product.coefficient, {tanh(y): 1, **rest}), node.shape)
    return None


def _negated(x: Expr) -> Expr:
    """Return -x as a product in normal form."""
    product = factorise(x)
    return build_product(Product(-product.coefficient, product.powers), x.shape)


def _difference_of_exponentials(x: Expr, sign: int) -> Expr | None:
    """Return u when x is exp(u) + sign*exp(-u)."""
    terms = list(collect(x).values())
    if len(terms) != 2 or any(list(term.powers.values()) != [1] for term in terms):
        return None
    first, second = sorted(terms, key=_negative)
    u, v = (_operand_of(exp, next(iter(term.powers))) for term in (first, second))
    if u is None or v is None or first.coefficient != 1 or second.coefficient != sign:
        return None
    return u if _negated(u) is v and u.shape == x.shape else None


def _negative(term: Term) -> tuple[bool, bool]:
    """Put exp(u) before -exp(v), and exp(u) before exp(-u)."""
    (power,) = term.powers
    inner = _operand_of(exp, power)
    return term.coefficient < 0, inner is not None and factorise(inner).coefficient < 0


@rule(log)
def log_sigmoid(node: Apply) -> Expr | None:
    """log(sigmoid(x)) is -softplus(-x)."""
    x = _operand_of(sigmoid, node.operands[0])
    return None if x is None else -softplus(-x)


@rule(log)
def log_softmax(node: Apply) -> Expr | None:
    """log(softmax(x)) is x - logsumexp(x), finite where softmax underflows; so is log(softmax(x)[i])."""
    (inner,) = node.operands
    if isinstance(inner, Apply) and inner.op is index and _operand_of(softmax, inner.operands[0]) is not None:
        return inner.op.make((log(inner.operands[0]),), inner.params)
    x = _operand_of(softmax, inner)
    if x is None or not isinstance(inner, Apply):
        return None
    return x - logsumexp(x, axis=inner.parameters(Axes).axis, keepdims=True)


@rule(div)
def logistic(node: Apply) -> Expr | None:
    """1/(1 + exp(-x)) and exp(x)/(1 + exp(x)) are sigmoid(x)."""
    if not _divides_by_sum(node):
        return None
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
