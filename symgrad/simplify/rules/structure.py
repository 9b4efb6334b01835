"""Rules about moving and repeating elements: transpose, reshape, subscripts, broadcasting and sums of repetitions."""

from __future__ import annotations

from symgrad.core.dims import Shape, Size, element_count
from symgrad.core.expr import Apply, Expr, Literal
from symgrad.core.indexing import FULL, Cut, Index, Item, NewAxis, Pick, resolve
from symgrad.ops.arithmetic import ONE, add, div, mul, neg, sub
from symgrad.ops.broadcasting import Axes, broadcast_to, sum
from symgrad.ops.constants import eye, ones, size
from symgrad.ops.contraction import as_column, matmul, outer, trace
from symgrad.ops.joining import Joint, block, concatenate, hstack, stack, starts, vstack
from symgrad.ops.linalg.vectorisation import vec
from symgrad.ops.reduction import logsumexp, max, mean, min, prod
from symgrad.ops.shaping import (
    Permutation,
    Placement,
    Subscripts,
    Target,
    diag,
    diag_embed,
    diagonal,
    index,
    reshape,
    scatter,
    swap,
    transpose,
)
from symgrad.simplify.engine import rule
from symgrad.simplify.normal import Product, Term, build_product, build_sum, collect, factorise
from symgrad.simplify.shapes import column_vector, fit, is_op, is_zero, strip

LONGEST_TRANSPOSED = 8
LONGEST_ELEMENTWISE = 16  # nodes to look through for arrays put together
_LINEAR = (transpose, reshape, vec, index, scatter, broadcast_to, sum, diag, diag_embed, diagonal, trace)


@rule(*_LINEAR)
def linear_of_zero(node: Apply) -> Expr | None:
    """A linear map of zeros gives zeros."""
    return fit(Literal(0), node.shape) if is_zero(node.operands[0]) else None


@rule(transpose)
def double_transpose(node: Apply) -> Expr | None:
    """x.T.T is x."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op is not transpose:
        return None
    outer_order, inner_order = node.parameters(Permutation).order(x.ndim), x.parameters(Permutation).order(x.ndim)
    return transpose(x.operands[0], axes=tuple(inner_order[axis] for axis in outer_order))


@rule(transpose)
def transpose_of_product(node: Apply) -> Expr | None:
    """(A @ B).T is B.T @ A.T, and the transposes of symmetric and outer forms are known."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.ndim != 2:
        return None
    if x.op in (eye, diag):
        return x
    if x.op is outer:
        return outer(x.operands[1], x.operands[0])
    if x.op is matmul and x.operands[0].ndim == x.operands[1].ndim == 2 and not _is_long_product(x):
        left, right = x.operands
        return matmul(swap(right), swap(left))
    return None


def _is_long_product(x: Expr) -> bool:
    """Has the product more than LONGEST_TRANSPOSED factors? All its prefixes transposed would take quadratic time."""
    factors = [x]
    while factors and len(factors) <= LONGEST_TRANSPOSED:
        products = [f for f in factors if isinstance(f, Apply) and f.op is matmul]
        if not products:
            return False
        factors = [y for f in factors for y in (f.operands if f in products else (f,))]
    return True


@rule(transpose)
def transpose_of_elementwise(node: Apply) -> Expr | None:
    """(2*A + B).T is 2*A.T + B.T."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.ndim != 2 or x.op not in (add, sub, neg, mul, div):
        return None
    if any(operand.shape not in ((), x.shape) for operand in x.operands):
        return None
    return x.op.make(tuple(swap(o) if o.ndim else o for o in x.operands), x.params)


@rule(transpose)
def transpose_of_scaled_rows(node: Apply) -> Expr | None:
    """(diag(v) @ X).T is X.T @ diag(v), as scaled columns: (v[:, None]*X).T is X.T*v, and (X*v).T is v[:, None]*X.T."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op is not mul or x.ndim != 2:
        return None
    for v, matrix in (x.operands, x.operands[::-1]):
        if matrix.shape != x.shape:
            continue
        column = column_vector(v)
        if column is not None and column.shape == x.shape[:1]:
            return swap(matrix) * column
        if v.shape == x.shape[1:]:
            return as_column(v) * swap(matrix)
    return None


