"""Type rules: what shape an operation gives, or a sentence about why it gives none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from symgrad.core.dims import Shape, Size, shape_text
from symgrad.errors import ShapeError


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape NumPy's broadcasting gives; symbolic sizes must be equal, or one of them 1.

    Raises ShapeError that names the shapes.

    >>> broadcast((3, 1), (4,))
    (3, 4)
    """
    if len(set(shapes)) == 1:
        return shapes[0]
    rank = max(map(len, shapes))
    result: list[Size] = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            raise ShapeError(
                f"shapes {' and '.join(map(shape_text, shapes))} do not broadcast: "
                f"{' and '.join(sorted(map(str, sizes)))} differ"
            )
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def normalise_axis(axis: int, rank: int) -> int:
    """Return `axis` counted from the front; ShapeError when there is no such axis."""
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is out of range for an array with {rank} axes")
    return axis % rank


@dataclass(frozen=True, slots=True)
class Alternative:
    """One reading of a signature: core dimensions of each operand and the result; may axes stand in front?"""

    operands: tuple[tuple[str, ...], ...]
    result: tuple[str, ...]
    batched: bool

    @property
    def fixed(self) -> dict[str, Size]:
        """The sizes that are written as numbers, by how they are written."""
        return {letter: int(letter) for core in self.operands for letter in core if letter.isdigit()}

    def accepts(self, ranks: Sequence[int]) -> bool:
        """Whether operands of these ranks fit. A vector beside a matrix has no batch axes: in `...(m,k),(k)->(m)`
        an array with two axes would be read as a stack of vectors, where NumPy sees a matrix."""
        largest = max(map(len, self.operands), default=0)
        return all(
            rank == len(core) or (self.batched and rank > len(core) and (len(core) != 1 or largest == 1))
            for rank, core in zip(ranks, self.operands, strict=True)
        )


@cache
def read_signature(text: str) -> tuple[Alternative, ...]:
    """Read a gufunc signature with alternatives: `"(m,k),(k)->(m) | ...(m,k),(k,n)->(m,n)"`.

    `...` in front of an alternative says that leading (batch) axes are allowed and broadcast; a number is a size.
    """
    return tuple(_read_alternative(part.strip()) for part in text.split("|"))


def apply_signature(name: str, signature: str, shapes: Sequence[Shape]) -> Shape:
    """Return the result's shape under the first alternative that fits; ShapeError that shows the shapes."""
    alternatives = read_signature(signature)
    for alternative in alternatives:
        shape = _match(alternative, shapes)
        if shape is not None:
            return shape
    found = " and ".join(map(shape_text, shapes))
    wanted = " or ".join(dict.fromkeys(", ".join(map(_core_text, a.operands)) for a in alternatives))
    raise ShapeError(f"{name} of {found} is not defined; it takes {wanted}")


def _core_text(core: tuple[str, ...]) -> str:
    return shape_text(core)  # type: ignore[arg-type]  # letters stand for sizes here


def _read_alternative(text: str) -> Alternative:
    batched = text.startswith("...")
    left, right = text.removeprefix("...").split("->")
    operands = [part.strip("( ") for part in left.split(")")[:-1]]
    cores = [tuple(filter(None, part.lstrip(",( ").split(","))) for part in operands]
    return Alternative(tuple(cores), tuple(filter(None, right.strip("() ").split(","))), batched)


def _match(alternative: Alternative, shapes: Sequence[Shape]) -> Shape | None:
    if not alternative.accepts([len(shape) for shape in shapes]):
        return None
    sizes = alternative.fixed
    batches: list[Shape] = []
    for core, shape in zip(alternative.operands, shapes, strict=True):
        split = len(shape) - len(core)
        batches.append(shape[:split])
        for letter, size in zip(core, shape[split:], strict=True):
            if sizes.setdefault(letter, size) != size:
                return None
    try:
        front = broadcast(*batches)
    except ShapeError:
        return None
    return front + tuple(sizes[letter] for letter in alternative.result)
