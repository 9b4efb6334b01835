"""From SymPy: scalars, special functions, Piecewise, matrices and matrix expressions become nodes.

A SymPy function is found by the `sympy` slot of an op; what is listed here is SymPy's own syntax (sums, powers,
relations, matrix expressions) and SymPy functions that are short formulas of our ops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from symgrad.core.dims import named
from symgrad.core.expr import Expr, Input, OpDef, all_ops
from symgrad.errors import OperandError
from symgrad.ops import constants, sympy_matrices, sympy_scalars
from symgrad.ops.sympy_matrices import size_of_sympy
from symgrad.ops.sympy_scalars import Done


def from_sympy(expression: object) -> Expr:
    """Return the node of a SymPy expression: a scalar, a Piecewise, a Matrix or a matrix expression.

    Shapes: a Symbol is a scalar input, `MatrixSymbol("X", m, 3)` an input of shape (m, 3) with m a named size; a
    Symbol that is such a size stands for that size. Floats are read with 17 digits.
    Errors: OperandError that names what symgrad has no counterpart of.

    >>> import sympy
    >>> x, y = sympy.symbols("x y")
    >>> list(from_sympy(sympy.sin(x) / y).inputs)
    ['x', 'y']
    """
    import sympy

    if isinstance(expression, Expr):
        return expression
    if isinstance(expression, str):
        raise OperandError("from_sympy takes a SymPy expression, not a text; use sg.parse for a text")
    try:
        tree = sympy.sympify(expression, strict=True)
    except sympy.SympifyError:
        raise OperandError(f"from_sympy takes a SymPy expression, not {type(expression).__name__}") from None
    if isinstance(tree, sympy.MatrixBase):
        tree = tree.as_immutable()
    return convert(tree, _symbol_values(tree))


def convert(tree: Any, values: Mapping[Any, Expr]) -> Expr:
    """Return the node of a SymPy tree whose symbols stand for `values`."""
    done: Done = dict(values)
    stack = [(tree, False)]
    while stack:
        part, ready = stack.pop()
        if part in done:
            continue
        rule = _rule(part)
        if ready:
            done[part] = rule.build(part, done)
            continue
        stack.append((part, True))
        stack.extend((inner, False) for inner in rule.parts(part) if inner not in done)
    return done[tree]


# --- names ---------------------------------------------------------------------------------------------------------


def _symbol_values(tree: Any) -> dict[Any, Expr]:
    """Return the node of each symbol; OperandError when two different symbols share a name."""
    import sympy

    parts = list(_walk(tree))
    sizes = {symbol for part in parts if isinstance(part, sympy.MatrixExpr) for symbol in _size_symbols(part)}
    values: dict[Any, Expr] = {}
    owners: dict[str, Any] = {}
    for part in parts:
        if not part.is_Symbol and not _is_matrix_symbol(part):
            continue
        if owners.setdefault(part.name, part) != part:
            raise OperandError(f"two different SymPy symbols are called {part.name}; rename one of them")
        values[part] = _symbol_value(part, sizes)
    return values


def _size_symbols(part: Any) -> set[Any]:
    return {symbol for size in part.shape for symbol in getattr(size, "free_symbols", ())}


def _symbol_value(symbol: Any, sizes: set[Any]) -> Expr:
    if _is_matrix_symbol(symbol):
        return Input(symbol.name, tuple(map(size_of_sympy, symbol.shape)))
    if symbol in sizes:
        return constants.size(named(symbol.name))
    if symbol.is_extended_real is False:
        raise OperandError(f"the SymPy symbol {symbol.name} is declared not real; symgrad works on real numbers")
    return Input(symbol.name)


def _is_matrix_symbol(part: Any) -> bool:
    import sympy

    return isinstance(part, sympy.MatrixSymbol)


def _walk(tree: Any) -> Iterator[Any]:
    """Yield the parts that are read, each once."""
    seen: set[Any] = set()
    stack = [tree]
    while stack:
        part = stack.pop()
        if part in seen:
            continue
        seen.add(part)
        yield part
        if not part.is_Symbol and not _is_matrix_symbol(part):
            stack.extend(_rule(part).parts(part))


# --- rules ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """How one SymPy class is read: the node of a part, and which parts below it are read before."""

    build: Callable[[Any, Done], Expr]
    parts: Callable[[Any], Sequence[Any]]


def _rule(part: Any) -> Rule:
    rules = _rules()
    for kind in type(part).__mro__:
        if kind in rules:
            return rules[kind]
    if _op_of(part) is not None:
        return Rule(_call, _arguments)
    raise OperandError(f"symgrad has no counterpart of SymPy's {_described(part)}")


@cache
def _by_sympy_name(ops: tuple[OpDef, ...]) -> dict[tuple[str, int], OpDef]:
    """The index of the ops' `sympy` slots; the key is the registry itself, which a user may add to."""
    return {(op.sympy, len(op.operand_names)): op for op in ops if op.sympy and ":" not in op.sympy}


def _op_of(part: Any) -> OpDef | None:
    return _by_sympy_name(all_ops()).get((type(part).__name__, len(part.args)))


