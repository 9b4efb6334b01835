"""How ops are called: the kinds of static parameters, and which arguments are operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any


class ParameterKind(Enum):
    """What a static parameter may be, for the parser and the printers."""

    AXIS = "axis"  # an int, a tuple of ints, or None for all axes
    AXES = "axes"  # a permutation
    FLAG = "flag"  # True or False
    SHAPE = "shape"  # a tuple of sizes
    INDEX = "index"  # the inside of x[...]
    SIZE = "size"
    INTEGER = "integer"
    SUBSCRIPTS = "subscripts"  # a string such as "ij,jk->ik"
    PAIRING = "pairing"  # how many axes of two operands are paired, or two tuples of axes
    ROWS = "rows"  # how many operands each row has; told by how they are nested, never written


class Required(Enum):
    """Marks a parameter that has no default."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


@dataclass(frozen=True, slots=True)
class Parameter:
    """A static parameter. A required one is written by position after the operands, others by keyword.

    After the operands: before them where the op is `Variadic.SPREAD`.
    """

    name: str
    kind: ParameterKind
    default: object = REQUIRED


class Variadic(Enum):
    """How an op takes operands without a fixed number, as NumPy's functions do."""

    GROUPED = "grouped"  # in one tuple or list: concatenate((a, b), axis=0)
    NESTED = "nested"  # in a list of rows: block([[a, b], [c, d]])
    SPREAD = "spread"  # after the required parameters: einsum("ij,jk->ik", a, b)


@dataclass(frozen=True, slots=True)
class Call:
    """What a call of some op looks like: `count` operands, or `variadic`; `leading` parameters come before SPREAD."""

    variadic: Variadic | None
    count: int
    leading: int


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments by position: operands, parameters, and how many operands each row has where they are NESTED."""

    operands: tuple[Any, ...]
    parameters: tuple[Any, ...]
    rows: tuple[int, ...] = ()


def split_arguments(
    call: Call, arguments: Sequence[Any], entries: Callable[[Any], Sequence[Any] | None]
) -> Arguments | None:
    """Tell operands from parameters; None when there are too few operands.

    `entries` opens a tuple or list, and gives None for anything else: arguments may be values or syntax trees.
    """
    given = tuple(arguments)
    match call.variadic:
        case None:
            found = Arguments(given[: call.count], given[call.count :])
            return found if len(found.operands) == call.count else None
        case Variadic.SPREAD:
            found = Arguments(given[call.leading :], given[: call.leading])
        case Variadic.GROUPED:
            found = Arguments(_opened(given[:1], entries), given[1:])
        case Variadic.NESTED:
            found = _in_rows(_opened(given[:1], entries), given[1:], entries)
    return found if found.operands else None


def _opened(first: tuple[Any, ...], entries: Callable[[Any], Sequence[Any] | None]) -> tuple[Any, ...]:
    return tuple((entries(first[0]) if first else None) or ())


def _in_rows(
    items: tuple[Any, ...], rest: tuple[Any, ...], entries: Callable[[Any], Sequence[Any] | None]
) -> Arguments:
    """Read a list of rows; a list of operands alone is one row, and a list of both is nothing."""
    rows = [entries(item) for item in items]
    if not any(rows):
        return Arguments(items, rest, (len(items),))
    if not all(rows):
        return Arguments((), rest)
    return Arguments(tuple(x for row in rows for x in row or ()), rest, tuple(len(row or ()) for row in rows))
