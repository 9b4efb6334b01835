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
from symgrad.verification.evidence import COARSEST, TINY, Evidence
from symgrad.verification.manifold import retract, sharpen
from symgrad.verification.model import Check, Point, Route, Verdict
from symgrad.verification.precise import NotPreciseError, Precise, Slope
from symgrad.verification.sampling import violations

MOST_PRECISE_OPERATIONS = 20_000  # of an evaluation at 50 digits; about 0.1 s, and a point takes some ten of them
_KINK = "kink: between the one-sided slopes"
_DIFFERENCE_FLOOR = 450  # ulps of the derivative that a difference table is trusted to at best


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

    @property
    def natural(self) -> float:
        """The scale of a derivative in units of its input, for one that is zero: the value itself."""
        return float(np.max(np.abs(precise.as_float(self.value.value)), initial=0.0))


@dataclass(frozen=True, slots=True, eq=False)
class At:
    """What the routes share at one point."""

    subject: Subject
    point: Point
    number: int
    expected: Expected
    rng: np.random.Generator

    def x(self, node: Input) -> np.ndarray:
        """The value of an input as an array of floats."""
        return np.asarray(self.point.values[node.name], float)


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A derivative as some part of the machinery gives it, and the evidence that judges it."""

    evidence: Evidence
    found: np.ndarray

    def check(self) -> Check:
        """Return the verdict."""
        return self.evidence.judge(self.found)


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """What was found at a point: the checks, and for each input the findings that its checks came from.

    `exact` says that the reference has 50 digits, `note` what could not be checked (empty: nothing).
    """

    checks: tuple[Check, ...]
    findings: Mapping[str, tuple[Finding, ...]]
    exact: bool = False
    note: str = ""


def examine(subject: Subject, point: Point, number: int, rng: np.random.Generator) -> Examination:
    """Run every route at a point."""
    if not all(np.size(point.values[x.name]) for x in subject.wrt):
        return Examination((_nothing(number),), {})
    outside = violations(subject.output, point.values)
    if outside:
        return Examination((_open(number, "the formula is not defined at this point"),), {})
    try:
        expected = _expect(subject, point, rng)
    except np.linalg.LinAlgError as error:
        return Examination((_open(number, f"the reference has no value: {error}"),), {})
    value, found = subject.kernel.value_and_grad(point.values)
    other, residuals = subject.kernel.forward(point.values)
    values = [subject.kernel(point.values), value, other]
    cotangent = np.asarray(rng.normal(size=expected.value.value.shape), subject.kernel.dtype)
    pulled = subject.kernel.backward(residuals, cotangent)
    at = At(subject, point, number, expected, rng)
    findings = {x.name: _examine_input(at, x, np.asarray(found[x.name], float)) for x in subject.wrt}
    for x in subject.wrt:
        finding = Finding(_adjoint_evidence(at, x, cotangent), np.asarray(pulled[x.name], float))
        findings[x.name] = (*findings[x.name], finding)
    checks = [_check_value(at, values)]
    for group in findings.values():
        checks += weigh([finding.check() for finding in group], expected.exact)
    if not expected.exact:
        checks = [_say_interpreter(check) for check in checks]
    return Examination(tuple(checks), findings, expected.exact, expected.note)


def _say_interpreter(check: Check) -> Check:
    if check.route not in (Route.VALUE, Route.GRADIENT) or check.detail:
        return check
    return replace(check, detail="the NumPy interpreter instead of 50 digits")


def _nothing(number: int) -> Check:
    return Check(Route.VALUE, number, None, Verdict.FAIL, 0.0, 0.0, np.inf, 0.0, 0, detail="nothing was compared")


def _open(number: int, why: str) -> Check:
    return Check(Route.VALUE, number, None, Verdict.INCONCLUSIVE, 0.0, np.inf, np.inf, 0.0, 0, detail=why)


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
        rounding.INFLATION * spread + precise.as_float(truth.uncertainty) + TINY
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


def _check_value(at: At, found: Sequence[Any]) -> Check:
    """All kernels that give the value: alone, fused with the derivatives, and forward. Returns the worst check."""
    truth, bound = at.expected.value.value, at.expected.value_rounding
    evidence = Evidence(Route.VALUE, at.number, None, truth, truth, bound, coarsest=np.inf)
    checks = [evidence.judge(np.asarray(value, float)) for value in found]
    return max(checks, key=_badness)


def _badness(check: Check) -> tuple[bool, float]:
    return check.verdict is not Verdict.PASS, np.inf if np.isnan(check.error) else check.error


def _examine_input(at: At, node: Input, gradient: np.ndarray) -> tuple[Finding, ...]:
    """Return what the routes say of a derivative: its formula where there is one at 50 digits, and the kernel's."""
    formula = _formula_evidence(at, node) if at.expected.exact else None
    return (
        *([] if formula is None else [Finding(formula, at.expected.gradients[node.name].value)]),
        Finding(_gradient_evidence(at, node), gradient),
        Finding(_difference_evidence(at, node), gradient),
    )


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


