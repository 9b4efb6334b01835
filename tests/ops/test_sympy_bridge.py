"""To SymPy and back: the same numbers, readable forms, and errors that name what has no counterpart."""

import random

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Rational, Symbol, symbols

from symgrad.backends.reference import evaluate_mp, evaluate_reference
from symgrad.core.dims import named
from symgrad.core.expr import Apply, Input, Literal, all_ops, lookup
from symgrad.errors import LimitError, OperandError, ShapeError, UnknownNameError
from symgrad.ops import integrals, special
from symgrad.ops.piecewise import maximum, where
from symgrad.ops.shaping import diag
from symgrad.ops.sympy_bridge import from_sympy, to_sympy

x, y = Input("x"), Input("y")
a, b = symbols("a b")
m, n = symbols("m n")
X, Y, S = sympy.MatrixSymbol("X", m, n), sympy.MatrixSymbol("Y", m, n), sympy.MatrixSymbol("S", n, n)
SIZES = {"m": 3, "n": 4}
ELEMENTWISE = [op for op in all_ops() if op.elementwise]
WHOLE_ORDER = {special.polygamma, integrals.expint}


def arrays_for(node, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {
        name: [size if isinstance(size, int) else size.evaluate(SIZES) for size in i.shape]
        for name, i in node.inputs.items()
    }
    return {
        name: rng.uniform(0.5, 1.5, shape) + (2 * np.eye(4) if shape == [4, 4] else 0) for name, shape in shapes.items()
    }


def assert_equal_numbers(first, second):
    """Vectors come back as matrices with one column."""
    values = arrays_for(first)
    columns = {name: values[name].reshape(array.shape) for name, array in arrays_for(second).items()}
    (one,) = evaluate_reference([first], values, sizes=SIZES)
    (two,) = evaluate_reference([second], columns, sizes=SIZES)
    np.testing.assert_allclose(np.ravel(one), np.ravel(two), rtol=1e-12)


# --- scalars -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_every_elementwise_op_round_trips(op):
    operands = [Input(name) for name in op.operand_names]
    if op in WHOLE_ORDER:
        operands[0] = Literal(2)
    node = op(*operands)
    back = from_sympy(to_sympy(node))
    rng = random.Random(op.name)
    for _ in range(3):
        values = {name: rng.uniform(0.3, 0.9) for name in node.inputs}
        if op.domain and any(getattr(d, "low", 0) >= 1 for d in op.domains(node)):
            values = {name: 1 + value for name, value in values.items()}
        one, two = evaluate_mp([node, back], values)
        assert mpmath.almosteq(one.item(), two.item(), 1e-40)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (a / b, Input("a") / Input("b")),
        (a - b, Input("a") - Input("b")),
        (a**2 - b + 1, Input("a") ** 2 + 1 - Input("b")),
        (1 - a, 1 - Input("a")),
        (-a, -Input("a")),
        (Rational(3, 2) * a / b**2, 3 * Input("a") / (2 * Input("b") ** 2)),
        (sympy.sqrt(a), lookup("sqrt")(Input("a"))),
        (1 / sympy.sqrt(a), 1 / lookup("sqrt")(Input("a"))),
        (a ** Rational(-3, 2), 1 / Input("a") ** 1.5),
        (sympy.cbrt(a), Input("a") ** (Literal(1) / Literal(3))),
        (sympy.exp(-a), lookup("exp")(-Input("a"))),
        (sympy.E**2, lookup("exp")(2)),
        (sympy.pi * a, lookup("pi")() * Input("a")),
        (sympy.Integer(3), Literal(3)),
        (sympy.Float(2.5), Literal(2.5)),
        (sympy.EulerGamma, -lookup("digamma")(1)),
        (sympy.Max(a, b), maximum(Input("a"), Input("b"))),
        (sympy.Piecewise((a, a < b), (0, True)), where(Input("a") < Input("b"), Input("a"), 0)),
        (sympy.Piecewise((1, a < b), (0, True)), Input("a") < Input("b")),
        (sympy.digamma(a), lookup("digamma")(Input("a"))),
        (sympy.zeta(3, a), special.hurwitz(3, Input("a"))),
    ],
    ids=str,
)
def test_scalars_read_as_a_person_would_write_them(tree, expected):
    assert from_sympy(tree) is expected


