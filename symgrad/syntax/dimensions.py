"""Sizes with other sizes put in for their names."""

from __future__ import annotations

from collections.abc import Mapping

from symgrad.core.dims import Dim, FloorDiv, Size, named
from symgrad.core.indexing import Cut, Index, Item, Pick


def substitute(size: Size, values: Mapping[str, Size]) -> Size:
    """Return `size` with sizes for some of its names."""
    if not isinstance(size, Dim):
        return size
    total: Size = 0
    for monomial, coefficient in size.terms:
        term: Size = coefficient
        for atom in monomial:
            if isinstance(atom, FloorDiv):
                inner = substitute(atom.numerator, values)
                term = term * (inner // atom.denominator)
            else:
                term = term * values.get(atom, named(atom))
        total = total + term
    return total


def substitute_index(index: Index, values: Mapping[str, Size]) -> Index:
    """Return `index` with sizes for some of its names."""
    return tuple(_substitute_item(item, values) for item in index)


def _substitute_item(item: Item, values: Mapping[str, Size]) -> Item:
    if isinstance(item, Pick):
        return Pick(substitute(item.position, values))
    if isinstance(item, Cut):
        start, stop = (None if bound is None else substitute(bound, values) for bound in (item.start, item.stop))
        return Cut(start, stop, item.step)
    return item
