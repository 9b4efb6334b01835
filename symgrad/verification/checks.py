"""The routes of a verification. Each compares an array with what it should be, within an estimated error.

Two of them close a chain: the formula is right (FORMULA), and the kernel computes the formula (GRADIENT). DIFFERENCES
and ADJOINT look at the whole from outside: they know nothing of the derivative's formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import frexp
from operator import and_
from typing import Any, Protocol

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import element_count, evaluate
from symgrad.core.expr import Apply, Expr, Input, Literal, postorder
from symgrad.core.traversal import substitute
from symgrad.diff.pushforward import push_forward
from symgrad.diff.tangent import manifold, project
from symgrad.errors import InvalidValueError
from symgrad.verification import complexstep, differences, precise, rounding
from symgrad.verification.bisection import locate
from symgrad.verification.complexstep import analytic_form
from symgrad.verification.curves import trace
from symgrad.verification.differences import Derivatives
from symgrad.verification.evidence import COARSEST, TINY, Evidence
from symgrad.verification.manifold import retract, sharpen
from symgrad.verification.model import Check, Curve, Point, Route, Verdict
from symgrad.verification.precise import NotPreciseError, Precise, Slope
from symgrad.verification.sampling import blame, written

MOST_PRECISE_OPERATIONS = 20_000  # of an evaluation at 50 digits; about 0.1 s, and a point takes some ten of them
_FORMULA_FLOOR = 1e-30  # of the derivative: where values cancel, the estimated rounding of 65 digits may be too small
_COMPLEX_FLOOR = 50  # ulps of the derivative that a complex step is trusted to at best
_FROM_OUTSIDE = (
    Route.FORMULA,
    Route.DIFFERENCES,
    Route.COMPLEX,
)  # routes that know nothing of the derivative's formula
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


class MoreRoutes(Protocol):
    """A check at a point beyond those that are always made: of products, of the batch kernel, ..."""

    def __call__(self, at: At, /) -> Sequence[Check]:
        """Return what was found."""


@dataclass(frozen=True)
class Subject:
    """What is verified, and the tangents of the forward sweep, which are built once."""

    output: Expr
    wrt: tuple[Input, ...]
    gradients: Mapping[str, Expr]
    kernel: GradientKernel
    tangents: Mapping[str, tuple[str, Expr]]  # for each input, the name of its tangent and that of the output
    routes: tuple[MoreRoutes, ...] = ()
    analytic: Expr | None = None  # the formula where a complex step may be taken

    @classmethod
    def of(
        cls,
        output: Expr,
        wrt: Sequence[Input],
        gradients: Mapping[str, Expr],
        kernel: GradientKernel,
        routes: Sequence[MoreRoutes] = (),
    ) -> Subject:
        """Return the subject of a verification."""
        name = "x_dot"
        while name in output.inputs:
            name += "_"
        tangents = {x.name: (name, push_forward(output, {x: project(x, Input(name, x.shape))})) for x in wrt}
        return cls(output, tuple(wrt), gradients, kernel, tangents, tuple(routes), analytic_form(output))

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

    @property
    def ulp(self) -> float | None:
        """What errors of the kernel are counted in: its rounding unit, where the truth is known better."""
        return self.subject.eps if self.expected.exact else None

    def x(self, node: Input) -> np.ndarray:
        """The value of an input as an array of floats."""
        return np.asarray(self.point.values[node.name], float)


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A derivative as some part of the machinery gives it, and the evidence that judges it."""

    evidence: Evidence
    found: np.ndarray
    slopes: Derivatives | None = None  # what the evidence was made of, for the route of differences

    def check(self) -> Check:
        """Return the verdict."""
        return self.evidence.judge(self.found)


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """What was found at a point: the checks, and for each input the findings that its checks came from.

    `exact` says that the reference has 50 digits, `note` what could not be checked (empty: nothing), `curves` are the
    differences at the worst entry of each input, and `evaluations` is how often the value was computed for them.
    """

    checks: tuple[Check, ...]
    findings: Mapping[str, tuple[Finding, ...]]
    exact: bool = False
    note: str = ""
    curves: tuple[Curve, ...] = ()
    evaluations: int = 0


def examine(subject: Subject, point: Point, number: int, rng: np.random.Generator) -> Examination:
    """Run every route at a point."""
    if not all(np.size(point.values[x.name]) for x in subject.wrt):
        return Examination((_nothing(number),), {})
    outside = blame(subject.output, point.values)
    if outside:
        return Examination((_open(number, f"out of domain: the formula is not defined at this point: {outside}"),), {})
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
    curves: list[Curve] = []
    for group in findings.values():
        judged = [finding.check() for finding in group]
        if any(check.verdict is Verdict.FAIL for check in judged):
            judged = _explain(at, group, judged)
        checks += weigh(judged, expected.exact)
        curves += _curves(group, judged)
    for route in subject.routes:
        checks += route(at)
    if not expected.exact:
        checks = [_say_interpreter(check) for check in checks]
    evaluations = sum(finding.evidence.evaluations for group in findings.values() for finding in group)
    return Examination(tuple(checks), findings, expected.exact, expected.note, tuple(curves), evaluations)


