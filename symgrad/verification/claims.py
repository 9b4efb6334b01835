"""Derivatives that somebody wrote by hand: are they right, and if not, where, and what is the mistake.

A claim is compared at 50 digits with differences of the formula, which know nothing of symgrad's derivative, and with
that derivative, entry by entry. Where it is wrong, a point with short numbers is looked for that shows it, and the
usual mistakes are tried: sign, factor, transpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import shape_text
from symgrad.core.expr import Expr, Input, Literal, postorder
from symgrad.core.properties import Property
from symgrad.core.traversal import substitute
from symgrad.diff.layout import Layout, arrange
from symgrad.diff.tangent import manifold
from symgrad.errors import InvalidValueError, SymgradError
from symgrad.verification import precise, rounding
from symgrad.verification.differences import units_of
from symgrad.verification.evidence import KINK, TINY, Evidence
from symgrad.verification.foreign import entry_text, index_of
from symgrad.verification.manifold import CURVED, nearest, project_step, retract, sharpen
from symgrad.verification.mistakes import Comparison, diagnose
from symgrad.verification.model import Check, Point, Report, Route, Statement, Verdict
from symgrad.verification.precise import NotPreciseError, Precise, Slope
from symgrad.verification.provenance import versions
from symgrad.verification.sampling import Sampler, random_source, size_names, violations
from symgrad.verification.subject import MOST_PRECISE_OPERATIONS, operation_count

_DISAGREE = "differences and symgrad's derivative do not agree about it"
_SHORT = 2  # digits of the numbers of a counter-example
_KEPT_BY_ROUNDING = {Property.SYMMETRIC, Property.SKEW, Property.DIAGONAL, Property.LOWER, Property.UPPER}
_TRIES = 5
_MOST_WRITTEN = 12


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed to be the derivative by an input, and symgrad's, in the default layout.

    `other` is the derivative in the other convention for structured inputs, None where that is no different.
    """

    node: Input
    derivative: Expr
    claimed: Expr
    other: Expr | None = None


