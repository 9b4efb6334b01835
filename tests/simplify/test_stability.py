"""Formulas that overflow or cancel as they are written: the kernel gives the right value and derivative anyway."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_mp

HARD = [
    ("log(1 + exp(x))", 1000.0),
    ("1/(1 + exp(-x))", -1000.0),
    ("f(x[n]) = log(sum(exp(x)))", [1000.0, 999.0]),
    ("f(x[n]) = -log(exp(x[0])/sum(exp(x)))", [1000.0, 999.0]),
    ("f(x[n]) = -log(softmax(x)[0])", [-2000.0, 0.0]),
    ("(exp(x) - exp(-x))/(exp(x) + exp(-x))", 800.0),
    ("where(x > 0, x*log(x), 0)", 0.0),
    ("where(x < 1, x, sqrt(x - 1))", 0.5),
    ("where(x <= 0, exp(x), 1 + x)", 1000.0),
    ("log(1 - exp(-x))", 1e-20),
    ("log(exp(-x**2/2)/sqrt(2*pi))", 60.0),
]


@pytest.mark.parametrize(("text", "x"), HARD, ids=[text for text, _ in HARD])
def test_value_and_derivative(text: str, x: Any) -> None:
    formula = sg.parse(text)
    value, gradient = sg.compile(formula).value_and_grad(x=x)
    # Written as it is, with enough digits, the formula is the reference; the choice of a branch needs no digits.
    with mpmath.workdps(2000):
        step = mpmath.mpf(10) ** -700
        exact = _at(formula, x)
        assert value == pytest.approx(float(exact), rel=1e-14)
        for position in np.ndindex(np.shape(x)):
            moved = exact - _at(formula, _moved(x, position, step))
            assert np.asarray(gradient["x"])[position] == pytest.approx(float(moved / step), rel=1e-13, abs=1e-300)


def _moved(x: Any, position: tuple[int, ...], step: Any) -> np.ndarray:
    exact = np.array(np.frompyfunc(mpmath.mpf, 1, 1)(np.asarray(x, float)), dtype=object)
    exact[position] -= step  # to the left: at 0 the derivative by convention is that of the branch that holds there
    return exact


def _at(formula: sg.Expr, x: Any) -> Any:
    (value,) = evaluate_mp([formula], {"x": x}, digits=2000)
    return value.item()


def test_the_norm_has_a_derivative_at_zero() -> None:
    _, gradient = sg.compile("f(x[n]) = sqrt(sum(x**2))").value_and_grad(x=[0.0, 0.0])
    assert gradient["x"].tolist() == [0.0, 0.0]
