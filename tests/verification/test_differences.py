import numpy as np
import pytest

from symgrad.verification.differences import FULL_UP_TO, PROJECTIONS, differentiate, directions

EPS = float(np.finfo(float).eps)

SMOOTH = [
    (np.exp, np.exp, 0.7),
    (np.sin, np.cos, 1.3),
    (np.log, np.reciprocal, 2.0),
    (np.tanh, lambda x: 1 / np.cosh(x) ** 2, 0.4),
    (lambda x: x**5, lambda x: 5 * x**4, -1.7),
    (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2, 0.9),
    (lambda x: np.sqrt(x), lambda x: 0.5 / np.sqrt(x), 3.0),
]


def slope(function, x, floor=0.0):
    x = np.atleast_1d(np.asarray(x, float))
    return differentiate(function, x, directions(x, np.random.default_rng(0)), np.full(1, floor), EPS)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("function", "derivative", "x"), SMOOTH)
def test_the_interval_holds_the_truth_and_is_narrow(function, derivative, x, unit, scale):
    found = slope(lambda z: scale * function(z / unit), x * unit)
    truth = scale * derivative(x) * abs(x)  # along a direction as long as the variable
    assert abs(found.low[0, 0] - truth) <= found.uncertainty[0, 0]
    assert found.uncertainty[0, 0] <= 1e-9 * abs(truth)
    assert not found.kinked.any()


def test_noise_is_measured():
    rng = np.random.default_rng(1)
    noisy = slope(lambda z: np.sin(z) + 1e-9 * rng.uniform(-1, 1, size=1), 1.0)
    assert 1e-10 < noisy.noise[0, 0] < 1e-8
    assert abs(noisy.low[0, 0] - np.cos(1.0)) <= noisy.uncertainty[0, 0]


def test_a_noise_floor_widens_the_interval():
    assert slope(np.sin, 1.0, floor=1e-8).uncertainty[0, 0] > 1e3 * slope(np.sin, 1.0).uncertainty[0, 0]


@pytest.mark.parametrize("function", [np.abs, lambda z: np.maximum(z, 0) + z, lambda z: np.abs(np.sin(z)) + z**2])
def test_a_kink_is_found_with_both_slopes(function):
    found = slope(function, 0.0)
    assert found.kinked.all()
    right, left = (function(np.asarray(t)) / t for t in (1e-9, -1e-9))
    assert found.low[0, 0] <= min(left, right) + found.uncertainty[0, 0]
    assert found.high[0, 0] >= max(left, right) - found.uncertainty[0, 0]
    assert found.high[0, 0] - found.low[0, 0] > 0.9


def test_a_kink_nearby_is_no_kink_here():
    found = slope(np.abs, 1e-3)
    assert not found.kinked.any()
    assert abs(found.low[0, 0] - 1e-3) <= found.uncertainty[0, 0] < 1e-12


def test_steps_that_leave_the_domain_are_dropped():
    x = 0.95
    with np.errstate(invalid="ignore"):
        found = slope(np.arccos, x)
    assert abs(found.low[0, 0] + x / np.sqrt(1 - x * x)) <= found.uncertainty[0, 0] < 1e-8


def test_slopes_at_the_edge_of_a_domain_are_one_sided():
    with np.errstate(invalid="ignore"):
        found = slope(lambda z: np.sqrt(z) ** 5 + np.exp(z), 0.0)
        mirrored = slope(lambda z: np.sqrt(1 - z) ** 3 + 2 * z, 1.0)
    assert found.edge.all()
    assert abs(found.low[0, 0] - 1) <= found.uncertainty[0, 0] < 1e-3
    assert abs(mirrored.low[0, 0] - 2) <= mirrored.uncertainty[0, 0] < 0.1


def test_no_estimate_where_one_sided_differences_have_no_limit():
    with np.errstate(invalid="ignore"):
        assert np.isnan(slope(np.sqrt, 0.0).low).all()


def test_outputs_and_directions_are_apart():
    x = np.array([1.0, 2.0])
    found = differentiate(lambda z: np.array([z[0] * z[1], z[0] ** 2, 1.0]), x, np.diag(x), np.zeros(3), EPS)
    assert np.allclose(found.low, [[2.0, 2.0, 0.0], [2.0, 0.0, 0.0]], rtol=0, atol=1e-12)
    assert found.low.shape == found.uncertainty.shape == (2, 3)


def test_directions_are_entries_in_their_own_units_or_projections():
    rng = np.random.default_rng(0)
    assert np.array_equal(directions(np.array([1e-6, -2.0, 0.0]), rng), np.diag([1e-6, 2.0, 2.0]))
    assert np.array_equal(directions(np.zeros(()), rng), [[1.0]])
    many = directions(np.full(FULL_UP_TO + 1, 3.0), rng)
    assert many.shape == (PROJECTIONS, FULL_UP_TO + 1)
    assert ((np.abs(many) >= 1.5) & (np.abs(many) <= 3.0)).all()
    assert np.unique(np.abs(many)).size == many.size  # so that no two entries stand for each other


def test_evaluations_are_counted():
    calls = []

    def count(z):
        calls.append(z)
        return z[:1]

    x = np.array([1.0, 2.0])
    found = differentiate(count, x, np.diag(x), np.zeros(1), EPS)
    assert found.evaluations == len(calls)
