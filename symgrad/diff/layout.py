"""Where the entries of a Jacobian stand: the four layouts in use, as one rearrangement of the default.

The default has the axes of the output, then those of the input: for f of shape (m, n) by X of shape (p, q) the
entry [i, j, k, l] of the result of shape (m, n, p, q) is df[i, j]/dX[k, l].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import reduce
from itertools import permutations
from operator import add as plus

from symgrad.core.dims import Shape, element_count
from symgrad.core.expr import Apply, Expr, Input
from symgrad.core.indexing import FULL, NewAxis
from symgrad.errors import InvalidValueError
from symgrad.ops.arithmetic import MINUS_ONE, ONE, add, mul, neg, sub
from symgrad.ops.broadcasting import broadcast_to
from symgrad.ops.constants import eye
from symgrad.ops.linalg.products import kron
from symgrad.ops.linalg.vectorisation import commutation, vec
from symgrad.ops.shaping import Subscripts, index, reshape, transpose

_MOST_BLOCKS = 4  # factors of a Kronecker product that are put in order by trying


class Layout(Enum):
    """A convention for the shape of derivatives.

    For an output of shape F and an input of shape X, numbers by numbers being numbers in every layout:

    - DEFAULT: shape `F + X`; the gradient of a number has the shape of the input.
    - NUMERATOR: the axes of the output, then those of the input reversed. A vector (m) by a vector (n) gives m x n, a
      number by a vector a row (1, n), a vector by a number a column (m, 1), a number by a matrix p x q gives q x p.
    - DENOMINATOR: NUMERATOR with all axes reversed. A vector by a vector gives n x m, a number by a vector a column
      (n, 1), a vector by a number a row (1, m), a number by a matrix a matrix of the matrix's shape.
    - VEC: the matrix of d vec(f)/d vec(X), where vec stacks the columns of a matrix: [[a, c], [b, d]] is (a, b, c, d)
      (for more axes: the first axis runs fastest). A vector is its own vec, a number a vector of one entry.

    NUMERATOR and DENOMINATOR for numbers, vectors, and matrices by a number are those of Wikipedia, Matrix calculus,
    "Layout conventions"; it defines no others, and the rule on axes says what they are here. VEC is the derivative of
    Magnus & Neudecker, Matrix Differential Calculus (2019), chapter 9: Kronecker products, and commutation matrices
    (chapter 3.7) where there are transposes.

    A second derivative is laid out as the Jacobian of the gradient, taken as an array of its input's shape: of
    d2f/(dX dY) the output is df/dX and the input Y. So VEC gives the Hessian matrix d vec(df/dX)/d vec(Y) of
    chapter 10, which is symmetric where X is Y.
    """

    DEFAULT = "default"
    NUMERATOR = "numerator"
    DENOMINATOR = "denominator"
    VEC = "vec"

    @property
    def description(self) -> str:
        """The layout in one line."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Layout.DEFAULT: "default: the axes of the output, then those of the input",
    Layout.NUMERATOR: "numerator: the axes of the output, then those of the input reversed; rows for gradients",
    Layout.DENOMINATOR: "denominator: the axes of the input, then those of the output reversed; columns for gradients",
    Layout.VEC: "vec: vec(output) by vec(input), where vec stacks columns",
}


def read_layout(name: str) -> Layout:
    """Return the layout of this name. InvalidValueError when there is none."""
    try:
        return Layout(name)
    except ValueError:
        names = ", ".join(layout.value for layout in Layout)
        raise InvalidValueError(f"{name!r} is no layout; there are {names}") from None


def matters(output: Shape, wrt: Shape, layout: Layout) -> bool:
    """Whether a reader has to know the layout of such a derivative: not where it has the shape of the input."""
    return bool(output and wrt) if layout is Layout.DEFAULT else bool(output or wrt)


def matters_for_second(first: Input, second: Input, layout: Layout) -> bool:
    """Whether a reader has to know the layout of a second derivative: not of the symmetric matrix of one vector."""
    symmetric = first is second and first.ndim == 1
    return matters(first.shape, second.shape, layout) and not symmetric


def arrange(jacobian: Expr, rank: int, layout: Layout) -> Expr:
    """Return a Jacobian of the default layout, of an output with `rank` axes, in another layout.

    >>> from symgrad.syntax import parse
    >>> arrange(parse("f(J[m,p,q]) = J"), 1, Layout.NUMERATOR).shape
    (m, q, p)
    """
    if layout is Layout.DEFAULT or not jacobian.ndim:
        return jacobian
    if layout is Layout.VEC:
        return _vec(jacobian, rank)
    if jacobian.ndim == 1:
        return jacobian[:, None] if bool(rank) is (layout is Layout.NUMERATOR) else jacobian[None]
    result = transpose(jacobian, axes=(*range(rank), *reversed(range(rank, jacobian.ndim))))
    return result.T if layout is Layout.DENOMINATOR else result


