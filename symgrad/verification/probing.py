"""What is measured of a function that can only be called: its slopes along directions, and its rounding noise.

Functions take a flat array and return one; entries without a value are NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import comb, sqrt
from typing import TypeAlias

import numpy as np

from symgrad.verification import differences

_NEARBY = 2.0**-9  # the step over which the size of a derivative that may be 0 is measured
_NOISE_STEP = 1e-6
_NOISE_SAMPLES = 10
_NOISE_ORDERS = range(4, 9)
FINE_STEPS = (1e-9, 1e-11, 1e-13)
NOISE_EVALUATIONS = 2 * _NOISE_SAMPLES - 1

Function: TypeAlias = Callable[[np.ndarray], np.ndarray]


def slopes(
    function: Function, x: np.ndarray, along: np.ndarray, floor: np.ndarray, eps: float
) -> differences.Derivatives:
    """Return derivatives along directions; at kinks the one-sided slopes are extrapolated."""
    found = differences.differentiate(
        function, x, along, np.maximum(floor, _argument_noise(function, x, along, eps)), eps
    )
    rows = np.flatnonzero(found.kinked.any(axis=1))
    if not rows.size:
        return replace(found, evaluations=found.evaluations + 2 * len(along))
    level, kinked = found.noise[rows], found.kinked[rows]
    right, left = (_one_sided(function, x, sign * along[rows], level) for sign in (1, -1))
    low, high, uncertainty = found.low.copy(), found.high.copy(), found.uncertainty.copy()
    low[rows] = np.where(kinked, np.minimum(right.value, -left.value), low[rows])
    high[rows] = np.where(kinked, np.maximum(right.value, -left.value), high[rows])
    error = differences.INFLATION * np.maximum(right.error, left.error)
    uncertainty[rows] = np.where(kinked, error, uncertainty[rows])
    evaluations = found.evaluations + 2 * (len(along) + len(rows) * differences.LEVELS)
    return replace(found, low=low, high=high, uncertainty=uncertainty, evaluations=evaluations)


def _argument_noise(function: Function, x: np.ndarray, along: np.ndarray, eps: float) -> np.ndarray:
    """Return what rounding x + step to a float does to the value: more than its own rounding where it is steep."""
    right, left = (np.array([function(x + sign * _NOISE_STEP * each) for each in along]) for sign in (1, -1))
    change = np.abs(right - left) / (2 * _NOISE_STEP)
    return np.where(np.isfinite(change), eps * change / 2, 0.0)


def _one_sided(function: Function, x: np.ndarray, along: np.ndarray, noise: np.ndarray) -> differences.Extrapolated:
    """Return slopes to one side, extrapolated in powers of the step."""
    ahead = np.array([[function(x + t * direction) for direction in along] for t in differences.STEPS])
    return differences.extrapolate((ahead - function(x)) / differences.STEPS[:, None, None], noise, 4.0)


def nearby_slope(function: Function, x: np.ndarray, along: np.ndarray) -> float:
    """Return the largest slope over a short way: what a derivative that vanishes at x is small beside."""
    sides = [[function(x + sign * _NEARBY * direction) for direction in along] for sign in (1, -1)]
    change = np.abs(np.asarray(sides) - function(x)) / _NEARBY
    return float(np.max(change, initial=0.0, where=np.isfinite(change)))


def fine_slopes(
    function: Function, x: np.ndarray, direction: np.ndarray, row: int, eps: float
) -> Iterator[tuple[float, float]]:
    """Yield slopes of one entry of the value over steps far below the ladder's, each with its rounding error."""
    for step in FINE_STEPS:
        right, left = (float(function(x + sign * step * direction)[row]) for sign in (1, -1))
        yield (right - left) / (2 * step), 4 * eps * max(abs(right), abs(left)) / step


def noise(function: Function, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rounding error of each entry of the value, from differences of high order along a line.

    What is smooth is gone from them, what is rounded is not, and is counted in coefficients of the difference. Each
    side of x has its own, so that a kink at x does no harm. Unlike steps of a few ulps these see rounding to fewer
    digits: of float32 inside, or of a large number that was added.
    """
    direction = differences.units_of(x) * rng.choice([-1.0, 1.0], size=x.size)
    centre = function(x)
    found = np.zeros(centre.size)
    for sign in (1, -1):
        steps = sign * _NOISE_STEP * np.arange(1, _NOISE_SAMPLES)
        values = np.array([centre, *(function(x + step * direction) for step in steps)])
        orders = [np.abs(np.diff(values, k, axis=0)).max(axis=0) / (sqrt(comb(2 * k, k)) / 2) for k in _NOISE_ORDERS]
        side = np.min(orders, axis=0)
        found = np.maximum(found, np.where(np.isfinite(side), side, 0.0))
    return found
