"""Second derivatives: the blocks of a Hessian as derivatives of the checked gradient, and their symmetry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import Dim
from symgrad.core.expr import Expr, Input, postorder
from symgrad.verification import rounding
from symgrad.verification.evidence import COARSEST, TINY, Evidence
from symgrad.verification.model import Check, Point, Report, Route, Verdict, worst
from symgrad.verification.sampling import size_names
from symgrad.verification.subject import GradientKernel

Verify = Callable[[Expr, Mapping[str, Expr], GradientKernel], Report]


@dataclass(frozen=True)
class Second:
    """The gradient by one input, its derivatives by the inputs that it depends on, and the kernel of all of them."""

    node: Input
    gradient: Expr
    blocks: Mapping[str, Expr]
    kernel: GradientKernel

    @property
    def problem(self) -> str:
        """Why it cannot be checked as a formula of its own; empty if it can."""
        known = set(size_names(self.gradient.inputs.values()))
        sizes = [size for node in postorder(self.gradient, *self.blocks.values()) for size in node.shape]
        unknown = {name for size in sizes if isinstance(size, Dim) for name in size.names()} - known
        if not unknown:
            return ""
        return f"second derivatives of df/d{self.node.name}: no input of it tells the size {min(unknown)}"


def with_second(first: Report, parts: Sequence[Second], verify: Verify) -> Report:
    """Return the report of first derivatives with that of second ones added.

    `verify` checks a formula with given derivatives and kernel; it is applied to each gradient.
    """
    known = [part for part in parts if not part.problem]
    merged = replace(first, not_checked=(*first.not_checked, *(part.problem for part in parts if part.problem)))
    for part in known:
        if part.blocks:
            merged = _merged(merged, verify(part.gradient, part.blocks, part.kernel), part.node.name)
    return _with_checks(merged, symmetry(known, first.points, first.seed))


def symmetry(parts: Sequence[Second], points: Sequence[Point], seed: int) -> list[Check]:
    """Compare the blocks by x, y and by y, x of the kernels, at points that were checked."""
    rng = np.random.default_rng(seed)
    return [
        _symmetry_at(one, other, point, number, rng)
        for number, point in enumerate(points)
        for place, one in enumerate(parts)
        for other in parts[place:]
        if other.node.name in one.blocks or one.node.name in other.blocks
    ]


def _symmetry_at(one: Second, other: Second, point: Point, number: int, rng: np.random.Generator) -> Check:
    x, y = one.node, other.node
    found, swapped = _block(one, y, point), _block(other, x, point)
    axes = (*range(y.ndim, y.ndim + x.ndim), *range(y.ndim))
    expected = np.transpose(swapped, axes)
    eps = float(np.finfo(one.kernel.dtype).eps)
    bound = _rounding(one, y, point, eps, rng) + np.transpose(_rounding(other, x, point, eps, rng), axes) + TINY
    coarsest = COARSEST * float(np.sqrt(eps / np.finfo(float).eps))
    evidence = Evidence(Route.SYMMETRY, number, _pair(x.name, y.name), expected, expected, bound, coarsest=coarsest)
    return evidence.judge(found)


def _block(part: Second, by: Input, point: Point) -> np.ndarray:
    """Return the kernel's second derivative; zeros where the gradient does not depend on `by`."""
    if by.name not in part.blocks:
        return _zeros(part, by, point)
    used = {name: point.values[name] for name in part.gradient.inputs}
    return np.asarray(part.kernel.value_and_grad(used)[1][by.name], float)


def _rounding(part: Second, by: Input, point: Point, eps: float, rng: np.random.Generator) -> np.ndarray:
    if by.name not in part.blocks:
        return _zeros(part, by, point)
    values = {name: np.asarray(value, float) for name, value in point.values.items()}
    exprs = [part.blocks[by.name]]
    centres = evaluate_reference(exprs, values, sizes=point.sizes)
    return rounding.INFLATION * rounding.spreads(exprs, values, centres, rng, eps, point.sizes)[0]


def _zeros(part: Second, by: Input, point: Point) -> np.ndarray:
    return np.zeros(np.shape(point.values[part.node.name]) + np.shape(point.values[by.name]))


def _pair(first: str, second: str) -> str:
    return f"{first}, {second}"


def _merged(first: Report, second: Report, name: str) -> Report:
    """Return both reports in one; the points of the second are numbered after those of the first."""
    shift = len(first.points)
    checks = [
        replace(
            check,
            point=check.point + shift,
            input=_pair(name, check.input or name) if check.input or check.route is not Route.VALUE else None,
            label=f"df/d{name}" if check.input is None else check.label,
        )
        for check in second.checks
    ]
    curves = [replace(curve, point=curve.point + shift, input=_pair(name, curve.input)) for curve in second.curves]
    return replace(
        first,
        verdict=worst((first.verdict, second.verdict)),
        checks=(*first.checks, *checks),
        points=(*first.points, *second.points),
        resolving_power=max(first.resolving_power, second.resolving_power),
        reasons=(*first.reasons, *(f"second derivatives by {name}: {reason}" for reason in second.reasons)),
        not_checked=tuple(dict.fromkeys((*first.not_checked, *second.not_checked))),
        curves=(*first.curves, *curves),
        evaluations=first.evaluations + second.evaluations,
        seconds=(first.seconds or 0.0) + (second.seconds or 0.0),
    )


def _with_checks(report: Report, checks: Sequence[Check]) -> Report:
    verdict, reasons = report.verdict, list(report.reasons)
    for check in checks:
        verdict = worst((verdict, check.verdict))
        if check.verdict is not Verdict.PASS:
            reasons.append(f"second derivatives by {check.input} are not symmetric: {check.detail or 'off'}")
    return replace(report, verdict=verdict, checks=(*report.checks, *checks), reasons=tuple(dict.fromkeys(reasons)))