def unstacked(output: Expr) -> Expr:
    """Return f for vec(f): in the layout VEC they have the same derivatives."""
    return output.operands[0] if isinstance(output, Apply) and output.op is vec else output


# --- vec -------------------------------------------------------------------------------------------------------------


def _vec(jacobian: Expr, rank: int) -> Expr:
    """Return the matrix of the vec layout: a sum of Kronecker products where the terms are outer products."""
    if jacobian.ndim == 2 and rank == 1:
        return jacobian
    if rank in (0, jacobian.ndim):
        return vec(jacobian)[:, None] if rank else vec(jacobian)[None]
    terms: list[_Term] = []
    for number, node in _terms(jacobian):
        term = _vec_of_term(number, node, jacobian.shape, rank)
        partner = next((other for other in terms if term.differs_in_order(other)), None)
        if partner is not None:
            terms[terms.index(partner)] = replace(partner, reordering=partner.reordering + term.reordering)
        else:
            terms.append(term)
    return reduce(plus, map(_Term.expression, terms))


@dataclass(frozen=True, slots=True)
class _Term:
    """number*(reordering @ matrix), where the reordering of rows is an identity or made of commutation matrices."""

    number: Expr
    reordering: Expr
    matrix: Expr

    def differs_in_order(self, other: _Term) -> bool:
        """Whether the two are the same but for the order of the rows: then they have a factor in common."""
        return self.number is other.number and self.matrix is other.matrix and not _is_identity(self.matrix)

    def expression(self) -> Expr:
        if _is_identity(self.reordering):
            return _times(self.number, self.matrix)
        if _is_identity(self.matrix):
            return _times(self.number, self.reordering)
        return _times(self.number, self.reordering @ self.matrix)


def _vec_of_term(number: Expr, term: Expr, shape: Shape, rank: int) -> _Term:
    form = _kronecker(number, term, shape, rank)
    if form is not None:
        return form
    order = (*reversed(range(rank)), *reversed(range(rank, len(shape))))
    rows, columns = element_count(shape[:rank]), element_count(shape[rank:])
    return _Term(number, eye(rows), reshape(transpose(_whole(term, shape), axes=order), (rows, columns)))


@dataclass(frozen=True, slots=True)
class _Factor:
    """A factor of a term: an array, and the axis of the Jacobian that each of its axes runs along."""

    array: Expr
    axes: tuple[int, ...]


def _kronecker(number: Expr, term: Expr, shape: Shape, rank: int) -> _Term | None:
    """Return kron(..., B, A) for A[i, k]*B[j, l]*..., scaled by what depends on all rows or all columns.

    For A[i, l]*B[j, k] it is the rows of kron(A, B), which belong to the transposed output, put in order by a
    commutation matrix. None when some factor ties together more than one axis of the output, or of the input.
    """
    outputs, inputs = tuple(range(rank)), tuple(range(rank, len(shape)))
    rows: list[Expr] = []
    columns: list[Expr] = []
    parts: list[_Factor] = []
    for factor in _factors(term, len(shape)):
        if not factor.axes:
            number = _times(factor.array, number)
        elif factor.axes == outputs and rank > 1:
            rows.append(vec(_whole(factor.array, shape[:rank])))
        elif factor.axes == inputs and len(inputs) > 1:
            columns.append(vec(_whole(factor.array, shape[rank:])))
        else:
            parts.append(factor)
    order = _in_order(_blocks(parts, len(shape)), rank) if parts else _Order((), False)
    if order is None:
        return None
    matrix = reduce(_kronecker_product, [_block(axes, parts, shape, rank) for axes in order.blocks]) if parts else ONE
    reordering = commutation(shape[1], shape[0]) if order.crossed else eye(element_count(shape[:rank]))
    if rows or columns:
        matrix, reordering = _Term(ONE, reordering, matrix).expression(), eye(element_count(shape[:rank]))
    for column in rows:
        matrix = _times(column[:, None], matrix)
    for row in columns:
        matrix = _times(row, matrix)
    return _Term(number, reordering, _whole(matrix, (element_count(shape[:rank]), element_count(shape[rank:]))))