def _formula_evidence(at: At, node: Input) -> Evidence | None:
    """Differences at 65 digits along a random direction; None where a step leaves the domain: at its edge."""
    import mpmath

    x, expected = at.x(node), at.expected
    direction = _units(x) * at.rng.uniform(0.5, 1.5, size=x.shape) * at.rng.choice([-1.0, 1.0], size=x.shape)
    sharp = replace(at.point, values=expected.values)

    def slope_of(output: Expr, centre: Precise) -> Slope:
        move = partial(retract, node)
        return precise.directional_derivative(output, sharp.values, node.name, direction, centre, sharp.sizes, move)

    try:
        slope = slope_of(at.subject.output, expected.value)
        rounded = _rounded_numbers(at.subject.output, sharp, slope_of, slope)
    except NotPreciseError:
        return None
    with mpmath.workdps(precise.MORE_DIGITS):
        along = np.frompyfunc(mpmath.mpf, 1, 1)(direction.ravel())
        uncertainty = expected.gradients[node.name].uncertainty.reshape(-1, along.size) @ abs(along)
        bound = np.asarray(slope.uncertainty + rounded).ravel() + uncertainty
    return Evidence(
        Route.FORMULA,
        at.number,
        node.name,
        low=slope.low.reshape(1, -1),
        high=slope.high.reshape(1, -1),
        bound=np.asarray(bound).reshape(1, -1),
        along=direction.reshape(1, -1),
        natural=expected.natural,
        coarsest=at.subject.coarsest,
        detail=_KINK if slope.kinked.any() else "",
    )


def _gradient_evidence(at: At, node: Input) -> Evidence:
    """The derivative's formula, evaluated."""
    truth = at.expected.gradients[node.name].value
    unit = max(float(np.max(_units(at.x(node)), initial=0.0)), TINY)
    return Evidence(
        Route.GRADIENT,
        at.number,
        node.name,
        low=truth,
        high=truth,
        bound=at.expected.gradient_rounding[node.name],
        natural=at.expected.natural / unit,
        coarsest=at.subject.coarsest,
    )


def _difference_evidence(at: At, node: Input) -> Evidence:
    """Differences of the kernel's value."""
    x, expected, subject = at.x(node), at.expected, at.subject

    def function(flat: np.ndarray) -> np.ndarray:
        try:
            moved = {**at.point.values, node.name: retract(node, x, flat.reshape(x.shape) - x)}
            return np.asarray(subject.kernel(moved), float).ravel()
        except (np.linalg.LinAlgError, InvalidValueError):
            return np.full(expected.value.value.size, np.nan)

    along = differences.directions(x, at.rng)
    floor = expected.value_rounding.ravel() / (rounding.INFLATION * rounding.ULPS)
    slopes = differences.differentiate(function, x.ravel(), along, floor, subject.eps)
    size = np.maximum(np.abs(slopes.low), np.abs(slopes.high))
    bound = (
        slopes.uncertainty
        + np.abs(along) @ expected.gradient_rounding[node.name].reshape(-1, x.size).T
        + _DIFFERENCE_FLOOR * subject.eps * np.max(size, initial=0.0, where=np.isfinite(size))
    )
    taken = (np.isfinite(slopes.low) & np.isfinite(slopes.uncertainty)).all()
    kink = _KINK if slopes.kinked.any() else ""
    return Evidence(
        Route.DIFFERENCES,
        at.number,
        node.name,
        low=slopes.low if taken else np.full_like(slopes.low, np.nan),
        high=slopes.high,
        bound=bound,
        along=along,
        natural=expected.natural,
        coarsest=subject.coarsest,
        detail=kink if taken else "no difference could be taken: the edge of a domain",
        evaluations=slopes.evaluations,
    )


def _adjoint_evidence(at: At, node: Input, cotangent: np.ndarray) -> Evidence:
    """<u, J v> by the forward sweep at 50 digits, for <J' u, v> by the backward kernel."""
    expected, subject = at.expected, at.subject
    tangent_name, tangent = subject.tangents[node.name]
    x = at.x(node)
    v = np.asarray(_units(x) * at.rng.normal(size=x.shape), subject.kernel.dtype).astype(float)
    values = {**expected.values, tangent_name: v}
    u = cotangent.astype(float).ravel()
    extra = 0.0
    try:
        if not expected.exact:
            raise NotPreciseError(expected.note)
        pushed = precise.as_float(precise.evaluate([tangent], values, precise.DIGITS, at.point.sizes)[0])
    except NotPreciseError:
        (pushed,) = evaluate_reference([tangent], values, sizes=at.point.sizes)
        (spread,) = rounding.spreads([tangent], values, [pushed], at.rng, subject.eps, at.point.sizes)
        extra = rounding.INFLATION * float(np.abs(u) @ spread.ravel())
    product = np.asarray([[float(u @ pushed.ravel())]])
    shape = (u.size, x.size)
    terms = np.abs(precise.as_float(expected.gradients[node.name].value)).reshape(shape)
    roundings = expected.gradient_rounding[node.name].reshape(shape)
    size = float(np.abs(u) @ terms @ np.abs(v).ravel())
    bound = float(np.abs(u) @ roundings @ np.abs(v).ravel()) + (u.size + x.size) * subject.eps * size + extra
    return Evidence(
        Route.ADJOINT,
        at.number,
        node.name,
        low=product,
        high=product,
        bound=np.asarray([[bound]]),
        along=v.reshape(1, -1),
        natural=expected.natural,
        terms=size,
        coarsest=subject.coarsest,
    )


# --- judging ---------------------------------------------------------------------------------------------------------


def weigh(checks: list[Check], exact: bool) -> list[Check]:
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
    if check.route is Route.DIFFERENCES and check.verdict is Verdict.FAIL and 1 < check.bound < check.error:
        # The table of differences did not converge to anything: its estimate of its own error means nothing.
        return replace(check, verdict=Verdict.INCONCLUSIVE, detail="the differences do not converge")
    if check.verdict is Verdict.INCONCLUSIVE and seen and check.route in (Route.DIFFERENCES, Route.ADJOINT):
        return replace(check, decisive=False)
    return check


def _units(x: np.ndarray) -> np.ndarray:
    """Return the size of each entry: its absolute value, else the largest of the array, else 1."""
    sizes = np.abs(np.asarray(x, float))
    return np.where(sizes > 0, sizes, float(np.max(sizes, initial=0.0)) or 1.0)
