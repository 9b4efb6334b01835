"""Where an op is defined, how to draw points there, and where it has no derivative."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias


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

    def holds(self, x: Any) -> Any:
        """Whether x, or each entry of an array, lies between the ends. Infinity does not, and neither does NaN."""
        above = x >= self.low if self.closed_low else x > self.low
        return above & (x <= self.high if self.closed_high else x < self.high)

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


_CONDITIONS = {
    "spd": "symmetric positive definite",
    "symmetric part": "all A; only (A + A.T)/2 counts",
    "nonzero diagonal": "triangular, no 0 on the diagonal",
}


@dataclass(frozen=True, slots=True)
class MatrixDomain:
    """A condition on a matrix operand: `invertible`, `spd` (symmetric positive definite), `independent columns`,
    `full rank`, or `nonzero diagonal` (of a triangular matrix).

    `symmetric part` is none: it says that the op reads (A + A.T)/2.
    """

    condition: str

    def __str__(self) -> str:
        return _CONDITIONS.get(self.condition, self.condition)


Domain: TypeAlias = Interval | MatrixDomain
