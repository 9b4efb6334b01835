"""One derivative of one function by one input, judged by differences along directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from symgrad.errors import InvalidValueError, OperandError
from symgrad.verification import differences, probing, rounding
from symgrad.verification.evidence import COARSEST, KINK, Evidence
from symgrad.verification.foreign import entry_text, index_of
from symgrad.verification.model import Check, Route, Verdict

_FLOOR = 450  # ulps of a derivative that differences are trusted to at best
_COARSEST_OF_ALL = 0.05  # in float16, say
_LEAST = float(np.finfo(float).smallest_subnormal)
_OTHER_LADDER = 0.29  # of the steps of the first
_FLAT = "fun does not change by more than its rounding, so nothing is known of its derivative"
_EDGE = "no difference could be taken: the edge of a domain"


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Differences of one function with respect to one input, and the derivative they are about.

    `function` takes the input flat and returns the value flat; `again` returns the derivative with the last digits of
    its inputs moved, `found` has a row for each entry of the value; `eps` is the rounding unit of both.
    """

    route: Route
    name: str
    what: str  # of which `found` is the derivative, with its shape
    shape: tuple[int, ...]
    x: np.ndarray
    function: probing.Function
    found: np.ndarray
    again: Callable[[], np.ndarray]
    eps: float
    unsteady: float = 0.0  # how far two values at the same x lie apart

    def entry(self, row: int, column: int) -> str:
        """Return how an entry of the derivative is called."""
        output, place = index_of(row, self.shape), index_of(column, self.x.shape)
        return f"the derivative of {entry_text(self.what, output)} by {entry_text(self.name, place)}"


