import numpy as np
import pytest

from symgrad.backends.reference import evaluate_reference
from symgrad.syntax import parse
from symgrad.verification.rounding import is_exact, spreads

EPS = float(np.finfo(float).eps)


def spread(text, **values):
    output, arrays = parse(text), {name: np.asarray(value, float) for name, value in values.items()}
    (expected,) = evaluate_reference([output], arrays)
    (found,) = spreads([output], arrays, [expected], np.random.default_rng(0), EPS)
    return float(np.max(found)), float(np.max(np.abs(expected)))


def test_a_plain_formula_rounds_to_a_few_ulps():
    found, value = spread("sin(x)*exp(x)", x=1.3)
    assert EPS * value <= found < 20 * EPS * value


def test_cancellation_is_seen():
    found, value = spread("(x + 1e8) - 1e8", x=0.3)
    assert found > 1e-9 * value


def test_cancellation_within_a_sum_is_seen():
    found, value = spread("sum(x)", x=[1e10, 0.25, -1e10])
    assert found > 1e-8 * value


def test_an_ill_conditioned_matrix_is_seen():
    near = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-9]])
    bad, value = spread("sum(inv(A)**2)", A=near)
    assert bad > 1e-8 * value


def test_ties_stay_ties():
    found, value = spread("sum(x == max(x)) + x[0]", x=[3.0, 3.0, 1.0])
    assert found < 20 * EPS * value


@pytest.mark.parametrize(
    ("text", "exact"),
    [("x.T", True), ("maximum(x, 1)", True), ("-x", True), ("max(x)", True), ("x[0]", True), ("x > 1", True),
     ("where(x > 0, x, 1)", True), ("x + 1", False), ("sum(x)", False), ("sqrt(x)", False), ("exp(x)", False),
     ("norm(x)", False), ("x @ x", False)],
)  # fmt: skip
def test_operations_that_round_nothing(text, exact):
    output = parse(f"f(x[n, n]) = {text}")
    assert is_exact(output) is exact