def _explain(at: At, group: Sequence[Finding], checks: Sequence[Check]) -> list[Check]:
    """Say more of failures: which entry is wrong, or that kinks of the formula cancel."""
    name = group[0].evidence.input or ""
    smooth = [not _is_kinked(finding.evidence) for finding in group]
    failed = [check.verdict is Verdict.FAIL and check.route in _FROM_OUTSIDE for check in checks]
    hidden = _hidden_kinks(at, at.subject.input(name)) if any(map(and_, smooth, failed)) else []
    told = []
    for finding, check, is_smooth, is_failed in zip(group, checks, smooth, failed, strict=True):
        if is_failed and is_smooth and hidden:
            detail = f"kinks cancel here ({', '.join(hidden)}), and the derivative is put together from conventions"
            told.append(replace(check, verdict=Verdict.INCONCLUSIVE, detail=detail))
        elif is_failed and check.route is Route.DIFFERENCES:
            told.append(_find_entry(at, finding, check))
        else:
            told.append(check)
    return told


def _is_kinked(evidence: Evidence) -> bool:
    return evidence.kinked is not None and bool(evidence.kinked.any())


def _hidden_kinks(at: At, node: Input) -> list[str]:
    """Return the parts of the formula that have a kink at the point along a random move of the input."""
    x = at.x(node)
    direction = _units(x) * at.rng.uniform(0.5, 1.5, size=x.shape)
    found = []
    for part in postorder(at.subject.output) if at.expected.exact else ():
        if not (isinstance(part, Apply) and part.op.kinks and node.name in part.inputs):
            continue
        try:
            (centre,) = precise.evaluate_twice([part], at.expected.values, at.point.sizes)
            slope = precise.directional_derivative(
                part, at.expected.values, node.name, direction, centre, at.point.sizes, partial(retract, node)
            )
        except NotPreciseError:
            continue
        if slope.kinked.any():
            found.append(written(part))
    return found


def _find_entry(at: At, finding: Finding, check: Check) -> Check:
    """Name the wrong entry where random directions only told that there is one."""
    evidence = finding.evidence
    if evidence.along is None or not check.entry or np.count_nonzero(evidence.along[check.entry[0]]) < 2:
        return check
    node = at.subject.input(evidence.input or "")

    def fails(direction: np.ndarray) -> bool:
        return difference_evidence(at, node, direction[None])[0].judge(finding.found).verdict is Verdict.FAIL

    place = locate(fails, evidence.along[check.entry[0]])
    if place is None:
        return check
    entry = ", ".join(str(int(i)) for i in np.unravel_index(place, evidence.shape))
    return replace(check, label=f"{node.name}[{entry}]", detail=f"the wrong entry is {node.name}[{entry}]")


def _curves(group: Sequence[Finding], checks: Sequence[Check]) -> list[Curve]:
    shown = [
        trace(finding.slopes, finding.evidence, check, finding.found)
        for finding, check in zip(group, checks, strict=True)
        if finding.slopes is not None
    ]
    return [curve for curve in shown if curve is not None]


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
    evidence = Evidence(Route.VALUE, at.number, None, truth, truth, bound, coarsest=np.inf, ulp=at.ulp)
    checks = [evidence.judge(np.asarray(value, float)) for value in found]
    return max(checks, key=_badness)


def _badness(check: Check) -> tuple[bool, float]:
    return check.verdict is not Verdict.PASS, np.inf if np.isnan(check.error) else check.error


def _examine_input(at: At, node: Input, gradient: np.ndarray) -> tuple[Finding, ...]:
    """Return what the routes say of a derivative: its formula where there is one at 50 digits, and the kernel's."""
    formula = _formula_evidence(at, node) if at.expected.exact else None
    step = complex_evidence(at, node)
    differences_evidence, slopes = difference_evidence(at, node)
    return (
        *([] if formula is None else [Finding(formula, at.expected.gradients[node.name].value)]),
        Finding(_gradient_evidence(at, node), gradient),
        Finding(differences_evidence, gradient, slopes),
        *([] if step is None else [Finding(step, gradient)]),
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
    direction = _random_direction(at, x)
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
        size = np.max(np.maximum(precise.absolute(slope.low), precise.absolute(slope.high)), initial=mpmath.mpf(0))
        bound = np.asarray(slope.uncertainty + rounded).ravel() + uncertainty + _FORMULA_FLOOR * size
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
        shape=x.shape,
        output_shape=expected.value.value.shape,
        kinked=slope.kinked.reshape(1, -1),
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
        shape=at.x(node).shape,
        output_shape=at.expected.value.value.shape,
        ulp=at.ulp,
    )


