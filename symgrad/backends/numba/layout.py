"""Where each buffer of a program lies among the arrays that a compiled kernel is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from symgrad.core.dims import Shape, Size, element_count, evaluate
from symgrad.lowering.kernel_ir import BufferKind, Program
from symgrad.lowering.liveness import padded


class Region(Enum):
    """An array that a kernel is called with; scalars travel together."""

    ARRAYS = "arrays"  # one of the tuple of inputs and outputs that have axes
    SCALARS = "scalars"  # inputs first, then outputs
    SCRATCH = "scratch"  # single work elements, at the start of the work array
    SLOTS = "slots"  # work arrays, after them
    TABLES = "tables"  # constants in the machine code


@dataclass(frozen=True, slots=True)
class Place:
    """`member` numbers the array of ARRAYS, SLOTS and TABLES; `element` the scalar in the others."""

    region: Region
    member: int = 0
    element: int = 0

    @property
    def base(self) -> tuple[Region, int]:
        """What pointer it is reached from."""
        return self.region, self.member


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of a program's buffers, and the sizes of its work slots."""

    places: tuple[Place, ...]
    array_shapes: tuple[Shape, ...]
    scalar_inputs: tuple[int, ...]  # positions among the inputs
    array_inputs: tuple[int, ...]
    outputs: tuple[Place, ...]
    scalars: int
    scratch: int
    slots: tuple[Size, ...]

    def work_size(self, sizes: Mapping[str, int]) -> int:
        """Return the number of elements of the work array."""
        return evaluate(padded(self.scratch), sizes) + sum(evaluate(padded(size), sizes) for size in self.slots)


def make_layout(program: Program) -> Layout:
    """Assign a place to every buffer."""
    places: dict[int, Place] = {}
    shapes: list[Shape] = []
    scalars = 0
    for kind in (BufferKind.INPUT, BufferKind.OUTPUT):
        for buffer in program.select(kind):
            shape = program.buffers[buffer].shape
            if shape:
                places[buffer] = Place(Region.ARRAYS, member=len(shapes))
                shapes.append(shape)
            else:
                places[buffer] = Place(Region.SCALARS, element=scalars)
                scalars += 1
    scratch: dict[int, int] = {}
    slots: dict[int, Size] = {}
    for buffer in program.select(BufferKind.WORK):
        slot, count = program.buffers[buffer].slot, element_count(program.buffers[buffer].shape)
        if count == 1:
            places[buffer] = Place(Region.SCRATCH, element=scratch.setdefault(slot, len(scratch)))
        else:
            slots[slot] = count
            places[buffer] = Place(Region.SLOTS, member=list(slots).index(slot))
    for member, buffer in enumerate(program.select(BufferKind.TABLE)):
        places[buffer] = Place(Region.TABLES, member=member)
    inputs = program.select(BufferKind.INPUT)
    return Layout(
        places=tuple(places[k] for k in range(len(program.buffers))),
        array_shapes=tuple(shapes),
        scalar_inputs=tuple(k for k, b in enumerate(inputs) if not program.buffers[b].shape),
        array_inputs=tuple(k for k, b in enumerate(inputs) if program.buffers[b].shape),
        outputs=tuple(places[b] for b in program.select(BufferKind.OUTPUT)),
        scalars=scalars,
        scratch=len(scratch),
        slots=tuple(slots.values()),
    )
