"""Derivatives of a float64 function by differences, with an estimated error that is honest enough to decide with.

A ladder of steps tied to the size of the variable, Neville extrapolation in the square of the step, and a noise level
that is measured, not assumed (Moré and Wild, Estimating computational noise, 2011). Textbook estimates (Ridders) cover
the true error about half of the time, because they pick the smallest estimate without a floor from rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LARGEST_STEP = 1 / 8
LEVELS = 14
COLUMNS = 4
INFLATION = 6.0
FULL_UP_TO = 50  # entries of an input; above, a few random projections stand for all
PROJECTIONS = 4

_NOISE_SAMPLES = 7
_NOISE_ULPS = 3
_KINK_LEVELS = 3
_EVALUATIONS = 2 * LEVELS + 1 + _NOISE_SAMPLES

STEPS = LARGEST_STEP / 4.0 ** np.arange(LEVELS)


@dataclass(frozen=True, slots=True, eq=False)
class Derivatives:
    """Derivatives along directions, axis 0, of each entry of the output, axis 1 (NaN: none could be estimated).

    `low` and `high` differ at a kink, where they are the one-sided slopes. `curve` is the error estimate at every step,
    axes (level, direction, entry), and `ladder` the difference there, once extrapolated; for a plot. `edge` is where
    the function has values on one side only, and the derivative is one-sided.
    """

    low: np.ndarray
    high: np.ndarray
    uncertainty: np.ndarray
    noise: np.ndarray
    kinked: np.ndarray
    curve: np.ndarray
    evaluations: int
    ladder: np.ndarray
    edge: np.ndarray


def units_of(x: np.ndarray) -> np.ndarray:
    """Return the size of each entry: its absolute value, else the largest of the array, else 1."""
    sizes = np.abs(np.asarray(x, float))
    return np.where(sizes > 0, sizes, float(np.max(sizes, initial=0.0)) or 1.0)


def directions(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return directions of shape (count, x.size): each entry alone, or random ones of all; in units of the entries.

    An entry's unit is its absolute value, else the largest of the array, else 1, so that no step is lost in the
    last digit of a large entry and none jumps over a small one. Random ones have other lengths for each entry: signs
    alone would miss two entries that are swapped, once in sixteen times.
    """
    units = units_of(x).ravel()
    if units.size <= FULL_UP_TO:
        return np.diag(units)
    shape = (PROJECTIONS, units.size)
    return np.asarray(units * rng.choice([-1.0, 1.0], size=shape) * rng.uniform(0.5, 1.0, size=shape))


