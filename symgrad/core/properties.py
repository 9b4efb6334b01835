"""What is known of the entries or the structure of an array: symmetric, spd, positive, ...

Every node carries the properties that follow from those of its operands, as it carries its shape. A matrix property is
about the last two axes, one of a vector about the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TypeAlias

from symgrad.core.dims import Shape, shape_text
from symgrad.errors import InvalidValueError, ShapeError, UnknownNameError


class Property(Enum):
    """Something that holds for every value an array may take."""

    SYMMETRIC = "symmetric"
    SKEW = "skew"
    PSD = "psd"
    SPD = "spd"
    DIAGONAL = "diagonal"
    LOWER = "lower"
    UPPER = "upper"
    ORTHOGONAL = "orthogonal"
    INVERTIBLE = "invertible"
    NONNEGATIVE = "nonnegative"
    POSITIVE = "positive"
    NONZERO = "nonzero"
    SIMPLEX = "simplex"
    UNIT = "unit"

    __hash__ = object.__hash__  # members are compared by identity; Enum's own hash is a function in Python

    @property
    def meaning(self) -> str:
        """The property in words."""
        return _MEANINGS[self]


Properties: TypeAlias = frozenset[Property]
NONE: Properties = frozenset()

_MEANINGS = {
    Property.SYMMETRIC: "a square matrix with A.T = A",
    Property.SKEW: "a square matrix with A.T = -A",
    Property.PSD: "symmetric positive semidefinite",
    Property.SPD: "symmetric positive definite",
    Property.DIAGONAL: "a square matrix that is zero off the diagonal",
    Property.LOWER: "lower triangular (square)",
    Property.UPPER: "upper triangular (square)",
    Property.ORTHOGONAL: "a square matrix with A.T @ A = eye(n)",
    Property.INVERTIBLE: "a square matrix with an inverse",
    Property.NONNEGATIVE: "every entry is >= 0",
    Property.POSITIVE: "every entry is > 0",
    Property.NONZERO: "no entry is 0",
    Property.SIMPLEX: "a vector of entries >= 0 whose sum is 1",
    Property.UNIT: "a vector of length 1",
}
_ALIASES = {
    "antisymmetric": Property.SKEW,
    "positive_semidefinite": Property.PSD,
    "positive_definite": Property.SPD,
    "lower_triangular": Property.LOWER,
    "upper_triangular": Property.UPPER,
    "nonsingular": Property.INVERTIBLE,
    "probability": Property.SIMPLEX,
    "normalized": Property.UNIT,
}
MATRIX = frozenset(
    {
        Property.SYMMETRIC,
        Property.SKEW,
        Property.PSD,
        Property.SPD,
        Property.DIAGONAL,
        Property.LOWER,
        Property.UPPER,
        Property.ORTHOGONAL,
        Property.INVERTIBLE,
    }
)
VECTOR = frozenset({Property.SIMPLEX, Property.UNIT})
_IMPLIED = (  # what all of the first set together imply
    ({Property.SPD}, {Property.PSD, Property.INVERTIBLE}),
    ({Property.PSD}, {Property.SYMMETRIC}),
    ({Property.DIAGONAL}, {Property.SYMMETRIC, Property.LOWER, Property.UPPER}),
    ({Property.ORTHOGONAL}, {Property.INVERTIBLE}),
    ({Property.POSITIVE}, {Property.NONNEGATIVE, Property.NONZERO}),
    ({Property.SIMPLEX}, {Property.NONNEGATIVE}),
    ({Property.LOWER, Property.UPPER}, {Property.DIAGONAL}),
    ({Property.SYMMETRIC, Property.LOWER}, {Property.DIAGONAL}),
    ({Property.SYMMETRIC, Property.UPPER}, {Property.DIAGONAL}),
    ({Property.PSD, Property.INVERTIBLE}, {Property.SPD}),
    ({Property.NONNEGATIVE, Property.NONZERO}, {Property.POSITIVE}),
)
_CONTRADICTIONS = (
    ({Property.SKEW, Property.SYMMETRIC}, "a matrix that is both is zero"),
    ({Property.SKEW, Property.LOWER}, "a matrix that is both is zero"),
    ({Property.SKEW, Property.UPPER}, "a matrix that is both is zero"),
    ({Property.SKEW, Property.NONNEGATIVE}, "a matrix that is both is zero"),
    ({Property.SKEW, Property.NONZERO}, "its diagonal is zero"),
    ({Property.LOWER, Property.NONZERO}, "it has entries 0; spd is for a diagonal matrix with a positive diagonal"),
    ({Property.UPPER, Property.NONZERO}, "it has entries 0; spd is for a diagonal matrix with a positive diagonal"),
    ({Property.SIMPLEX, Property.UNIT}, "a vector that is both has one entry 1 and else 0"),
)


def closure(properties: Iterable[Property]) -> Properties:
    """Return the properties with all that they imply.

    >>> sorted(p.value for p in closure({Property.SPD}))
    ['invertible', 'psd', 'spd', 'symmetric']
    """
    known = set(properties)
    while True:
        more = {p for given, implied in _IMPLIED if given <= known for p in implied} - known
        if not more:
            return frozenset(known)
        known |= more


def essential(properties: Iterable[Property]) -> list[Property]:
    """Return the fewest properties that imply all of them, the strongest first.

    >>> [p.value for p in essential(closure({Property.SPD, Property.POSITIVE}))]
    ['spd', 'positive']
    """
    kept = set(properties)
    for candidate in sorted(kept, key=_strength):
        if candidate in closure(kept - {candidate}):
            kept.discard(candidate)
    return sorted(kept, key=list(Property).index)


def _strength(candidate: Property) -> tuple[int, int]:
    return len(closure({candidate})), list(Property).index(candidate)


def read_properties(words: str | Iterable[str | Property]) -> Properties:
    """Return the properties that words name: `"symmetric"`, `"lower invertible"` or a list of words.

    Errors: UnknownNameError for a word that names none.
    """
    parts = words.replace(",", " ").split() if isinstance(words, str) else list(words)
    return closure(part if isinstance(part, Property) else property_called(part) for part in parts)


def property_called(word: str) -> Property:
    """Return the property of this name (or alias). UnknownNameError when there is none."""
    try:
        return _ALIASES.get(word) or Property(word)
    except ValueError:
        known = ", ".join(p.value for p in Property)
        raise UnknownNameError(f"{word!r} is nothing that can be assumed; there are {known}") from None


def check_properties(name: str, shape: Shape, properties: Properties) -> None:
    """Check that an input of this shape may have the properties.

    Errors: ShapeError for a matrix property of what is no square matrix and a vector property of a scalar;
    InvalidValueError for properties that contradict each other.
    """
    for found in essential(properties):
        if found in MATRIX and (len(shape) < 2 or shape[-1] != shape[-2]):
            raise ShapeError(f"{name} has shape {shape_text(shape)}, so it cannot be {found.value}: {found.meaning}")
        if found in VECTOR and not shape:
            raise ShapeError(f"{name} is a scalar, so it cannot be {found.value}: {found.meaning}")
    for both, why in _CONTRADICTIONS:
        if both <= properties:
            first, second = sorted((p.value for p in both), reverse=True)
            raise InvalidValueError(f"{name} is assumed {first} and {second}, which contradict each other: {why}")


def properties_text(properties: Properties) -> str:
    """Return the properties as they are written in a signature: `symmetric`, `lower invertible`."""
    return " ".join(p.value for p in essential(properties))
