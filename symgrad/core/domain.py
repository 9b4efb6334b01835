"""Where an op is defined, how to draw points there, and where it has no derivative."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Interval:
    """Real numbers between two ends; a closed end belongs to it.

    >>> str(Interval(0, inf, closed_low=True))
    'x >= 0'
    """

    low: float = -inf
    high: float = inf
    closed_low: bool = False
    closed_high: bool = False

    def __str__(self) -> str:
        if self.low == -inf and self.high == inf:
            return "all x"
        if self.high == inf:
            return f"x {'>=' if self.closed_low else '>'} {self.low:g}"
        if self.low == -inf:
            return f"x {'<=' if self.closed_high else '<'} {self.high:g}"
        left, right = "<=" if self.closed_low else "<", "<=" if self.closed_high else "<"
        return f"{self.low:g} {left} x {right} {self.high:g}"


REALS = Interval()
POSITIVE = Interval(low=0.0)
NONNEGATIVE = Interval(low=0.0, closed_low=True)


@dataclass(frozen=True, slots=True)
class MatrixDomain:
    """A condition on a square matrix operand: `invertible` or `spd` (symmetric positive definite)."""

    condition: str

    def __str__(self) -> str:
        return {"invertible": "invertible", "spd": "symmetric positive definite"}[self.condition]


Domain: TypeAlias = Interval | MatrixDomain
