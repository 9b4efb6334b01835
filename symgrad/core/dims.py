"""Symbolic sizes: a size is an int or a `Dim`, a polynomial with integer coefficients over named sizes.

`n`, `n - 1`, `m*n` and `(n + 1)//2` are sizes; equal sizes have equal normal forms, so `==` decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import TypeAlias

from symgrad.errors import ShapeError


@dataclass(frozen=True, slots=True, order=True)
class FloorDiv:
    """An atom of a polynomial: the floor of a size over a positive int."""

    numerator: Dim
    denominator: int

    def __str__(self) -> str:
        return f"({self.numerator})//{self.denominator}"


Atom: TypeAlias = str | FloorDiv
Monomial: TypeAlias = tuple[Atom, ...]
Size: TypeAlias = "int | Dim"
Shape: TypeAlias = tuple[Size, ...]


def _atom_key(atom: Atom) -> tuple[int, str]:
    return (0, atom) if isinstance(atom, str) else (1, str(atom))


def _monomial_key(monomial: Monomial) -> tuple[int, list[tuple[int, str]]]:
    return -len(monomial), [_atom_key(atom) for atom in monomial]


@dataclass(frozen=True, slots=True, order=True)
class Dim:
    """A size that depends on names, as ((monomial, coefficient), ...) in a fixed order; the constant is last.

    >>> n = named("n")
    >>> print(n - 1 + n, (2*n + 4)//2)
    2*n - 1 n + 2
    >>> (n + 3).evaluate({"n": 5})
    8
    """

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: Size) -> Size:
        if other == 0:
            return self
        return _polynomial([*self.terms, *_terms(other)])

    __radd__ = __add__

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + other * -1

    def __rsub__(self, other: Size) -> Size:
        return self * -1 + other

    def __mul__(self, other: Size) -> Size:
        if isinstance(other, int):
            return Dim(tuple((monomial, c * other) for monomial, c in self.terms)) if other else 0
        return _polynomial(
            [(tuple(sorted(a + b, key=_atom_key)), x * y) for a, x in self.terms for b, y in _terms(other)]
        )

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Size:
        if divisor <= 0:
            raise ShapeError(f"a size can be divided by a positive number only, not by {divisor}")
        if all(coefficient % divisor == 0 for _, coefficient in self.terms):
            return _polynomial([(monomial, coefficient // divisor) for monomial, coefficient in self.terms])
        return _polynomial([((FloorDiv(self, divisor),), 1)])

    @property
    def name(self) -> str | None:
        """The name, if the size is nothing but a name."""
        if len(self.terms) != 1 or self.terms[0][1] != 1 or len(self.terms[0][0]) != 1:
            return None
        atom = self.terms[0][0][0]
        return atom if isinstance(atom, str) else None

    def names(self) -> Iterator[str]:
        """Yield the names the size depends on, repeats included."""
        for monomial, _ in self.terms:
            for atom in monomial:
                if isinstance(atom, str):
                    yield atom
                else:
                    yield from atom.numerator.names()

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """Return the size under the named `sizes`; KeyError for one that is missing."""
        return sum(c * reduce(mul, (_evaluate_atom(a, sizes) for a in monomial), 1) for monomial, c in self.terms)

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in self.terms:
            sign = ("-" if coefficient < 0 else "") if not text else (" - " if coefficient < 0 else " + ")
            factors = [str(abs(coefficient))] if abs(coefficient) != 1 or not monomial else []
            single = len(factors) + len(monomial) == 1
            factors += [str(a) if single or isinstance(a, str) else f"({a})" for a in monomial]
            text += sign + "*".join(factors)
        return text

    __repr__ = __str__


def named(name: str) -> Dim:
    """Return the size called `name`."""
    return Dim((((name,), 1),))


def evaluate(size: Size, sizes: Mapping[str, int]) -> int:
    """Return the value of a size under the named `sizes`."""
    return size if isinstance(size, int) else size.evaluate(sizes)


def substitute(size: Size, sizes: Mapping[str, Size]) -> Size:
    """Return the size with some of its names replaced by other sizes.

    >>> n, m = named("n"), named("m")
    >>> substitute(n*m + 1, {"n": m + 2})
    m*m + 2*m + 1
    """
    if isinstance(size, int) or sizes.keys().isdisjoint(size.names()):
        return size
    total: Size = 0
    for monomial, coefficient in size.terms:
        product: Size = 1
        for atom in monomial:
            product = product * _substitute_atom(atom, sizes)
        total = total + product * coefficient
    return total


def element_count(shape: Shape) -> Size:
    """Return the number of elements of an array of this shape."""
    count: Size = 1
    for size in shape:
        count = count * size
    return count


def shape_text(shape: Shape) -> str:
    """Return a shape as a person writes it: `(m, n)`, `(n,)`, `()`.

    >>> shape_text((named("n"),))
    '(n,)'
    """
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def _evaluate_atom(atom: Atom, sizes: Mapping[str, int]) -> int:
    if isinstance(atom, str):
        return sizes[atom]
    return atom.numerator.evaluate(sizes) // atom.denominator


def _substitute_atom(atom: Atom, sizes: Mapping[str, Size]) -> Size:
    if isinstance(atom, str):
        return sizes.get(atom, named(atom))
    return substitute(atom.numerator, sizes) // atom.denominator


def _terms(size: Size) -> tuple[tuple[Monomial, int], ...]:
    return size.terms if isinstance(size, Dim) else (((), size),)


def _polynomial(terms: list[tuple[Monomial, int]]) -> Size:
    collected: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        collected[monomial] = collected.get(monomial, 0) + coefficient
    kept = {monomial: coefficient for monomial, coefficient in collected.items() if coefficient}
    if not any(kept):
        return kept.get((), 0)
    return Dim(tuple((monomial, kept[monomial]) for monomial in sorted(kept, key=_monomial_key)))