@pytest.mark.parametrize(
    "tree",
    [
        sympy.Heaviside(a - 1) + sympy.Heaviside(a, 0),
        sympy.Piecewise((a, (a > 0) & (b > 0)), (b, (a > 1) | sympy.Eq(b, 2)), (a * b, True)),
        sympy.Piecewise((1, sympy.ITE(a > b, a > 1, b > 1)), (2, True)),
        sympy.sinc(a) + sympy.factorial(a) + sympy.sec(a) + sympy.csc(a) + sympy.cot(a),
        sympy.sech(a) + sympy.csch(a) + sympy.coth(a),
        sympy.LambertW(a) + sympy.beta(a, b) + sympy.besselk(2, b) + sympy.besselj(Rational(1, 2), a),
        sympy.lowergamma(a, b) + sympy.uppergamma(a, b),
        sympy.GoldenRatio * a + sympy.Catalan + 2 * sympy.EulerGamma,
        a**b / (a - b * sympy.pi) ** 3 * sympy.Rational(-7, 3),
        -a - b - 2,
        sympy.conjugate(a) + sympy.re(b),
    ],
    ids=str,
)
def test_scalars_keep_their_value(tree):
    node = from_sympy(tree)
    for values in ({"a": 0.75, "b": 1.25}, {"a": 1.5, "b": 0.25}):
        expected = tree.subs({symbol: Rational(values[symbol.name]) for symbol in tree.free_symbols}).evalf(30)
        (got,) = evaluate_mp([node], values)
        with mpmath.workdps(30):
            assert abs(got.item() - mpmath.mpf(str(expected))) <= 1e-15 * (1 + abs(got.item()))


def test_a_deep_expression_is_read_without_recursion():
    tree = a
    for k in range(3000):
        tree = sympy.Add(sympy.Mul(tree, b, evaluate=False), k, evaluate=False)
    assert from_sympy(tree).inputs.keys() == {"a", "b"}


def test_what_sympy_cannot_hold_is_an_error():
    node = x
    for _ in range(2000):
        node = lookup("sin")(node)
    with pytest.raises(LimitError, match="too deeply for SymPy"):
        to_sympy(node)


def test_numbers_and_expressions_are_taken_as_they_are():
    assert from_sympy(x) is x
    assert from_sympy(3) is Literal(3)
    assert from_sympy(sympy.true) is Literal(1)


# --- matrices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tree",
    [
        X.T * Y,
        X + 2 * Y - 3 * X * S,
        -X,
        sympy.Trace(X.T * X),
        sympy.Inverse(X.T * X + sympy.Identity(n)),
        sympy.log(sympy.Determinant(S)),
        sympy.HadamardProduct(X, Y),
        sympy.HadamardPower(X, 2),
        S**3,
        S**-2,
        X[1, 2] * n,
        X[0, n - 1],
        X[:, 1:3],
        X.applyfunc(sympy.sin),
        X.applyfunc(sympy.Lambda(a, a * b + 1)),
        sympy.DotProduct(X[:, 0], Y[:, 1]),
        sympy.DiagMatrix(X[:, 0]),
        X + sympy.OneMatrix(m, n) + sympy.ZeroMatrix(m, n),
        sympy.Matrix([[a, a * b, 0], [1, 2, sympy.sin(a)]]),
        a * X / b,
    ],
    ids=str,
)
def test_matrices_keep_their_value(tree):
    node = from_sympy(tree)
    values = arrays_for(node)
    (got,) = evaluate_reference([node], values, sizes=SIZES)
    sized = sympy.sympify(tree).subs(SIZES)
    for name, value in values.items():
        old = Symbol(name) if value.ndim == 0 else sympy.MatrixSymbol(name, *value.shape)
        sized = sized.subs(old, sympy.Float(float(value)) if value.ndim == 0 else sympy.Matrix(value))
    expected = np.array(sympy.Matrix([sized.doit()]).tolist(), dtype=float)
    np.testing.assert_allclose(got, np.reshape(expected, got.shape), rtol=1e-12)


def test_symbolic_sizes_become_named_sizes():
    node = from_sympy(sympy.MatrixSymbol("Z", n + 1, 2 * m))
    assert node.shape == (named("n") + 1, 2 * named("m"))
    assert from_sympy(X).shape == (named("m"), named("n"))


k, d = named("m"), named("n")
A, w, v, Q = Input("A", (k, d)), Input("w", (d,)), Input("v", (k,)), Input("Q", (d, d))


