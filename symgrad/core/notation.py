"""How an op is written. Data only: the parser and the printers do the layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

# Binding strength, as in Python: comparisons < additive < multiplicative (`*`, `/`, `@`) < sign < power < postfix.
COMPARISON, ADDITIVE, MULTIPLICATIVE, SIGN, POWER, POSTFIX, ATOM = range(1, 8)


@dataclass(frozen=True, slots=True)
class Call:
    """`name(a, b, key=value)`."""


@dataclass(frozen=True, slots=True)
class Infix:
    """`a + b`; `right_associative` for the power."""

    symbol: str
    precedence: int
    right_associative: bool = False


@dataclass(frozen=True, slots=True)
class Prefix:
    """`-a`."""

    symbol: str
    precedence: int


@dataclass(frozen=True, slots=True)
class Postfix:
    """`a.T`."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Subscript:
    """`a[i, 1:, None]`."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """A sum of products of entries: a call in text, operands with subscripts in LaTeX."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A bare name such as `pi`."""


@dataclass(frozen=True, slots=True)
class SizeName:
    """The name of a size, used as a number."""


Notation: TypeAlias = Call | Infix | Prefix | Postfix | Subscript | Indexed | Constant | SizeName

CALL = Call()