@rule(transpose)
def transpose_of_repetition(node: Apply) -> Expr | None:
    """The transpose of a repeated row is the repeated column, and the other way round."""
    (x,) = node.operands
    if not is_op(x, broadcast_to) or x.ndim != 2:
        return None
    column = column_vector(x.operands[0])
    if column is not None:
        return broadcast_to(column, node.shape) if column.shape == node.shape[1:] else None
    v = x.operands[0]
    return broadcast_to(as_column(v), node.shape) if v.shape == x.shape[1:] else None


@rule(transpose, reshape, vec, index)
def view_of_constant(node: Apply) -> Expr | None:
    """A view of equal entries is an array of equal entries."""
    (x,) = node.operands
    if isinstance(x, Apply) and x.op is ones:
        return ones(node.shape) if node.shape else ONE
    return None


@rule(reshape)
def reshape_of_view(node: Apply) -> Expr | None:
    """reshape(reshape(x)) is one reshape; new axes are no obstacle."""
    (x,) = node.operands
    if not isinstance(x, Apply):
        return None
    only_new_axes = x.op is index and all(
        item == FULL or isinstance(item, NewAxis) for item in x.parameters(Subscripts).index
    )
    if x.op is reshape or only_new_axes:
        return reshape(x.operands[0], node.parameters(Target).shape)
    return None


@rule(broadcast_to)
def repeated_once(node: Apply) -> Expr | None:
    """broadcast_to(s, (n,)) is s*ones(n); broadcasting twice is broadcasting once."""
    return fit(strip(node), node.shape)


@rule(index)
def index_of_scatter(node: Apply) -> Expr | None:
    """Reading back what was placed."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op is not scatter:
        return None
    return x.operands[0] if x.parameters(Placement).index == node.parameters(Subscripts).index else None


@rule(index)
def index_of_concatenation(node: Apply) -> Expr | None:
    """The part of a concatenation that is one operand is the operand."""
    (x,) = node.operands
    if isinstance(x, Apply) and x.op in (hstack, vstack, block) and x.op.expand is not None:
        x = x.op.expand(x)
    if not isinstance(x, Apply) or x.op is not concatenate:
        return None
    axis = x.parameters(Joint).axis
    items = node.parameters(Subscripts).index
    if len(items) <= axis or any(isinstance(item, NewAxis) for item in items[: axis + 1]):
        return None
    for operand, start in zip(x.operands, starts(x), strict=True):
        part = resolve(x.shape, (*[FULL] * axis, Cut(start, start + operand.shape[axis]))).index
        if part and items[axis] == part[axis]:
            return index(operand, (*items[:axis], FULL, *items[axis + 1 :]))
    return None


@rule(index)
def index_of_stack(node: Apply) -> Expr | None:
    """stack((x, y))[1] is y."""
    (x,) = node.operands
    if isinstance(x, Apply) and x.op is vstack and x.op.expand is not None:
        x = x.op.expand(x)
    if not isinstance(x, Apply) or x.op is not stack:
        return None
    axis = x.parameters(Joint).axis
    items = node.parameters(Subscripts).index
    if len(items) <= axis or any(isinstance(item, NewAxis) for item in items[: axis + 1]):
        return None
    position = items[axis]
    if not isinstance(position, Pick) or not isinstance(position.position, int):
        return None
    return index(x.operands[position.position], (*items[:axis], *items[axis + 1 :]))


@rule(index)
def index_of_new_axes(node: Apply) -> Expr | None:
    """x[:, None][1:] is x[1:][:, None]: parts are taken first, so that products of fewer entries are left."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op is not index or _only_new_axes(node) or not _only_new_axes(x):
        return None
    inner = iter([*x.parameters(Subscripts).index, *[FULL] * x.ndim])
    parts: list[Item] = []
    axes: list[Item] = []
    for item in node.parameters(Subscripts).index:
        if isinstance(item, NewAxis):
            axes.append(item)
            continue
        new = isinstance(next_item := next(inner), NewAxis)
        if new and isinstance(item, Cut) and item != FULL:
            return None
        if not new:
            parts.append(item)
        if not isinstance(item, Pick):
            axes.append(next_item)
    rest = [item for item, _ in zip(inner, range(x.ndim), strict=False)]
    return index(index(x.operands[0], tuple(parts)), _without_full_end([*axes, *rest]))


