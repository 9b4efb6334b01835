"""V-curves: the error of a difference against its step, for a plot that shows where truncation and rounding meet."""

from __future__ import annotations

import numpy as np

from symgrad.verification.differences import STEPS, Derivatives
from symgrad.verification.evidence import Evidence
from symgrad.verification.model import Check, Curve


def trace(slopes: Derivatives, evidence: Evidence, check: Check, found: np.ndarray) -> Curve | None:
    """Return the curve of the entry that came nearest to its bound; None where there are no differences to show.

    `evidence` is what was made of `slopes`, and `check` its verdict on `found`.
    """
    if not check.entry or evidence.along is None or check.input is None:
        return None
    row, column = check.entry
    if found.size != evidence.low.shape[1] * evidence.along.shape[1] or slopes.kinked[row, column]:
        return None
    estimates = slopes.curve[:, row, column]
    kept = np.isfinite(estimates) & np.isfinite(slopes.ladder[:, row, column])
    if not kept.any():
        return None
    product = float(evidence.along[row] @ found.reshape(evidence.low.shape[1], -1)[column])
    distances = np.abs(slopes.ladder[:, row, column] - product)
    return Curve(
        point=check.point,
        input=check.input,
        label=check.label,
        steps=tuple(map(float, STEPS[kept])),
        estimates=tuple(map(float, estimates[kept] / check.scale)),
        distances=tuple(map(float, distances[kept] / check.scale)),
        noise=float(slopes.noise[row, column] / check.scale),
        chosen=int(np.argmin(estimates[kept])),
    )
