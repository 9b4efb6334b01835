"""An independent second opinion: the derivative of 200 random formulas against `sympy.diff`, at 50 digits.

The formulas are drawn from the registry, so a new op is judged without a change here. Each side is evaluated with
mpmath: ours through the ops' `mp` slots, SymPy's through its own code printer.
"""

import math
import random
from functools import cache

import mpmath
import pytest
import sympy

import symgrad as sg
from symgrad.backends.reference import evaluate_mp
from symgrad.core.domain import Domain, Interval
from symgrad.core.expr import Expr, Flat, Input, Literal, OpDef, Partials, all_ops
from symgrad.errors import OperandError
from symgrad.ops.sympy_bridge import to_sympy

FORMULAS, DEPTH = 200, 3
WORKING_DIGITS, TOLERANCE = 80, mpmath.mpf(10) ** -50
NAMES = ("x", "y")
ELEMENTWISE = [op for op in all_ops() if op.elementwise]


@cache
def fixed_operands(op: OpDef) -> frozenset[int]:
    """The operands that the op has no derivative in: orders, which are written as numbers."""
    inputs = [Input(name) for name in op.operand_names]
    try:
        node = op(*inputs)
    except OperandError:
        return frozenset({0})
    functions = op.derivative.functions if isinstance(op.derivative, Partials) else ()
    return frozenset(position for position, partial in enumerate(functions) if not has_value(partial, node, inputs))


def has_value(partial, node, inputs) -> bool:
    try:
        partial(node, *inputs)
    except OperandError:
        return False
    return True


def smooth(op: OpDef) -> bool:
    return not isinstance(op.derivative, Flat) and len(fixed_operands(op)) < len(op.operand_names)


TOPS = [op for op in ELEMENTWISE if smooth(op)]


def applied(op: OpDef, rng: random.Random, depth: int) -> Expr:
    operands = [
        Literal(rng.randint(2, 3)) if position in fixed_operands(op) else operand(rng, depth - 1)
        for position in range(len(op.operand_names))
    ]
    domains = op.domains(op(*operands))
    return op(*(inside(x, domain) for x, domain in zip(operands, domains, strict=True)))


def operand(rng: random.Random, depth: int) -> Expr:
    if depth <= 0 or rng.random() < 0.4:
        return Input(rng.choice(NAMES)) if rng.random() < 0.8 else Literal(rng.choice([2, 3, 0.5, -1.25]))
    return applied(rng.choice(ELEMENTWISE), rng, depth)


def inside(x: Expr, domain: Domain) -> Expr:
    """Squeeze an operand into the domain, well away from its ends. A literal that lies in it is kept."""
    assert isinstance(domain, Interval)
    if isinstance(x, Literal) and domain.low < x.value < domain.high:
        return x
    if domain == Interval():
        return x
    if domain.high < float("inf"):
        return (domain.low + domain.high) / 2 + (domain.high - domain.low) * 0.375 * sg.sin(x)
    return math.ceil(8 * domain.low) / 8 + 0.5 + 2 * sg.sigmoid(x)


def formula(index: int) -> Expr:
    rng = random.Random(index)
    while True:
        found = applied(TOPS[index % len(TOPS)], rng, DEPTH)
        if found.inputs and not divides_by_zero(found):
            return found


def divides_by_zero(node: Expr) -> bool:
    """Say whether a formula such as 1/(y - y) was drawn, which has no value anywhere."""
    try:
        evaluate_mp([node], dict.fromkeys(node.inputs, 0.625) | {"x": 0.375}, 20)
    except ZeroDivisionError:
        return True
    return False


def real_branches(tree):
    """SymPy differentiates abs and sign of what it cannot prove real as complex functions: write them as branches."""
    tree = tree.xreplace({sympy.Symbol(name): sympy.Symbol(name, real=True) for name in NAMES})
    tree = tree.replace(is_root_of_absolute, root_of_square)
    tree = tree.replace(sympy.Abs, absolute)
    return tree.replace(sympy.sign, signum)


def is_root_of_absolute(tree):
    return isinstance(tree, sympy.Pow) and isinstance(tree.base, sympy.Abs)


def root_of_square(tree):
    """The power of an absolute value, without branches: SymPy takes the root of -3 in one that is never reached."""
    return (tree.base.args[0] ** 2) ** (tree.exp / 2)


def absolute(x):
    return sympy.Piecewise((x, x >= 0), (-x, True))


def signum(x):
    return sympy.Piecewise((1, x > 0), (-1, x < 0), (0, True))


def airyaiprime(x):
    return mpmath.airyai(x, derivative=1)


def airybiprime(x):
    return mpmath.airybi(x, derivative=1)


def erfcinv(x):
    return mpmath.erfinv(1 - x)


PRINTER_LACKS = {"airyaiprime": airyaiprime, "airybiprime": airybiprime, "erfcinv": erfcinv}


def value_of(tree, values):
    symbols = [sympy.Symbol(name, real=True) for name in values]
    tree = tree.replace(sympy.DiracDelta, nothing)
    return sympy.lambdify(symbols, tree, modules=[PRINTER_LACKS, "mpmath"])(*map(mpmath.mpf, values.values()))


def nothing(*_arguments):
    return sympy.S.Zero


@pytest.mark.parametrize("index", range(FORMULAS))
def test_derivative_equals_sympys(index):
    node = formula(index)
    rng = random.Random(1000 + index)
    tree = real_branches(to_sympy(node))
    for name in node.inputs:
        ours, theirs = sg.grad(node, name), tree.diff(sympy.Symbol(name, real=True))
        values = {each: rng.uniform(-1.5, 1.5) for each in NAMES}
        (got,) = evaluate_mp([ours], values, WORKING_DIGITS)
        with mpmath.workdps(WORKING_DIGITS):
            expected = value_of(theirs, values)
            assert abs(got.item() - expected) <= TOLERANCE * (1 + abs(expected)), values