def difference_evidence(at: At, node: Input, along: np.ndarray | None = None) -> tuple[Evidence, Derivatives]:
    """Differences of the kernel's value, along given directions or those of `differences.directions`."""
    x, expected, subject = at.x(node), at.expected, at.subject

    def function(flat: np.ndarray) -> np.ndarray:
        try:
            moved = {**at.point.values, node.name: retract(node, x, flat.reshape(x.shape) - x)}
            return np.asarray(subject.kernel(moved), float).ravel()
        except (np.linalg.LinAlgError, InvalidValueError):
            return np.full(expected.value.value.size, np.nan)

    along = differences.directions(x, at.rng) if along is None else along
    floor = expected.value_rounding.ravel() / (rounding.INFLATION * rounding.ULPS)
    slopes = differences.differentiate(function, x.ravel(), along, floor, subject.eps)
    size = np.maximum(np.abs(slopes.low), np.abs(slopes.high))
    bound = (
        slopes.uncertainty
        + np.abs(along) @ expected.gradient_rounding[node.name].reshape(-1, x.size).T
        + _DIFFERENCE_FLOOR * subject.eps * np.max(size, initial=0.0, where=np.isfinite(size))
    )
    taken = (np.isfinite(slopes.low) & np.isfinite(slopes.uncertainty)).all()
    evidence = Evidence(
        Route.DIFFERENCES,
        at.number,
        node.name,
        low=slopes.low if taken else np.full_like(slopes.low, np.nan),
        high=slopes.high,
        bound=bound,
        along=along,
        natural=expected.natural,
        coarsest=subject.coarsest,
        detail="" if taken else _no_difference(node, x, along[~np.isfinite(slopes.low).all(axis=1)]),
        evaluations=slopes.evaluations,
        shape=x.shape,
        output_shape=expected.value.value.shape,
        kinked=slopes.kinked,
    )
    return evidence, slopes


def _no_difference(node: Input, x: np.ndarray, along: np.ndarray) -> str:
    """Say along which entry no difference could be taken, and where it is."""
    for row in along:
        used = np.flatnonzero(row)
        if used.size == 1:
            place = ", ".join(str(int(i)) for i in np.unravel_index(int(used[0]), x.shape)) if x.shape else ""
            name = f"{node.name}[{place}]" if place else node.name
            return f"no difference could be taken at {name} = {x.flat[used[0]]:.6g}: the edge of a domain"
    return f"no difference could be taken by {node.name}: the edge of a domain"


def complex_evidence(at: At, node: Input) -> Evidence | None:
    """The kernel's gradient along a random direction by a complex step; None where the formula is not analytic."""
    subject, expected, x = at.subject, at.expected, at.x(node)
    if subject.analytic is None or manifold(node) is not None:
        return None
    direction = _random_direction(at, x)
    step = complexstep.differentiate(subject.analytic, at.point.values, node.name, direction, at.rng, at.point.sizes)
    truth = precise.as_float(expected.value.value)
    if not (np.abs(step.value - truth) <= expected.value_rounding).all() or not np.isfinite(step.slope).all():
        return None  # another branch, or rounding that complex arithmetic has more of
    along = direction.reshape(1, -1)
    size = np.max(np.abs(step.slope), initial=0.0)
    bound = (
        rounding.INFLATION * step.spread.reshape(1, -1)
        + np.abs(along) @ expected.gradient_rounding[node.name].reshape(-1, x.size).T
        + _COMPLEX_FLOOR * subject.eps * size
    )
    return Evidence(
        Route.COMPLEX,
        at.number,
        node.name,
        low=step.slope.reshape(1, -1),
        high=step.slope.reshape(1, -1),
        bound=bound,
        along=along,
        natural=expected.natural,
        coarsest=subject.coarsest,
        shape=x.shape,
        output_shape=truth.shape,
    )


def _random_direction(at: At, x: np.ndarray) -> np.ndarray:
    signs = at.rng.choice([-1.0, 1.0], size=x.shape)
    return np.asarray(_units(x) * at.rng.uniform(0.5, 1.5, size=x.shape) * signs)


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
        shape=x.shape,
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


_OUTSIDER = {
    Route.DIFFERENCES: "differences of the kernel disagree",
    Route.COMPLEX: "a complex step in the formula disagrees",
}


def _weigh_one(check: Check, closed: bool, seen: bool) -> Check:
    if check.route in (Route.DIFFERENCES, Route.COMPLEX) and closed and check.verdict is Verdict.FAIL:
        detail = f"{_OUTSIDER[check.route]} although the 50-digit checks pass"
        return replace(check, verdict=Verdict.INCONCLUSIVE, detail=detail)
    if check.verdict is Verdict.INCONCLUSIVE and check.route is Route.COMPLEX:
        return replace(check, decisive=False)
    if check.verdict is Verdict.INCONCLUSIVE and seen and check.route in (Route.DIFFERENCES, Route.ADJOINT):
        return replace(check, decisive=False)
    return check


def _units(x: np.ndarray) -> np.ndarray:
    """Return the size of each entry: its absolute value, else the largest of the array, else 1."""
    sizes = np.abs(np.asarray(x, float))
    return np.where(sizes > 0, sizes, float(np.max(sizes, initial=0.0)) or 1.0)
