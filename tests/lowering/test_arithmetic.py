"""Rewritten sums and quotients have the same values, and fewer divisions and loops."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.numeric import Instruction
from symgrad.lowering import lower
from symgrad.lowering.arithmetic import cheapen, share_reciprocals
from symgrad.lowering.kernel_ir import Compute, Loop

SIZES = {"n": 4, "m": 3}
FORMULAS = {
    "several powers": "f(x, y, s) = x/s + y/(3*s**2) + x*y/s**3",
    "product below": "f(x[n], y[n], s[n], t[n]) = x/(s*t) + y/(s**2*t)",
    "rows": "f(a[n], e[n,m], s[n]) = a[:,None]*(e/s[:,None])/size(n)",
    "rows of softmax": "f(a[n], e[n,m]) = a[:,None]*softmax(e, axis=1)/size(n)",
    "product over a size": "f(a[n], e[n,m]) = (e*a[:,None])/size(n)",
    "mean of sums": "f(x[n,m]) = mean(sum(x, axis=1))",
    "used twice": "f(a[n], e[n,m], s[n]) = sum(a[:,None]*(e/s[:,None])) + sum(exp(e/s[:,None]))",
    "smaller on both sides": "f(a[n], s[m], b) = a[:,None]/s*b/size(n)",
}


def divisions(text, extents=None):
    """Count the divisions in the loops of a formula, in those over `extents` if they are given."""
    f = sg.parse(text)
    program = lower([f], list(f.inputs.values()), tuned=False)
    loops = [s for s in program.statements if isinstance(s, Loop) and extents in (None, len(s.extents))]
    return sum(isinstance(x, Compute) and x.code is Instruction.DIV for loop in loops for x in loop.body)


@pytest.mark.parametrize("text", FORMULAS.values(), ids=FORMULAS.keys())
def test_values_stay(text):
    f = sg.parse(text)
    rng = np.random.default_rng(3)
    arrays = [rng.uniform(0.5, 2, [SIZES[str(s)] for s in x.shape])[()] for x in f.inputs.values()]
    (expected,) = evaluate_reference([f], dict(zip(f.inputs, arrays, strict=True)))
    np.testing.assert_allclose(sg.compile(f)(*arrays), expected, rtol=1e-14)


def test_quotients_by_powers_of_one_number_take_its_reciprocal():
    assert divisions("f(x, y, s) = x/s + y/s**2 + x*y/s**3") == 1


def test_a_single_quotient_stays():
    (f,) = share_reciprocals([sg.parse("f(x, s) = x/s + 1")])
    assert f is sg.parse("f(x, s) = x/s + 1")


@pytest.mark.parametrize("reader", ["exp(x/s)", "where(x/s >= 1, x, y)", "(x/s)**2", "sqrt(x/s)"])
def test_a_quotient_that_a_function_reads_stays(reader):
    f = sg.parse(f"f(x, y, s) = {reader} + y/s + 2*x*y/s")
    assert divisions(f"f(x, y, s) = {reader} + y/s + 2*x*y/s") == 2
    (expected,) = evaluate_reference([f], {"x": 49.0, "y": 0.0, "s": 49.0})
    assert sg.compile(f)(x=49.0, y=0.0, s=49.0) == expected


def test_infinity_and_nan_keep_their_meaning():
    kernel = sg.compile("f(x, y, s) = stack((x/s, y/s))")
    for s in (0.0, -0.0, np.inf, np.nan):
        with np.errstate(all="ignore"):
            expected = np.divide([0.0, -3.0], s)
        np.testing.assert_array_equal(kernel(0.0, -3.0, s), expected)


def test_what_divides_rows_does_not_divide_their_elements():
    assert divisions("f(a[n], e[n,m]) = a[:,None]*softmax(e, axis=1)/size(n)", extents=2) == 0
    assert divisions("f(a[n], e[n,m]) = (e*a[:,None])/size(n)", extents=2) == 0


def test_sums_of_sums_are_one_sum():
    f = sg.parse("f(x[n,m]) = sum(exp(x), axis=1)")
    (total,) = cheapen([sg.sum(f)])
    assert total is sg.sum(sg.exp(f.inputs["x"]))
    both = cheapen([f, sg.sum(f)])
    assert both == [f, sg.sum(f)]


def test_quotients_of_rows_that_a_comparison_reads_stay():
    kernel = sg.compile("f(a[n], e[n,m]) = where(a[:,None]*e/size(n) >= 1, 1, 0)")
    np.testing.assert_array_equal(kernel(np.ones(49), np.full((49, 3), 49.0)), np.ones((49, 3)))


def test_a_small_divisor_divides_the_product():
    kernel = sg.compile("f(a[n], e[n,m], s[n]) = a[:,None]*e/s[:,None]")
    result = kernel(np.array([1e200]), np.array([[1e-250, 1.0]]), np.array([1e-200]))
    np.testing.assert_allclose(result, [[1e150, np.inf]])


def test_a_product_of_reciprocals_is_grouped_as_the_divisor():
    kernel = sg.compile("f(x, y, s, t, u) = x/(s*t*u) + y*sin(x)/(s*t*u)")
    np.testing.assert_allclose(kernel(0.5, 3.0, 1e200, 1e-200, 1e-200), (0.5 + 3 * np.sin(0.5)) * 1e200)
    (f,) = share_reciprocals([sg.parse("f(x, y, s, t, u) = x/(s*(t*u)) + y/(s*(t*u))")])
    assert str(f) == "x*(1/s*(1/t*(1/u))) + y*(1/s*(1/t*(1/u)))"
