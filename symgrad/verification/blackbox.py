"""Gradients that somebody else wrote, of functions that can only be called.

They are checked by differences alone: ladders of steps in units of the entries, judged by the estimated error of the
difference. What is known of a formula is measured here: the rounding errors of the value, from its differences of high
order (as Moré & Wild, Estimating computational noise, 2011), and those of the gradient, where they matter, by moving
the last digit of the inputs.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import comb, sqrt
from typing import Any

import numpy as np

from symgrad.errors import InvalidValueError, OperandError, ShapeError
from symgrad.verification import differences, rounding
from symgrad.verification.evidence import COARSEST, Evidence
from symgrad.verification.foreign import Pair, Place, as_floats, entry_text, index_of, read_place
from symgrad.verification.model import Check, Point, Report, Route, Verdict

_FLOOR = 450  # ulps of a derivative that differences are trusted to at best
_NEARBY = 2.0**-9  # the step over which the size of a derivative that may be 0 is measured
_OTHER_LADDER = 0.29  # of the steps of the first
_SPREAD = 0.1  # how far other points lie from x
_NOISE_STEP = 1e-6
_NOISE_SAMPLES = 10
_NOISE_ORDERS = range(4, 9)
_KINK = "kink: between the one-sided slopes"
_EDGE = "no difference could be taken: the edge of a domain"


def check_gradient(
    fun: Callable[..., Any],
    grad: Callable[..., Any] | bool,
    x: Any,
    *,
    args: Sequence[Any] = (),
    hess: Callable[..., Any] | None = None,
    seed: int = 0,
    points: int = 0,
    resolving: float | None = None,
) -> Report:
    """Check the gradient or Jacobian of any Python function at x by differences of the function.

    `fun(x, *args)` returns a number or an array, `grad(x, *args)` its derivative, of shape value.shape + x.shape.
    With `grad=True` fun returns both, as for `scipy.optimize.minimize(jac=True)`. `x` is a number, an array of any
    shape, a tuple (`fun(*x, *args)`; grad returns as many arrays) or a mapping (`fun(*args, **x)`; grad returns one).
    Results may be NumPy or JAX arrays, PyTorch tensors or sparse matrices; float32 results are judged by the rounding
    of float32. Functions of PyTorch get arrays: `lambda x: loss(torch.from_numpy(x))`.

    `hess(x, *args)`, of shape x.shape + x.shape, is checked by differences of the gradient, and for symmetry.
    `points` more points are drawn near x. The verdict is INCONCLUSIVE where a relative error of `resolving`
    (1e-6 in float64) could go unnoticed. Above 50 entries random directions stand for all of them, under 50
    evaluations each; when one fails, the wrong entry is searched for by bisection. The same seed gives the same report.

    Errors: OperandError, ShapeError, InvalidValueError and UnknownNameError for functions that raise, are not finite at
    x, change x in place, or return something of another type or shape.

    >>> import numpy as np
    >>> check_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2, [1.0, 2.0]).passed
    True
    >>> report = check_gradient(lambda x: np.sum(x**3), lambda x: x**2, [1.0, 2.0])
    >>> print(report.verdict.value, report.reasons[0].partition(",")[0])
    FAIL the derivative of fun by x[1] is 4.0
    """
    if points < 0:
        raise InvalidValueError(f"points has to be 0 or more, not {points}")
    rng = np.random.default_rng(seed)
    place = read_place(x, args, fun)
    if hess is not None and place.form is not None:
        raise OperandError("hess is checked for one array x, not for several")
    case = Case(Pair(fun, _gradient_of(grad)), hess, rng, resolving)
    found: list[Examined] = []
    notes: dict[str, None] = {}
    for number in range(points + 1):
        try:
            found.append(_examine(case, place if number == 0 else _near(place, rng), len(found)))
        except InvalidValueError as error:
            if number == 0:
                raise
            notes[f"a point near x: {error.message}"] = None
    return _report(found, notes, seed)


def _gradient_of(grad: Callable[..., Any] | bool) -> Callable[..., Any] | None:
    if grad is True:
        return None
    if isinstance(grad, bool) or not callable(grad):
        raise OperandError("grad is a function, or True if fun returns the value and the gradient")
    return grad


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is checked, and how."""

    pair: Pair
    hessian: Callable[..., Any] | None
    rng: np.random.Generator
    resolving: float | None

    def coarsest(self, eps: float) -> float:
        """Return the largest relative bound that still means something."""
        return self.resolving if self.resolving is not None else COARSEST * sqrt(eps / np.finfo(float).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """What was found at one point."""

    point: Point
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    evaluations: int


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
    function: Callable[[np.ndarray], np.ndarray]
    found: np.ndarray
    again: Callable[[], np.ndarray]
    eps: float
    unsteady: float = 0.0  # how far two values at the same x lie apart

    def entry(self, row: int, column: int) -> str:
        """Return how an entry of the derivative is called."""
        output, place = index_of(row, self.shape), index_of(column, self.x.shape)
        return f"the derivative of {entry_text(self.what, output)} by {entry_text(self.name, place)}"


# --- one point -------------------------------------------------------------------------------------------------------


def _near(place: Place, rng: np.random.Generator) -> Place:
    moved = {}
    for name, x in place.values.items():
        size = np.abs(x.astype(float))
        unit = np.where(size > 0, size, size.max() or 1.0)
        moved[name] = np.asarray(x + _SPREAD * unit * rng.uniform(-1, 1, size=x.shape), x.dtype)
    return place.replaced(moved)


def _examine(case: Case, place: Place, number: int) -> Examined:
    value = _finite_value(case.pair, place)
    slopes = case.pair.slopes(place, value.shape)
    second = case.pair.value(place)
    unsteady = float(np.max(np.abs(value - second), initial=0.0)) if second.shape == value.shape else np.inf
    notes = [] if unsteady == 0 else [f"fun is not deterministic: two values at the same x differ by {unsteady:.1e}"]
    judged = [
        _judge(case, sweep, number) for sweep in _gradient_sweeps(case.pair, place, value, slopes, unsteady, case.rng)
    ]
    checks = [check for each in judged for check in each.checks]
    if case.hessian is not None:
        if value.size != 1:
            raise ShapeError("hess is checked for functions that return a number")
        judged += _judge_hessian(case, place, slopes, number, all(c.verdict is Verdict.PASS for c in checks))
    return Examined(
        Point({}, dict(place.values), given=number == 0),
        tuple(check for each in judged for check in each.checks),
        tuple(reason for each in judged for reason in each.reasons),
        (*notes, *(note for each in judged for note in each.notes)),
        2 + sum(each.evaluations for each in judged),
    )


def _finite_value(pair: Pair, place: Place) -> np.ndarray:
    value = pair.value(place)
    if not value.size:
        raise InvalidValueError("fun returns an empty array, so there is nothing to check")
    if not np.isfinite(value).all():
        where = entry_text("fun", tuple(np.argwhere(~np.isfinite(value))[0]))
        raise InvalidValueError(f"{where} is {value[~np.isfinite(value)].flat[0]} at x; check where it is finite")
    return value


def _gradient_sweeps(
    pair: Pair,
    place: Place,
    value: np.ndarray,
    slopes: dict[str, np.ndarray],
    unsteady: float,
    rng: np.random.Generator,
) -> Iterator[Sweep]:
    for name, x in place.values.items():
        eps = max(place.eps, float(np.finfo(value.dtype).eps), float(np.finfo(slopes[name].dtype).eps))
        yield Sweep(
            Route.FUNCTION,
            name,
            "fun",
            value.shape,
            x,
            _along_one(pair.value, place, name, value.shape),
            slopes[name].astype(float).reshape(value.size, x.size),
            _jittered_slopes(pair, place, name, value.shape, eps, rng),
            eps,
            unsteady,
        )


def _along_one(
    function: Callable[[Place], np.ndarray], place: Place, name: str, shape: tuple[int, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function of one input, flat, NaN where it has no value."""
    x = place.values[name]

    def moved(flat: np.ndarray) -> np.ndarray:
        try:
            value = function(place.replaced({name: np.asarray(flat.reshape(x.shape), x.dtype)}))
        except (InvalidValueError, OperandError):
            return np.full(int(np.prod(shape)), np.nan)
        if value.shape != shape:
            raise ShapeError(f"the shape of what is returned changes with x: {shape} and {value.shape}")
        return value.astype(float).ravel()

    return moved


def _jittered_slopes(
    pair: Pair, place: Place, name: str, shape: tuple[int, ...], eps: float, rng: np.random.Generator
) -> Callable[[], np.ndarray]:
    def again() -> np.ndarray:
        return pair.slopes(place.jittered(rng, eps), shape)[name].astype(float).reshape(-1, place.values[name].size)

    return again


# --- judging ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What came of one sweep."""

    checks: tuple[Check, ...]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    evaluations: int = 0


def _judge(case: Case, sweep: Sweep, number: int) -> Judged:
    """Judge a derivative; where it fails, first by what the last digits of the inputs do to it, then entry by entry."""
    along = differences.directions(sweep.x, case.rng)
    floor = np.maximum(_noise(sweep, case.rng), sweep.unsteady)
    evidence = _evidence(case, sweep, number, along, floor)
    check = evidence.judge(sweep.found)
    evaluations = evidence.evaluations + 2 * _NOISE_SAMPLES - 1
    if check.verdict is Verdict.FAIL and np.isfinite(sweep.found).all():
        evidence = _widened(evidence, sweep)
        check = evidence.judge(sweep.found)
    if check.verdict is Verdict.FAIL:
        check, more = _confirmed(case, sweep, number, evidence, check, floor)
        evaluations += more
    projected = "" if _is_full(along) else f"{sweep.x.size} entries of {sweep.name} one by one, only random sums of all"
    notes = tuple(filter(None, [projected, *_hidden(evidence, sweep, case.coarsest(sweep.eps))]))
    if check.verdict is not Verdict.FAIL:
        reasons = () if check.verdict is Verdict.PASS else (f"the derivative by {sweep.name}: {check.detail}",)
        return Judged((check,), reasons, notes, evaluations)
    if not np.isfinite(sweep.found).all():
        return Judged((check,), (_not_finite(sweep),), notes, evaluations)
    if _is_full(along):
        return Judged((check,), (_told(evidence, sweep, check),), notes, evaluations)
    single, more = _bisect(case, sweep, number, along[check.entry[0]], check.entry[1], floor)
    evaluations += more
    if single is None:
        why = f"the derivative by {sweep.name} is wrong along a random direction; no single entry was found"
        return Judged((check,), (why,), notes, evaluations)
    closer = single.judge(sweep.found)
    return Judged((check, closer), (_told(single, sweep, closer),), notes, evaluations)


def _confirmed(
    case: Case, sweep: Sweep, number: int, evidence: Evidence, check: Check, floor: np.ndarray
) -> tuple[Check, int]:
    """Return the failure, or INCONCLUSIVE where another ladder of steps does not see it; and the evaluations."""
    assert evidence.along is not None
    if not np.isfinite(sweep.found).all():
        return check, 0
    at, row = check.entry
    other = _widened(_evidence(case, sweep, number, _OTHER_LADDER * evidence.along[at][None], floor), sweep)
    if other.distance(sweep.found)[0, row] > other.bound[0, row]:
        return check, other.evaluations
    detail = "two ladders of steps disagree: fun may oscillate, or be rough, within the steps"
    return replace(check, verdict=Verdict.INCONCLUSIVE, detail=detail), other.evaluations


def _evidence(case: Case, sweep: Sweep, number: int, along: np.ndarray, floor: np.ndarray) -> Evidence:
    """Return the intervals of the products with the directions."""
    x = sweep.x.astype(float).ravel()
    slopes = _sharpened(differences.differentiate(sweep.function, x, along, floor, sweep.eps), sweep.function, x, along)
    size = np.maximum(np.abs(slopes.low), np.abs(slopes.high))
    taken = np.isfinite(slopes.low).all() and np.isfinite(slopes.uncertainty).all()
    centre = sweep.function(x)
    return Evidence(
        sweep.route,
        number,
        sweep.name,
        low=slopes.low if taken else np.full_like(slopes.low, np.nan),
        high=slopes.high,
        bound=slopes.uncertainty + _FLOOR * sweep.eps * np.max(size, axis=1, keepdims=True, initial=0.0),
        along=along,
        natural=float(np.max(np.abs(centre), initial=0.0)),
        terms=_nearby_slope(sweep.function, x, along),
        coarsest=case.coarsest(sweep.eps),
        detail=("" if not slopes.kinked.any() else _KINK) if taken else _EDGE,
        evaluations=slopes.evaluations + 1 + 2 * len(along),
    )


def _sharpened(
    slopes: differences.Derivatives, function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, along: np.ndarray
) -> differences.Derivatives:
    """Return the derivatives with the one-sided slopes at kinks extrapolated."""
    rows = np.flatnonzero(slopes.kinked.any(axis=1))
    if not rows.size:
        return slopes
    noise, kinked = slopes.noise[rows], slopes.kinked[rows]
    right, right_error = _one_sided(function, x, along[rows], noise)
    left, left_error = _one_sided(function, x, -along[rows], noise)
    low, high, uncertainty = slopes.low.copy(), slopes.high.copy(), slopes.uncertainty.copy()
    low[rows] = np.where(kinked, np.minimum(right, -left), low[rows])
    high[rows] = np.where(kinked, np.maximum(right, -left), high[rows])
    error = differences.INFLATION * np.maximum(right_error, left_error)
    uncertainty[rows] = np.where(kinked, error, uncertainty[rows])
    evaluations = slopes.evaluations + 2 * len(rows) * differences.LEVELS
    return replace(slopes, low=low, high=high, uncertainty=uncertainty, evaluations=evaluations)


def _one_sided(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, along: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes to one side, extrapolated in powers of the step, and their errors."""
    steps = differences.STEPS[:, None, None]
    column = np.array([[function(x + t * direction) for direction in along] for t in differences.STEPS])
    column = (column - function(x)) / steps
    best, error = np.full(noise.shape, np.nan), np.full(noise.shape, np.inf)
    for j in range(1, differences.COLUMNS):
        finer = column[1:] + (column[1:] - column[:-1]) / (4.0**j - 1)
        estimate = np.maximum(np.abs(finer - column[1:]), np.abs(finer - column[:-1])) + 2 * noise / steps[j:]
        estimate = np.where(np.isfinite(estimate), estimate, np.inf)
        level = np.argmin(estimate, axis=0)[None]
        smallest = np.take_along_axis(estimate, level, axis=0)[0]
        better = smallest < error
        best = np.where(better, np.take_along_axis(finer, level, axis=0)[0], best)
        error, column = np.where(better, smallest, error), finer
    return best, error


def _nearby_slope(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, along: np.ndarray) -> float:
    """Return the largest slope over a short way: what a derivative that vanishes at x is small beside."""
    sides = [[function(x + sign * _NEARBY * direction) for direction in along] for sign in (1, -1)]
    change = np.abs(np.asarray(sides) - function(x)) / _NEARBY
    return float(np.max(change, initial=0.0, where=np.isfinite(change)))


def _noise(sweep: Sweep, rng: np.random.Generator) -> np.ndarray:
    """Return the rounding error of each entry of the value, from differences of high order along a line.

    What is smooth is gone from them, what is rounded is not, and is counted in coefficients of the difference. Each
    side of x has its own, so that a kink at x does no harm. Unlike steps of a few ulps these see rounding to fewer
    digits: of float32 inside, or of a large number that was added.
    """
    x = sweep.x.astype(float).ravel()
    units = np.where(x != 0, np.abs(x), np.max(np.abs(x)) or 1.0)
    direction = units * rng.choice([-1.0, 1.0], size=x.size)
    centre = sweep.function(x)
    found = np.zeros(centre.size)
    for sign in (1, -1):
        steps = sign * _NOISE_STEP * np.arange(1, _NOISE_SAMPLES)
        values = np.array([centre, *(sweep.function(x + step * direction) for step in steps)])
        orders = [np.abs(np.diff(values, k, axis=0)).max(axis=0) / (sqrt(comb(2 * k, k)) / 2) for k in _NOISE_ORDERS]
        side = np.min(orders, axis=0)
        found = np.maximum(found, np.where(np.isfinite(side), side, 0.0))
    return found


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
    size = np.maximum(np.abs(evidence.low), np.abs(evidence.high)).max(axis=1)
    resolution = evidence.bound.max(axis=1) / np.where(size > 0, size, np.inf)
    hidden = np.flatnonzero((resolution > coarsest) & (resolution < np.inf))
    if not hidden.size:
        return []
    worst = hidden[np.argmax(resolution[hidden])]
    place = index_of(int(worst), sweep.x.shape)
    others = f" (and {len(hidden) - 1} like it)" if len(hidden) > 1 else ""
    what = f"the derivative by {entry_text(sweep.name, place)}{others}"
    return [f"{what} to more than a relative error of {resolution[worst]:.0e}: the rounding of {sweep.what} hides it"]


def _is_full(along: np.ndarray) -> bool:
    """Whether the directions are the entries one by one."""
    return bool(len(along) == along.shape[1])


def _bisect(
    case: Case, sweep: Sweep, number: int, direction: np.ndarray, row: int, floor: np.ndarray
) -> tuple[Evidence | None, int]:
    """Return the evidence about one entry that is wrong, and how many evaluations that took."""
    indices = np.arange(direction.size)
    evaluations = 0
    while indices.size:
        halves = [half for half in np.array_split(indices, 2) if half.size]
        for half in halves:
            part = np.zeros_like(direction)
            part[half] = direction[half]
            evidence = _widened(_evidence(case, sweep, number, part[None], floor), sweep)
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
    column = int(np.flatnonzero(evidence.along[at])[0])
    unit = evidence.along[at, column]
    low, high = sorted((evidence.low[at, row] / unit, evidence.high[at, row] / unit))
    bound = evidence.bound[at, row] / abs(unit)
    found = f"{sweep.entry(row, column)} is {sweep.found[row, column]!r}".replace("np.float64(", "").replace(")", "")
    if low == high:
        return f"{found}, but differences say {low:.16g} with an error of at most {bound:.1e}"
    return f"{found}, but the slopes on the two sides of the kink are {low:.12g} and {high:.12g} (error {bound:.1e})"


def _not_finite(sweep: Sweep) -> str:
    row, column = np.argwhere(~np.isfinite(sweep.found))[0]
    return f"{sweep.entry(int(row), int(column))} is {float(sweep.found[row, column])}, although fun is finite"


# --- Hessians --------------------------------------------------------------------------------------------------------


def _judge_hessian(case: Case, place: Place, slopes: dict[str, np.ndarray], number: int, right: bool) -> list[Judged]:
    """Judge a Hessian by differences of the gradient, if that is right, and by its symmetry."""
    assert case.hessian is not None
    (name, x), hessian = next(iter(place.values.items())), case.hessian
    found = as_floats(place.call(hessian, "hess"), "what hess returns")
    if found.shape != (*x.shape, *x.shape):
        raise ShapeError(
            f"hess returns an array of shape {found.shape}; x has {x.shape}, so it has to be {x.shape * 2}"
        )
    gradient = slopes[name]
    eps = max(place.eps, float(np.finfo(gradient.dtype).eps), float(np.finfo(found.dtype).eps))

    def again() -> np.ndarray:
        return as_floats(place.jittered(case.rng, eps).call(hessian, "hess"), "hess").astype(float).reshape(x.size, -1)

    def first(moved: Place) -> np.ndarray:
        return case.pair.slopes(moved, ())[name]

    matrix = found.astype(float).reshape(x.size, x.size)
    sweep = Sweep(Route.HESSIAN, name, "grad", x.shape, x, _along_one(first, place, name, x.shape), matrix, again, eps)
    symmetry = _judge_symmetry(case, sweep, number)
    if not right:
        return [
            symmetry,
            Judged((), (), ("the Hessian by differences of the gradient, which is not known to be right",)),
        ]
    return [symmetry, _judge(case, sweep, number)]


def _judge_symmetry(case: Case, sweep: Sweep, number: int) -> Judged:
    matrix = sweep.found
    size = float(np.max(np.abs(matrix), initial=0.0, where=np.isfinite(matrix)))
    bound = np.full(matrix.shape, _FLOOR * sweep.eps * size)
    evidence = Evidence(
        Route.SYMMETRY,
        number,
        sweep.name,
        low=matrix.T,
        high=matrix.T,
        bound=bound,
        natural=1.0,
        coarsest=case.coarsest(sweep.eps),
    )
    check = evidence.judge(matrix)
    if check.verdict is not Verdict.FAIL:
        return Judged((check,))
    row, column = check.entry
    what = f"{float(matrix[row, column])!r} and {float(matrix[column, row])!r}"
    return Judged((check,), (f"the Hessian is not symmetric: entries [{row}, {column}] and [{column}, {row}]: {what}",))


# --- the report ------------------------------------------------------------------------------------------------------


def _report(found: Sequence[Examined], notes: dict[str, None], seed: int) -> Report:
    checks = tuple(check for each in found for check in each.checks)
    verdicts = {check.verdict for check in checks}
    verdict = next((v for v in (Verdict.FAIL, Verdict.INCONCLUSIVE) if v in verdicts), Verdict.PASS)
    names = dict.fromkeys(check.input for check in checks if check.input is not None)
    return Report(
        verdict=verdict if checks else Verdict.FAIL,
        wrt=tuple(names),
        checks=checks,
        points=tuple(each.point for each in found),
        seed=seed,
        resolving_power=max((check.resolution for check in checks), default=np.inf),
        reasons=tuple(dict.fromkeys(reason for each in found for reason in each.reasons)),
        not_checked=tuple(dict.fromkeys([*(note for each in found for note in each.notes), *notes])),
        versions={"python": platform.python_version(), "numpy": np.__version__},
        evaluations=sum(each.evaluations for each in found),
    )
