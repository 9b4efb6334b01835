"""To SymPy: scalars become SymPy's functions, vectors and matrices its matrix expressions.

What an op is in SymPy stands in its `sympy` slot: the name of a SymPy function, or "module:function", a form in
`sympy_forms`. An op without a slot is expanded.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from symgrad.core.expr import Apply, Expr, Foreign, Input, Literal, OpDef, postorder
from symgrad.core.traversal import expand
from symgrad.errors import LimitError, OperandError
from symgrad.ops.sympy_forms import matrix_shape, spread

LARGEST_DENOMINATOR = 1024


def to_sympy(expression: Expr) -> Any:
    """Return the SymPy form of an expression.

    Shapes: a scalar input is a Symbol, a matrix a MatrixSymbol, a vector a MatrixSymbol with one column; a named size
    is a Symbol. SymPy's `loggamma` is complex for x < 0, where ours is the logarithm of the absolute value.
    Errors: OperandError that names the op that has no SymPy form; LimitError for an expression too deep for SymPy.

    >>> import symgrad as sg
    >>> to_sympy(sg.parse("x*sin(y)"))
    x*sin(y)
    """
    (root,) = expand([expression], _expanded)
    done: dict[Expr, Any] = {}
    try:
        for node in postorder(root):
            done[node] = _written(node, [done[operand] for operand in node.operands])
    except RecursionError:
        raise LimitError("the expression is nested too deeply for SymPy, which walks it recursively") from None
    return done[root]


def _expanded(node: Apply) -> Expr | None:
    if node.op.sympy:
        return None
    if node.op.expand is None:
        raise OperandError(f"{node.op.name} has no SymPy form")
    return node.op.expand(node)


def _written(node: Expr, operands: list[Any]) -> Any:
    match node:
        case Input():
            return _symbol(node)
        case Literal():
            return _number(node)
        case Apply():
            return _applied(node, operands)
    raise TypeError(f"not a node: {node!r}")


def _symbol(node: Input) -> Any:
    import sympy

    if not node.shape:
        return sympy.Symbol(node.name)
    try:
        return sympy.MatrixSymbol(node.name, *matrix_shape(node.shape))
    except OperandError as error:
        raise OperandError(f"the input {node.name} has no SymPy form: {error.message}") from None


def _number(node: Literal) -> Any:
    """A float such as 0.5 or 2.75 becomes a fraction: SymPy computes with a Float's 53 bits, as in exp(0.5)."""
    import sympy

    exact = sympy.Rational(node.value)
    return exact if exact.q <= LARGEST_DENOMINATOR else sympy.Float(node.value)


def _applied(node: Apply, operands: list[Any]) -> Any:
    form = _form(node.op)
    try:
        if not node.op.elementwise:
            return form(node, *operands)
        return _entrywise(node, form, operands) if node.shape else form(*operands)
    except OperandError as error:
        raise OperandError(f"{node.op.name} has no SymPy form here: {error.message}") from None


@cache
def _form(op: OpDef) -> Any:
    """Return the function behind the `sympy` slot."""
    import sympy

    module, _, name = op.sympy.rpartition(":")
    if module:
        return Foreign(module, name).load()
    form = getattr(sympy, name)
    return form if callable(form) else constant_form(form)


def constant_form(value: Any) -> Any:
    """Return a form that ignores its node: SymPy's constants are not functions."""

    def form(_node: Apply) -> Any:
        return value

    return form


# --- functions of each entry ---------------------------------------------------------------------------------------


def _entrywise(node: Apply, form: Any, operands: list[Any]) -> Any:
    """Apply a scalar form to matrices of one shape: as a matrix sum, a Hadamard product, or entry by entry."""
    import sympy

    matrices: dict[Any, Any] = {}
    arguments: list[Any] = []
    for operand, value in zip(node.operands, operands, strict=True):
        if not operand.shape:
            arguments.append(value)
            continue
        entry = sympy.Dummy("x")
        same = [seen for seen, matrix in matrices.items() if matrix == value]
        arguments.append(same[0] if same else entry)
        if not same:
            matrices[entry] = spread(value, operand.shape, node.shape)
    formula = form(*arguments)
    if len(matrices) > 1:
        return _combined(formula, matrices)
    ((entry, matrix),) = matrices.items()
    scale, rest = formula.as_independent(entry, as_Add=False)
    if rest == entry:
        return scale * matrix
    constant, rest = formula.as_independent(entry, as_Add=True)
    if rest == entry:
        return matrix + constant * sympy.OneMatrix(*matrix.shape)
    base, exponent = formula.as_base_exp()
    if base == entry and not exponent.has(entry):
        return sympy.HadamardPower(matrix, exponent)
    return matrix.applyfunc(sympy.Lambda(entry, formula))


def _combined(formula: Any, matrices: dict[Any, Any]) -> Any:
    """Several matrices: a sum of multiples of them, or a product of powers of them."""
    import sympy

    if formula.is_Add:
        return sympy.MatAdd(*(_multiple(term, matrices) for term in formula.args))
    powers = [factor.as_base_exp() for factor in formula.args] if formula.is_Mul else []
    if not powers or any(base not in matrices or exponent.free_symbols & set(matrices) for base, exponent in powers):
        raise OperandError("SymPy has no such function of the entries of several matrices")
    return sympy.HadamardProduct(
        *(matrices[b] if exponent == 1 else sympy.HadamardPower(matrices[b], exponent) for b, exponent in powers)
    )


def _multiple(term: Any, matrices: dict[Any, Any]) -> Any:
    for entry, matrix in matrices.items():
        scale, rest = term.as_independent(entry, as_Add=False)
        if rest == entry and not scale.free_symbols & set(matrices):
            return scale * matrix
    raise OperandError("SymPy has no such function of the entries of several matrices")


Expr.presenters["sympy"] = to_sympy
