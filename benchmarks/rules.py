"""The acceptance rules of other gradient checkers, as they are documented, to be tried on the same gradients.

A rule is a re-implementation of how a library decides, not the library. All look at a float64 function of a flat array.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import factorial

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]
Accept = Callable[[np.ndarray], bool]  # whether a Jacobian of shape (outputs, inputs) is accepted
Rule = Callable[[Function, np.ndarray, np.random.Generator], Accept]

_EPS = float(np.finfo(float).eps)


def torch_gradcheck(function: Function, x: np.ndarray, _rng: np.random.Generator) -> Accept:
    """torch.autograd.gradcheck: central differences, step 1e-6, allclose with atol 1e-5 and rtol 1e-3."""
    numerical = _central(function, x, np.full(x.size, 1e-6))
    return partial(_all_close, numerical, atol=1e-5, rtol=1e-3)


def jax_check_grads(function: Function, x: np.ndarray, rng: np.random.Generator) -> Accept:
    """jax.test_util.check_grads: one random direction, step 1e-4, tolerances 1e-5 times the number of outputs."""
    direction = rng.normal(size=x.size)
    numerical = (function(x + 1e-4 * direction) - function(x - 1e-4 * direction)) / 2e-4
    tolerance = 1e-5 * numerical.size
    return partial(_jax_accepts, numerical, direction, tolerance)


def _jax_accepts(numerical: np.ndarray, direction: np.ndarray, tolerance: float, jacobian: np.ndarray) -> bool:
    return _all_close(numerical, jacobian @ direction, atol=tolerance, rtol=tolerance)


def stan_expect_ad(function: Function, x: np.ndarray, _rng: np.random.Generator) -> Accept:
    """Stan's expect_ad: sixth order, step eps**(1/7)*max(1, |x|), 1e-4 of the mean size, at least 1e-8."""
    steps = _EPS ** (1 / 7) * np.maximum(1.0, np.abs(x))
    numerical = _stencil(function, x, steps, ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)))
    return partial(_stan_accepts, numerical)


def _stan_accepts(numerical: np.ndarray, jacobian: np.ndarray) -> bool:
    allowed = np.maximum(1e-4 * (np.abs(numerical) + np.abs(jacobian)) / 2, 1e-8)
    return bool((np.abs(numerical - jacobian) <= allowed).all())


def chain_rules(function: Function, x: np.ndarray, _rng: np.random.Generator) -> Accept:
    """ChainRulesTestUtils: central_fdm(5, 1) of FiniteDifferences.jl, whose step minimises an estimated error; 1e-9."""
    magnitude = float(np.max(np.abs(function(x)), initial=0.0))
    fifth = np.array([np.max(np.abs(_fifth(function, x, k)), initial=0.0) for k in range(x.size)])
    weights, powers = 3 / 2, (2 * 32 / 12 + 2 * 8 / 12) / factorial(5)  # of the five points, in the two error terms
    noise = _EPS * max(magnitude, 1e-300) * weights
    steps = (noise / (4 * np.maximum(fifth, 1e-300) * powers)) ** (1 / 5)
    numerical = _stencil(function, x, np.clip(steps, 1e-12, 5e-3), ((1, 2 / 3), (2, -1 / 12)))
    return partial(_chain_rules_accepts, numerical)


def _fifth(function: Function, x: np.ndarray, k: int) -> np.ndarray:
    """Return the fifth derivative by x[k] from seven points, with the step for numbers of size 1."""
    step = (_EPS / 10) ** (1 / 7) / 2
    points = [function(x + j * step * np.eye(x.size)[k]) for j in (-3, -2, -1, 1, 2, 3)]
    weights = np.array([-0.5, 2.0, -2.5, 2.5, -2.0, 0.5])
    found = np.tensordot(weights, np.array(points), axes=1) / step**5
    return np.where(np.isfinite(found), found, 0.0)


def _chain_rules_accepts(numerical: np.ndarray, jacobian: np.ndarray) -> bool:
    largest = max(np.linalg.norm(numerical), np.linalg.norm(jacobian))
    return bool(np.linalg.norm(numerical - jacobian) <= max(1e-9, 1e-9 * largest))


def _all_close(numerical: np.ndarray, found: np.ndarray, *, atol: float, rtol: float) -> bool:
    return bool((np.abs(found - numerical) <= atol + rtol * np.abs(numerical)).all())


def _central(function: Function, x: np.ndarray, steps: np.ndarray) -> np.ndarray:
    return _stencil(function, x, steps, ((1, 0.5),))


def _stencil(
    function: Function, x: np.ndarray, steps: np.ndarray, weights: tuple[tuple[int, float], ...]
) -> np.ndarray:
    """Return the Jacobian by sums of weighted symmetric differences."""
    columns = []
    for step, along in zip(steps, np.eye(x.size), strict=True):
        pairs = (w * (function(x + j * step * along) - function(x - j * step * along)) for j, w in weights)
        columns.append(sum(pairs) / step)
    return np.array(columns).T


@dataclass(frozen=True, slots=True)
class Named:
    """A rule and whose it is."""

    name: str
    rule: Rule


RULES = (
    Named("torch", torch_gradcheck),
    Named("JAX", jax_check_grads),
    Named("Stan", stan_expect_ad),
    Named("ChainRules", chain_rules),
)