def _blocks(parts: Sequence[_Factor], count: int) -> list[set[int]]:
    """Return the axes in groups: those that a factor has in common belong together."""
    groups: list[set[int]] = [{axis} for axis in range(count)]
    for part in parts:
        tied = [group for group in groups if group & set(part.axes)]
        groups = [group for group in groups if group not in tied] + [set[int]().union(*tied)]
    return groups


@dataclass(frozen=True, slots=True)
class _Order:
    """The groups of axes in the order of a Kronecker product, and whether its rows are those of the transpose."""

    blocks: Sequence[set[int]]
    crossed: bool


def _in_order(blocks: list[set[int]], rank: int) -> _Order | None:
    """Return the groups in an order in which axes of the output fall, and those of the input too; None if none is."""
    tangled = any(len({axis < rank for axis in block}) < len(block) for block in blocks)
    if tangled or len(blocks) > _MOST_BLOCKS:
        return None
    if blocks in ([{0, 3}, {1, 2}], [{1, 2}, {0, 3}]) and rank == 2:
        return _Order(({0, 3}, {1, 2}), crossed=True)
    return next((_Order(order, False) for order in permutations(blocks) if _falls(order, rank)), None)


def _falls(blocks: Sequence[set[int]], rank: int) -> bool:
    outputs = [axis for block in blocks for axis in block if axis < rank]
    inputs = [axis for block in blocks for axis in block if axis >= rank]
    return all(axes == sorted(axes, reverse=True) for axes in (outputs, inputs))


def _block(axes: set[int], parts: Sequence[_Factor], shape: Shape, rank: int) -> Expr:
    """Return the matrix of the factors along these axes: one of the output, one of the input, or both."""
    row = next((shape[axis] for axis in axes if axis < rank), 1)
    column = next((shape[axis] for axis in axes if axis >= rank), 1)
    product: Expr = ONE
    for part in parts:
        if axes & set(part.axes):
            product = _times(_as_matrix(part, rank), product)
    return _whole(product, (row, column))


def _as_matrix(part: _Factor, rank: int) -> Expr:
    if part.array.ndim == 2:
        return part.array
    return part.array[:, None] if part.axes[0] < rank else part.array[None]


def _kronecker_product(left: Expr, right: Expr) -> Expr:
    """Return kron(left, right); that of identities is an identity."""
    if _is_identity(left) and _is_identity(right):
        return eye(left.shape[0] * right.shape[0])
    return kron(left, right)


def _is_identity(x: Expr) -> bool:
    return isinstance(x, Apply) and x.op is eye


def _terms(x: Expr) -> Iterator[tuple[Expr, Expr]]:
    """Yield numbers and arrays: x is the sum of their products."""
    stack: list[tuple[Expr, Expr]] = [(ONE, x)]
    while stack:
        number, node = stack.pop()
        if not isinstance(node, Apply) or node.op not in (add, sub, neg, mul):
            yield number, node
            continue
        left, right = node.operands[0], node.operands[-1]
        if node.op is neg:
            stack.append((_times(MINUS_ONE, number), left))
        elif node.op is add:
            stack += [(number, right), (number, left)]
        elif node.op is sub:
            stack += [(_times(MINUS_ONE, number), right), (number, left)]
        elif not left.ndim:
            stack.append((_times(number, left), right))
        else:
            yield number, node


def _factors(term: Expr, rank: int) -> Iterator[_Factor]:
    """Yield what a term with `rank` axes is the product of."""
    stack = [term]
    while stack:
        node = stack.pop()
        if isinstance(node, Apply) and node.op is mul:
            stack.extend(reversed(node.operands))
        elif isinstance(node, Apply) and node.op is neg:
            stack += [node.operands[0], MINUS_ONE]
        else:
            yield _placed(node, rank)


def _placed(node: Expr, rank: int) -> _Factor:
    """Return an array and its axes; new axes of size 1 before, between and behind them are taken off."""
    start = rank - node.ndim
    if not isinstance(node, Apply) or node.op is not index:
        return _Factor(node, tuple(range(start, rank)))
    items = node.parameters(Subscripts).index
    if any(item != FULL and not isinstance(item, NewAxis) for item in items):
        return _Factor(node, tuple(range(start, rank)))
    kept = [position for position, item in enumerate(items) if item == FULL]
    return _Factor(node.operands[0], tuple(start + position for position in (*kept, *range(len(items), node.ndim))))


def _whole(x: Expr, shape: Shape) -> Expr:
    return x if x.shape == shape else broadcast_to(x, shape)


def _times(number: Expr, x: Expr) -> Expr:
    if number is ONE or x is ONE:
        return x if number is ONE else number
    return number * x
