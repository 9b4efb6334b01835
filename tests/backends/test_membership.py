"""Arrays that are not what is assumed of an input are refused, with an entry that shows it."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.membership import require
from symgrad.core.expr import Input
from symgrad.core.properties import read_properties

SYMMETRIC = [[2.0, 1.0], [1.0, 3.0]]
ROTATION = [[0.6, -0.8], [0.8, 0.6]]


@pytest.mark.parametrize(
    ("words", "value", "message"),
    [
        ("symmetric", [[1, 2], [3, 4]], r"A\[0, 1\] = 2.0 and A\[1, 0\] = 3.0"),
        ("skew", [[1, 2], [-2, 0]], r"A\[0, 0\] = 1.0"),
        ("spd", [[1, 2], [2, -4]], "a diagonal entry of A is -4.0"),
        ("spd", [[1, 2], [3, 4]], "A\\[0, 1\\] = 2.0"),
        ("psd", [[0, 0], [0, -1]], "diagonal entry of A is -1.0"),
        ("diagonal", [[1, 2], [0, 4]], r"A\[0, 1\] = 2.0"),
        ("lower", [[1, 2], [0, 4]], r"A\[0, 1\] = 2.0"),
        ("upper", [[1, 0], [5, 4]], r"A\[1, 0\] = 5.0"),
        ("orthogonal", [[1, 0], [1, 1]], r"\(A.T @ A\)\[0, 0\] = 2.0"),
        ("positive", [[1, 0], [1, 1]], r"A\[0, 1\] = 0.0"),
        ("nonnegative", [[1, 1], [1, -1]], r"A\[1, 1\] = -1.0"),
        ("nonzero", [[1, 0], [1, 1]], r"A\[0, 1\] = 0.0"),
        ("simplex", [0.5, 0.25], "the entries of A sum to 0.75"),
        ("simplex", [1.5, -0.5], r"A\[1\] = -0.5"),
        ("unit", [3, 4], "the length of A is 5.0"),
    ],
)
def test_what_is_refused(words: str, value: object, message: str) -> None:
    array = np.asarray(value, float)
    node = Input("A", array.shape, read_properties(words))
    with pytest.raises(sg.InvalidValueError, match=message):
        require(node, array)
    with pytest.raises(sg.InvalidValueError, match=message):
        require(node, array, thorough=True)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("symmetric", SYMMETRIC),
        ("spd", SYMMETRIC),
        ("psd", [[1, 1], [1, 1]]),
        ("diagonal", [[1, 0], [0, 0]]),
        ("lower upper", [[1, 0], [0, 0]]),
        ("orthogonal", ROTATION),
        ("skew", [[0, 2], [-2, 0]]),
        ("simplex", [0.1, 0.2, 0.7]),
        ("unit", [0.6, 0.8]),
        ("invertible", ROTATION),
        ("positive", 3.0),
        ("symmetric", np.empty((0, 0))),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_accepted(words: str, value: object, dtype: str) -> None:
    array = np.asarray(value, dtype)
    require(Input("A", array.shape, read_properties(words)), array, thorough=True)


def test_definiteness_is_looked_at_when_asked() -> None:
    node = Input("A", (2, 2), read_properties("spd"))
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    require(node, indefinite)
    with pytest.raises(sg.InvalidValueError, match="eigenvalue -1"):
        require(node, indefinite, thorough=True)
    with pytest.raises(sg.InvalidValueError, match="singular"):
        require(Input("A", (2, 2), read_properties("invertible")), np.ones((2, 2)), thorough=True)


def test_rounding_is_no_violation() -> None:
    value = np.array(SYMMETRIC)
    value[0, 1] *= 1 + 1e-12
    require(Input("A", (2, 2), read_properties("spd")), value)


def test_a_kernel_refuses_what_is_not_assumed() -> None:
    kernel = sg.compile("f(A[n,n]: symmetric, x[n]) = x @ A @ x", wrt="x")
    value, gradients = kernel.value_and_grad(A=SYMMETRIC, x=[1.0, 2.0])
    assert value == 18.0 and gradients["x"].tolist() == [8.0, 14.0]
    with pytest.raises(sg.InvalidValueError, match="A is assumed symmetric"):
        kernel(A=[[1, 2], [3, 4]], x=[1, 2])
