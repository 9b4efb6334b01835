"""Whether an implementation computes what a reference does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class WrongResult(Exception):
    """An implementation disagrees with the reference."""


def check(found: Sequence[Any], expected: Sequence[Any], tolerance: float) -> float:
    """Return the largest error of a result relative to its largest entry; WrongResult when one is too large.

    >>> check([1.0, [2.0, 4.0]], [1.0, [2.0, 4.1]], tolerance=0.1)
    0.024390243902438935
    """
    if len(found) != len(expected):
        raise WrongResult(f"{len(found)} results, the reference has {len(expected)}")
    worst = 0.0
    for position, (result, right) in enumerate(zip(found, expected, strict=True)):
        a, b = np.asarray(result, dtype=float), np.asarray(right, dtype=float)
        if a.shape != b.shape:
            raise WrongResult(f"result {position} has shape {a.shape}, the reference {b.shape}")
        error = _relative_error(a, b)
        if not error <= tolerance:  # NaN is an error too
            raise WrongResult(f"result {position} is off by {error:.1e} of its largest entry, not by {tolerance:.0e}")
        worst = max(worst, error)
    return worst


def _relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """Entries that are the same infinity, or both NaN, agree; zero where all entries agree."""
    differing = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    if not differing.any():
        return 0.0
    size = float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0))
    return float(np.max(np.abs(a[differing] - b[differing]))) / max(size, np.finfo(float).tiny)
