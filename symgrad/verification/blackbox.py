"""Gradients that somebody else wrote, of functions that can only be called.

They are checked by differences alone: ladders of steps in units of the entries, judged by the estimated error of the
difference. What is known of a formula is measured here: the rounding errors of the value, from its differences of high
order (as Moré & Wild, Estimating computational noise, 2011), and those of the gradient, where they matter, by moving
the last digit of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import InvalidValueError, OperandError, ShapeError
from symgrad.verification.differences import units_of
from symgrad.verification.foreign import Pair, Place, as_floats, entry_text, read_place
from symgrad.verification.model import Check, Point, Report, Route, Verdict, worst
from symgrad.verification.probing import Function
from symgrad.verification.provenance import versions
from symgrad.verification.sampling import random_source
from symgrad.verification.sweeps import Judged, Judging, Sweep, judge, judge_symmetry

_SPREAD = 0.1  # how far other points lie from x


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
    `points` more points are drawn near x. The verdict is INCONCLUSIVE where an error of `resolving` (1e-6 in float64)
    could go unnoticed. It is relative to the entry that changes the value the most; entries so much smaller that
    rounding hides their errors are listed in `report.not_checked`. Above 50 entries random directions stand for all
    of them, under 50 evaluations each; when one fails, the wrong entry is searched for by bisection. The same seed
    gives the same report.
    What is checked is the function as it is computed: one that approximates, as solvers of differential equations do,
    has a derivative of its own, and the exact one is found to differ by the error of the approximation.

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
    if resolving is not None and not 0 < resolving < np.inf:
        raise InvalidValueError(f"resolving has to be a positive number, not {resolving}")
    rng = random_source(seed)
    place = read_place(x, args, fun)
    if hess is not None and place.form is not None:
        raise OperandError("hess is checked for one array x, not for several")
    case = Case(Pair(fun, _gradient_of(grad)), hess, Judging(rng, resolving))
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
    judging: Judging


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """What was found at one point."""

    point: Point
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    evaluations: int


# --- one point -------------------------------------------------------------------------------------------------------


def _near(place: Place, rng: np.random.Generator) -> Place:
    moved = {}
    for name, x in place.values.items():
        moved[name] = np.asarray(x + _SPREAD * units_of(x) * rng.uniform(-1, 1, size=x.shape), x.dtype)
    return place.replaced(moved)


def _examine(case: Case, place: Place, number: int) -> Examined:
    value = _finite_value(case.pair, place)
    slopes = case.pair.slopes(place, value.shape)
    second = case.pair.value(place)
    unsteady = float(np.max(np.abs(value - second), initial=0.0)) if second.shape == value.shape else np.inf
    notes = [] if unsteady == 0 else [f"fun is not deterministic: two values at the same x differ by {unsteady:.1e}"]
    judged = [
        judge(case.judging, sweep, number)
        for sweep in _gradient_sweeps(case.pair, place, value, slopes, unsteady, case.judging.rng)
    ]
    checks = [check for each in judged for check in each.checks]
    if case.hessian is not None:
        if value.size != 1:
            raise ShapeError("hess is checked for functions that return a number")
        judged += _judge_hessian(
            case, place, value.shape, slopes, number, all(c.verdict is Verdict.PASS for c in checks)
        )
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


def _along_one(function: Callable[[Place], np.ndarray], place: Place, name: str, shape: tuple[int, ...]) -> Function:
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


# --- Hessians --------------------------------------------------------------------------------------------------------


def _judge_hessian(
    case: Case, place: Place, shape: tuple[int, ...], slopes: dict[str, np.ndarray], number: int, right: bool
) -> list[Judged]:
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
        moved = place.jittered(case.judging.rng, eps).call(hessian, "hess")
        return as_floats(moved, "what hess returns").astype(float).reshape(x.size, -1)

    def first(moved: Place) -> np.ndarray:
        return case.pair.slopes(moved, shape)[name].reshape(x.shape)

    matrix = found.astype(float).reshape(x.size, x.size)
    sweep = Sweep(Route.HESSIAN, name, "grad", x.shape, x, _along_one(first, place, name, x.shape), matrix, again, eps)
    symmetry = judge_symmetry(case.judging, sweep, number)
    if not right:
        why = "the Hessian by differences of the gradient, which is not known to be right"
        return [symmetry, Judged((), notes=(why,))]
    return [symmetry, judge(case.judging, sweep, number)]


# --- the report ------------------------------------------------------------------------------------------------------


def _report(found: Sequence[Examined], notes: dict[str, None], seed: int) -> Report:
    checks = tuple(check for each in found for check in each.checks)
    names = dict.fromkeys(check.input for check in checks if check.input is not None)
    return Report(
        verdict=worst(check.verdict for check in checks) if checks else Verdict.FAIL,
        wrt=tuple(names),
        checks=checks,
        points=tuple(each.point for each in found),
        seed=seed,
        resolving_power=max((check.resolution for check in checks), default=np.inf),
        reasons=tuple(dict.fromkeys(reason for each in found for reason in each.reasons)),
        not_checked=tuple(dict.fromkeys([*(note for each in found for note in each.notes), *notes])),
        versions=versions("numpy"),
        evaluations=sum(each.evaluations for each in found),
    )
