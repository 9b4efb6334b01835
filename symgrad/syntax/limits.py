"""How large a text may be. Expressions built through the library have no limit but memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest text, bracket depth, number of tree nodes, and array (in elements) that `parse` accepts.

    >>> Limits(depth=200).depth
    200
    """

    characters: int = 20_000
    depth: int = 100
    nodes: int = 5_000
    elements: int = 10**8
    digits: int = 400
