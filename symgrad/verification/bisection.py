"""Which entry of a derivative is wrong, when all that is known is that a projection of it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def locate(fails: Callable[[np.ndarray], bool], direction: np.ndarray) -> int | None:
    """Return the place of a wrong entry, given that the derivative along `direction` is wrong.

    `fails` says whether the derivative along another direction is. Halving takes log2 of the number of entries, and
    one more question confirms the answer: None when the entry alone is not seen to be wrong.

    >>> wrong = np.array([0.0, 0.0, 0.0, 1e-3, 0.0])
    >>> locate(lambda direction: abs(direction @ wrong) > 1e-6, np.ones(5))
    3
    """
    places = np.flatnonzero(direction)
    while places.size > 1:
        half, rest = places[: places.size // 2], places[places.size // 2 :]
        places = half if fails(_restricted(direction, half)) else rest
    if places.size == 0 or not fails(_restricted(direction, places)):
        return None
    return int(places[0])


def _restricted(direction: np.ndarray, places: np.ndarray) -> np.ndarray:
    kept = np.zeros_like(direction)
    kept[places] = direction[places]
    return kept
