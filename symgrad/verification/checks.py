"""The routes of a verification. Each compares an array with what it should be, within an estimated error.

Two of them close a chain: the formula is right (FORMULA), and the kernel computes the formula (GRADIENT). DIFFERENCES
and ADJOINT look at the whole from outside: they know nothing of the derivative's formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import frexp
from typing import Any, Protocol

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import element_count, evaluate
from symgrad.core.expr import Expr, Input, Literal, postorder
from symgrad.core.traversal import substitute
from symgrad.diff.pushforward import push_forward
from symgrad.diff.tangent import project
from symgrad.errors import InvalidValueError
from symgrad.verification import differences, precise, rounding
from symgrad.verification.manifold import retract, sharpen
from symgrad.verification.model import Check, Point, Route, Verdict
from symgrad.verification.precise import NotPreciseError, Precise, Slope
from symgrad.verification.sampling import violations

COARSEST = 1e-6  # a check that would not see a relative error of this size says nothing
MOST_PRECISE_OPERATIONS = 20_000  # of an evaluation at 50 digits; about 0.1 s, and a point takes some ten of them
_DIFFERENCE_FLOOR = 450  # ulps of the derivative that a difference table is trusted to at best
_TINY = 1e-300


class GradientKernel(Protocol):
    """What is verified: `symgrad.backends.kernel.Kernel`, or anything that computes a value and its derivatives."""

    @property
    def dtype(self) -> str:
        """float64 or float32."""

    def __call__(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """Return the value."""

    def value_and_grad(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> tuple[Any, Mapping[str, Any]]:
        """Return the value and the derivatives, of shape output.shape + input.shape."""

    def forward(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> tuple[Any, Any]:
        """Return the value and what `backward` needs."""

    def backward(self, residuals: Any, cotangent: Any = 1.0) -> Mapping[str, Any]:
        """Return what a cotangent of the output pulls back to."""


@dataclass(frozen=True)
class Subject:
    """What is verified, and the tangents of the forward sweep, which are built once."""

    output: Expr
    wrt: tuple[Input, ...]
    gradients: Mapping[str, Expr]
    kernel: GradientKernel
    tangents: Mapping[str, tuple[str, Expr]]  # for each input, the name of its tangent and that of the output

    @classmethod
    def of(cls, output: Expr, wrt: Sequence[Input], gradients: Mapping[str, Expr], kernel: GradientKernel) -> Subject:
        """Return the subject of a verification."""
        name = "x_dot"
        while name in output.inputs:
            name += "_"
        tangents = {x.name: (name, push_forward(output, {x: project(x, Input(name, x.shape))})) for x in wrt}
        return cls(output, tuple(wrt), gradients, kernel, tangents)

    def input(self, name: str) -> Input:
        """Return the input of this name that is differentiated by."""
        return next(x for x in self.wrt if x.name == name)

    @property
    def eps(self) -> float:
        """The rounding unit of the kernel."""
        return float(np.finfo(self.kernel.dtype).eps)

    @property
    def coarsest(self) -> float:
        """The largest relative bound that still means something at this precision."""
        return COARSEST * float(np.sqrt(self.eps / np.finfo(float).eps))


@dataclass(frozen=True, eq=False)
class Expected:
    """What the value and the derivatives should be at a point, and how much a kernel's may differ by rounding.

    `values` are those of the inputs, with more digits where floats cannot hold what is assumed of them.
    """

    values: Mapping[str, np.ndarray]
    value: Precise
    gradients: Mapping[str, Precise]
    value_rounding: np.ndarray
    gradient_rounding: Mapping[str, np.ndarray]
    exact: bool  # at 50 digits; otherwise from the NumPy interpreter
    note: str = ""


def check_point(subject: Subject, point: Point, number: int, rng: np.random.Generator) -> tuple[list[Check], str]:
    """Run every route at a point. Returns the checks, and what could not be checked (empty: nothing)."""
    if not all(np.size(point.values[x.name]) for x in subject.wrt):
        return [_nothing(number)], ""
    outside = violations(subject.output, point.values)
    if outside:
        return [_open(Route.VALUE, number, None, "the formula is not defined at this point")], ""
    try:
        expected = _expect(subject, point, rng)
    except np.linalg.LinAlgError as error:
        return [_open(Route.VALUE, number, None, f"the reference has no value: {error}")], ""
    value, found = subject.kernel.value_and_grad(point.values)
    other, residuals = subject.kernel.forward(point.values)
    checks = [_check_value(subject, expected, number, [subject.kernel(point.values), value, other])]
    cotangent = np.asarray(rng.normal(size=expected.value.value.shape), subject.kernel.dtype)
    pulled = subject.kernel.backward(residuals, cotangent)
    for x in subject.wrt:
        gradient = np.asarray(found[x.name], float)
        routes = [_check_formula(subject, point, expected, number, x.name, rng)] if expected.exact else []
        routes.append(_check_gradient(subject, point, expected, number, x.name, gradient))
        routes.append(_check_differences(subject, point, expected, number, x.name, gradient, rng))
        routes.append(_check_adjoint(subject, point, expected, number, x.name, cotangent, pulled[x.name], rng))
        checks += _weigh([check for check in routes if check is not None], expected.exact)
    if not expected.exact:
        checks = [_say_interpreter(check) for check in checks]
    return checks, expected.note


def _say_interpreter(check: Check) -> Check:
    if check.route not in (Route.VALUE, Route.GRADIENT) or check.detail:
        return check
    return replace(check, detail="the NumPy interpreter instead of 50 digits")


def _nothing(number: int) -> Check:
    return Check(Route.VALUE, number, None, Verdict.FAIL, 0.0, 0.0, np.inf, 0.0, 0, detail="nothing was compared")


def _open(route: Route, number: int, name: str | None, why: str) -> Check:
    return Check(route, number, name, Verdict.INCONCLUSIVE, 0.0, np.inf, np.inf, 0.0, 0, detail=why)


# --- what is expected ------------------------------------------------------------------------------------------------


def _expect(subject: Subject, point: Point, rng: np.random.Generator) -> Expected:
    names = [x.name for x in subject.wrt]
    exprs = [subject.output, *(subject.gradients[name] for name in names)]
    inputs = {**subject.output.inputs, **{x.name: x for x in subject.wrt}}
    sharp = {name: sharpen(inputs[name], x, precise.MORE_DIGITS + 5) for name, x in point.values.items()}
    inexact = [name for name, x in sharp.items() if x is not point.values[name]]
    values, note = _truth(exprs, replace(point, values=sharp))
    centres = [precise.as_float(truth.value) for truth in values]
    spreads = rounding.spreads(exprs, point.values, centres, rng, subject.eps, point.sizes, inexact)
    bounds = [
        rounding.INFLATION * spread + precise.as_float(truth.uncertainty) + _TINY
        for spread, truth in zip(spreads, values, strict=True)
    ]
    return Expected(
        values=sharp if not note else point.values,
        value=values[0],
        gradients=dict(zip(names, values[1:], strict=True)),
        value_rounding=bounds[0],
        gradient_rounding=dict(zip(names, bounds[1:], strict=True)),
        exact=not note,
        note=note,
    )


def _truth(exprs: Sequence[Expr], point: Point) -> tuple[list[Precise], str]:
    """Return the values at 50 digits, or those of the NumPy interpreter and why."""
    try:
        if operation_count(exprs, point) > MOST_PRECISE_OPERATIONS:
            raise NotPreciseError("the arrays are too large for 50-digit arithmetic")
        return precise.evaluate_twice(exprs, point.values, point.sizes), ""
    except NotPreciseError as reason:
        found = evaluate_reference(exprs, point.values, sizes=point.sizes)
        return [Precise(value, np.zeros(value.shape)) for value in found], f"50-digit reference: {reason}"


def operation_count(exprs: Sequence[Expr], point: Point) -> int:
    """Return about how many operations on numbers an evaluation takes."""
    counts: dict[Expr, int] = {}
    for node in postorder(*exprs):
        elements = evaluate(element_count(node.shape), point.sizes)
        counts[node] = max([elements, *(evaluate(element_count(x.shape), point.sizes) for x in node.operands)])
    return sum(counts.values())


# --- routes ----------------------------------------------------------------------------------------------------------


def _check_value(subject: Subject, expected: Expected, number: int, found: Sequence[Any]) -> Check:
    """All kernels that give the value: alone, fused with the derivatives, and forward."""
    error = np.max([_distance(np.asarray(value, float), expected.value.value) for value in found], axis=0)
    truth = precise.as_float(expected.value.value)
    return _judge(subject, Route.VALUE, number, None, error, expected.value_rounding, truth, 0.0)


def _rounded_numbers(
    output: Expr, point: Point, slope_of: Callable[[Expr, Precise], Slope], slope: Slope
) -> np.ndarray:
    """Return how far the slope moves when the decimal numbers of the formula move in their last place.

    A derivative combines them in float64: that of x**2/0.3 holds 2/0.3, rounded.
    """
    total = np.zeros(slope.low.shape)
    for number in postorder(output):
        if not isinstance(number, Literal) or not _is_rounded(number.value):
            continue
        (moved,) = substitute([output], {number: Literal(float(np.nextafter(number.value, np.inf)))})
        (centre,) = precise.evaluate_twice([moved], point.values, point.sizes)
        other = slope_of(moved, centre)
        total = total + precise.absolute(other.low - slope.low) + precise.absolute(other.high - slope.high)
    return np.asarray(rounding.INFLATION * total)


def _is_rounded(value: float) -> bool:
    """Whether arithmetic with the number may round: only powers of two never do."""
    return isinstance(value, float) and frexp(value)[0] not in (0.0, 0.5, -0.5)


def _check_formula(
    subject: Subject, point: Point, expected: Expected, number: int, name: str, rng: np.random.Generator
) -> Check | None:
    import mpmath

    x = np.asarray(point.values[name], float)
    direction = _units(x) * rng.uniform(0.5, 1.5, size=x.shape) * rng.choice([-1.0, 1.0], size=x.shape)
    sharp = replace(point, values=expected.values)

    def slope_of(output: Expr, centre: Precise) -> Slope:
        move = partial(retract, subject.input(name))
        return precise.directional_derivative(output, sharp.values, name, direction, centre, sharp.sizes, move)

    try:
        slope = slope_of(subject.output, expected.value)
        rounded = _rounded_numbers(subject.output, sharp, slope_of, slope)
    except NotPreciseError:
        return None  # a step leaves the domain: the point is at its edge
    with mpmath.workdps(precise.MORE_DIGITS):
        along = np.frompyfunc(mpmath.mpf, 1, 1)(direction.ravel())
        truth = expected.gradients[name]
        shape = (-1, along.size)
        predicted = (truth.value.reshape(shape) @ along).reshape(slope.low.shape)
        uncertainty = (truth.uncertainty.reshape(shape) @ abs(along)).reshape(slope.low.shape)
        outside = np.maximum(np.maximum(slope.low - predicted, predicted - slope.high), mpmath.mpf(0))
        error = precise.as_float(outside)
        bound = precise.as_float(slope.uncertainty + uncertainty + rounded)
    size = np.maximum(np.abs(precise.as_float(slope.low)), np.abs(precise.as_float(slope.high)))
    check = _judge(subject, Route.FORMULA, number, name, error, bound, size, _natural(expected))
    return replace(check, detail="kink: between the one-sided slopes") if slope.kinked.any() else check


def _check_gradient(
    subject: Subject, point: Point, expected: Expected, number: int, name: str, found: np.ndarray
) -> Check:
    truth = expected.gradients[name].value
    natural = _natural(expected) / max(float(np.max(_units(point.values[name]), initial=0.0)), _TINY)
    error = _distance(found, truth) if found.shape == truth.shape else np.full(truth.shape, np.nan)
    bound = expected.gradient_rounding[name]
    return _judge(subject, Route.GRADIENT, number, name, error, bound, precise.as_float(truth), natural)


def _check_differences(
    subject: Subject,
    point: Point,
    expected: Expected,
    number: int,
    name: str,
    gradient: np.ndarray,
    rng: np.random.Generator,
) -> Check:
    x = np.asarray(point.values[name], float)
    node = subject.input(name)

    def function(flat: np.ndarray) -> np.ndarray:
        try:
            moved = {**point.values, name: retract(node, x, flat.reshape(x.shape) - x)}
            return np.asarray(subject.kernel(moved), float).ravel()
        except (np.linalg.LinAlgError, InvalidValueError):
            return np.full(expected.value.value.size, np.nan)

    along = differences.directions(x, rng)
    floor = expected.value_rounding.ravel() / (rounding.INFLATION * rounding.ULPS)
    slopes = differences.differentiate(function, x.ravel(), along, floor, subject.eps)
    shape = (-1, x.size)
    predicted = along @ gradient.reshape(shape).T
    size = np.maximum(np.abs(slopes.low), np.abs(slopes.high))
    bound = (
        slopes.uncertainty
        + np.abs(along) @ expected.gradient_rounding[name].reshape(shape).T
        + _DIFFERENCE_FLOOR * subject.eps * np.max(size, initial=0.0, where=np.isfinite(size))
    )
    error = np.maximum(np.maximum(slopes.low - predicted, predicted - slopes.high), 0.0)
    if not (np.isfinite(slopes.low) & np.isfinite(slopes.uncertainty)).all():
        return _open(Route.DIFFERENCES, number, name, "no difference could be taken: the edge of a domain")
    if not np.isfinite(predicted).all():
        error, bound = np.where(np.isfinite(predicted), 0.0, np.nan), slopes.uncertainty
    check = _judge(subject, Route.DIFFERENCES, number, name, error, bound, size, _natural(expected))
    return replace(check, detail="kink: between the one-sided slopes") if slopes.kinked.any() else check


def _check_adjoint(
    subject: Subject,
    point: Point,
    expected: Expected,
    number: int,
    name: str,
    cotangent: np.ndarray,
    pulled: Any,
    rng: np.random.Generator,
) -> Check:
    """<u, J v> by the forward sweep at 50 digits, <J' u, v> by the backward kernel."""
    tangent_name, tangent = subject.tangents[name]
    x = np.asarray(point.values[name], float)
    v = np.asarray(_units(x) * rng.normal(size=x.shape), subject.kernel.dtype).astype(float)
    values = {**expected.values, tangent_name: v}
    u = cotangent.astype(float).ravel()
    extra = 0.0
    try:
        if not expected.exact:
            raise NotPreciseError(expected.note)
        pushed = precise.as_float(precise.evaluate([tangent], values, precise.DIGITS, point.sizes)[0])
    except NotPreciseError:
        (pushed,) = evaluate_reference([tangent], values, sizes=point.sizes)
        (spread,) = rounding.spreads([tangent], values, [pushed], rng, subject.eps, point.sizes)
        extra = rounding.INFLATION * float(np.abs(u) @ spread.ravel())
    left = float(u @ pushed.ravel())
    right = float(np.sum(np.asarray(pulled, float) * v))
    shape = (u.size, x.size)
    terms = np.abs(precise.as_float(expected.gradients[name].value)).reshape(shape)
    roundings = expected.gradient_rounding[name].reshape(shape)
    size = float(np.abs(u) @ terms @ np.abs(v).ravel())
    bound = float(np.abs(u) @ roundings @ np.abs(v).ravel()) + (u.size + x.size) * subject.eps * size + extra
    error = np.asarray(abs(left - right))
    return _judge(subject, Route.ADJOINT, number, name, error, np.asarray(bound), np.asarray(size), _natural(expected))