def check_claims(
    output: Expr,
    claims: Sequence[Claim],
    layout: Layout,
    *,
    seed: int = 0,
    points: int = 3,
    at: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Report:
    """Judge derivatives in `layout`, at points drawn from the domain of the formula, and at one given by `at`.

    Errors: ShapeError, UnknownNameError for `at` and `sizes` that do not fit the formula.
    """
    rng = random_source(seed)
    inputs = tuple({**output.inputs, **{claim.node.name: claim.node for claim in claims}}.values())
    sampler = Sampler(output, inputs, rng, "float64", dict(sizes or {}))
    case = _Case(output, inputs, layout, sampler)
    chosen: list[Point] = []
    seen: list[_Seen] = []
    reasons: list[str] = []
    for number in range(points + (at is not None)):
        try:
            point = sampler.draw(number, at if number == points else None)
        except InvalidValueError as error:
            reasons.append(error.message)
            continue
        seen += [_look(case, claim, point, len(chosen)) for claim in claims]
        chosen.append(point)
    checks = tuple(check for each in seen for check in each.checks)
    verdict = _verdict(checks, bool(reasons))
    if not checks and not reasons:
        reasons.append("nothing was compared")
    for claim in claims:
        mine = [each for each in seen if each.claim is claim]
        reasons += _reasons(case, claim, mine)
    return Report(
        verdict=verdict,
        wrt=tuple(claim.node.name for claim in claims),
        checks=checks,
        points=tuple(chosen),
        seed=seed,
        resolving_power=max((check.resolution for check in checks if check.decisive), default=np.inf),
        reasons=tuple(dict.fromkeys(reasons)) if verdict is not Verdict.PASS else (),
        not_checked=tuple(dict.fromkeys(each.note for each in seen if each.note)),
        versions=versions("numpy", "mpmath"),
        statements=tuple(_statements(output, claims)),
    )


def _verdict(checks: Sequence[Check], some_missing: bool) -> Verdict:
    verdicts = {check.verdict for check in checks if check.decisive}
    if Verdict.FAIL in verdicts or not (checks or some_missing):
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts or some_missing else Verdict.PASS


def _statements(output: Expr, claims: Sequence[Claim]) -> list[Statement]:
    found = [Statement("f", output.formula(), output.mathml(), shape_text(output.shape))]
    for claim in claims:
        label = f"df/d{claim.node.name}"
        for name, each in ((label, claim.derivative), (f"claimed {label}", claim.claimed)):
            found.append(Statement(name, each.formula(), each.mathml(), shape_text(each.shape), claim.node.name))
    return found


# --- one point -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    output: Expr
    inputs: tuple[Input, ...]
    layout: Layout
    sampler: Sampler


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """The value of the formula, of its derivative, and of the claim in the default layout; `slope` by differences.

    `claimed` is the claim as it is laid out; `placed` is None where its shape is not that of the layout.
    """

    derivative: np.ndarray
    uncertainty: np.ndarray
    claimed: np.ndarray
    placed: np.ndarray | None
    along: np.ndarray
    slope: Slope | None
    natural: float


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What was seen of one claim at one point."""

    claim: Claim
    point: Point
    checks: tuple[Check, ...]
    values: _Values | None = None
    note: str = ""

    @property
    def failed(self) -> bool:
        return any(check.verdict is Verdict.FAIL for check in self.checks)


def _look(case: _Case, claim: Claim, point: Point, number: int) -> _Seen:
    if violations(case.output, point.values, sizes=point.sizes) or not np.size(point.values[claim.node.name]):
        why = "the formula is not defined at this point, or has no entries there"
        return _Seen(claim, point, (_open(claim, number, why),))
    try:
        values, note = _evaluate(case, claim, point)
    except (NotPreciseError, ArithmeticError, np.linalg.LinAlgError, SymgradError) as error:
        return _Seen(claim, point, (_open(claim, number, f"there are no values to compare: {error}"),))
    if values.placed is None:
        wanted = shape_text(_order(values.derivative.shape, case.output.ndim, case.layout).shape)
        why = f"the claim has shape {shape_text(values.claimed.shape)} there, the derivative {wanted}"
        check = Check(Route.CLAIM, number, claim.node.name, Verdict.FAIL, np.inf, 0.0, np.inf, 0.0, 0, (), why)
        return _Seen(claim, point, (check,), values, note)
    return _Seen(claim, point, tuple(_judge(claim, values, number)), values, note)


def _open(claim: Claim, number: int, why: str) -> Check:
    return Check(Route.CLAIM, number, claim.node.name, Verdict.INCONCLUSIVE, 0.0, np.inf, np.inf, 0.0, 0, detail=why)


def _evaluate(case: _Case, claim: Claim, point: Point) -> tuple[_Values, str]:
    """Return the values at 50 digits and differences, or those of the NumPy interpreter and why."""
    try:
        if operation_count([case.output, claim.derivative, claim.claimed], point) > MOST_PRECISE_OPERATIONS:
            raise NotPreciseError("the arrays are too large for 50-digit arithmetic")
        return _evaluate_precisely(case, claim, point), ""
    except NotPreciseError as reason:
        note = f"50-digit differences: {reason}"
    found = evaluate_reference([case.output, claim.derivative, claim.claimed], point.values, sizes=point.sizes)
    eps = float(np.finfo(float).eps)
    moved = rounding.spreads(
        [claim.derivative, claim.claimed], point.values, found[1:], case.sampler.rng, eps, point.sizes
    )
    placed = _place(found[2], found[1].shape, case)
    bound = rounding.INFLATION * moved[0]
    if placed is not None:
        spread = _place(moved[1], found[1].shape, case)
        assert spread is not None
        bound = bound + rounding.INFLATION * np.where(np.isfinite(spread), spread, 0.0)
    return _Values(found[1], bound + TINY, found[2], placed, np.zeros(0), None, _largest(found[0])), note


def _evaluate_precisely(case: _Case, claim: Claim, point: Point) -> _Values:
    values = {x.name: sharpen(x, point.values[x.name], precise.MORE_DIGITS + 5) for x in case.inputs}
    sharp = replace(point, values=values)
    centre, derivative = precise.evaluate_twice([case.output, claim.derivative], values, point.sizes)
    claimed = _claimed(claim, sharp)
    bound = np.asarray(derivative.uncertainty) + _moved_numbers(claim.derivative, derivative.value, sharp)
    placed = _place(claimed.value, derivative.value.shape, case)
    if placed is not None:
        moved = _place(claimed.uncertainty, derivative.value.shape, case)
        assert moved is not None
        bound = np.asarray(bound + moved)
    x = np.asarray(point.values[claim.node.name], float)
    rng = case.sampler.rng
    direction = units_of(x) * rng.uniform(0.5, 1.5, size=x.shape) * rng.choice([-1.0, 1.0], size=x.shape)
    slope = _slope(case, claim, sharp, direction, centre)
    natural = _largest(precise.as_float(centre.value))
    return _Values(derivative.value, np.asarray(bound), claimed.value, placed, direction, slope, natural)


def _claimed(claim: Claim, point: Point) -> Precise:
    """Return the claim's value and how far it may be off by the rounding of its numbers; NaN where it has none."""
    try:
        (found,) = precise.evaluate_twice([claim.claimed], point.values, point.sizes)
    except NotPreciseError:
        plain = {name: precise.as_float(x) for name, x in point.values.items()}
        (value,) = evaluate_reference([claim.claimed], plain, sizes=point.sizes)
        if np.isfinite(value).all():
            raise
        return Precise(np.full(value.shape, np.nan), np.zeros(value.shape))
    return Precise(found.value, found.uncertainty + _moved_numbers(claim.claimed, found.value, point))


def _moved_numbers(expr: Expr, value: np.ndarray, point: Point) -> np.ndarray:
    """Return how far a value moves when decimal numbers do in their last place: 2/0.3 is 6.6666..., rounded."""
    total = np.zeros(value.shape)
    for number in postorder(expr):
        if isinstance(number, Literal) and isinstance(number.value, float):
            (other,) = substitute([expr], {number: Literal(float(np.nextafter(number.value, np.inf)))})
            (moved,) = precise.evaluate([other], point.values, precise.MORE_DIGITS, point.sizes)
            total = total + precise.absolute(moved - value)
    return np.asarray(rounding.INFLATION * total)


def _slope(case: _Case, claim: Claim, point: Point, direction: np.ndarray, centre: Precise) -> Slope | None:
    """Return 50-digit differences along a direction; None at the edge of a domain."""
    move = partial(retract, claim.node)
    try:
        return precise.directional_derivative(
            case.output, dict(point.values), claim.node.name, direction, centre, point.sizes, move
        )
    except NotPreciseError:
        return None


def _largest(x: np.ndarray) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def _order(shape: tuple[int, ...], rank: int, layout: Layout) -> np.ndarray:
    """Return where the entries of a derivative of the default layout stand in another: their positions."""
    laid = arrange(Input("J", shape), rank, layout)
    positions = np.arange(float(np.prod(shape))).reshape(shape)
    return evaluate_reference([laid], {"J": positions})[0].astype(int)


def _place(laid: Any, shape: tuple[int, ...], case: _Case) -> np.ndarray | None:
    """Return an array of the case's layout in the default one; None if its shape is not that of the layout."""
    laid = np.asarray(laid)  # a number of mpmath, for one of no axes
    order = _order(shape, case.output.ndim, case.layout)
    if order.shape != laid.shape:
        return None
    result = np.empty(shape, laid.dtype)
    result.reshape(-1)[order.ravel()] = laid.ravel()
    return result


# --- judging ---------------------------------------------------------------------------------------------------------


def _judge(claim: Claim, values: _Values, number: int) -> list[Check]:
    import mpmath

    assert values.placed is not None
    size = max(float(np.max(np.abs(values.along), initial=0.0)), TINY)
    same = Evidence(
        Route.CLAIM,
        number,
        claim.node.name,
        low=values.derivative,
        high=values.derivative,
        bound=values.uncertainty,
        natural=values.natural / size,
    ).judge(values.placed)
    if values.slope is None:
        return [same]
    slope = values.slope
    along = values.along.reshape(1, -1)
    with mpmath.workdps(precise.MORE_DIGITS):
        spread = values.uncertainty.reshape(-1, along.size) @ np.frompyfunc(mpmath.mpf, 1, 1)(np.abs(along[0]))
        bound = np.asarray(slope.uncertainty).ravel() + spread
    sloped = Evidence(
        Route.SLOPE,
        number,
        claim.node.name,
        low=slope.low.reshape(1, -1),
        high=slope.high.reshape(1, -1),
        bound=np.asarray(bound).reshape(1, -1),
        along=along,
        natural=values.natural,
        detail=KINK if slope.kinked.any() else "",
    ).judge(values.placed)
    return _weigh(same, sloped, bool(slope.kinked.any()))


def _weigh(same: Check, sloped: Check, kinked: bool) -> list[Check]:
    """At a kink the differences decide; elsewhere a disagreement of the two references leaves the case open."""
    if {same.verdict, sloped.verdict} != {Verdict.PASS, Verdict.FAIL}:
        return [sloped, same]
    if kinked and sloped.verdict is Verdict.PASS:
        return [sloped, replace(same, verdict=Verdict.INCONCLUSIVE, decisive=False, detail="a kink: a convention")]
    return [
        replace(check, verdict=Verdict.INCONCLUSIVE, detail=_DISAGREE) if check.verdict is Verdict.FAIL else check
        for check in (sloped, same)
    ]


# --- what is wrong ---------------------------------------------------------------------------------------------------


def _reasons(case: _Case, claim: Claim, seen: Sequence[_Seen]) -> list[str]:
    """Return why a claim does not pass: the mistake, if it is a usual one, and a point that shows it."""
    name = f"df/d{claim.node.name}"
    failed = [each for each in seen if each.failed]
    if not failed:
        opened = [check.detail for each in seen for check in each.checks if check.verdict is not Verdict.PASS]
        return [f"{name}: {detail}" for detail in opened if detail]
    comparisons = [_comparison(claim, each) for each in seen if each.values is not None]
    mistake = diagnose(comparisons, case.output.ndim, case.layout)
    first = failed[0]
    if first.values is not None and first.values.placed is None:
        return [f"{name} {mistake or 'is wrong'}: {first.checks[0].detail}"]
    example = _counter_example(case, claim) or first
    return [f"{name} {mistake or 'is wrong'}", f"counter-example at {_shown(example.point)}: {_told(case, example)}"]


def _comparison(claim: Claim, seen: _Seen) -> Comparison:
    assert seen.values is not None
    other = None
    if claim.other is not None:
        (other,) = evaluate_reference([claim.other], seen.point.values, sizes=seen.point.sizes)
    derivative, claimed = precise.as_float(seen.values.derivative), precise.as_float(seen.values.claimed)
    flat = manifold(claim.node)
    projected = None
    if flat is not None and flat not in CURVED and claimed.shape == derivative.shape:
        projected = project_step(flat, claimed)
    return Comparison(derivative, claimed, seen.point.sizes, other, projected)


def _counter_example(case: _Case, claim: Claim) -> _Seen | None:
    """Return a small point of short numbers at which the claim fails, if one is found soon."""
    names = [name for name in size_names(case.inputs) if name not in case.sampler.sizes]
    small = {name: 2 + number % 2 for number, name in enumerate(names)}
    sampler = replace(case.sampler, sizes={**case.sampler.sizes, **small})
    for attempt in range(_TRIES):
        try:
            point = sampler.draw(attempt)
            short = {x.name: _short(x, point.values[x.name]) for x in case.inputs}
            seen = _look(case, claim, replace(point, values=short), 0)
        except SymgradError:
            continue
        if seen.failed and seen.values is not None and seen.values.placed is not None:
            return seen
    return None


def _short(node: Input, x: np.ndarray) -> np.ndarray:
    if not node.properties <= _KEPT_BY_ROUNDING:
        return x
    return nearest(node, np.round(x, _SHORT - 1)) + 0.0


def _shown(point: Point) -> str:
    written = []
    for name, x in point.values.items():
        if np.size(x) > _MOST_WRITTEN:
            return f"the point {dict(point.sizes)} of the report" if point.sizes else "the point of the report"
        written.append(f"{name} = {np.asarray(x, float).tolist()}")
    return ", ".join(written)


def _told(case: _Case, seen: _Seen) -> str:
    """Return the entry that is farthest off: what is claimed, what symgrad's derivative says, and differences."""
    values = seen.values
    assert values is not None and values.placed is not None
    claimed, expected = precise.as_float(values.placed), precise.as_float(values.derivative)
    error = np.where(np.isfinite(claimed), np.abs(claimed - expected), np.inf)
    worst = int(np.argmax(error))
    order = _order(expected.shape, case.output.ndim, case.layout)
    place = index_of(int(np.flatnonzero(order.ravel() == worst)[0]), order.shape)
    entry = f"entry {entry_text('', place)} of the claim" if len(place) else "the claim"
    text = f"{entry} is {claimed.flat[worst]:.10g}, the derivative {expected.flat[worst]:.10g}"
    slope = _entry_by_differences(case, seen, worst)
    return text if slope is None else f"{text} (by differences of the formula {slope:.10g})"


def _entry_by_differences(case: _Case, seen: _Seen, position: int) -> float | None:
    claim, point = seen.claim, seen.point
    x = np.asarray(point.values[claim.node.name], float)
    row, column = divmod(position, x.size)
    direction = np.zeros(x.size)
    direction[column] = 1.0
    values = {each.name: sharpen(each, point.values[each.name], precise.MORE_DIGITS + 5) for each in case.inputs}
    try:
        (centre,) = precise.evaluate_twice([case.output], values, point.sizes)
    except NotPreciseError:
        return None
    slope = _slope(case, claim, replace(point, values=values), direction.reshape(x.shape), centre)
    if slope is None or slope.kinked.any():
        return None
    return float(precise.as_float(slope.low).ravel()[row])