def differentiate(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, along: np.ndarray, noise_floor: np.ndarray, eps: float
) -> Derivatives:
    """Differentiate `function` at the flat array x along each row of `along`.

    `function` takes a flat array and returns a flat array; `noise_floor` is the least noise to assume of each entry.
    """
    offsets = _NOISE_ULPS * eps * np.arange(-(_NOISE_SAMPLES // 2), _NOISE_SAMPLES // 2 + 1)
    centre = function(x)
    right = _evaluate(function, x, along, STEPS)
    left = _evaluate(function, x, along, -STEPS)
    near = _evaluate(function, x, along, offsets)
    floor = np.maximum(noise_floor, eps * np.abs(centre))
    noise = np.fmax(_residual(near, offsets / eps), floor)
    steps = STEPS[:, None, None]
    found = extrapolate((right - left) / (2 * steps), noise, 16.0)
    low, high, kinked, kink_error = _one_sided(right, left, centre, noise, found.value)
    edge = np.isnan(found.value) & np.isfinite(centre)
    if edge.any():
        half = _half_sided(right, left, centre, noise)
        edge &= np.isfinite(half.value) & _settles(right, left, centre, noise)
        found = found.replaced(edge, half)
        low, high = np.where(edge, half.value, low), np.where(edge, half.value, high)
    return Derivatives(
        low=low,
        high=high,
        uncertainty=np.where(kinked, kink_error, INFLATION * found.error),
        noise=noise,
        kinked=kinked,
        curve=found.curve,
        evaluations=1 + len(along) * (_EVALUATIONS - 1),
        ladder=found.ladder,
        edge=edge,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Extrapolated:
    """The best entry of each tableau with its estimated error; `curve` and `ladder` as in `Derivatives`."""

    value: np.ndarray
    error: np.ndarray
    curve: np.ndarray
    ladder: np.ndarray

    def replaced(self, where: np.ndarray, other: Extrapolated) -> Extrapolated:
        """Return what is extrapolated here, and the other where `where` holds."""
        return Extrapolated(
            np.where(where, other.value, self.value),
            np.where(where, other.error, self.error),
            np.where(where, other.curve, self.curve),
            np.where(where, other.ladder, self.ladder),
        )


def _evaluate(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, along: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """Return values of shape (distances, directions, entries)."""
    return np.array([[function(x + t * direction) for direction in along] for t in distances])


def _residual(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the largest distance of the values, along axis 0, from a straight line fitted to those that are finite."""
    used = np.isfinite(values)
    count = np.maximum(used.sum(axis=0), 1)
    places = np.where(used, offsets[:, None, None], 0.0)
    places = np.where(used, places - places.sum(axis=0) / count, 0.0)
    heights = np.where(used, values, 0.0)
    heights = np.where(used, heights - heights.sum(axis=0) / count, 0.0)
    slope = (places * heights).sum(axis=0) / np.maximum((places * places).sum(axis=0), 1.0)
    return np.asarray(np.abs(heights - places * slope).max(axis=0))


def _half_sided(right: np.ndarray, left: np.ndarray, centre: np.ndarray, noise: np.ndarray) -> Extrapolated:
    """Differences towards the side that has values, extrapolated in powers of the step, not of its square."""
    return extrapolate(_half_quotients(right, left, centre), noise, 4.0)


def _half_quotients(right: np.ndarray, left: np.ndarray, centre: np.ndarray) -> np.ndarray:
    ahead = np.isfinite(right).sum(axis=0) >= np.isfinite(left).sum(axis=0)
    return np.asarray(np.where(ahead, right - centre, centre - left) / STEPS[:, None, None])


def _settles(right: np.ndarray, left: np.ndarray, centre: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return where one-sided differences have a limit: at the finest steps above the noise they move less and less.

    Those of sqrt(t) and of t*log(t) at 0 do not.
    """
    moves = np.abs(np.diff(_half_quotients(right, left, centre), axis=0))
    clear = np.isfinite(moves) & (moves > 10 * noise / STEPS[1:, None, None])
    last = np.where(clear[1:] & clear[:-1], np.arange(1, len(moves))[:, None, None], 0).max(axis=0)[None]
    now, before = (np.take_along_axis(moves, np.maximum(last - k, 0), axis=0)[0] for k in (0, 1))
    return np.asarray((last[0] == 0) | (now < 0.75 * before))


def extrapolate(first: np.ndarray, noise: np.ndarray, gain: float) -> Extrapolated:
    """Return the best entry of each Neville tableau, its error, and column 1 at each step with its error.

    `first` are the differences at `STEPS`; `gain` is the factor by which their leading error falls from step to step.
    """
    rounding = 2 * noise / STEPS[:, None, None]
    best = np.full(noise.shape, np.nan)
    error = np.full(noise.shape, np.inf)
    curve, ladder = np.full(first.shape, np.nan), np.full(first.shape, np.nan)
    column = first
    for j in range(1, COLUMNS):
        finer = column[1:] + (column[1:] - column[:-1]) / (gain**j - 1)
        estimate = np.maximum(np.abs(finer - column[1:]), np.abs(finer - column[:-1])) + rounding[j:]
        estimate = np.where(np.isfinite(estimate), estimate, np.inf)
        if j == 1:
            curve[1:], ladder[1:] = estimate, finer
        level = np.argmin(estimate, axis=0)[None]
        smallest = np.take_along_axis(estimate, level, axis=0)[0]
        chosen = np.take_along_axis(finer, level, axis=0)[0]
        better = smallest < error
        best, error = np.where(better, chosen, best), np.where(better, smallest, error)
        column = finer
    return Extrapolated(best, error, curve, ladder)


def _one_sided(
    right: np.ndarray, left: np.ndarray, centre: np.ndarray, noise: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find kinks: the second difference over the step stays as it is when the step falls, instead of falling too."""
    steps = STEPS[:, None, None]
    bend = np.abs(right - 2 * centre + left) / steps
    clear = np.isfinite(bend) & (bend > 100 * noise / steps)
    enough = clear.sum(axis=0) >= _KINK_LEVELS
    last = np.where(enough, LEVELS - 1 - np.argmax(clear[::-1], axis=0), LEVELS - 1)[None]
    before = np.maximum(last - (_KINK_LEVELS - 1), 0)
    now, then = np.take_along_axis(bend, last, axis=0)[0], np.take_along_axis(bend, before, axis=0)[0]
    kinked = enough & (now > 0.5 * then) & (now < 2 * then)
    slopes = [np.take_along_axis(s * (side - centre) / steps, last, axis=0)[0] for s, side in ((1, right), (-1, left))]
    low = np.where(kinked, np.minimum(*slopes), value)
    high = np.where(kinked, np.maximum(*slopes), value)
    error = INFLATION * (np.abs(now - then) + 4 * noise / STEPS[last[0]])
    return low, high, kinked, error