def _without_full_end(items: list[Item]) -> tuple[Item, ...]:
    while items and items[-1] == FULL:
        items = items[:-1]
    return tuple(items)


def _only_new_axes(x: Apply) -> bool:
    return all(item == FULL or isinstance(item, NewAxis) for item in x.parameters(Subscripts).index)


@rule(index)
def index_of_elementwise(node: Apply) -> Expr | None:
    """(x[:, None]*y)[:, 1:] is x[:, None]*y[1:], and (concatenate((x, y))**2)[:n] is x**2.

    Only where that leaves less to do: of a product that broadcasts, and of what is computed from arrays put together.
    """
    (x,) = node.operands
    items = node.parameters(Subscripts).index
    if not isinstance(x, Apply) or not x.op.elementwise or any(isinstance(item, NewAxis) for item in items):
        return None
    spreads = x.op is mul and all(operand.shape != x.shape for operand in x.operands)
    if not spreads and not _is_put_together(x):
        return None
    parts = tuple(_part_of_factor(operand, x, items) if operand.ndim else operand for operand in x.operands)
    return fit(x.op.make(parts, x.params), node.shape)


def _is_put_together(x: Apply) -> bool:
    """Are all arrays that x is computed from, entry by entry, joined from others?"""
    waiting: list[Expr] = [x]
    found = False
    for _ in range(LONGEST_ELEMENTWISE):
        if not waiting:
            return found
        top = waiting.pop()
        if not top.ndim:
            continue
        if is_op(top, concatenate, stack, hstack, vstack, block):
            found = True
        elif isinstance(top, Apply) and top.op.elementwise:
            waiting.extend(top.operands)
        else:
            return False
    return False


def _part_of_factor(operand: Expr, product: Expr, items: Index) -> Expr:
    """Return the part of a factor that a part of the product needs; axes that are repeated stay as they are."""
    lead = product.ndim - operand.ndim
    full = (*items, *[FULL] * (product.ndim - len(items)))
    own: list[Item] = []
    for axis, item in enumerate(full[lead:]):
        repeated = operand.shape[axis] == 1 and product.shape[lead + axis] != 1
        own.append(item if not repeated else Pick(0) if isinstance(item, Pick) else FULL)
    return index(operand, tuple(own))


