import mpmath
import numpy as np
import pytest

from symgrad.syntax import parse
from symgrad.verification.precise import NotPreciseError, directional_derivative, evaluate, evaluate_twice


def slope(text, x, direction=1.0):
    output = parse(text)
    values = {"x": np.asarray(x, float)}
    (centre,) = evaluate_twice([output], values)
    return directional_derivative(output, values, "x", np.asarray(direction, float), centre)


@pytest.mark.parametrize(
    ("text", "x", "truth"),
    [("exp(x)", 0.5, mpmath.exp), ("sin(x)", 2.0, mpmath.cos), ("log(x)*1e6", 3.0, lambda x: 10**6 / x)],
)
def test_slopes_are_right_to_30_digits_within_their_bound(text, x, truth):
    found = slope(text, x)
    with mpmath.workdps(60):
        expected = truth(mpmath.mpf(x))
        error = abs(found.low.item() - expected)
        assert error <= found.uncertainty.item() < abs(expected) * mpmath.mpf(10) ** -30
    assert not found.kinked.any()


def test_cancellation_shows_in_the_uncertainty():
    plain, cancelled = evaluate_twice([parse("sin(x)"), parse("(sin(x) + 1e30) - 1e30")], {"x": np.asarray(0.3)})
    assert cancelled.uncertainty.item() > 1e20 * plain.uncertainty.item()
    assert abs(cancelled.value.item() - plain.value.item()) <= cancelled.uncertainty.item()


def test_a_kink_gives_both_slopes():
    found = slope("abs(x) + x", 0.0)
    assert found.kinked.all()
    assert float(found.low.item()) == pytest.approx(0.0, abs=1e-30)
    assert float(found.high.item()) == pytest.approx(2.0)


def test_a_large_second_derivative_is_no_kink():
    assert not slope("sum(1e8*x**2)", [0.0, 1.0], [1.0, 1.0]).kinked.any()


@pytest.mark.parametrize(("text", "x"), [("log(x)", -1.0), ("1/x", 0.0), ("sqrt(x)", -2.0), ("log(x)", 0.0)])
def test_no_value_outside_of_a_domain(text, x):
    with pytest.raises(NotPreciseError):
        evaluate([parse(text)], {"x": np.asarray(x)}, 50)


def test_no_slope_at_the_edge_of_a_domain():
    with pytest.raises(NotPreciseError):
        slope("sqrt(x)", 0.0)
