"""Whether an implementation computes what the reference does."""

from __future__ import annotations

import numpy as np

from .task import Results


class WrongResult(Exception):
    """An implementation disagrees with the reference."""


def check(found: Results, expected: Results, tolerance: float) -> float:
    """Return the largest error of a result relative to its largest entry; WrongResult when one is too large."""
    if len(found) != len(expected):
        raise WrongResult(f"{len(found)} results, the reference has {len(expected)}")
    worst = 0.0
    for position, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
        a = a.reshape(b.shape) if a.size == b.size else a
        if a.shape != b.shape:
            raise WrongResult(f"result {position} has shape {a.shape}, the reference {b.shape}")
        error = float(np.max(np.abs(a - b), initial=0.0)) / max(float(np.max(np.abs(b), initial=0.0)), 1e-300)
        if not error <= tolerance:  # NaN is an error too
            raise WrongResult(
                f"result {position} is off by {error:.1e} of its largest entry; {tolerance:.0e} is allowed"
            )
        worst = max(worst, error)
    return worst