# --- judging ---------------------------------------------------------------------------------------------------------


def _judge(
    subject: Subject,
    route: Route,
    number: int,
    name: str | None,
    error: np.ndarray,
    bound: np.ndarray,
    truth: np.ndarray,
    natural: float,
) -> Check:
    """Return the check: FAIL beyond a bound, INCONCLUSIVE when the bounds are too wide to mean anything.

    `natural` is the scale when all that is expected is zero.
    """
    if error.size == 0:
        return replace(_nothing(number), route=route, input=name)
    if not np.isfinite(truth).all():
        return _open(route, number, name, "the derivative is not finite at this point")
    scale = float(np.max(np.abs(truth))) or natural or 1.0
    ratio = np.where(np.isnan(error), np.inf, error / np.maximum(bound, _TINY))
    entry = np.unravel_index(int(np.argmax(ratio)), error.shape)
    resolution = float(np.max(bound)) / scale
    if not (error <= bound).all():
        verdict = Verdict.FAIL
    elif resolution > subject.coarsest and route is not Route.VALUE:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.PASS
    return Check(
        route=route,
        point=number,
        input=name,
        verdict=verdict,
        error=float(error[entry]) / scale,
        bound=float(bound[entry]) / scale,
        resolution=resolution,
        scale=scale,
        compared=error.size,
        entry=tuple(int(i) for i in entry),
        detail="" if verdict is not Verdict.INCONCLUSIVE else "rounding hides the derivative",
    )


