"""From expressions to a kernel program: stages, then one loop for all values over the same extents."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.core.collector import collector_paused
from symgrad.core.dims import Shape, Size, element_count
from symgrad.core.expr import Apply, Expr, Input
from symgrad.core.numeric import (
    AddAt,
    Along,
    Concatenate,
    Constants,
    Contract,
    IndexMap,
    Instruction,
    Recurrence,
    Reduce,
    Routine,
    Scatter,
    Table,
)
from symgrad.core.shapes import broadcast
from symgrad.core.traversal import expand
from symgrad.errors import OperandError
from symgrad.lowering.addressing import constant, identity, linear, loop_extents, row_major, through_index
from symgrad.lowering.arithmetic import cheapen
from symgrad.lowering.assembly import scale_before_placing
from symgrad.lowering.bodies import BodyBuilder
from symgrad.lowering.contraction import operand_address, product, view_base
from symgrad.lowering.factors import share_factors
from symgrad.lowering.interpreting import LONGEST_COMPILED, interpret
from symgrad.lowering.kernel_ir import (
    Access,
    Accumulate,
    Affine,
    Buffer,
    BufferKind,
    Call,
    Fill,
    Load,
    Loop,
    Number,
    Program,
    Recur,
    Statement,
    Store,
)
from symgrad.lowering.layouts import choose_layouts, loose_strides
from symgrad.lowering.liveness import share_slots
from symgrad.lowering.schedule import Role, Schedule, make_schedule
from symgrad.lowering.shifting import join_shifted
from symgrad.lowering.straightline import split
from symgrad.lowering.strips import cut_into_strips
from symgrad.lowering.twins import share_transposes

_LONGEST_BODY = 400  # items in the body of a loop over arrays; more is split into several loops
_IDENTITY = {
    Instruction.ADD: 0.0,
    Instruction.MUL: 1.0,
    Instruction.MAXIMUM: float("-inf"),
    Instruction.MINIMUM: float("inf"),
}


def lower(outputs: Sequence[Expr], inputs: Sequence[Input], tuned: bool = True, factored: bool = True) -> Program:
    """Return the kernel program that computes `outputs` from `inputs`, in this order.

    A `tuned` one is cut into strips, and its work buffers lie as is fastest; else every buffer is row-major. In a
    `factored` one inverses, solutions and determinants of a matrix are read from its factors; else they are calls.

    Raises OperandError for an input that is missing in `inputs`, and for an op that has no kernel.
    """
    with collector_paused():
        return _Lowering(_prepared(outputs, factored), inputs).program(tuned)


def _prepared(outputs: Sequence[Expr], factored: bool) -> list[Expr]:
    """Return the outputs in terms of ops with kernels, what can be shared computed once."""
    shared = share_transposes(expand(outputs, _definition))
    if factored:
        shared = expand(share_factors(shared), _definition)
    return scale_before_placing(cheapen(shared))


def _definition(node: Apply) -> Expr | None:
    return node.op.expand(node) if node.op.numeric_form(node) is None and node.op.expand else None


class _Lowering:
    def __init__(self, outputs: Sequence[Expr], inputs: Sequence[Input]) -> None:
        self.outputs = outputs
        self.schedule: Schedule = make_schedule(outputs)
        self.buffers: list[Buffer] = []
        self.statements: list[Statement] = []
        self.nonempty: dict[Size, None] = {}
        self.memory: dict[Expr, int] = {}
        self.complete: set[Expr] = set()
        self.loose: dict[int, tuple[Size, ...]] = {}  # strides of the buffers whose layout is chosen in the end
        self.tables: dict[Table, int] = {}
        for given in inputs:
            self.memory[given] = self._buffer(BufferKind.INPUT, given.shape, given.name)
            self.complete.add(given)
        for node in self.schedule.order:
            if isinstance(node, Input) and node not in self.memory:
                raise OperandError(f"the input {node.name} is used but not among the inputs of the kernel")
            if isinstance(form := self.schedule.forms.get(node), Constants):
                self.memory[node] = self._table(form.table)
                self.complete.add(node)

    def program(self, tuned: bool) -> Program:
        """Return the finished program."""
        copies = self._place_outputs()
        for node in reversed(self.schedule.order):  # a sum and the term that is there first have one memory
            if node in self.schedule.added:
                if node not in self.memory:
                    self.memory[node] = self._buffer(BufferKind.WORK, node.shape)
                self.memory[node.operands[1 - self.schedule.added[node]]] = self.memory[node]
        fixed = self._fixed(copies)
        for node in self.schedule.order:
            if node in self.schedule.stored and node not in self.memory:
                buffer = self.memory[node] = self._buffer(BufferKind.WORK, node.shape)
                if node not in fixed and len(loop_extents(node.shape)) > 1:
                    self.loose[buffer] = loose_strides(buffer, node.shape)
        for group in self._groups():
            self._emit_group(group)
        for node, buffer in copies:
            self._copy(node, buffer)
        program = Program(tuple(self.buffers), tuple(self.statements), tuple(self.nonempty))
        if tuned:
            program = cut_into_strips(program, self.loose)
        return share_slots(join_shifted(choose_layouts(program, self.loose, tuned)))

    def _buffer(self, kind: BufferKind, shape: Shape, name: str = "") -> int:
        self.buffers.append(Buffer(kind, shape, name))
        return len(self.buffers) - 1

    def _table(self, table: Table) -> int:
        if table not in self.tables:
            self.buffers.append(Buffer(BufferKind.TABLE, (len(table.values()),), table=table))
            self.tables[table] = len(self.buffers) - 1
        return self.tables[table]

    def _place_outputs(self) -> list[tuple[Expr, int]]:
        """Give each output its buffer; return those that have to be copied from other memory at the end."""
        copies = []
        for node in self.outputs:
            buffer = self._buffer(BufferKind.OUTPUT, node.shape)
            if node in self.schedule.stored and node not in self.memory:
                self.memory[node] = buffer
            else:
                copies.append((node, buffer))
        return copies

    def _fixed(self, copies: list[tuple[Expr, int]]) -> set[Expr]:
        """Return the nodes whose elements must lie in row-major order: something reads or writes them as a whole."""
        found = {node for node, _ in copies}
        for node in self.schedule.order:
            if isinstance(self.schedule.forms.get(node), Routine) or self.schedule.roles[node] is Role.ALIAS:
                found.update((node, *node.operands))
        return found

    def _strides(self, node: Expr) -> tuple[Size, ...]:
        """Return the strides of the memory of a node, by name while its layout is open."""
        return (
            self.loose.get(self.memory[node], row_major(node.shape)) if node in self.memory else row_major(node.shape)
        )

    def _groups(self) -> list[list[Expr]]:
        """Return the stored nodes, in order, grouped where one loop can compute them."""
        groups: dict[tuple[object, ...], list[Expr]] = {}
        for position, node in enumerate(self.schedule.order):
            if node not in self.schedule.stored:
                continue
            stage, form = self.schedule.stage[node], self.schedule.forms.get(node)
            if isinstance(form, Contract | Routine | Recurrence | Concatenate) or node in self.schedule.added:
                groups[stage, 1, 0, position] = [node]
                continue
            extents = loop_extents(self._loop_shape(node))
            through_table = isinstance(form, AddAt)  # such a loop is not vectorised: nothing else belongs into it
            groups.setdefault((stage, 0, len(extents), extents, through_table), []).append(node)
        return [groups[key] for key in sorted(groups, key=lambda key: key[:3])]

    def _loop_shape(self, node: Expr) -> Shape:
        form = self.schedule.forms.get(node)
        return node.operands[0].shape if isinstance(form, Reduce | Scatter | AddAt) else node.shape

    def _emit_group(self, group: list[Expr]) -> None:
        if group[0] in self.schedule.added:
            self._emit_added(group[0])
            self.complete.add(group[0])
            return
        match self.schedule.forms.get(group[0]):
            case Contract():
                self._emit_product(group[0])
            case Routine() as form:
                self._emit_routine(group[0], form)
            case Recurrence() as form:
                self._emit_recurrence(group[0], form)
            case Concatenate(axis):
                self._emit_concatenation(group[0], axis)
            case _:
                self._emit_loops(group)
        self.complete.update(group)

    def _emit_loops(self, group: list[Expr]) -> None:
        extents = loop_extents(self._loop_shape(group[0]))
        builder = self._builder(extents)
        pending: list[Expr] = []
        for node in group:
            self._add_effect(builder, node)
            pending.append(node)
            if extents and len(builder.items) > _LONGEST_BODY:
                self._finish(builder, pending)
                builder, pending = self._builder(extents), []
        self._finish(builder, pending)

    def _builder(self, extents: Shape) -> BodyBuilder:
        return BodyBuilder(extents, self.schedule, self._complete_memory, self._strides, self._table)

    def _finish(self, builder: BodyBuilder, nodes: list[Expr]) -> None:
        if builder.effects and builder.extents:
            self.statements.append(builder.loop())
        elif builder.effects:
            self.statements.extend(self._straight_line(builder.loop()))
        self.complete.update(nodes)

    def _straight_line(self, loop: Loop) -> Sequence[Statement]:
        if len(loop.body) > LONGEST_COMPILED:
            return interpret(loop, lambda shape: self._buffer(BufferKind.WORK, shape), self._table)
        return split(loop, lambda: self._buffer(BufferKind.WORK, ()))

    def _complete_memory(self, node: Expr) -> int | None:
        """Return the buffer to read `node` from, or None if it has to be computed in place."""
        while self.schedule.roles[node] is Role.ALIAS:
            node = node.operands[0]
        return self.memory[node] if node in self.complete else None

    def _add_effect(self, builder: BodyBuilder, node: Expr) -> None:
        buffer, rank = self.memory[node], builder.rank
        match self.schedule.forms.get(node):
            case Reduce(combine, axes, keepdims) as form:
                operand = node.operands[0]
                where = identity(operand.shape)
                kept = tuple(at for axis, at in enumerate(where) if axis not in axes)
                strides = [s for axis, s in enumerate(self._strides(node)) if not keepdims or axis not in axes]
                self._begin_reduction(form, operand.shape, buffer)
                target = Access(buffer, linear(tuple(strides), kept, rank))
                builder.effects.append(Accumulate(target, combine, builder.value(operand, where)))
            case Scatter(index):
                operand = node.operands[0]
                where = identity(operand.shape)
                self._clear_around(node, index, buffer)
                target = Access(buffer, linear(self._strides(node), through_index(index, where, rank), rank))
                builder.effects.append(Store(target, builder.value(operand, where)))
            case AddAt(table):
                operand = node.operands[0]
                where = identity(operand.shape)
                self.statements.append(Fill(buffer, 0.0))
                target = Access(buffer, linear(row_major(operand.shape), where, rank), self._table(table))
                builder.effects.append(Accumulate(target, Instruction.ADD, builder.value(operand, where)))
            case _:
                where = identity(node.shape)
                target = Access(buffer, linear(self._strides(node), where, rank))
                builder.effects.append(Store(target, builder.value(node, where)))

    def _clear_around(self, node: Expr, index: IndexMap, buffer: int) -> None:
        """Set to zero what an array that is put into place does not cover: rows before and after it, or everything."""
        (operand,) = node.operands
        whole_rows = index[1:] == tuple(Along(axis) for axis in range(1, node.ndim))
        if (
            operand.shape[1:] != node.shape[1:]
            or not whole_rows
            or (index[0].axis, index[0].step) != (0, 1)
            or buffer in self.loose
        ):
            self.statements.append(Fill(buffer, 0.0))
            return
        row = element_count(node.shape[1:])
        end = index[0].offset + operand.shape[0]
        for start, count in ((0, index[0].offset), (end, node.shape[0] - end)):
            extents = loop_extents((count * row,))
            at = Affine(start * row, (1,) * len(extents))
            if count != 0:
                self.statements.append(Loop(extents, (Number(0.0),), (Store(Access(buffer, at), 0),)))

    def _emit_added(self, node: Expr) -> None:
        """Add the term that is put into place to what is there."""
        placed = node.operands[self.schedule.added[node]]
        form, (operand,) = self.schedule.forms[placed], placed.operands
        assert isinstance(form, Scatter)
        builder = self._builder(loop_extents(operand.shape))
        where = identity(operand.shape)
        target = Access(
            self.memory[node], linear(self._strides(node), through_index(form.index, where, builder.rank), builder.rank)
        )
        value = builder.value(operand, where)
        if self.schedule.forms[node] is Instruction.SUB:
            value = builder.negated(value)
        builder.effects.append(Accumulate(target, Instruction.ADD, value))
        self._finish(builder, [])

    def _begin_reduction(self, form: Reduce, shape: Shape, buffer: int) -> None:
        self.statements.append(Fill(buffer, _IDENTITY[form.combine]))
        if form.combine in (Instruction.MAXIMUM, Instruction.MINIMUM):
            count = element_count(tuple(shape[axis] for axis in form.axes))
            if count != 1:
                self.nonempty[count] = None

    def _emit_product(self, node: Expr) -> None:
        a, b = node.operands
        target = Access(self.memory[node], Affine(0, self._strides(node)))
        self.statements.append(product(a, b, node, self._read_operand, target))

    def _read_operand(self, node: Expr) -> Access:
        base = view_base(node, self.schedule.forms)
        return Access(self._whole(base), operand_address(node, base, self._strides(base), self.schedule.forms))

    def _whole(self, node: Expr) -> int:
        buffer = self._complete_memory(node)
        if buffer is None:
            raise AssertionError(f"{node!r} is needed as a whole before it is complete")
        return buffer

    def _emit_routine(self, node: Expr, form: Routine) -> None:
        matrix, *right = node.operands
        vector = bool(right) and right[0].ndim == 1
        batch = broadcast(*(x.shape[: x.ndim - (1 if x.ndim == 1 else 2)] for x in node.operands))
        columns = right[0].shape[-1] if right and not vector else matrix.shape[-2] if form.rectangular else 1
        operands = [self._batched(matrix, self._whole(matrix), 2, batch)]
        operands += [self._batched(x, self._whole(x), 1 if vector else 2, batch) for x in right]
        result = self._batched(node, self.memory[node], node.ndim - len(batch), batch)
        self.statements.append(Call(form.name, batch, matrix.shape[-1], columns, tuple(operands), result))

    def _emit_recurrence(self, node: Expr, form: Recurrence) -> None:
        a, b = (Access(self._whole(x), _along_last(x.shape, self._strides(x), node.shape, form)) for x in node.operands)
        c = Access(self.memory[node], _along_last(node.shape, self._strides(node), node.shape, form))
        extents = node.shape[: form.axis] + node.shape[form.axis + 1 :]
        self.statements.append(Recur(extents, node.shape[form.axis], form.initial, a, b, c))

    def _emit_concatenation(self, node: Expr, axis: int) -> None:
        """One loop for each operand, which computes it in the part of the result that is its own."""
        strides = self._strides(node)
        start: Size = 0
        for x in node.operands:
            builder = self._builder(loop_extents(x.shape))
            where = identity(x.shape)
            at = constant(start * strides[axis], builder.rank)
            for stride, position in zip(strides, where, strict=True):
                at = at.plus(position.scaled(stride))
            builder.effects.append(Store(Access(self.memory[node], at), builder.value(x, where)))
            self._finish(builder, [])
            start = start + x.shape[axis]

    def _batched(self, node: Expr, buffer: int, core: int, batch: Shape) -> Access:
        front = node.shape[: node.ndim - core]
        strides = row_major(node.shape)[: len(front)]
        kept = tuple(0 if size == 1 else stride for size, stride in zip(front, strides, strict=True))
        return Access(buffer, Affine(0, (0,) * (len(batch) - len(front)) + kept))

    def _copy(self, node: Expr, target: int) -> None:
        extents = (element_count(node.shape),) if node.shape else ()
        at = Affine(0, (1,) * len(extents))
        source = self._complete_memory(node)
        assert source is not None
        self.statements.append(Loop(extents, (Load(Access(source, at)),), (Store(Access(target, at), 0),)))


def _along_last(shape: Shape, steps: tuple[Size, ...], result: Shape, form: Recurrence) -> Affine:
    """Return the address of an operand over the axes of the result, that of the recurrence last and in its order."""
    kept = tuple(0 if size == 1 else stride for size, stride in zip(shape, steps, strict=True))
    strides = (0,) * (len(result) - len(shape)) + kept
    step, others = strides[form.axis], strides[: form.axis] + strides[form.axis + 1 :]
    if form.reverse:
        return Affine((result[form.axis] - 1) * step, (*others, -step))
    return Affine(0, (*others, step))
