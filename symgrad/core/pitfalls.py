"""How an op comes from finite operands to infinity or NaN, in words, and what avoids it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from symgrad.core.domain import POSITIVE, REALS, Interval, MatrixDomain

__all__ = [
    "ABOVE_ONE",
    "ANYTHING",
    "BELOW_MINUS_ONE",
    "MINUS_ONE",
    "NEGATIVE",
    "NONPOSITIVE",
    "ONE",
    "POSITIVE",
    "REALS",
    "ZERO",
]

ZERO, ONE, MINUS_ONE = (Interval(x, x, closed_low=True, closed_high=True) for x in (0.0, 1.0, -1.0))
NEGATIVE, NONPOSITIVE = Interval(high=0.0), Interval(high=0.0, closed_high=True)
ABOVE_ONE, BELOW_MINUS_ONE = Interval(low=1.0), Interval(high=-1.0)


@dataclass(frozen=True, slots=True)
class Lacking:
    """A matrix operand that is not in a domain."""

    domain: MatrixDomain


@dataclass(frozen=True, slots=True)
class Anything:
    """An array operand that tells nothing by itself."""


ANYTHING = Anything()
Operands: TypeAlias = Interval | Lacking | Anything


@dataclass(frozen=True, slots=True)
class Pitfall:
    """What went wrong if the operands lie in `where` and the result, or with `slope` a derivative, is not finite.

    `where` has an entry for each operand. `words` say it, with {0}, {1}, ... for the operands' values and {dtype};
    `avoid` is what to write instead. The first pitfall of an op that fits is the one to tell.
    """

    where: tuple[Operands, ...]
    words: str
    avoid: str
    slope: bool = False