def _call(part: Any, done: Done) -> Expr:
    op = _op_of(part)
    assert op is not None  # _rule found it
    return op(*(done[argument] for argument in part.args))


def _described(part: Any) -> str:
    import sympy

    if isinstance(part, sympy.core.function.AppliedUndef) or not part.args:
        return str(part)
    if not isinstance(part, sympy.Function):
        return type(part).__name__
    return f"{type(part).__name__} with {len(part.args)} argument{'s' if len(part.args) > 1 else ''}"


def _arguments(part: Any) -> Sequence[Any]:
    return part.args  # type: ignore[no-any-return]


def _first(part: Any) -> Sequence[Any]:
    return part.args[:1]  # type: ignore[no-any-return]


def _nothing(_part: Any) -> Sequence[Any]:
    return ()


@cache
def _rules() -> dict[type, Rule]:
    import sympy
    from sympy.logic import boolalg

    leaves = {
        sympy.Integer: sympy_scalars.integer,
        sympy.Rational: sympy_scalars.rational,
        sympy.Float: sympy_scalars.real,
        sympy.NumberSymbol: sympy_scalars.constant,
        boolalg.BooleanAtom: sympy_scalars.truth,
    }
    composed = {
        sympy.Add: sympy_scalars.total,
        sympy.Mul: sympy_scalars.product,
        sympy.Pow: sympy_scalars.power,
        sympy.And: sympy_scalars.conjunction,
        sympy.Or: sympy_scalars.disjunction,
        sympy.Not: sympy_scalars.negation,
        sympy.ITE: sympy_scalars.choice,
        sympy.Rel: sympy_scalars.relation,
        sympy.Max: sympy_scalars.maximum_of,
        sympy.Min: sympy_scalars.minimum_of,
        sympy.Heaviside: sympy_scalars.heaviside,
        sympy.LambertW: sympy_scalars.product_log,
        sympy.lowergamma: sympy_scalars.lower_gamma,
        sympy.uppergamma: sympy_scalars.upper_gamma,
        sympy.factorial: sympy_scalars.factorial,
        sympy.sinc: sympy_scalars.sinc,
        sympy.sec: sympy_scalars.sec,
        sympy.csc: sympy_scalars.csc,
        sympy.cot: sympy_scalars.cot,
        sympy.sech: sympy_scalars.sech,
        sympy.csch: sympy_scalars.csch,
        sympy.coth: sympy_scalars.coth,
        sympy.re: sympy_scalars.same,
        sympy.conjugate: sympy_scalars.same,
    }
    return {
        **{kind: Rule(build, _nothing) for kind, build in leaves.items()},
        **{kind: Rule(build, _arguments) for kind, build in composed.items()},
        sympy.Piecewise: Rule(sympy_scalars.piecewise, sympy_scalars.branch_parts),
        **_matrix_rules(),
    }


def _matrix_rules() -> dict[type, Rule]:
    import sympy
    from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

    leaves = {
        sympy.Identity: sympy_matrices.identity,
        sympy.ZeroMatrix: sympy_matrices.zero_matrix,
        sympy.OneMatrix: sympy_matrices.one_matrix,
    }
    on_one_matrix = {
        sympy.Transpose: sympy_matrices.transposed,
        sympy.Adjoint: sympy_matrices.transposed,
        sympy.Inverse: sympy_matrices.inverse,
        sympy.MatPow: sympy_matrices.matrix_power,
        sympy.Trace: sympy_matrices.trace,
        sympy.Determinant: sympy_matrices.determinant,
        sympy.DiagMatrix: sympy_matrices.diagonal_matrix,
        sympy.matrices.expressions.matexpr.MatrixElement: sympy_matrices.element,
        sympy.MatrixSlice: sympy_matrices.part_of_matrix,
    }
    composed = {
        sympy.MatAdd: sympy_scalars.total,
        sympy.MatMul: sympy_scalars.scaled_chain,
        sympy.HadamardProduct: sympy_matrices.hadamard_product,
        sympy.HadamardPower: sympy_matrices.hadamard_power,
        sympy.DotProduct: sympy_matrices.dot_product,
    }
    return {
        **{kind: Rule(build, _nothing) for kind, build in leaves.items()},
        **{kind: Rule(build, _first) for kind, build in on_one_matrix.items()},
        **{kind: Rule(build, _arguments) for kind, build in composed.items()},
        ElementwiseApplyFunction: Rule(_applied, _applied_parts),
        sympy.ImmutableDenseMatrix: Rule(sympy_matrices.explicit, sympy_matrices.entries),
        sympy.ImmutableSparseMatrix: Rule(sympy_matrices.explicit, sympy_matrices.entries),
    }


def _applied(part: Any, done: Done) -> Expr:
    """A function of one variable on each entry: its body, with the matrix for the variable."""
    (variable,) = part.function.variables
    outer = {symbol: done[symbol] for symbol in part.function.free_symbols}
    return convert(part.function.expr, {**outer, variable: done[part.expr]})


def _applied_parts(part: Any) -> Sequence[Any]:
    return (part.expr, *sorted(part.function.free_symbols, key=str))