@pytest.mark.parametrize(
    "node",
    [
        A @ w - v,
        lookup("sum")((A @ w - v) ** 2) + x * lookup("sum")(w**2),
        w @ Q @ w,
        v @ A,
        lookup("sum")(A),
        lookup("sum")(A, axis=0),
        lookup("sum")(A, axis=1),
        lookup("sum")(A, axis=1, keepdims=True),
        lookup("sum")(A, axis=0, keepdims=True),
        lookup("sum")(w, keepdims=True),
        lookup("mean")(w),
        lookup("norm")(w),
        lookup("norm")(A),
        lookup("norm1")(w),
        lookup("logsumexp")(w),
        lookup("logsumexp")(A, axis=1),
        lookup("inv")(Q) @ w,
        lookup("solve")(Q, w),
        lookup("logdet")(Q),
        lookup("det")(Q),
        lookup("trace")(Q),
        lookup("outer")(v, w),
        diag(w),
        A.T,
        A * A / (A + 1),
        A + w,
        A * w,
        x * A - 2 * A,
        lookup("sigmoid")(A @ w),
        lookup("exp")(-A),
        w[0] + w[-1],
        A[1, 2],
        A[1],
        A[:, -1],
        lookup("size")(d) * lookup("sum")(w),
        lookup("eye")(d) + Q,
        lookup("ones")((k, d)) * A,
        lookup("zeros")((k, d)) + A,
        lookup("broadcast_to")(w, (k, d)),
        lookup("reshape")(w, (d, 1)),
        lookup("scatter")(x, (1, 2), (3, 4)),
        lookup("scatter")(x, (1,), (3,)),
    ],
    ids=lambda node: str(to_sympy(node)),
)
def test_arrays_round_trip(node):
    assert_equal_numbers(node, from_sympy(to_sympy(node)))


def test_short_floats_become_fractions_so_that_sympy_keeps_all_digits():
    assert to_sympy(lookup("exp")(0.5 + x)) == sympy.exp(Symbol("x") + Rational(1, 2))
    assert to_sympy(x**1.5) == Symbol("x") ** Rational(3, 2)
    assert to_sympy(Literal(0.1)) == sympy.Float(0.1)


def test_forms_are_sympys_own():
    assert to_sympy(lookup("inv")(Q)) == S.subs(S, sympy.MatrixSymbol("Q", n, n)).inv()
    assert str(to_sympy(A @ w - v)) == "A*w - v"
    assert to_sympy(w @ w) == sympy.DotProduct(sympy.MatrixSymbol("w", n, 1), sympy.MatrixSymbol("w", n, 1))
    assert to_sympy(x * lookup("sin")(y)) == Symbol("x") * sympy.sin(Symbol("y"))


# --- errors --------------------------------------------------------------------------------------------------------

UNKNOWN = sympy.Function("f")


@pytest.mark.parametrize(
    ("tree", "kind", "message"),
    [
        (UNKNOWN(a), OperandError, r"f\(a\)"),
        (sympy.oo, OperandError, "oo"),
        (sympy.zoo * a, OperandError, "zoo"),
        (sympy.nan, OperandError, "nan"),
        (sympy.I * a, OperandError, "I"),
        (sympy.Derivative(UNKNOWN(a), a), OperandError, "Derivative"),
        (sympy.Integral(sympy.sin(a**a), a), OperandError, "Integral"),
        (sympy.LambertW(a, -1), OperandError, "principal branch"),
        (sympy.elliptic_k(a), OperandError, "elliptic_k with 1 argument"),
        (sympy.polygamma(a, b), OperandError, "polygamma needs an integer"),
        (sympy.Piecewise((a, a < 0)), OperandError, "condition True"),
        (S**a, OperandError, "integer exponent"),
        (sympy.MatrixSymbol("B", n / 2, 2), ShapeError, "n/2"),
        (Symbol("a", positive=True) + a, OperandError, "two different"),
        (Symbol("c", imaginary=True), OperandError, "not real"),
        (Symbol("α"), UnknownNameError, "ASCII"),
        ("sin(x)", OperandError, "sg.parse"),
        pytest.param(object(), OperandError, "object", id="object"),
    ],
    ids=str,
)
def test_what_has_no_counterpart_is_named(tree, kind, message):
    with pytest.raises(kind, match=message):
        from_sympy(tree)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (lookup("cholesky")(Q), "cholesky"),
        (maximum(A, A + 1), "maximum|entries of several"),
        (lookup("atan2")(A, Input("B", (k, d))), "atan2 has no SymPy form here"),
        (Input("T", (2, 3, 4)), "T has no SymPy form"),
        (lookup("reshape")(A, (k * d,)), "reshape"),
        (A[1:], "slices"),
        (lookup("scatter")(w, (1,), (3, d)), "scatter"),
        (lookup("scatter")(x, (1,), (d,)), "sizes are numbers"),
    ],
)
def test_what_sympy_has_no_form_for_is_named(node, message):
    assert isinstance(node, Input | Apply)
    with pytest.raises(OperandError, match=message):
        to_sympy(node)