@rule(diagonal)
def diagonal_of_elementwise(node: Apply) -> Expr | None:
    """diagonal(X*v) is diagonal(X)*v, and diagonal(A/B) is diagonal(A)/diagonal(B)."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op not in (neg, mul, div) or x.ndim != 2:
        return None
    parts = [_along_diagonal(y, x.shape) for y in x.operands]
    return x.op(*(y for y in parts if y is not None)) if None not in parts else None


def _along_diagonal(x: Expr, shape: Shape) -> Expr | None:
    """Return the diagonal of what x is in a square matrix of this shape; None where broadcasting hides it."""
    if x.shape == shape:
        return diagonal(x)
    column = column_vector(x)
    if column is not None and column.shape == shape[:1]:
        return column
    return x if x.shape in ((), shape[1:]) else None


@rule(diagonal)
def diagonal_of_diag(node: Apply) -> Expr | None:
    """diagonal(diag(v)) is v, and of an identity it is ones."""
    (x,) = node.operands
    if isinstance(x, Apply) and x.op in (diag, diag_embed):
        return x.operands[0]
    if isinstance(x, Apply) and x.op is eye:
        return ones(node.shape)
    if isinstance(x, Apply) and x.op is outer:
        return x.operands[0] * x.operands[1]
    return None


@rule(*(op for op in _LINEAR if op is not broadcast_to))  # repetition stays outside of a product
def linear_of_scaled(node: Apply) -> Expr | None:
    """sum(s*x) is s*sum(x), (s*x)[1:] is s*x[1:]: numbers come out of linear maps."""
    (x,) = node.operands
    if not x.ndim:
        return None
    product = factorise(x)
    arrays = {b: e for b, e in product.powers.items() if b.ndim}
    scalars = {b: e for b, e in product.powers.items() if not b.ndim}
    if product.coefficient in (0, 1) and not scalars:
        return None
    bare = node.op.make((build_product(Product(1, arrays), x.shape),), node.params)
    return build_product(Product(product.coefficient, scalars), ()) * bare


@rule(diag)
def diag_of_ones(node: Apply) -> Expr | None:
    """diag(ones(n)) is eye(n), and diag(s*ones(n)) is s*eye(n)."""
    number = strip(node.operands[0])
    return number * eye(node.shape[0]) if number.ndim == 0 else None


@rule(sum)
def sum_of_equal_entries(node: Apply) -> Expr | None:
    """sum(ones(n)) is n, and sum(s*ones(n)) is n*s."""
    (x,) = node.operands
    number = strip(x)
    return fit(_count(x, node.parameters(Axes)) * number, node.shape) if number.ndim == 0 else None


@rule(sum)
def sum_of_sum(node: Apply) -> Expr | None:
    """sum(sum(A, axis=0)) is sum(A)."""
    (x,) = node.operands
    return sum(x.operands[0]) if is_op(x, sum) and not node.ndim else None


@rule(sum)
def sum_of_deviations(node: Apply) -> Expr | None:
    """sum(x - mean(x)) is 0, also as a term."""
    (x,) = node.operands
    if node.ndim or not is_op(x, add, sub):
        return None
    if _is_deviation(x):
        return Literal(0)
    terms = list(collect(x).values())
    kept = [term for term in terms if not _vanishes(term)]
    return sum(build_sum(kept, x.shape)) if len(kept) < len(terms) else None


def _vanishes(term: Term) -> bool:
    """Is the term a number times deviations from their mean?"""
    arrays = [(base, exponent) for base, exponent in term.powers.items() if base.ndim]
    return len(arrays) == 1 and arrays[0][1] == 1 and _is_deviation(arrays[0][0])


def _is_deviation(x: Expr) -> bool:
    """Is x of the form y - mean(y)?"""
    if not isinstance(x, Apply) or x.op is not sub:
        return False
    y, centre = x.operands
    return y.shape == x.shape and centre is mean(y)


def _count(x: Expr, axes: Axes) -> Expr:
    count: Size = element_count(tuple(x.shape[axis] for axis in axes.reduced(x.ndim)))
    return size(count)


@rule(sum, prod, max, min, mean, logsumexp)
def total_without_axes(node: Apply) -> Expr | None:
    """Over all axes, what keepdims keeps is only a shape."""
    axes = node.parameters(Axes)
    if axes.axis is not None or not axes.keepdims:
        return None
    return reshape(node.op(node.operands[0]), node.shape)


@rule(sum)
def sum_of_repetition(node: Apply) -> Expr | None:
    """The sum along an axis of copies is the number of copies times one."""
    (x,) = node.operands
    axes = node.parameters(Axes)
    if not isinstance(x, Apply) or x.op is not broadcast_to or axes.keepdims:
        return None
    (inner,) = x.operands
    lead = x.ndim - inner.ndim
    copied = [a for a in axes.reduced(x.ndim) if a < lead or (inner.shape[a - lead] == 1 and x.shape[a] != 1)]
    if set(copied) != set(axes.reduced(x.ndim)):
        return None
    times = size(element_count(tuple(x.shape[axis] for axis in copied)))
    return times * reshape(inner, node.shape) if element_count(inner.shape) == element_count(node.shape) else None


@rule(sum, trace)
def sum_of_diagonal(node: Apply) -> Expr | None:
    """The entries of diag(v) sum to those of v; trace(A) of known forms."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op not in (diag, eye) or x.ndim != 2:
        return None
    v = x.operands[0] if x.op is diag else ones(x.shape[:1])
    if node.op is trace:
        return sum(v)
    axes = node.parameters(Axes)
    if axes.axis is None:
        return fit(sum(v), node.shape) if not axes.keepdims else None
    if not axes.keepdims:
        return v
    return v[None, :] if axes.axis == 0 else v[:, None]
