"""One number for all derivatives of a report: the factor between them and their differences, with its uncertainty."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from symgrad.verification.checks import Finding
from symgrad.verification.model import Pooled, Route


def pool(findings: Iterable[Finding]) -> Pooled | None:
    """Return c - 1 of the best c in derivative = c * difference, over all directions; None without differences.

    Each pair counts by its interval, so c = <g, d>/<d, d> with weights 1/u**2. The uncertainty is what c moves when
    every difference lies at the far end of its interval: no independence is assumed.
    """
    products, slopes, bounds = (np.concatenate(part) for part in zip(*map(_pairs, findings), strict=True))
    if slopes.size == 0:
        return None
    weights = slopes / bounds
    total = float(weights @ weights)
    delta = float(weights @ ((products - slopes) / bounds)) / total
    return Pooled(delta, float(np.abs(weights).sum()) / total, int(slopes.size))


def _pairs(finding: Finding) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return derivatives along directions, their differences and how far these may be off."""
    evidence, found = finding.evidence, finding.found
    nothing = np.zeros(0)
    if evidence.route is not Route.DIFFERENCES or evidence.along is None:
        return nothing, nothing, nothing
    outputs, entries = evidence.low.shape[1], evidence.along.shape[1]
    if found.size != outputs * entries or not np.isfinite(found).all():
        return nothing, nothing, nothing
    products = evidence.along @ found.reshape(outputs, entries).T
    used = np.isfinite(evidence.low) & np.isfinite(evidence.bound) & (evidence.low != 0) & (evidence.bound > 0)
    if evidence.kinked is not None:
        used &= ~evidence.kinked
    return products[used], evidence.low[used], evidence.bound[used]
