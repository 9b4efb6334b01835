"""Verification of derivatives: routes that know nothing of each other, and bounds that are estimated errors."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.core.expr import Expr, Input
from symgrad.errors import InvalidValueError
from symgrad.verification.checks import Examination, GradientKernel, Subject, examine
from symgrad.verification.model import Check, Point, Report, Route, Verdict
from symgrad.verification.planted import plant, tally
from symgrad.verification.sampling import Sampler

DRAWS_OF_A_POINT = 3

__all__ = ["Check", "GradientKernel", "Point", "Report", "Route", "Verdict", "verify"]


def verify(
    output: Expr,
    wrt: Sequence[Input],
    gradients: Mapping[str, Expr],
    kernel: GradientKernel,
    *,
    seed: int = 0,
    points: int = 3,
    at: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Check derivatives of `output`, as formulas and as computed by `kernel`, at points drawn from its domain.

    Shapes: `gradients` holds for each name of `wrt` an expression of shape output.shape + input.shape.
    `at` gives values of some or all inputs for one more point; `sizes` fixes named sizes of the drawn points.
    `progress` is called with the number of points done and their total. The same seed gives the same report.

    Errors: ShapeError, UnknownNameError for `at` and `sizes` that do not fit the formula.
    """
    rng = np.random.default_rng(seed)
    inputs = tuple({**output.inputs, **{x.name: x for x in wrt}}.values())
    subject = Subject.of(output, wrt, gradients, kernel)
    sampler = Sampler(output, inputs, rng, kernel.dtype, dict(sizes or {}))
    total = points + (at is not None)
    chosen: list[Point] = []
    checks: list[Check] = []
    examinations: list[Examination] = []
    reasons: list[str] = []
    notes: dict[str, None] = {}
    for number in range(total):
        try:
            point, examination = _check_one(subject, sampler, number, len(chosen), at if number == points else None)
        except InvalidValueError as error:
            reasons.append(error.message)
        else:
            chosen.append(point)
            checks += examination.checks
            examinations.append(examination)
            notes.update({examination.note: None} if examination.note else {})
        if progress is not None:
            progress(number + 1, total)
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
        versions=_versions(),
        planted=tally(plant(examinations, seed)) if verdict is not Verdict.FAIL else (),
    )


def _check_one(
    subject: Subject, sampler: Sampler, number: int, index: int, at: Mapping[str, Any] | None
) -> tuple[Point, Examination]:
    """Check at one point. Where rounding hides the derivative at a drawn point, another one is drawn."""
    for attempt in range(DRAWS_OF_A_POINT):
        point = sampler.draw(number + attempt, at)
        examination = examine(subject, point, index, sampler.rng)
        found = examination.checks
        if point.given or not any(map(_is_open, found)) or any(c.verdict is Verdict.FAIL for c in found):
            break
    return point, examination


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
    why = [*reasons, *dict.fromkeys(map(_explain, opened))]
    for number in range(len(points)):
        seen = {check.input for check in checks if check.point == number and check.verdict is Verdict.PASS}
        if not opened and not set(names) <= seen:
            why.append(f"no derivative could be checked at point {number}")
    return (Verdict.INCONCLUSIVE, why) if why else (Verdict.PASS, [])


def _explain(check: Check) -> str:
    what = "the value" if check.input is None else f"the derivative with respect to {check.input}"
    if check.detail:
        return f"{what}: {check.detail} ({check.route.value})"
    return f"{what} is off: {check.route.value}"


def _resolving_power(checks: Sequence[Check]) -> float:
    """Return the smallest relative error that would have been caught at every point and for every input.

    An error is caught by whichever is sharper: the chain of the two 50-digit routes (the wider of both counts), or
    the differences.
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
    return float(min(chain, routes.get(Route.DIFFERENCES, np.inf)))


def _versions() -> dict[str, str]:
    import mpmath

    return {"python": platform.python_version(), "numpy": np.__version__, "mpmath": mpmath.__version__}
