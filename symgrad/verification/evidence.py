"""Evidence: what a route says that a derivative must be, gathered before the derivative is looked at.

The derivative, as a matrix of one row for each entry of the output, is multiplied by directions; each product has to
lie in an interval. Nothing here depends on what was found, so the same evidence judges a derivative and, to learn what
a check is worth, wrong versions of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from symgrad.verification import precise
from symgrad.verification.model import Check, Route, Verdict

COARSEST = 1e-6  # a check that would not see a relative error of this size says nothing
TINY = 1e-300
_ZERO = 1e-40  # of the natural size of a derivative: 50 digits do not tell it from zero
KINK = "kink: between the one-sided slopes"  # where it is not said of which entry
_HIDDEN = "rounding hides the derivative"
_BETWEEN = "a wrong entry could hide between them"


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The intervals that a derivative has to lie in, along some directions, by one route at one point.

    Shapes: `low`, `high` and `bound` are alike, (directions, outputs) where `along` holds directions as rows, of shape
    (directions, entries of the input), and that of the derivative where it is None: every entry by itself. They are
    numbers of mpmath (dtype object) for the routes that have more digits than floats.
    Errors are relative to the largest that is expected, or to `terms`, the size of the terms that it is the sum of, if
    that is larger; `natural` is the scale when all of it is zero. A resolution above `coarsest` is no evidence.
    `shape` and `output_shape` are those of the input and of the output, to name entries with. Where `kinked`, the
    interval is between one-sided slopes. `ulp` is the rounding unit that errors are counted in; None: they are not.
    """

    route: Route
    point: int
    input: str | None
    low: np.ndarray
    high: np.ndarray
    bound: np.ndarray
    along: np.ndarray | None = None
    natural: float = 0.0
    terms: float = 0.0
    coarsest: float = COARSEST
    detail: str = ""
    evaluations: int = 0
    shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    kinked: np.ndarray | None = None
    ulp: float | None = None

    def judge(self, found: np.ndarray) -> Check:
        """Return the check of a derivative: FAIL beyond a bound, INCONCLUSIVE when the bounds are too wide.

        Shapes: `found` has one row for each output, or any shape of as many entries; another number of entries, and
        entries that are not finite, are failures.
        """
        if self.low.size == 0:
            return self._check(Verdict.FAIL, compared=0, detail="nothing was compared")
        size = np.maximum(np.abs(precise.as_float(self.low)), np.abs(precise.as_float(self.high)))
        if not np.isfinite(size).all():
            detail = self.detail or "the derivative is not finite at this point"
            return self._check(Verdict.INCONCLUSIVE, bound=np.inf, detail=detail)
        largest = max(float(np.max(size)), self.terms)
        scale = largest if largest > _ZERO * self.natural else self.natural or 1.0
        error, bound = self.distance(found), precise.as_float(self.bound)
        ratio = np.where(np.isnan(error), np.inf, error / np.maximum(bound, TINY))
        worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratio)), error.shape))
        width = self._unseen_width()
        resolution = float(np.max(bound + width)) / scale
        detail = self.detail or self._kink(found)
        check = Check(
            self.route,
            self.point,
            self.input,
            Verdict.PASS,
            error=float(error[worst]) / scale,
            bound=float(bound[worst]) / scale,
            resolution=resolution,
            scale=scale,
            compared=error.size,
            entry=worst,
            detail=detail,
            label=self.label(worst),
            ulps=self._ulps(error, size, scale),
        )
        if not (error <= bound).all():
            return replace(check, verdict=Verdict.FAIL)
        if resolution > self.coarsest:
            if width.any() and detail:
                detail = f"{detail}; {_BETWEEN}"
            return replace(check, verdict=Verdict.INCONCLUSIVE, detail=detail or _HIDDEN)
        return check

    def _unseen_width(self) -> np.ndarray:
        """Return how far apart the slopes of a kink are along directions of several entries.

        Of one entry alone, any number between them is a derivative; in a sum of many, the kink of one would excuse
        errors of all, unless each is there by itself as well.
        """
        width = precise.as_float(self.high) - precise.as_float(self.low)
        if self.along is None:
            return np.zeros_like(width)
        alone = np.count_nonzero(self.along, axis=1) == 1
        if self.along[alone].any(axis=0).all():
            return np.zeros_like(width)
        return np.where(alone[:, None], 0.0, width)

    def label(self, entry: tuple[int, ...]) -> str:
        """Return what an entry of the comparison is called: an entry of the input (of a derivative), or a direction."""
        if self.input is None:
            return _indexed("f", entry)
        if self.along is None:
            split = len(self.output_shape)
            return self._partial(entry[:split], entry[split:])
        row, column = entry
        output = tuple(int(i) for i in np.unravel_index(column, self.output_shape)) if self.output_shape else ()
        used = np.flatnonzero(self.along[row])
        if used.size == 1 and self.along.shape[1] == math.prod(self.shape):
            place = np.unravel_index(int(used[0]), self.shape) if self.shape else ()
            return self._partial(output, tuple(int(i) for i in place))
        return f"random direction {row + 1}" + (f" of {_indexed('f', output)}" if output else "")

    def _partial(self, output: tuple[int, ...], entry: tuple[int, ...]) -> str:
        name = _indexed(self.input or "", entry)
        return f"d{_indexed('f', output)}/d{name}" if output else name

    def _kink(self, found: np.ndarray) -> str:
        """Say where the first kink is, what the slopes are there and what was returned."""
        if self.kinked is None or self.along is None or not self.kinked.any():
            return ""
        if found.size != self.low.shape[1] * self.along.shape[1]:
            return ""  # it has another shape, which is what there is to say
        row, column = (int(i) for i in np.argwhere(self.kinked)[0])
        used = np.flatnonzero(self.along[row])
        unit = abs(float(self.along[row, used[0]])) if used.size == 1 else 1.0
        low, high = (float(side[row, column]) / unit for side in (self.low, self.high))
        product = float(self.along[row] @ found.reshape(-1, self.along.shape[1])[column].astype(float)) / unit
        if used.size == 1 and self.along[row, used[0]] < 0:
            low, high, product = -high, -low, -product
        low, high, product = (x + 0.0 for x in (low, high, product))  # no zeros with a sign
        where = self.label((row, column))
        return f"kink at {where}: one-sided slopes {low:.6g} and {high:.6g}, returned {product:.6g}"

    def _ulps(self, error: np.ndarray, size: np.ndarray, scale: float) -> float | None:
        if self.ulp is None or not np.isfinite(error).all():
            return None
        last_place = self.ulp * 2.0 ** np.floor(np.log2(np.where(size > 0, size, scale)))
        return float(np.max(error / np.maximum(last_place, TINY)))

    def distance(self, found: np.ndarray) -> np.ndarray:
        """Return how far each product lies outside of its interval, as floats; NaN where there is no finite number."""
        outputs = self.low.shape[1] if self.along is not None else self.low.size
        entries = self.along.shape[1] if self.along is not None else 1
        if found.size != outputs * entries or (self.along is None and found.shape != self.low.shape):
            return np.full(self.low.shape, np.nan)
        if self.low.dtype == object:
            return self._distance_precisely(found)
        with np.errstate(invalid="ignore", over="ignore"):
            product = found if self.along is None else self.along @ found.reshape(outputs, entries).T
            outside = np.maximum(np.maximum(self.low - product, product - self.high), 0.0)
        return np.where(np.isfinite(product), outside, np.nan)

    def _distance_precisely(self, found: np.ndarray) -> np.ndarray:
        import mpmath

        finite = np.ones(found.shape, bool) if found.dtype == object else np.isfinite(found)
        with mpmath.workdps(precise.MORE_DIGITS):
            exact = np.asarray(np.frompyfunc(mpmath.mpf, 1, 1)(np.where(finite, found, 0)), dtype=object)
            if self.along is None:
                product, good = exact, finite
            else:
                rows = (self.low.shape[1], self.along.shape[1])
                product = np.frompyfunc(mpmath.mpf, 1, 1)(self.along) @ exact.reshape(rows).T
                good = np.broadcast_to(finite.reshape(rows).all(axis=1), product.shape)
            outside = np.maximum(np.maximum(self.low - product, product - self.high), mpmath.mpf(0))
            return np.where(good, precise.as_float(outside), np.nan)

    def _check(self, verdict: Verdict, *, compared: int = 0, bound: float = 0.0, detail: str = "") -> Check:
        return Check(self.route, self.point, self.input, verdict, 0.0, bound, np.inf, 0.0, compared, (), detail)


def _indexed(name: str, entry: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, entry))}]" if entry else name
