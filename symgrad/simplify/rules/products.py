"""Products with a factor that says more than its entries: a choice with a zero branch, an identity, a diagonal."""

from __future__ import annotations

from functools import reduce
from operator import mul as times

from symgrad.core.dims import Shape
from symgrad.core.expr import Apply, Expr
from symgrad.core.shapes import broadcast
from symgrad.ops.arithmetic import add, mul, neg, sub
from symgrad.ops.broadcasting import Axes, sum
from symgrad.ops.constants import eye
from symgrad.ops.contraction import matmul, outer, trace
from symgrad.ops.exponential import exp
from symgrad.ops.linalg.products import kron
from symgrad.ops.piecewise import absolute, relu, sign, where
from symgrad.ops.reduction import norm, softmax, unit
from symgrad.ops.shaping import diag, diagonal, transpose
from symgrad.simplify.normal import Product, build_product
from symgrad.simplify.shapes import column_vector, is_zero

# Linear in each operand alone: 0 goes to 0, and numbers come out.
_LINEAR_IN_EACH = (matmul, mul, neg, outer, transpose, trace, diag, diagonal, sum, kron)
MOST_STEPS = 32


def special_product(product: Product, shape: Shape) -> Expr | None:
    """Return a better form of the product; None when it has none."""
    for form in (
        guarded_product,
        diagonal_product,
        softmax_quotient,
        unit_quotient,
        norm_times_unit,
        modulus_times_sign,
    ):
        result = form(product, shape)
        if result is not None:
            return result
    return None


def _without(product: Product, *bases: Expr) -> Product:
    return Product(product.coefficient, {b: e for b, e in product.powers.items() if b not in bases})


def _build(product: Product) -> Expr:
    return build_product(product, broadcast((), *(base.shape for base in product.powers)))


def guarded_product(product: Product, _shape: Shape) -> Expr | None:
    """where(c, a, 0)*b is where(c, a*b, 0): what b is where c does not hold cannot leak (0*inf is NaN)."""
    for base, exponent in product.powers.items():
        if exponent != 1 or not isinstance(base, Apply) or base.op is not where or len(product.powers) == 1:
            continue
        condition, a, b = base.operands
        if not (is_zero(a) or is_zero(b)):
            continue
        rest = _build(_without(product, base))
        return where(condition, 0, b * rest) if is_zero(a) else where(condition, a * rest, 0)
    return None


def diagonal_product(product: Product, shape: Shape) -> Expr | None:
    """v*eye(n) is diag(v), X*eye(n) is the diagonal matrix with the diagonal of X; sums with an eye multiply out."""
    if len(shape) != 2:
        return None
    for base, exponent in product.powers.items():
        if exponent != 1 or not isinstance(base, Apply) or base.shape != shape:
            continue
        if base.op in (eye, diag):
            return _diagonal(base, _without(product, base))
        others = [b for b in product.powers if b is not base and b.ndim]
        if base.op in (add, sub) and others and _has_diagonal(base):
            left, right = base.operands
            rest = _build(_without(product, base))
            return left * rest + right * rest if base.op is add else left * rest - right * rest
    return None


def _has_diagonal(x: Apply) -> bool:
    """Is an identity or a diagonal matrix among the outermost terms?"""
    stack: list[Expr] = [x]
    for _ in range(16):
        if not stack:
            return False
        top = stack.pop()
        if isinstance(top, Apply) and top.op in (eye, diag):
            return True
        if isinstance(top, Apply) and top.op in (add, sub):
            stack.extend(top.operands)
    return False


def _diagonal(base: Apply, rest: Product) -> Expr | None:
    arrays = {b: e for b, e in rest.powers.items() if b.ndim}
    scalars = Product(rest.coefficient, {b: e for b, e in rest.powers.items() if not b.ndim})
    if not arrays and base.op is eye:
        return None
    n = base.shape[0]
    if not arrays or not all(
        b.shape in ((n,), (n, n)) or (b.shape == (n, 1) and column_vector(b) is not None) for b in arrays
    ):
        return None
    entries = [build_product(Product(1, {_along_diagonal(b): e}), (n,)) for b, e in arrays.items()]
    if base.op is diag:
        entries.insert(0, base.operands[0])
    return build_product(scalars, ()) * diag(reduce(times, entries))


