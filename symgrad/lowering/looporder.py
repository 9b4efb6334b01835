"""Shape a finished loop: contiguous axis innermost, neighbouring axes merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgrad.core.dims import Shape, Size, named
from symgrad.lowering.kernel_ir import Accumulate, Affine, BodyItem, Effect, Inside, Load, Loop

_NEIGHBOUR, _STANDING, _FAR = 1.0, 0.25, 8.0  # cost of a read whose address moves so in the innermost loop
_WRITE, _UPDATE = 1.0, 2.0  # factors
_FEWEST_STEPS = 16
_SHORT = 2.0  # a loop along one axis may be too short for vectors
_SHORT_SUM = 4.0  # and ends in a sum across a vector


def arrange(loop: Loop) -> Loop:
    """Return an equal loop whose axes are as few as possible, in the order that costs least."""
    if len(loop.extents) < 2:
        return loop
    rank = len(loop.extents)
    orders = [[*(axis for axis in range(rank) if axis != last), last] for last in reversed(range(rank))]
    return min((_collapse(_over_axes(loop, order)) for order in orders), key=cost)


def cost(loop: Loop) -> float:
    """Estimate what a step of the innermost loop costs."""
    if not loop.extents:
        return 0.0
    summed = any(isinstance(e, Accumulate) and e.target.at.strides[-1] == 0 for e in loop.effects)
    each = sum(_read(item.source.at) for item in loop.body if isinstance(item, Load))
    each += sum(_written(effect) for effect in loop.effects)
    if not _may_be_short(loop.extents[-1], loop.extents):
        return each
    return each * (_SHORT_SUM if summed else _SHORT)


def _read(at: Affine) -> float:
    stride = at.strides[-1]
    return _STANDING if stride == 0 else _NEIGHBOUR if stride == 1 else _FAR


def _written(effect: Effect) -> float:
    stride = effect.target.at.strides[-1]
    if stride == 0:
        return 0.0 if isinstance(effect, Accumulate) else _WRITE
    factor = _UPDATE if isinstance(effect, Accumulate) else _WRITE
    return factor * (_NEIGHBOUR if stride == 1 else _FAR)


def _may_be_short(extent: Size, extents: Shape) -> bool:
    """Say whether a loop may have few steps: those over the rows of a strip and over merged axes have many.

    So have those over all rows, which are as many or more.
    """
    if isinstance(extent, int):
        return extent < _FEWEST_STEPS
    if extent.name is None or extent.name.endswith(".rows"):
        return False
    return named(f"{extent.name}.rows") not in extents


def addresses(loop: Loop) -> list[Affine]:
    """Return every affine function of the loop's indices."""
    found = [item.source.at for item in loop.body if isinstance(item, Load)]
    found.extend(item.at for item in loop.body if isinstance(item, Inside))
    found.extend(effect.target.at for effect in loop.effects)
    return found


def _collapse(loop: Loop) -> Loop:
    """Merge axes a, a + 1 wherever one step along a is `extent` steps along a + 1 for every address."""
    axis = len(loop.extents) - 2
    while axis >= 0:
        inner = loop.extents[axis + 1]
        if all(at.strides[axis] == at.strides[axis + 1] * inner for at in addresses(loop)):
            extents = (*loop.extents[:axis], loop.extents[axis] * inner, *loop.extents[axis + 2 :])
            kept = [k for k in range(len(loop.extents)) if k != axis]
            loop = _with_extents(_over_axes(loop, kept), extents)
        axis -= 1
    return loop


def _over_axes(loop: Loop, axes: Sequence[int]) -> Loop:
    return Loop(
        tuple(loop.extents[axis] for axis in axes),
        tuple(_item_over_axes(item, axes) for item in loop.body),
        tuple(_effect_over_axes(effect, axes) for effect in loop.effects),
    )


def _with_extents(loop: Loop, extents: Shape) -> Loop:
    return replace(loop, extents=extents)


def _affine_over_axes(at: Affine, axes: Sequence[int]) -> Affine:
    return Affine(at.offset, tuple(at.strides[axis] for axis in axes))


def _item_over_axes(item: BodyItem, axes: Sequence[int]) -> BodyItem:
    match item:
        case Load(source):
            return Load(replace(source, at=_affine_over_axes(source.at, axes)))
        case Inside(at):
            return Inside(_affine_over_axes(at, axes))
        case _:
            return item


def _effect_over_axes(effect: Effect, axes: Sequence[int]) -> Effect:
    return replace(effect, target=replace(effect.target, at=_affine_over_axes(effect.target.at, axes)))
