"""The routes of a verification: each says what a derivative must be, within an estimated error.

Two of them close a chain: the formula is right (FORMULA), and the kernel computes the formula (GRADIENT). DIFFERENCES,
COMPLEX and ADJOINT look at the whole from outside: they know nothing of the derivative's formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import frexp

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Expr, Input, Literal, postorder
from symgrad.core.traversal import substitute
from symgrad.diff.tangent import manifold
from symgrad.errors import InvalidValueError
from symgrad.verification import complexstep, differences, precise, rounding
from symgrad.verification.differences import Derivatives, units_of
from symgrad.verification.evidence import TINY, Evidence
from symgrad.verification.manifold import retract
from symgrad.verification.model import Point, Route
from symgrad.verification.precise import NotPreciseError, Precise, Slope
from symgrad.verification.subject import At

_FORMULA_FLOOR = 1e-30  # of the derivative: where values cancel, the estimated rounding of 65 digits may be too small
_COMPLEX_FLOOR = 50  # ulps of the derivative that a complex step is trusted to at best
_DIFFERENCE_FLOOR = 450  # ulps of the derivative that a difference table is trusted to at best


def formula_evidence(at: At, node: Input) -> Evidence | None:
    """Differences at 65 digits along a random direction; None where a step leaves the domain: at its edge.

    At a kink along it, those along each entry are taken too, or the kink of one would excuse errors of the others.
    """
    x = at.x(node)
    along = [_random_direction(at, x)]
    try:
        slopes = [_precise_slope(at, node, along[0])]
        if slopes[0].kinked.any() and 1 < x.size <= differences.FULL_UP_TO:
            entries = [row.reshape(x.shape) for row in np.diag(units_of(x).ravel())]
            slopes = [*(_precise_slope(at, node, row) for row in entries), *slopes]
            along = [*entries, *along]
    except NotPreciseError:
        return None
    return Evidence(
        Route.FORMULA,
        at.number,
        node.name,
        low=np.stack([slope.low.ravel() for slope in slopes]),
        high=np.stack([slope.high.ravel() for slope in slopes]),
        bound=np.stack([_formula_bound(at, node, *pair) for pair in zip(along, slopes, strict=True)]),
        along=np.stack([row.ravel() for row in along]),
        natural=at.expected.natural,
        coarsest=at.subject.coarsest,
        shape=x.shape,
        output_shape=at.expected.value.value.shape,
        kinked=np.stack([slope.kinked.ravel() for slope in slopes]),
    )


def _precise_slope(at: At, node: Input, direction: np.ndarray) -> Slope:
    """Return the slope along a direction, uncertain by the rounding of the formula's decimal numbers too."""
    values, sizes = at.expected.values, at.point.sizes

    def slope_of(output: Expr, centre: Precise) -> Slope:
        move = partial(retract, node)
        return precise.directional_derivative(output, values, node.name, direction, centre, sizes, move)

    slope = slope_of(at.subject.output, at.expected.value)
    rounded = _rounded_numbers(at.subject.output, replace(at.point, values=values), slope_of, slope)
    return replace(slope, uncertainty=np.asarray(slope.uncertainty + rounded))


def _formula_bound(at: At, node: Input, direction: np.ndarray, slope: Slope) -> np.ndarray:
    import mpmath

    with mpmath.workdps(precise.MORE_DIGITS):
        along = np.frompyfunc(mpmath.mpf, 1, 1)(direction.ravel())
        uncertainty = at.expected.gradients[node.name].uncertainty.reshape(-1, along.size) @ abs(along)
        size = np.max(np.maximum(precise.absolute(slope.low), precise.absolute(slope.high)), initial=mpmath.mpf(0))
        return np.asarray(slope.uncertainty.ravel() + uncertainty + _FORMULA_FLOOR * size)


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


def gradient_evidence(at: At, node: Input) -> Evidence:
    """The derivative's formula, evaluated."""
    truth = at.expected.gradients[node.name].value
    unit = max(float(np.max(units_of(at.x(node)), initial=0.0)), TINY)
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
    return np.asarray(units_of(x) * at.rng.uniform(0.5, 1.5, size=x.shape) * signs)


def adjoint_evidence(at: At, node: Input, cotangent: np.ndarray) -> Evidence:
    """<u, J v> by the forward sweep at 50 digits, for <J' u, v> by the backward kernel."""
    expected, subject = at.expected, at.subject
    tangent_name, tangent = subject.tangents[node.name]
    x = at.x(node)
    v = np.asarray(units_of(x) * at.rng.normal(size=x.shape), subject.kernel.dtype).astype(float)
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
