"""Strips: statements that run over the rows of one size are taken together, some rows at a time.

What one statement hands to the next then stays in the cache, and only a strip of it is ever held: a logistic loss
reads its matrix once for value and gradient, and a masked factorisation holds a few rows of the product.

A statement can be cut along an axis of extent n when whatever it stores has its place in the row it belongs to. It
joins the strip of a statement it reads from when it reads just the same rows; what is summed over the rows is whole
only after the strip. The number of rows is chosen when the sizes are known (`Block`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from symgrad.core.dims import Dim, Shape, Size, element_count, named, substitute
from symgrad.lowering.addressing import row_major
from symgrad.lowering.kernel_ir import (
    Access,
    Affine,
    Block,
    Buffer,
    BufferKind,
    Call,
    Fill,
    Inside,
    Load,
    Loop,
    Matmul,
    Program,
    Recur,
    Statement,
    Strip,
    accesses,
)


def cut_into_strips(program: Program, loose: Mapping[int, tuple[Size, ...]]) -> Program:
    """Return the program with strips along the size that gains most, or the program itself.

    `loose` names the strides of buffers whose layout is still open.
    """
    plans = [_Plan(program, name, loose) for name in program.dims]
    best = max(plans, key=_gain, default=None)
    return program if best is None or best.gain == 0 else best.program()


def _gain(plan: _Plan) -> int:
    return plan.gain


@dataclass(frozen=True, slots=True)
class Cut:
    """An axis of a statement that runs over the rows, `factor` steps for each row.

    `reads` and `writes` say how far each access moves in a step, in the order of `accesses`.
    """

    axis: int
    factor: Size
    reads: tuple[Size, ...]
    writes: tuple[Size, ...]


def cuts(statement: Statement, name: str) -> list[Cut]:
    """Return the axes along which a statement can be cut into rows of the size `name`; none where it uses tables."""
    if any(access.through is not None for access in _touched(statement)):
        return []
    found = []
    for axis, extent in enumerate(_extents(statement)):
        factor = _divide(extent, name)
        if factor is not None:
            found.append(Cut(axis, factor, *_strides(statement, axis)))
    return found


def _extents(statement: Statement) -> Shape:
    match statement:
        case Loop(extents) | Recur(extents):
            return extents
        case Matmul():
            return (*statement.batch, statement.rows, statement.inner, statement.columns)
        case Call():
            return statement.batch
        case _:
            return ()


def _strides(statement: Statement, axis: int) -> tuple[tuple[Size, ...], tuple[Size, ...]]:
    """Return how the accesses of a statement move along an axis of `_extents`: those it reads, those it writes."""
    if isinstance(statement, Matmul) and axis >= len(statement.batch):
        a, b, c = (x.at.strides[-2:] for x in (statement.a, statement.b, statement.c))
        moves: tuple[tuple[Size, Size, Size], ...] = ((a[0], 0, c[0]), (a[1], b[0], 0), (0, b[1], c[1]))
        left, right, result = moves[axis - len(statement.batch)]
        return (left, right), (result,)
    read, written = accesses(statement)
    return tuple(x.at.strides[axis] for x in read), tuple(x.at.strides[axis] for x in written)


def _divide(extent: Size, name: str) -> Size | None:
    """Return q with extent = name*q, if there is one."""
    if not isinstance(extent, Dim):
        return None
    quotient: Size = 0
    for monomial, coefficient in extent.terms:
        if name not in monomial:
            return None
        rest = list(monomial)
        rest.remove(name)
        quotient = quotient + (Dim(((tuple(rest), coefficient),)) if rest else coefficient)
    return quotient


class _Plan:
    """What the strips along one size would be.

    Statements that are not cut run in phase k before strip k. A statement is in the phase of what it depends on, in the
    next one when it needs the whole of what a strip makes.
    """

    def __init__(self, program: Program, name: str, loose: Mapping[int, tuple[Size, ...]]) -> None:
        self.name, self._program, self._loose = name, program, loose
        self._row_strides = [
            _row_stride(buffer.shape, loose.get(position, row_major(buffer.shape)), name)
            for position, buffer in enumerate(program.buffers)
        ]
        self._cuts: list[Cut | None] = []
        self._phases: list[int] = []
        self._writers: dict[int, list[int]] = {}
        for statement in program.statements:
            self._place(statement)
        self._phase_fills()
        self._aligned = self._aligned_by_buffer()
        self._shrunk = {k for k in range(len(program.buffers)) if self._shrinks(k)}
        self._kept = self._worthwhile()
        self._shrunk = {k for k in self._shrunk if self._phases[self._aligned[k][0]] in self._kept}
        self.gain = self._gain()

    def program(self) -> Program:
        """Return the program in strips."""
        block = self._block()
        statements: list[Statement] = []
        for phase in range(max(self._phases) + 1):
            inside, outside = self._members(phase)
            statements += [self._program.statements[k] for k in outside]
            if inside:
                statements += self._zeroed(inside)
                statements.append(Strip(self.name, tuple(self._cut(k) for k in inside)))
        buffers = tuple(self._narrow(k, buffer) for k, buffer in enumerate(self._program.buffers))
        return Program(buffers, tuple(statements), self._program.nonempty, block=block)

    def _place(self, statement: Statement) -> None:
        position = len(self._phases)
        if isinstance(statement, Fill):
            self._cuts.append(None)
            self._phases.append(0)
            return
        found: list[tuple[Cut | None, int]] = [(None, self._phase(statement, None))]
        found += [(cut, self._phase(statement, cut)) for cut in cuts(statement, self.name)]
        cut, phase = min(found, key=lambda option: (option[1], -self._count_aligned(statement, option[0])))
        self._cuts.append(cut)
        self._phases.append(phase)
        for access in accesses(statement)[1]:
            self._writers.setdefault(access.buffer, []).append(position)

    def _phase(self, statement: Statement, cut: Cut | None) -> int:
        phase = 0
        for access, aligned in self._alignment(statement, cut):
            for writer in self._writers.get(access.buffer, ()):
                together = aligned and self._writes_rows(writer, access.buffer)
                phase = max(phase, self._phases[writer] + (self._cuts[writer] is not None and not together))
        return phase

    def _alignment(self, statement: Statement, cut: Cut | None) -> list[tuple[Access, bool]]:
        """Return the accesses of a statement, and whether each stays in the row that is worked on."""
        read, written = accesses(statement)
        if cut is None:
            return [(access, False) for access in (*read, *written)]
        moves = zip((*read, *written), (*cut.reads, *cut.writes), strict=True)
        return [(access, stride * cut.factor == self._row_strides[access.buffer]) for access, stride in moves]

    def _count_aligned(self, statement: Statement, cut: Cut | None) -> int:
        return -1 if cut is None else sum(aligned for _, aligned in self._alignment(statement, cut))

    def _writes_rows(self, writer: int, buffer: int) -> bool:
        found = self._alignment(self._program.statements[writer], self._cuts[writer])
        return all(aligned for access, aligned in found if access.buffer == buffer)

    def _phase_fills(self) -> None:
        """Let a buffer be filled in the phase of its first use."""
        first: dict[int, int] = {}
        for position, statement in enumerate(self._program.statements):
            if not isinstance(statement, Fill):
                for access in _touched(statement):
                    first[access.buffer] = min(first.get(access.buffer, self._phases[position]), self._phases[position])
        for position, statement in enumerate(self._program.statements):
            if isinstance(statement, Fill):
                self._phases[position] = first.get(statement.buffer, 0)

    def _aligned_by_buffer(self) -> dict[int, list[int]]:
        """Return for each buffer the statements that use it in their rows; none if any uses it otherwise."""
        found: dict[int, list[int]] = {}
        spoilt: set[int] = set()
        for position, statement in enumerate(self._program.statements):
            for access, aligned in self._alignment(statement, self._cuts[position]):
                found.setdefault(access.buffer, []).append(position)
                if not aligned:
                    spoilt.add(access.buffer)
        return {buffer: users for buffer, users in found.items() if buffer not in spoilt}

    def _shrinks(self, buffer: int) -> bool:
        """Say whether a strip of the buffer is enough."""
        shape = self._program.buffers[buffer].shape
        if self._program.buffers[buffer].kind is not BufferKind.WORK or buffer not in self._aligned:
            return False
        axis = shape.index(named(self.name))
        others = (*shape[:axis], *shape[axis + 1 :])
        if (
            buffer not in self._loose
            and axis
            and any(isinstance(size, Dim) and self.name in size.names() for size in others)
        ):
            return False
        return len({self._phases[position] for position in self._aligned[buffer]}) == 1

    def _worthwhile(self) -> set[int]:
        """Return the phases whose strip holds back a matrix, or reads one only once."""
        found: set[int] = set()
        for buffer in self._saved():
            phases = [self._phases[position] for position in self._aligned[buffer]]
            found |= {phase for phase in phases if phases.count(phase) > 1}
        return found

    def _saved(self) -> list[int]:
        """Return the buffers of several axes that are narrowed, or given and used more than once."""
        given = {k for k in self._aligned if self._program.buffers[k].kind is BufferKind.INPUT}
        return [k for k in self._aligned if k in self._shrunk | given and len(self._program.buffers[k].shape) > 1]

    def _gain(self) -> int:
        """Count the axes of what is saved; less one for each array whose rows do not come first."""
        gain = 0
        for buffer, users in self._aligned.items():
            shape = self._program.buffers[buffer].shape
            phases = [phase for position in users if (phase := self._phases[position]) in self._kept]
            if buffer in self._saved() and len(phases) > len(set(phases)):
                gain += len(shape)
            if phases and buffer not in self._shrunk and shape[0] != named(self.name):
                gain -= 1
        return max(gain, 0)

    def _members(self, phase: int) -> tuple[list[int], list[int]]:
        """Return the statements of a phase inside of its strip, and those before it."""
        inside: list[int] = []
        outside: list[int] = []
        for position, statement in enumerate(self._program.statements):
            if self._phases[position] != phase:
                continue
            cut = self._cuts[position] is not None or (isinstance(statement, Fill) and statement.buffer in self._shrunk)
            (inside if cut and phase in self._kept else outside).append(position)
        return inside, outside

    def _zeroed(self, inside: Sequence[int]) -> list[Statement]:
        """Return what sets to zero the products that are summed over the rows."""
        found: list[Statement] = []
        for position in inside:
            statement, cut = self._program.statements[position], self._cuts[position]
            if isinstance(statement, Matmul) and cut is not None and cut.axis == len(statement.batch) + 1:
                found.append(Fill(statement.c.buffer, 0.0))
        return found

    def _narrow(self, position: int, buffer: Buffer) -> Buffer:
        if position not in self._shrunk:
            return buffer
        axis = buffer.shape.index(named(self.name))
        return replace(buffer, shape=(*buffer.shape[:axis], named(f"{self.name}.block"), *buffer.shape[axis + 1 :]))

    def _block(self) -> Block:
        row: Size = 0
        for buffer, users in self._aligned.items():
            if any(self._phases[position] in self._kept for position in users):
                shape = self._program.buffers[buffer].shape
                axis = shape.index(named(self.name))
                row = row + element_count((*shape[:axis], *shape[axis + 1 :]))
        return Block(self.name, row, tuple(dict.fromkeys(self._products())))

    def _products(self) -> list[tuple[Size, Size]]:
        found = []
        for statement, cut, phase in zip(self._program.statements, self._cuts, self._phases, strict=True):
            if isinstance(statement, Matmul) and cut is not None and phase in self._kept:
                sizes = [statement.rows, statement.inner, statement.columns]
                if cut.axis >= len(statement.batch):
                    del sizes[cut.axis - len(statement.batch)]
                    found.append((sizes[0], sizes[1]))
        return found

    def _cut(self, position: int) -> Statement:
        """Return a statement over the rows of one strip."""
        statement, cut = self._program.statements[position], self._cuts[position]
        if cut is None:
            return statement
        rows = named(f"{self.name}.rows") * cut.factor
        match statement:
            case Loop(extents, body, effects):
                items = tuple(
                    replace(item, source=self._moved(item.source, cut, item.source.at.strides[cut.axis]))
                    if isinstance(item, Load)
                    else Inside(self._shifted(item.at, cut, item.at.strides[cut.axis]))
                    if isinstance(item, Inside)
                    else item
                    for item in body
                )
                done = tuple(
                    replace(effect, target=self._moved(effect.target, cut, effect.target.at.strides[cut.axis]))
                    for effect in effects
                )
                return Loop(_with(extents, cut.axis, rows), items, done)
            case Matmul():
                sizes = _with(_extents(statement), cut.axis, rows)
                a, b = (self._moved(x, cut, s) for x, s in zip((statement.a, statement.b), cut.reads, strict=True))
                c = self._moved(statement.c, cut, cut.writes[0])
                summed = cut.axis == len(statement.batch) + 1
                return Matmul(sizes[:-3], sizes[-3], sizes[-2], sizes[-1], a, b, c, statement.accumulate or summed)
            case Call():
                operands = tuple(self._moved(x, cut, s) for x, s in zip(statement.operands, cut.reads, strict=True))
                result = self._moved(statement.result, cut, cut.writes[0])
                return replace(
                    statement, batch=_with(statement.batch, cut.axis, rows), operands=operands, result=result
                )
            case Recur():
                a, b = (self._moved(x, cut, s) for x, s in zip((statement.a, statement.b), cut.reads, strict=True))
                c = self._moved(statement.c, cut, cut.writes[0])
                return replace(statement, extents=_with(statement.extents, cut.axis, rows), a=a, b=b, c=c)
            case _:
                raise AssertionError(f"{type(statement).__name__} was cut")

    def _moved(self, access: Access, cut: Cut, stride: Size) -> Access:
        """Return the access from the first row of the strip on."""
        if access.buffer not in self._shrunk:
            return replace(access, at=self._shifted(access.at, cut, stride))
        if access.buffer in self._loose or self._program.buffers[access.buffer].shape[0] == named(self.name):
            return access  # strides are still names, or the rows come first: none depends on how many there are
        new = {self.name: named(f"{self.name}.block")}
        at = Affine(substitute(access.at.offset, new), tuple(substitute(s, new) for s in access.at.strides))
        return replace(access, at=at)

    def _shifted(self, at: Affine, cut: Cut, stride: Size) -> Affine:
        start = named(f"{self.name}.start")
        return replace(at, offset=at.offset + start * cut.factor * stride)


def _touched(statement: Statement) -> list[Access]:
    read, written = accesses(statement)
    return [*read, *written]


def _with(sizes: Shape, axis: int, size: Size) -> Shape:
    return (*sizes[:axis], size, *sizes[axis + 1 :])


def _row_stride(shape: Shape, strides: tuple[Size, ...], name: str) -> Size | None:
    """Return the step from row to row in an array; None if it has no rows of this size."""
    return strides[shape.index(named(name))] if named(name) in shape else None
