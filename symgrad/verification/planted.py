"""What a check is worth: wrong versions of the derivative in hand, judged by the evidence that judged the right one.

A version is wrong in the formula and the kernel alike, as after a wrong rule, or in the kernel alone, as after a wrong
program. The intervals were known before the derivative was looked at, so nothing is evaluated again. This is mutation
testing (DeMillo, Lipton & Sayward, Hints on test data selection, 1978) of numbers rather than of source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

import numpy as np

from symgrad.verification import precise
from symgrad.verification.checks import Examination, Finding, weigh
from symgrad.verification.model import Planted, Route, Verdict, worst

FACTORS = (1e-4, 1e-6, 1e-9)  # how far from 1; how small an error is still seen is a matter of rounding

_FLOATS_SUFFICE = 1e-12

Change = Callable[[np.ndarray], np.ndarray]


class Level(Enum):
    """Where a version is wrong."""

    FORMULA = "formula and kernel"
    KERNEL = "kernel alone"


@dataclass(frozen=True, slots=True)
class Version:
    """A wrong version of a derivative. One that is off `slightly` counts even where rounding hides it."""

    kind: str
    change: Change
    slightly: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What the check says of a version: FAIL if it is rejected, PASS or INCONCLUSIVE if it survives."""

    kind: str
    level: Level
    input: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A point where the right derivative was judged: its entries, their roundings and the size of the largest.

    `in_floats` is the group again in float64, in which most wrong versions show already.
    """

    group: tuple[Finding, ...]
    in_floats: tuple[Finding, ...]
    exact: bool
    truth: np.ndarray
    rounding: np.ndarray
    scale: float


def plant(examinations: Sequence[Examination], seed: int = 0) -> tuple[Trial, ...]:
    """Try wrong versions of every derivative at the points where it was examined.

    A version counts as rejected when one point rejects it. Versions that are equal to the right one at all points,
    such as the transpose of a symmetric matrix, are left out.
    """
    rng = np.random.default_rng(seed)
    names = dict.fromkeys(name for each in examinations for name in each.findings)
    return tuple(trial for name in names for trial in _plant_one(name, _places(examinations, name), rng))


def tally(trials: Sequence[Trial]) -> tuple[Planted, ...]:
    """Count the trials by kind.

    >>> tally([Trial("sign", Level.KERNEL, "x", Verdict.FAIL), Trial("sign", Level.KERNEL, "y", Verdict.PASS)])
    (Planted(kind='sign', tried=2, rejected=1),)
    """
    counts: dict[str, list[bool]] = {}
    for trial in trials:
        counts.setdefault(trial.kind, []).append(trial.verdict is Verdict.FAIL)
    return tuple(Planted(kind, len(found), sum(found)) for kind, found in counts.items())


def _places(examinations: Sequence[Examination], name: str) -> list[_Place]:
    found = []
    for examination in examinations:
        group = examination.findings.get(name, ())
        gradient = next((finding for finding in group if finding.evidence.route is Route.GRADIENT), None)
        if gradient is None:
            continue
        truth, rounding = (precise.as_float(x) for x in (gradient.evidence.low, gradient.evidence.bound))
        if np.isfinite(truth).all():
            scale = float(np.max(np.abs(truth), initial=0.0)) or gradient.evidence.natural or 1.0
            group = tuple(sorted(group, key=_is_contestable))
            found.append(_Place(group, tuple(map(_in_floats, group)), examination.exact, truth, rounding, scale))
    return found


def _in_floats(finding: Finding) -> Finding:
    evidence = finding.evidence
    low, high, bound, found = map(precise.as_float, (evidence.low, evidence.high, evidence.bound, finding.found))
    return Finding(replace(evidence, low=low, high=high, bound=bound), found)


def _plant_one(name: str, places: Sequence[_Place], rng: np.random.Generator) -> Iterator[Trial]:
    for versions in zip(*(versions_of(p.truth, p.rounding, p.scale, rng) for p in places), strict=True):
        for level in Level:
            tried = [(p, v) for p, v in zip(places, versions, strict=True) if v is not None and _is_wrong(p, v, level)]
            if not tried:
                continue
            verdict = Verdict.PASS
            for place, version in tried:
                found = _verdict(place, version, level)
                verdict = found if found is not Verdict.PASS else verdict
                if verdict is Verdict.FAIL:
                    break
            yield Trial(tried[0][1].kind, level, name, verdict)


def _is_wrong(place: _Place, version: Version, level: Level) -> bool:
    """Whether the version differs from the right one, by more than rounding if it is to be another derivative."""
    wrong = version.change(place.truth)
    if version.slightly and (np.abs(place.truth) <= place.rounding).all():
        return False  # the derivative is zero as far as floats can say
    if version.slightly:
        dtype = _kernel_found(place).dtype if level is Level.KERNEL else wrong.dtype
        return bool((wrong.astype(dtype) != place.truth.astype(dtype)).any())
    return bool((np.abs(wrong - place.truth) > place.rounding).any())


def _kernel_found(place: _Place) -> np.ndarray:
    return next(finding.found for finding in place.group if finding.evidence.route is Route.GRADIENT)


def _verdict(place: _Place, version: Version, level: Level) -> Verdict:
    """Judge a version as the derivative was judged."""
    import mpmath

    by_kernel = _kernel_found(place)
    changed = [_is_changed(finding, by_kernel, level) for finding in place.group]
    for finding, is_changed in zip(place.in_floats, changed, strict=True):
        if is_changed and not _is_contestable(finding) and _is_plainly_outside(finding, version):
            return Verdict.FAIL
    with mpmath.workdps(precise.MORE_DIGITS):
        found = [version.change(x.found) if on else x.found for x, on in zip(place.group, changed, strict=True)]
    checks = [x.evidence.judge(array) for x, array in zip(place.group, found, strict=True)]
    return worst(check.verdict for check in weigh(checks, place.exact) if check.decisive)


def _is_plainly_outside(finding: Finding, version: Version) -> bool:
    """Whether float64 is enough to see a version leave its interval: by more than all roundings of the comparison."""
    evidence, wrong = finding.evidence, version.change(finding.found)
    size = np.abs(wrong)
    if evidence.along is not None:
        size = np.abs(evidence.along) @ size.reshape(-1, evidence.along.shape[1]).T
    allowed = _FLOATS_SUFFICE * (size + np.maximum(np.abs(evidence.low), np.abs(evidence.high)))
    with np.errstate(invalid="ignore"):
        return bool((evidence.distance(wrong) > evidence.bound + allowed).any())


def _is_contestable(finding: Finding) -> bool:
    """Whether other routes may overrule a failure."""
    return finding.evidence.route in (Route.DIFFERENCES, Route.COMPLEX)


def _is_changed(finding: Finding, by_kernel: np.ndarray, level: Level) -> bool:
    """Whether a finding would have been the wrong version.

    Of the backward kernel nothing is assumed, and the kernel computes what the formula says, right or wrong.
    """
    route = finding.evidence.route
    if level is Level.KERNEL:
        return finding.found is by_kernel
    return route not in (Route.GRADIENT, Route.ADJOINT)


# --- versions --------------------------------------------------------------------------------------------------------


def versions_of(
    derivative: np.ndarray, rounding: np.ndarray, scale: float, rng: np.random.Generator
) -> list[Version | None]:
    """Return versions of a derivative; as many, and in the same order, for all of the same rank.

    Shapes: the axes of the output come first, those of the input last; `rounding` is alike. None stands for a version
    that does not exist here, such as the exchange of two entries where all are equal.
    """
    one, other = _two_entries(derivative, rounding, rng)
    return [
        Version("sign", _negated),
        Version("factor 2", partial(_scaled, 2)),
        Version("factor 1/2", partial(_scaled, 0.5)),
        *(Version(f"factor 1 + {delta:.0e}", partial(_scaled, 1 + delta), slightly=True) for delta in FACTORS),
        Version("constant added", partial(_raised, scale)),
        None if one is None else Version("entry dropped", partial(_entry_scaled, one, 0)),
        None if one is None else Version("entry times 1 + 1e-06", partial(_entry_scaled, one, 1 + 1e-6), slightly=True),
        None if one is None or other is None else Version("entries swapped", partial(_swapped, one, other)),
        Version("transposed", _transposed) if derivative.ndim > 1 else None,
        *(version for axis in range(derivative.ndim) for version in _along_an_axis(derivative, axis, rng)),
    ]


def _along_an_axis(derivative: np.ndarray, axis: int, rng: np.random.Generator) -> list[Version]:
    index = int(rng.integers(derivative.shape[axis]))
    return [
        Version("axis reversed", partial(np.flip, axis=axis)),
        Version("axis shifted", partial(_shifted, axis)),
        Version("summed over a wrong axis", partial(_summed, axis)),
        Version("slice added twice", partial(_slice_scaled, axis, index, 2)),
        Version("slice left out", partial(_slice_scaled, axis, index, 0)),
    ]


def _two_entries(
    derivative: np.ndarray, rounding: np.ndarray, rng: np.random.Generator
) -> tuple[int | None, int | None]:
    """Return the position of an entry that is not zero, and of one with another value; None if there is none."""
    flat, unsure = derivative.ravel(), rounding.ravel()
    entries = np.flatnonzero(np.abs(flat) > unsure)
    if not entries.size:
        return None, None
    one = int(rng.choice(entries))
    others = np.flatnonzero(np.abs(flat - flat[one]) > unsure + unsure[one])
    return one, int(rng.choice(others)) if others.size else None


def _negated(derivative: np.ndarray) -> np.ndarray:
    return np.asarray(-derivative)


def _scaled(factor: float, derivative: np.ndarray) -> np.ndarray:
    return np.asarray(derivative * factor)


def _raised(by: float, derivative: np.ndarray) -> np.ndarray:
    return np.asarray(derivative + by)


def _entry_scaled(position: int, factor: float, derivative: np.ndarray) -> np.ndarray:
    changed = derivative.copy()
    changed.flat[position] = changed.flat[position] * factor
    return changed


def _swapped(one: int, other: int, derivative: np.ndarray) -> np.ndarray:
    changed = derivative.copy()
    changed.flat[one], changed.flat[other] = derivative.flat[other], derivative.flat[one]
    return changed


def _transposed(derivative: np.ndarray) -> np.ndarray:
    """Return the numbers of the transpose of the last two axes, in the shape that is expected."""
    return np.swapaxes(derivative, -1, -2).reshape(derivative.shape)


def _shifted(axis: int, derivative: np.ndarray) -> np.ndarray:
    return np.roll(derivative, 1, axis=axis)


def _summed(axis: int, derivative: np.ndarray) -> np.ndarray:
    return np.repeat(derivative.sum(axis=axis, keepdims=True), derivative.shape[axis], axis=axis)


def _slice_scaled(axis: int, index: int, factor: float, derivative: np.ndarray) -> np.ndarray:
    changed = np.moveaxis(derivative.copy(), axis, 0)
    changed[index] = changed[index] * factor
    return np.moveaxis(changed, 0, axis)


def survivors(trials: Sequence[Trial]) -> Mapping[Verdict, tuple[Trial, ...]]:
    """Return the trials that were not rejected, by what the check says of them."""
    kept = [verdict for verdict in Verdict if verdict is not Verdict.FAIL]
    return {verdict: tuple(trial for trial in trials if trial.verdict is verdict) for verdict in kept}
