"""SymPy forms of ops that SymPy has no single function for. An op names its form in its `sympy` slot.

The form of an elementwise op takes SymPy scalars; any other takes the node and its operands in SymPy, where a vector
is a matrix with one column.
"""

from __future__ import annotations

from typing import Any

from symgrad.core.dims import Atom, FloorDiv, Shape, Size
from symgrad.core.expr import Apply
from symgrad.core.indexing import Cut, Pick
from symgrad.errors import OperandError
from symgrad.ops.broadcasting import Axes
from symgrad.ops.constants import Extent
from symgrad.ops.shaping import Placement, Subscripts

# --- scalars -------------------------------------------------------------------------------------------------------


def expm1(x: Any) -> Any:
    import sympy

    return sympy.exp(x) - 1


def log1p(x: Any) -> Any:
    import sympy

    return sympy.log(1 + x)


def exp2(x: Any) -> Any:
    return 2**x


def exp10(x: Any) -> Any:
    return 10**x


def log2(x: Any) -> Any:
    import sympy

    return sympy.log(x) / sympy.log(2)


def log10(x: Any) -> Any:
    import sympy

    return sympy.log(x) / sympy.log(10)


def cbrt(x: Any) -> Any:
    """The real root; SymPy's own is complex for a negative x."""
    import sympy

    return sympy.sign(x) * sympy.cbrt(sympy.Abs(x))


def sigmoid(x: Any) -> Any:
    import sympy

    return 1 / (1 + sympy.exp(-x))


def softplus(x: Any) -> Any:
    import sympy

    return sympy.log(1 + sympy.exp(x))


def hypot(x: Any, y: Any) -> Any:
    import sympy

    return sympy.sqrt(x**2 + y**2)


def betaln(a: Any, b: Any) -> Any:
    import sympy

    return sympy.log(sympy.beta(a, b))


def zetac(s: Any) -> Any:
    import sympy

    return sympy.zeta(s) - 1


def gammainc(a: Any, x: Any) -> Any:
    import sympy

    return sympy.lowergamma(a, x) / sympy.gamma(a)


def gammaincc(a: Any, x: Any) -> Any:
    import sympy

    return sympy.uppergamma(a, x) / sympy.gamma(a)


def indicator(relation: Any) -> Any:
    """1 where the relation holds, else 0."""
    import sympy

    return sympy.Piecewise((1, relation), (0, True))


def less(x: Any, y: Any) -> Any:
    import sympy

    return indicator(sympy.Lt(x, y))


def less_equal(x: Any, y: Any) -> Any:
    import sympy

    return indicator(sympy.Le(x, y))


def greater(x: Any, y: Any) -> Any:
    import sympy

    return indicator(sympy.Gt(x, y))


def greater_equal(x: Any, y: Any) -> Any:
    import sympy

    return indicator(sympy.Ge(x, y))


def equal(x: Any, y: Any) -> Any:
    import sympy

    return indicator(sympy.Eq(x, y))


def not_equal(x: Any, y: Any) -> Any:
    import sympy

    return indicator(sympy.Ne(x, y))


def where(condition: Any, a: Any, b: Any) -> Any:
    import sympy

    relation = sympy.Ne(condition, 0)
    if isinstance(condition, sympy.Piecewise) and condition == indicator(condition.args[0].cond):
        relation = condition.args[0].cond
    return sympy.Piecewise((a, relation), (b, True))


# --- shapes --------------------------------------------------------------------------------------------------------


def size_in_sympy(value: Size) -> Any:
    """Return a size with symbols for its names."""
    import sympy

    if isinstance(value, int):
        return sympy.Integer(value)
    return sympy.Add(*(count * sympy.Mul(*map(_atom, monomial)) for monomial, count in value.terms))


def _atom(atom: Atom) -> Any:
    import sympy

    if isinstance(atom, FloorDiv):
        return sympy.floor(size_in_sympy(atom.numerator) / atom.denominator)
    return sympy.Symbol(atom)


def matrix_shape(shape: Shape) -> tuple[Any, Any]:
    """Return the two sizes of a vector or matrix; OperandError for more axes."""
    if len(shape) > 2:
        raise OperandError(f"SymPy's matrices have two axes, not {len(shape)}")
    rows, columns = (*shape, 1) if len(shape) == 1 else shape
    return size_in_sympy(rows), size_in_sympy(columns)


def size(node: Apply) -> Any:
    return size_in_sympy(node.parameters(Extent).n)


# --- arrays --------------------------------------------------------------------------------------------------------


def zeros(node: Apply) -> Any:
    import sympy

    return sympy.ZeroMatrix(*matrix_shape(node.shape)) if node.shape else sympy.S.Zero


def ones(node: Apply) -> Any:
    import sympy

    return sympy.OneMatrix(*matrix_shape(node.shape)) if node.shape else sympy.S.One


def eye(node: Apply) -> Any:
    import sympy

    return sympy.Identity(size_in_sympy(node.shape[0]))


def transpose(_node: Apply, x: Any) -> Any:
    return x.T


def matmul(node: Apply, a: Any, b: Any) -> Any:
    """A vector on the left is a row."""
    import sympy

    left, right = node.operands
    if (left.ndim, right.ndim) == (1, 1):
        return sympy.DotProduct(a, b)
    return b.T * a if left.ndim == 1 else a * b