@dataclass(frozen=True, slots=True, eq=False)
class Judging:
    """How derivatives are judged: random directions, and the relative error that has to be seen (None: by rounding)."""

    rng: np.random.Generator
    resolving: float | None = None

    def coarsest(self, eps: float) -> float:
        """Return the largest relative bound that still means something."""
        if self.resolving is not None:
            return self.resolving
        return min(COARSEST * sqrt(eps / np.finfo(float).eps), _COARSEST_OF_ALL)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What came of one sweep."""

    checks: tuple[Check, ...]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    evaluations: int = 0


def judge(judging: Judging, sweep: Sweep, number: int) -> Judged:
    """Judge a derivative; where it fails, first by what the last digits of the inputs do to it, then entry by entry."""
    along = differences.directions(sweep.x, judging.rng)
    measured = probing.noise(sweep.function, sweep.x.astype(float).ravel(), judging.rng)
    floor = np.maximum(measured, max(sweep.unsteady, _LEAST))
    evidence = _evidence(judging, sweep, number, along, floor)
    check = evidence.judge(sweep.found)
    evaluations = evidence.evaluations + probing.NOISE_EVALUATIONS
    if check.verdict is Verdict.FAIL and np.isfinite(sweep.found).all():
        evidence = _widened(evidence, sweep)
        check = evidence.judge(sweep.found)
    if check.verdict is Verdict.FAIL:
        check, more = _confirmed(judging, sweep, number, evidence, check, floor)
        evaluations += more
    if check.verdict is Verdict.PASS and _is_flat(evidence, sweep.found):
        check = replace(check, verdict=Verdict.INCONCLUSIVE, detail=_FLAT, resolution=np.inf)
    projected = "" if _is_full(along) else f"{sweep.x.size} entries of {sweep.name} one by one, only random sums of all"
    notes = tuple(filter(None, [projected, *_hidden(evidence, sweep, judging.coarsest(sweep.eps))]))
    if check.verdict is not Verdict.FAIL:
        reasons = () if check.verdict is Verdict.PASS else (f"the derivative by {sweep.name}: {check.detail}",)
        return Judged((check,), reasons, notes, evaluations)
    if not np.isfinite(sweep.found).all():
        return Judged((check,), (_not_finite(sweep),), notes, evaluations)
    if _is_full(along):
        return Judged((check,), (_told(evidence, sweep, check),), notes, evaluations)
    single, more = _bisect(judging, sweep, number, along[check.entry[0]], check.entry[1], floor)
    evaluations += more
    if single is None:
        why = f"the derivative by {sweep.name} is wrong along a random direction; no single entry was found"
        return Judged((check,), (why,), notes, evaluations)
    closer = single.judge(sweep.found)
    return Judged((check, closer), (_told(single, sweep, closer),), notes, evaluations)


def _confirmed(
    judging: Judging, sweep: Sweep, number: int, evidence: Evidence, check: Check, floor: np.ndarray
) -> tuple[Check, int]:
    """Return the failure, or INCONCLUSIVE where another ladder of steps does not see it; and the evaluations."""
    assert evidence.along is not None
    if not np.isfinite(sweep.found).all():
        return check, 0
    at, row = check.entry
    other = _widened(_evidence(judging, sweep, number, _OTHER_LADDER * evidence.along[at][None], floor), sweep)
    evaluations = other.evaluations + 2 * len(probing.FINE_STEPS)
    if other.distance(sweep.found)[0, row] > other.bound[0, row] and not _seen_closer(sweep, evidence, at, row):
        return check, evaluations
    detail = "steps of different lengths disagree: fun may oscillate, or be rough, within the steps"
    return replace(check, verdict=Verdict.INCONCLUSIVE, detail=detail), evaluations


def _seen_closer(sweep: Sweep, evidence: Evidence, at: int, row: int) -> bool:
    """Whether tiny steps contradict the ladder and speak for what was found: of sin at 1e9 the ladder sees no slope."""
    assert evidence.along is not None
    direction = evidence.along[at]
    low, high = evidence.low[at, row] - evidence.bound[at, row], evidence.high[at, row] + evidence.bound[at, row]
    product = float(direction @ sweep.found[row])
    outside = max(low - product, product - high)
    for slope, error in probing.fine_slopes(sweep.function, sweep.x.astype(float).ravel(), direction, row, sweep.eps):
        if max(low - slope, slope - high) > 10 * error and abs(product - slope) <= error + outside / 10:
            return True
    return False


def _evidence(judging: Judging, sweep: Sweep, number: int, along: np.ndarray, floor: np.ndarray) -> Evidence:
    """Return the intervals of the products with the directions.

    Those along which no difference can be taken are left out, if there are others; then nothing passes, but what is
    wrong along the others fails.
    """
    x = sweep.x.astype(float).ravel()
    slopes = probing.slopes(sweep.function, x, along, floor, sweep.eps)
    size = np.maximum(np.abs(slopes.low), np.abs(slopes.high))
    bound = slopes.uncertainty + _FLOOR * sweep.eps * np.max(size, axis=1, keepdims=True, initial=0.0)
    taken = (np.isfinite(slopes.low) & np.isfinite(slopes.uncertainty)).all(axis=1)
    kept = taken if taken.any() else ~taken
    return Evidence(
        sweep.route,
        number,
        sweep.name,
        low=np.where(taken[:, None], slopes.low, np.nan)[kept],
        high=slopes.high[kept],
        bound=bound[kept],
        along=along[kept],
        natural=float(np.max(np.abs(sweep.function(x)), initial=0.0)),
        terms=probing.nearby_slope(sweep.function, x, along),
        coarsest=judging.coarsest(sweep.eps) if taken.all() else 0.0,
        detail=("" if not slopes.kinked.any() else KINK) if taken.all() else _edge(sweep, along[~taken]),
        evaluations=slopes.evaluations + 1 + 2 * len(along),
    )


def _is_flat(evidence: Evidence, found: np.ndarray) -> bool:
    """Whether all differences are exactly 0, far and near, and the derivative is not."""
    return not (evidence.low.any() or evidence.high.any() or evidence.terms) and bool(_products(evidence, found).any())


def _products(evidence: Evidence, found: np.ndarray) -> np.ndarray:
    assert evidence.along is not None
    return np.asarray(evidence.along @ found.T)


def _edge(sweep: Sweep, along: np.ndarray) -> str:
    if not _is_full(along):
        return _EDGE
    return f"{_EDGE} at {entry_text(sweep.name, index_of(_entry_of(along[0]), sweep.x.shape))}"


def _widened(evidence: Evidence, sweep: Sweep) -> Evidence:
    """Return the evidence with the spread of the derivative that moving last digits causes; kinks stay as they are."""
    assert evidence.along is not None
    try:
        draws = [sweep.again() for _ in range(rounding.DRAWS)]
    except (InvalidValueError, OperandError):
        return evidence
    spread = np.max(draws, axis=0) - np.min(draws, axis=0)  # not from `found`, which may be alone in being wrong
    if not np.isfinite(spread).all():
        return evidence
    smooth = evidence.low == evidence.high
    more = rounding.INFLATION * np.abs(evidence.along) @ spread.T
    return replace(evidence, bound=evidence.bound + np.where(smooth, more, 0.0))


def _hidden(evidence: Evidence, sweep: Sweep, coarsest: float) -> list[str]:
    """Return what is to be said of entries that change the value so little that rounding hides them."""
    if evidence.along is None or not _is_full(evidence.along) or not np.isfinite(evidence.low).all():
        return []
    size = np.maximum(np.abs(evidence.low), np.abs(evidence.high))
    size = np.where(size > 0, size, np.abs(_products(evidence, sweep.found))).max(axis=1)
    resolution = evidence.bound.max(axis=1) / np.where(size > 0, size, np.inf)
    hidden = np.flatnonzero((resolution > coarsest) & (resolution < np.inf))
    if not hidden.size:
        return []
    worst = hidden[np.argmax(resolution[hidden])]
    place = index_of(_entry_of(evidence.along[worst]), sweep.x.shape)
    others = f" (and {len(hidden) - 1} like it)" if len(hidden) > 1 else ""
    what = f"the derivative by {entry_text(sweep.name, place)}{others}"
    return [f"{what} to more than a relative error of {resolution[worst]:.0e}: the rounding of {sweep.what} hides it"]


def _is_full(along: np.ndarray) -> bool:
    """Whether the directions are entries one by one."""
    return bool((np.count_nonzero(along, axis=1) == 1).all())


def _entry_of(direction: np.ndarray) -> int:
    return int(np.flatnonzero(direction)[0])


def _bisect(
    judging: Judging, sweep: Sweep, number: int, direction: np.ndarray, row: int, floor: np.ndarray
) -> tuple[Evidence | None, int]:
    """Return the evidence about one entry that is wrong, and how many evaluations that took."""
    indices = np.arange(direction.size)
    evaluations = 0
    while indices.size:
        halves = [half for half in np.array_split(indices, 2) if half.size]
        for half in halves:
            part = np.zeros_like(direction)
            part[half] = direction[half]
            evidence = _widened(_evidence(judging, sweep, number, part[None], floor), sweep)
            evaluations += evidence.evaluations
            if evidence.distance(sweep.found)[0, row] > evidence.bound[0, row]:
                indices = half
                break
        else:
            return None, evaluations
        if indices.size == 1:
            return evidence, evaluations
    return None, evaluations


def _told(evidence: Evidence, sweep: Sweep, check: Check) -> str:
    """Return in a sentence which entry is wrong, what was found, and the interval it should be in."""
    assert evidence.along is not None
    at, row = check.entry
    column = _entry_of(evidence.along[at])
    unit = evidence.along[at, column]
    low, high = sorted((evidence.low[at, row] / unit, evidence.high[at, row] / unit))
    bound = evidence.bound[at, row] / abs(unit)
    found = f"{sweep.entry(row, column)} is {float(sweep.found[row, column])!r}"
    if low == high:
        return f"{found}, but differences say {low:.16g} with an error of at most {bound:.1e}"
    return f"{found}, but the slopes on the two sides of the kink are {low:.12g} and {high:.12g} (error {bound:.1e})"


def _not_finite(sweep: Sweep) -> str:
    row, column = np.argwhere(~np.isfinite(sweep.found))[0]
    return f"{sweep.entry(int(row), int(column))} is {float(sweep.found[row, column])}, although fun is finite"


def judge_symmetry(judging: Judging, sweep: Sweep, number: int) -> Judged:
    """Judge whether a square derivative is its own transpose."""
    matrix = sweep.found
    size = float(np.max(np.abs(matrix), initial=0.0, where=np.isfinite(matrix)))
    bound = np.full(matrix.shape, _FLOOR * sweep.eps * size)
    evidence = Evidence(
        Route.TRANSPOSE,
        number,
        sweep.name,
        low=matrix.T,
        high=matrix.T,
        bound=bound,
        natural=1.0,
        coarsest=judging.coarsest(sweep.eps),
    )
    check = evidence.judge(matrix)
    if check.verdict is not Verdict.FAIL:
        return Judged((check,))
    row, column = check.entry
    what = f"{float(matrix[row, column])!r} and {float(matrix[column, row])!r}"
    return Judged((check,), (f"the Hessian is not symmetric: entries [{row}, {column}] and [{column}, {row}]: {what}",))
