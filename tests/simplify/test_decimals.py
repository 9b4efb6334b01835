"""Arithmetic on numbers as they are written."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.simplify import simplify
from symgrad.simplify.decimals import plus, times_power

FLOATS = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: abs(x) > 1e-6)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (times_power(0.1, 0.2, 1), 0.02),
        (times_power(0.3, 0.1, -1), 3.0),
        (times_power(1, 1.1, 2), 1.21),
        (times_power(Fraction(1, 2), 0.1, 1), 0.05),
        (times_power(Fraction(1, 3), 0.1, 1), float(Fraction(1, 3)) * 0.1),
        (times_power(1, 0.3, -1), 1 / 0.3),
        (times_power(0.1, 1 / 3, 1), 0.1 * (1 / 3)),
        (plus(0.1, 0.2), 0.3),
        (plus(0.3, -0.1), 0.2),
        (plus(0.1, -0.1), 0.0),
        (plus(Fraction(1, 3), Fraction(2, 3)), 1),
        (plus(1e16, 1.0), 1e16 + 1.0),
    ],
)
def test_short_decimals_are_exact_and_the_rest_are_floats(found, wanted):
    assert found == wanted


def test_what_leaves_the_range_of_floats():
    """The caller refuses a product that is infinite or has vanished."""
    assert times_power(1.5, 1.7e300, 2) == math.inf
    with pytest.raises(ZeroDivisionError):
        times_power(1.5, 0.0, -1)
    assert times_power(1e-300, 1e-300, 1) == 0
    assert [x.formula() for x in simplify([sg.parse("1e200*(1e200*x)")])] == ["1e+200*1e+200*x"]


@given(FLOATS, FLOATS, st.integers(-3, 3))
def test_the_result_is_that_of_floats_but_for_their_rounding(a, b, exponent):
    assert times_power(a, b, exponent) == pytest.approx(a * b**exponent, rel=2e-15)
    assert plus(a, b) == pytest.approx(a + b, rel=0, abs=1e-15 * (abs(a) + abs(b)))


def test_derivatives_print_short_decimals():
    assert str(sg.grad("0.1*sin(0.2*x)", "x")) == "0.02*cos(0.2*x)"
    assert str(sg.grad("0.1*x**2/0.3 + 0.7*x**2", "x")).endswith("*x")
    assert sg.verify("0.1*sin(0.2*x) + 1.1**2*x**3").passed