def _weigh(checks: list[Check], exact: bool) -> list[Check]:
    """Decide which routes count for an input: where 50 digits close the chain, differences need not be sharp.

    Differences that contradict a closed chain leave the case open: one of the two does not see the whole function.
    """
    passed = {check.route for check in checks if check.verdict is Verdict.PASS}
    closed = exact and {Route.FORMULA, Route.GRADIENT} <= passed
    seen = closed or (not exact and {Route.GRADIENT, Route.DIFFERENCES} <= passed)
    return [_weigh_one(check, closed, seen) for check in checks]


def _weigh_one(check: Check, closed: bool, seen: bool) -> Check:
    if check.route is Route.DIFFERENCES and closed and check.verdict is Verdict.FAIL:
        detail = "differences of the kernel disagree although the 50-digit checks pass"
        return replace(check, verdict=Verdict.INCONCLUSIVE, detail=detail)
    if check.verdict is Verdict.INCONCLUSIVE and seen and check.route in (Route.DIFFERENCES, Route.ADJOINT):
        return replace(check, decisive=False)
    return check


def _distance(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return |found - truth| of each entry; NaN where `found` is not a finite number."""
    import mpmath

    if truth.dtype != object:
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(found - truth))
    with mpmath.workdps(precise.DIGITS):
        finite = np.isfinite(found)
        exact = np.frompyfunc(mpmath.mpf, 1, 1)(np.where(finite, found, 0.0))
        return np.where(finite, precise.as_float(precise.absolute(np.asarray(exact - truth))), np.nan)


def _units(x: np.ndarray) -> np.ndarray:
    """Return the size of each entry: its absolute value, else the largest of the array, else 1."""
    sizes = np.abs(np.asarray(x, float))
    return np.where(sizes > 0, sizes, float(np.max(sizes, initial=0.0)) or 1.0)


def _natural(expected: Expected) -> float:
    """The scale of a derivative in units of its input, for one that is zero: the value itself."""
    return float(np.max(np.abs(precise.as_float(expected.value.value)), initial=0.0))
