"""Shape a finished loop: contiguous axis innermost, neighbouring axes merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgrad.core.dims import Shape
from symgrad.lowering.kernel_ir import Affine, BodyItem, Effect, Inside, Load, Loop


def arrange(loop: Loop) -> Loop:
    """Return an equal loop whose innermost axis is the most contiguous and whose axes are as few as possible."""
    if len(loop.extents) < 2:
        return loop
    return _collapse(_put_contiguous_last(loop))


def addresses(loop: Loop) -> list[Affine]:
    """Return every affine function of the loop's indices."""
    found = [item.source.at for item in loop.body if isinstance(item, Load)]
    found.extend(item.at for item in loop.body if isinstance(item, Inside))
    found.extend(effect.target.at for effect in loop.effects)
    return found


def _put_contiguous_last(loop: Loop) -> Loop:
    rank = len(loop.extents)
    scores = [sum(at.strides[axis] in (0, 1) for at in addresses(loop)) for axis in range(rank)]
    last = max(range(rank), key=lambda axis: (scores[axis], axis))
    if last == rank - 1:
        return loop
    return _over_axes(loop, [*(axis for axis in range(rank) if axis != last), last])


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
