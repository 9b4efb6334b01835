"""Subscripts: `x[i, 1:, None]` as data, in a normal form in which equal selections are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import TypeAlias

from symgrad.core.dims import Dim, Shape, Size
from symgrad.core.numeric import Along, IndexMap
from symgrad.errors import OperandError, ShapeError


@dataclass(frozen=True, slots=True)
class Pick:
    """One position along an axis; a negative int counts from the end."""

    position: Size

    def __str__(self) -> str:
        return str(self.position)


@dataclass(frozen=True, slots=True)
class Cut:
    """A slice `start:stop:step`; None and negative ints mean what they mean in Python.

    >>> print(Cut(1, None), Cut(None, -1), Cut(None, None, 2))
    1: :-1 ::2
    """

    start: Size | None = None
    stop: Size | None = None
    step: int = 1

    def __str__(self) -> str:
        start, stop = ("" if bound is None else str(bound) for bound in (self.start, self.stop))
        return f"{start}:{stop}" if self.step == 1 else f"{start}:{stop}:{self.step}"


@dataclass(frozen=True, slots=True)
class NewAxis:
    """A new axis of size 1."""

    def __str__(self) -> str:
        return "None"


Item: TypeAlias = Pick | Cut | NewAxis
Index: TypeAlias = tuple[Item, ...]

FULL = Cut()


@dataclass(frozen=True, slots=True)
class Selection:
    """A subscript resolved against a shape: its normal form, the result's shape, where elements come from.

    `requirements` are symbolic sizes that must not be negative when the kernel runs, each with a sentence.
    """

    index: Index
    shape: Shape
    map: IndexMap
    requirements: tuple[tuple[Dim, str], ...]


def index_text(index: Index) -> str:
    """Return what stands between the brackets."""
    return ", ".join(map(str, index))


def as_index(value: object) -> Index:
    """Read what Python passes to `__getitem__`, Ellipsis left out: ints, slices, None, sizes, and items themselves."""
    items = value if isinstance(value, tuple) else (value,)
    return tuple(_as_item(item) for item in items)


def _as_item(item: object) -> Item:
    if isinstance(item, Pick | Cut | NewAxis):
        return item
    if item is None:
        return NewAxis()
    if isinstance(item, slice):
        return Cut(item.start, item.stop, 1 if item.step is None else item.step)
    if isinstance(item, Dim):
        return Pick(item)
    try:
        if isinstance(item, bool):
            raise TypeError("a flag is no position")
        return Pick(index(item))  # type: ignore[arg-type]  # index() decides
    except TypeError:
        raise OperandError(f"an index must be an integer, a slice or None, not {item!r}") from None


def resolve(shape: Shape, index: Index) -> Selection:
    """Resolve a subscript of an array of this shape. ShapeError when it does not fit."""
    consumed = sum(not isinstance(item, NewAxis) for item in index)
    if consumed > len(shape):
        raise ShapeError(f"{consumed} indices for an array with {len(shape)} axes")
    items = [*index, *[FULL] * (len(shape) - consumed)]
    normal: list[Item] = []
    sizes: list[Size] = []
    source: list[Along] = []
    requirements: list[tuple[Dim, str]] = []
    for item in items:
        if isinstance(item, NewAxis):
            normal.append(item)
            sizes.append(1)
            continue
        size = shape[len(source)]
        if isinstance(item, Pick):
            position = _position(item.position, size, requirements)
            normal.append(Pick(_written(position, size)))
            source.append(Along(None, 0, position))
            continue
        cut, start, length = _cut(item, size, requirements)
        normal.append(cut)
        source.append(Along(len(sizes), cut.step, start))
        sizes.append(length)
    while normal and normal[-1] == FULL:
        normal.pop()
    return Selection(tuple(normal), tuple(sizes), tuple(source), tuple(requirements))


def _position(position: Size, size: Size, requirements: list[tuple[Dim, str]]) -> Size:
    absolute = size + position if isinstance(position, int) and position < 0 else position
    _require(absolute, f"the index {position} is outside of an axis of size {size}", requirements)
    _require(size - absolute - 1, f"the index {position} is outside of an axis of size {size}", requirements)
    return absolute


def _cut(item: Cut, size: Size, requirements: list[tuple[Dim, str]]) -> tuple[Cut, Size, Size]:
    """Return the slice in normal form, its first position and its length."""
    if isinstance(item.step, bool) or not isinstance(item.step, int) or item.step == 0:
        raise ShapeError("the step of a slice must be an integer other than 0")
    first, last = (0, size) if item.step > 0 else (size - 1, -1)
    start = first if item.start is None else _bound(item.start, size, item.step, requirements)
    stop = last if item.stop is None else _bound(item.stop, size, item.step, requirements)
    span = stop - start if item.step > 0 else start - stop
    if isinstance(span, int) and span < 0:
        span, stop = 0, start
    elif isinstance(span, Dim):
        _require(span, f"the slice {item} is longer than an axis of size {size}", requirements)
    stride = abs(item.step)
    length = (span + (stride - 1)) // stride
    written = Cut(
        None if start == first else _written(start, size), None if stop == last else _written(stop, size), item.step
    )
    return written, start, length


def _bound(bound: Size, size: Size, step: int, requirements: list[tuple[Dim, str]]) -> Size:
    if isinstance(bound, bool) or not isinstance(bound, int | Dim):
        raise OperandError(f"the bound of a slice must be an integer, not {bound!r}")
    absolute = size + bound if isinstance(bound, int) and bound < 0 else bound
    low, high = (0, size) if step > 0 else (-1, size - 1)
    if isinstance(absolute, int) and isinstance(high, int):
        return min(max(absolute, low), high)
    why = f"the slice bound {bound} is outside of an axis of size {size}"
    _require(absolute - low, why, requirements)
    _require(high - absolute, why, requirements)
    return absolute


def _written(position: Size, size: Size) -> Size:
    """Return a position as it is written: from the end (a negative int) where only that is an int."""
    if isinstance(position, int):
        return position
    from_end = position - size
    return from_end if isinstance(from_end, int) and from_end < 0 else position


def _require(size: Size, why: str, requirements: list[tuple[Dim, str]]) -> None:
    if isinstance(size, Dim):
        requirements.append((size, why))
    elif size < 0:
        raise ShapeError(why)


def pad_index(batch: int, items: Sequence[Item]) -> Index:
    """Return the index that does nothing to `batch` leading axes and `items` to the rest."""
    return (*[FULL] * batch, *items)