def outer(_node: Apply, a: Any, b: Any) -> Any:
    return a * b.T


def kron(_node: Apply, a: Any, b: Any) -> Any:
    from sympy.matrices.expressions.kronecker import KroneckerProduct

    return KroneckerProduct(a, b)


def matrix_power(node: Apply, a: Any) -> Any:
    (exponent,) = node.op.arguments(node).values()
    return a**exponent


def trace(_node: Apply, a: Any) -> Any:
    import sympy

    return sympy.Trace(a)


def det(_node: Apply, a: Any) -> Any:
    import sympy

    return sympy.Determinant(a)


def logdet(_node: Apply, a: Any) -> Any:
    import sympy

    return sympy.log(sympy.Abs(sympy.Determinant(a)))


def inv(_node: Apply, a: Any) -> Any:
    import sympy

    return sympy.Inverse(a)


def solve(_node: Apply, a: Any, b: Any) -> Any:
    import sympy

    return sympy.Inverse(a) * b


def diag(_node: Apply, x: Any) -> Any:
    import sympy

    return sympy.DiagMatrix(x)


def total(node: Apply, x: Any) -> Any:
    """A sum is a product with ones: of all entries, of each column (axis 0), of each row (axis 1)."""
    import sympy

    params = node.parameters(Axes)
    axes = params.reduced(node.operands[0].ndim)
    rows, columns = x.shape
    if node.operands[0].ndim == 1 or len(axes) == 2:
        column = x if columns == 1 else x * sympy.OneMatrix(columns, 1)
        return sympy.OneMatrix(1, rows) * column if node.shape else sympy.DotProduct(sympy.OneMatrix(rows, 1), column)
    if axes == (1,):
        return x * sympy.OneMatrix(columns, 1)
    return sympy.OneMatrix(1, rows) * x if params.keepdims else x.T * sympy.OneMatrix(rows, 1)


def norm(node: Apply, x: Any) -> Any:
    import sympy

    if node.operands[0].ndim == 1:
        return sympy.sqrt(sympy.DotProduct(x, x))
    return sympy.sqrt(sympy.Trace(x.T * x))


def logsumexp(node: Apply, x: Any) -> Any:
    import sympy

    entry = sympy.Dummy("x")
    value = total(node, x.applyfunc(sympy.Lambda(entry, sympy.exp(entry))))
    return value.applyfunc(sympy.Lambda(entry, sympy.log(entry))) if node.shape else sympy.log(value)


def index(node: Apply, x: Any) -> Any:
    """An entry, a row or a column of a matrix, and an entry of a vector."""
    items = list(node.parameters(Subscripts).index)
    shape = node.operands[0].shape
    if not all(isinstance(item, Pick) or item == Cut() for item in items):
        raise OperandError("only entries, rows and columns have a SymPy form, not slices")
    places = [_place(item, extent) for item, extent in zip(items, shape, strict=False)]
    places += [None] * (2 - len(places)) if len(shape) == 2 else [0]
    row, column = places
    if row is not None and column is not None:
        return x[row, column]
    return x[:, column] if row is None else x[row, :].T


def _place(item: object, extent: Size) -> Any:
    if not isinstance(item, Pick):
        return None
    negative = isinstance(item.position, int) and item.position < 0
    return size_in_sympy(extent + item.position if negative else item.position)


def broadcast(node: Apply, x: Any) -> Any:
    return spread(x, node.operands[0].shape, node.shape)


def spread(x: Any, shape: Shape, target: Shape) -> Any:
    """Return x, of a shape that broadcasts to `target`, as a matrix of that shape: a product with ones."""
    import sympy

    if shape == target:
        return x
    rows, columns = matrix_shape(target)
    if not shape:
        return x * sympy.OneMatrix(rows, columns)
    if len(shape) == 1 and len(target) == 2:
        x = x.T
    if x.shape[0] == 1 and rows != 1:
        x = sympy.OneMatrix(rows, 1) * x
    if x.shape[1] == 1 and columns != 1:
        x = x * sympy.OneMatrix(1, columns)
    return x


def reshape(node: Apply, x: Any) -> Any:
    """Only between a vector and the column it is written as."""
    (operand,) = node.operands
    if operand.shape and node.shape and matrix_shape(operand.shape) == matrix_shape(node.shape):
        return x
    if not node.shape:
        return x[0, 0]
    raise OperandError("a reshaped array has no SymPy form")


def scatter(node: Apply, x: Any) -> Any:
    """A number at its place in a matrix of zeros, as a product of two columns of the identity."""
    import sympy

    params = node.parameters(Placement)
    if node.operands[0].ndim or not all(isinstance(item, Pick) for item in params.index):
        raise OperandError("only a single entry in a matrix of zeros has a SymPy form")
    if not all(isinstance(extent, int) for extent in params.shape):
        raise OperandError("an entry in a matrix of zeros has a SymPy form only where the sizes are numbers")
    place = tuple(_place(item, extent) for item, extent in zip(params.index, params.shape, strict=True))
    return sympy.ImmutableSparseMatrix(*matrix_shape(params.shape), {(*place, 0)[:2]: x})
