"""Every route at a point: what was found, judged and weighed, and what a failure says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import and_
from typing import Any

import numpy as np

from symgrad.core.expr import Apply, Input, postorder
from symgrad.verification import precise
from symgrad.verification.bisection import locate
from symgrad.verification.curves import trace
from symgrad.verification.differences import Derivatives, units_of
from symgrad.verification.evidence import Evidence
from symgrad.verification.manifold import retract
from symgrad.verification.model import Check, Curve, Point, Route, Verdict
from symgrad.verification.precise import NotPreciseError
from symgrad.verification.routes import (
    adjoint_evidence,
    complex_evidence,
    difference_evidence,
    formula_evidence,
    gradient_evidence,
)
from symgrad.verification.sampling import blame, written
from symgrad.verification.subject import At, Subject, expect

# routes that know nothing of the derivative's formula
_FROM_OUTSIDE = (Route.FORMULA, Route.DIFFERENCES, Route.COMPLEX)
_OUTSIDE = "out of domain or too large for floats"
_OUTSIDER = {
    Route.DIFFERENCES: "differences of the kernel disagree",
    Route.COMPLEX: "a complex step in the formula disagrees",
}
_REPLACEABLE = (Route.FORMULA, Route.DIFFERENCES, Route.ADJOINT)


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
    outside = blame(subject.output, point.values, point.sizes)
    if outside:
        return Examination((_open(number, f"the formula is not defined at this point, {_OUTSIDE}: {outside}"),), {})
    try:
        expected = expect(subject, point, rng)
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
        finding = Finding(adjoint_evidence(at, x, cotangent), np.asarray(pulled[x.name], float))
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


def _say_interpreter(check: Check) -> Check:
    if check.route not in (Route.VALUE, Route.GRADIENT) or check.detail:
        return check
    return replace(check, detail="the NumPy interpreter instead of 50 digits")


def _nothing(number: int) -> Check:
    return Check(Route.VALUE, number, None, Verdict.FAIL, 0.0, 0.0, np.inf, 0.0, 0, detail="nothing was compared")


def _open(number: int, why: str) -> Check:
    return Check(Route.VALUE, number, None, Verdict.INCONCLUSIVE, 0.0, np.inf, np.inf, 0.0, 0, detail=why)


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
    formula = formula_evidence(at, node) if at.expected.exact else None
    step = complex_evidence(at, node)
    differences_evidence, slopes = difference_evidence(at, node)
    return (
        *([] if formula is None else [Finding(formula, at.expected.gradients[node.name].value)]),
        Finding(gradient_evidence(at, node), gradient),
        Finding(differences_evidence, gradient, slopes),
        *([] if step is None else [Finding(step, gradient)]),
    )


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
    direction = units_of(x) * at.rng.uniform(0.5, 1.5, size=x.shape)
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


def weigh(checks: list[Check], exact: bool) -> list[Check]:
    """Decide which routes count for an input: where 50 digits close the chain, differences need not be sharp.

    Differences that contradict a closed chain leave the case open: one of the two does not see the whole function.
    Sharp differences of every entry stand in for the formula's along a random direction, which a kink may blur.
    """
    passed = {check.route for check in checks if check.verdict is Verdict.PASS}
    closed = exact and {Route.FORMULA, Route.GRADIENT} <= passed
    seen = closed or {Route.GRADIENT, Route.DIFFERENCES} <= passed
    return [_weigh_one(check, closed, seen) for check in checks]


def _weigh_one(check: Check, closed: bool, seen: bool) -> Check:
    if check.route in (Route.DIFFERENCES, Route.COMPLEX) and closed and check.verdict is Verdict.FAIL:
        detail = f"{_OUTSIDER[check.route]} although the 50-digit checks pass"
        return replace(check, verdict=Verdict.INCONCLUSIVE, detail=detail)
    if check.verdict is Verdict.INCONCLUSIVE and check.route is Route.COMPLEX:
        return replace(check, decisive=False)
    if check.route is Route.DIFFERENCES and check.verdict is Verdict.FAIL and 1 < check.bound < check.error:
        # The table of differences did not converge to anything: its estimate of its own error means nothing.
        return replace(check, verdict=Verdict.INCONCLUSIVE, detail="the differences do not converge")
    if check.verdict is Verdict.INCONCLUSIVE and seen and check.route in _REPLACEABLE:
        return replace(check, decisive=False)
    return check
