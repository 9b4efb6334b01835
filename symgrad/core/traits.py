"""What an op says of itself for general rules and for people: its symmetries, and where it has no derivative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Kink:
    """Where an op has no derivative (`where`, for people), and what is returned there (`convention`)."""

    where: str
    convention: str


@dataclass(frozen=True, slots=True)
class Odd:
    """f(-x) = -f(x)."""


@dataclass(frozen=True, slots=True)
class Even:
    """f(-x) = f(x)."""


@dataclass(frozen=True, slots=True)
class Commutative:
    """f(a, b) = f(b, a)."""


@dataclass(frozen=True, slots=True)
class InverseOf:
    """f(g(x)) = x for all real x in the domain of g, where g is the named op."""

    name: str


Trait: TypeAlias = Odd | Even | Commutative | InverseOf
