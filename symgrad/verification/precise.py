"""Values and directional derivatives of a formula at 50 digits and more, with what is known about their error."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.backends.reference import evaluate_mp
from symgrad.core.expr import Expr
from symgrad.errors import SymgradError

DIGITS = 50
MORE_DIGITS = 65
_STEP_DIGITS = 20  # the step of a difference is 1e-20 of the point: its square and 1e-65 over it are both below 1e-39
_KINK_RATIO = 1.5  # doubling the step doubles the difference of one-sided slopes of a smooth function


class NotPreciseError(Exception):
    """There is no high-precision value: an op has no such form, or the point is at the edge of a domain."""


@dataclass(frozen=True, slots=True, eq=False)
class Precise:
    """An array of mpmath numbers and a bound on the error of each entry."""

    value: np.ndarray
    uncertainty: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """A derivative along a direction. At a kink, `low` and `high` are the one-sided slopes, otherwise both are it."""

    low: np.ndarray
    high: np.ndarray
    uncertainty: np.ndarray
    kinked: np.ndarray


def evaluate(
    exprs: Sequence[Expr], values: Mapping[str, Any], digits: int, sizes: Mapping[str, int] | None = None
) -> list[np.ndarray]:
    """Evaluate at `digits` digits. NotPreciseError where that gives no finite real numbers."""
    import mpmath

    try:
        results = evaluate_mp(exprs, values, digits, sizes)
    except (ArithmeticError, ValueError, TypeError, SymgradError) as error:
        raise NotPreciseError(f"there is no {digits}-digit value ({error})") from error
    for result in results:
        if not all(isinstance(x, mpmath.mpf) and mpmath.isfinite(x) for x in result.flat):
            raise NotPreciseError(f"the {digits}-digit value is not a finite real number: the edge of a domain")
    return results


def evaluate_twice(
    exprs: Sequence[Expr], values: Mapping[str, Any], sizes: Mapping[str, int] | None = None
) -> list[Precise]:
    """Evaluate at two precisions; their disagreement bounds the error of the lower one, so of the higher."""
    import mpmath

    lower, higher = (evaluate(exprs, values, digits, sizes) for digits in (DIGITS, MORE_DIGITS))
    with mpmath.workdps(MORE_DIGITS):
        return [
            Precise(value, np.asarray(absolute(value - coarse) + absolute(value) * mpmath.mpf(10) ** -DIGITS))
            for value, coarse in zip(higher, lower, strict=True)
        ]


def directional_derivative(
    output: Expr,
    values: Mapping[str, np.ndarray],
    name: str,
    direction: np.ndarray,
    centre: Precise,
    sizes: Mapping[str, int] | None = None,
    move: Callable[[np.ndarray, np.ndarray], np.ndarray] = operator.add,
) -> Slope:
    """Return the derivative of `output` along `direction` of one input, by central differences at 65 digits.

    `move(point, step)` says where a step leads.

    The error is estimated: truncation from a second step twice as long, rounding from the error of `centre`.
    """
    import mpmath

    with mpmath.workdps(MORE_DIGITS):
        step = mpmath.mpf(10) ** -_STEP_DIGITS
        start = np.frompyfunc(mpmath.mpf, 1, 1)(values[name])
        along = np.frompyfunc(mpmath.mpf, 1, 1)(direction)

        def at(t: Any) -> np.ndarray:
            moved = {**values, name: np.asarray(move(start, t * along), dtype=object)}
            return evaluate([output], moved, MORE_DIGITS, sizes)[0]

        f_0 = centre.value
        right, left = [(at(sign * step) - f_0) / (sign * step) for sign in (1, -1)]
        far_right, far_left = [(at(2 * sign * step) - f_0) / (2 * sign * step) for sign in (1, -1)]
        middle, far_middle = (right + left) / 2, (far_right + far_left) / 2
        # The largest over the entries: in one alone, two roundings may agree by chance and show no error.
        largest = max(centre.uncertainty.flat, default=mpmath.mpf(0))
        noise = largest * mpmath.mpf(10) ** (DIGITS - MORE_DIGITS) / step
        jump, far_jump = absolute(right - left), absolute(far_right - far_left)
        kinked = np.asarray((jump > 1000 * noise) & (far_jump < _KINK_RATIO * jump), dtype=bool)
        truncation = np.where(
            kinked, absolute(right - far_right) + absolute(left - far_left), absolute(middle - far_middle)
        )
        return Slope(
            np.where(kinked, np.minimum(left, right), middle),
            np.where(kinked, np.maximum(left, right), middle),
            np.asarray(10 * truncation + 10 * noise),
            kinked,
        )


def absolute(x: np.ndarray) -> np.ndarray:
    """Return the absolute values of an array of mpmath numbers."""
    return np.asarray(np.abs(x), dtype=object)


def as_float(x: Any) -> np.ndarray:
    """Round an array of mpmath numbers to float64."""
    return np.asarray(x, dtype=object).astype(float)
