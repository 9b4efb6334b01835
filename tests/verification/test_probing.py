import numpy as np
import pytest

from symgrad.verification import probing

EPS = float(np.finfo(float).eps)
RNG = np.random.default_rng(0)


def flat(function):
    return lambda x: np.atleast_1d(function(x))


@pytest.mark.parametrize(
    ("function", "least", "most"),
    [
        (lambda x: np.sum(np.exp(x)), 0.0, 1e-14),
        (lambda x: np.sum(np.abs(x - 1)), 0.0, 1e-14),  # a kink at x
        (lambda x: np.sum((x + 1e8) - 1e8), 1e-9, 1e-7),
        (lambda x: float(np.sum(np.sin(x.astype(np.float32)))), 1e-8, 1e-6),
        (lambda x: np.sum(np.sin(1e4 * x)), 0.0, 1e-11),
    ],
)
def test_noise_is_what_is_rounded_and_not_what_is_steep(function, least, most):
    found = probing.noise(flat(function), np.array([1.0, 0.7]), np.random.default_rng(0))
    assert least <= found[0] <= most


def test_slopes_at_a_kink_are_sharp():
    def function(x):
        return np.abs(x) + np.sin(x)

    found = probing.slopes(function, np.zeros(1), np.ones((1, 1)), np.zeros(1), EPS)
    assert found.kinked.all()
    assert abs(found.low[0, 0] - 0.0) <= found.uncertainty[0, 0] < 1e-9
    assert abs(found.high[0, 0] - 2.0) <= found.uncertainty[0, 0]


def test_the_rounding_of_x_counts_where_the_value_is_much_smaller_than_its_slope():
    x = np.array([1.001])
    found = probing.slopes(lambda x: (x - 1) ** 7, x, x[None], np.zeros(1), EPS)
    truth = 7 * (x[0] - 1) ** 6 * x[0]
    assert abs(found.low[0, 0] - truth) <= found.uncertainty[0, 0] < 1e-6 * truth


def test_the_slope_nearby_does_not_vanish_at_a_minimum():
    assert probing.nearby_slope(lambda x: np.atleast_1d(np.sum(x**2)), np.zeros(2), np.eye(2)) > 1e-3


def test_evaluations_are_counted():
    calls = []

    def function(x):
        calls.append(x)
        return np.abs(x)

    found = probing.slopes(function, np.zeros(1), np.ones((1, 1)), np.zeros(1), EPS)
    assert abs(found.evaluations - len(calls)) <= 2  # the value at x, once or twice