def _along_diagonal(x: Expr) -> Expr:
    """Return the entries of x (broadcast to a square matrix) on the diagonal."""
    column = column_vector(x)
    if column is not None:
        return column
    return x if x.ndim == 1 else diagonal(x)


def softmax_quotient(product: Product, shape: Shape) -> Expr | None:
    """exp(x)/sum(exp(x)) is softmax(x), which cannot overflow."""
    for base, exponent in product.powers.items():
        if exponent != 1 or not isinstance(base, Apply) or base.op is not exp or base.shape != shape:
            continue
        for total, power in product.powers.items():
            if power == -1 and isinstance(total, Apply) and total.op is sum and total.operands[0] is base:
                axes = total.parameters(Axes)
                if axes.keepdims or axes.axis is None:
                    return _build(_without(product, base, total)) * softmax(base.operands[0], axis=axes.axis)
    return None


def unit_quotient(product: Product, shape: Shape) -> Expr | None:
    """x/norm(x) is unit(x), which has a value at 0."""
    for base, exponent in product.powers.items():
        if isinstance(base, Apply) and base.op is norm and exponent == -1:
            x = base.operands[0]
            if product.powers.get(x) == 1 and x.shape == shape:
                return _build(_without(product, base, x)) * unit(x)
    return None


def norm_times_unit(product: Product, _shape: Shape) -> Expr | None:
    """norm(x)*unit(x) is x, also where unit(x) is inside of a linear map: norm(X)*(unit(X) @ B) is X @ B."""
    for base, exponent in product.powers.items():
        if not isinstance(base, Apply) or base.op is not norm or exponent != int(exponent) or exponent < 1:
            continue
        (x,) = base.operands
        direction = unit(x)
        for other, power in product.powers.items():
            replaced = _replaced_inside(other, direction, x) if power == 1 and other is not base else None
            if replaced is None:
                continue
            rest = _without(product, base, other)
            powers = {base: exponent - 1, **rest.powers} if exponent > 1 else rest.powers
            return _build(Product(rest.coefficient, powers)) * replaced
    return None


def _replaced_inside(whole: Expr, old: Expr, new: Expr) -> Expr | None:
    """Return `whole` with one `old` replaced by `new`, if it is linear in it; None when it is not found."""
    paths: list[tuple[Expr, tuple[tuple[Apply, int], ...]]] = [(whole, ())]
    for _ in range(MOST_STEPS):
        if not paths:
            return None
        x, path = paths.pop()
        if x is old:
            return reduce(_put_back, reversed(path), new)
        if isinstance(x, Apply) and x.op in _LINEAR_IN_EACH:
            paths += [(y, (*path, (x, position))) for position, y in enumerate(x.operands)]
    return None


def _put_back(inner: Expr, place: tuple[Apply, int]) -> Expr:
    node, position = place
    return node.op.make((*node.operands[:position], inner, *node.operands[position + 1 :]), node.params)


def modulus_times_sign(product: Product, _shape: Shape) -> Expr | None:
    """abs(x)*sign(x) is x, sign(x)/abs(x) is 1/x, and relu(x)*(x > 0) is relu(x)."""
    for base, exponent in product.powers.items():
        if not isinstance(base, Apply) or base.op not in (absolute, relu):
            continue
        (x,) = base.operands
        if base.op is absolute and exponent in (1, -1) and product.powers.get(sign(x)) == 1:
            rest = _without(product, base, sign(x))
            return _build(Product(rest.coefficient, {**rest.powers, x: rest.powers.get(x, 0) + exponent}))
        if base.op is relu and exponent >= 1 and exponent == int(exponent) and (step := x > 0) in product.powers:
            return _build(_without(product, step))
    return None
