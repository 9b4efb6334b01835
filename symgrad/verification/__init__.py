"""Verification of derivatives: routes that know nothing of each other, and bounds that are estimated errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.core.expr import Expr, Input
from symgrad.errors import InvalidValueError
from symgrad.verification.checks import Examination, examine
from symgrad.verification.model import Check, Point, Report, Request, Route, Verdict
from symgrad.verification.planted import plant, tally
from symgrad.verification.pooling import pool
from symgrad.verification.precise import as_float
from symgrad.verification.provenance import versions
from symgrad.verification.sampling import Sampler, random_source
from symgrad.verification.subject import GradientKernel, MoreRoutes, Subject

DRAWS_OF_A_POINT = 3
SCALES = (1.0, 1e-3, 1e3)  # of the first points that are drawn
PLAINLY = 10  # times its bound: what differences contradict by so much is no misjudged rounding
WORST_RESOLUTION = 1e-3  # of what still counts: a point at another scale that shows less is not worth its place

__all__ = ["Check", "GradientKernel", "MoreRoutes", "Point", "Report", "Request", "Route", "Verdict", "verify"]


def verify(
    output: Expr,
    wrt: Sequence[Input],
    gradients: Mapping[str, Expr],
    kernel: GradientKernel,
    *,
    seed: int = 0,
    points: int = 3,
    at: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    sizes: Mapping[str, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
    routes: Sequence[MoreRoutes] = (),
) -> Report:
    """Check derivatives of `output`, as formulas and as computed by `kernel`, at points drawn from its domain.

    Shapes: `gradients` holds for each name of `wrt` an expression of shape output.shape + input.shape.
    `at` gives values of some or all inputs for one more point, or a list of them; `sizes` fixes sizes of drawn points.
    `routes` are further checks at every point. `progress` is called with the number of points done and their total.
    The same seed gives the same report.

    Errors: ShapeError, UnknownNameError for `at` and `sizes` that do not fit the formula.
    """
    started = time.perf_counter()
    rng = random_source(seed)
    inputs = tuple({**output.inputs, **{x.name: x for x in wrt}}.values())
    subject = Subject.of(output, wrt, gradients, kernel, routes)
    sampler = Sampler(output, inputs, rng, kernel.dtype, dict(sizes or {}))
    given = [] if at is None else [at] if isinstance(at, Mapping) else list(at)
    total = points + len(given)
    chosen: list[Point] = []
    examinations: list[Examination] = []
    reasons: list[str] = []
    notes: dict[str, None] = {}
    for number in range(total):
        asked = given[number - points] if number >= points else None
        try:
            point, examination = _check_one(subject, sampler, number, len(chosen), asked)
        except InvalidValueError as error:
            reasons.append(error.message)
        else:
            chosen.append(point)
            examinations.append(examination)
            notes.update({examination.note: None} if examination.note else {})
        if progress is not None:
            progress(number + 1, total)
    checks = [check for examination in examinations for check in examination.checks]
    findings = [finding for each in examinations for group in each.findings.values() for finding in group]
    verdict, why = _conclude(checks, tuple(x.name for x in wrt), chosen, reasons)
    return Report(
        verdict=verdict,
        wrt=tuple(x.name for x in wrt),
        checks=tuple(checks),
        points=tuple(chosen),
        seed=seed,
        resolving_power=_resolving_power(checks),
        reasons=tuple(why),
        not_checked=tuple(notes),
        versions=versions("numpy", "mpmath"),
        curves=examinations[0].curves if examinations else (),
        evaluations=sum(examination.evaluations for examination in examinations),
        pooled=pool(findings) if findings else None,
        planted=tally(plant(examinations, seed)) if verdict is not Verdict.FAIL else (),
        seconds=time.perf_counter() - started,
    )


def _check_one(
    subject: Subject, sampler: Sampler, number: int, index: int, at: Mapping[str, Any] | None
) -> tuple[Point, Examination]:
    """Check at one point. Where rounding hides the derivative at a drawn point, another one is drawn.

    The second and third point are drawn far smaller and far larger than the others, where the domain allows. A point
    where a check fails, or one route plainly contradicts another, is never replaced.
    """
    drawn = sampler.draw(number, at)
    far = sampler.scaled(drawn, SCALES[number]) if 0 < number < len(SCALES) else None
    if far is not None:
        examination = examine(subject, far, index, sampler.rng)
        blurred = _says_nothing(examination) or _resolution(examination) > WORST_RESOLUTION * subject.coarsest
        if _must_stay(examination) or not (blurred or any(map(_is_open, examination.checks))):
            return far, examination
    for attempt in range(DRAWS_OF_A_POINT):
        point = sampler.draw(number + attempt, at) if attempt else drawn
        examination = examine(subject, point, index, sampler.rng)
        if point.given or _must_stay(examination) or not any(map(_is_open, examination.checks)):
            break
    return point, examination


def _must_stay(examination: Examination) -> bool:
    return any(check.verdict is Verdict.FAIL or _is_contradicted(check) for check in examination.checks)


def _is_contradicted(check: Check) -> bool:
    """Whether a failure was set aside as other routes pass, though by more than a misjudged bound explains."""
    return _is_open(check) and check.bound < 1 and check.error > PLAINLY * check.bound


def _resolution(examination: Examination) -> float:
    return max((c.resolution for c in examination.checks if c.route is Route.GRADIENT), default=np.inf)


def _says_nothing(examination: Examination) -> bool:
    """Whether some derivative is zero there, as in a saturated tail."""
    findings = [finding for group in examination.findings.values() for finding in group]
    gradients = [finding.evidence.low for finding in findings if finding.evidence.route is Route.GRADIENT]
    return any(not as_float(low).any() for low in gradients)


def _is_open(check: Check) -> bool:
    return check.verdict is Verdict.INCONCLUSIVE and check.decisive


def _conclude(
    checks: Sequence[Check], names: Sequence[str], points: Sequence[Point], reasons: list[str]
) -> tuple[Verdict, list[str]]:
    failed = [check for check in checks if check.verdict is Verdict.FAIL]
    if failed:
        return Verdict.FAIL, [*dict.fromkeys(map(_explain, failed))]
    if not checks and not reasons:
        return Verdict.FAIL, ["nothing was compared"]
    opened = [check for check in checks if _is_open(check)]
    why = [*dict.fromkeys([*reasons, *map(_explain, opened)])]
    for number in range(len(points)):
        seen = {check.input for check in checks if check.point == number and check.verdict is Verdict.PASS}
        if not opened and not set(names) <= seen:
            why.append(f"no derivative could be checked at point {number}")
    return (Verdict.INCONCLUSIVE, why) if why else (Verdict.PASS, [])


def _explain(check: Check) -> str:
    if check.route in (Route.JVP, Route.VJP):
        what = f"the {check.route.name.lower()}"
    elif check.input is None:
        what = "the value"
    else:
        what = f"the derivative with respect to {_named(check)}"
    if check.detail:
        return f"{what}: {check.detail} ({check.route.value})"
    return f"{what} is off: {check.route.value}"


def _named(check: Check) -> str:
    """Return what a check is about: w, or w at its entry w[3]."""
    if check.verdict is not Verdict.FAIL or check.label in ("", check.input):
        return check.input or ""
    return f"{check.input}, worst at {check.label},"


def _resolving_power(checks: Sequence[Check]) -> float:
    """Return the smallest relative error that would have been caught at every point and for every input.

    An error is caught by whichever is sharper: the chain of the two 50-digit routes (the wider of both counts), the
    differences, or the complex step.
    """
    groups: dict[tuple[int, str | None], dict[Route, float]] = {}
    for check in checks:
        groups.setdefault((check.point, check.input), {})[check.route] = check.resolution
    derivatives = [routes for (_, name), routes in groups.items() if name is not None]
    if not derivatives:
        return max((check.resolution for check in checks), default=np.inf)
    return max(map(_sharpest, derivatives))


def _sharpest(routes: Mapping[Route, float]) -> float:
    chain = max(routes.get(Route.FORMULA, np.inf), routes.get(Route.GRADIENT, np.inf))
    return float(min(chain, routes.get(Route.DIFFERENCES, np.inf), routes.get(Route.COMPLEX, np.inf)))
