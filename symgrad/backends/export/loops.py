"""A kernel program as the body of a Python function of plain loops, which Numba compiles.

Arrays are indexed by their axes where a loop runs over whole axes, and by the position in memory (`X_flat`) elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from symgrad.backends.export.routines import ROUTINES, Routine
from symgrad.backends.export.scalars import Text, address_text, flag, number, scalar
from symgrad.core.dims import Dim, Shape, Size, element_count
from symgrad.core.numeric import Instruction
from symgrad.errors import OperandError
from symgrad.lowering.addressing import row_major
from symgrad.lowering.kernel_ir import (
    Access,
    Accumulate,
    Affine,
    Buffer,
    BufferKind,
    Call,
    Compute,
    Effect,
    Fill,
    Inside,
    Load,
    Loop,
    Matmul,
    Number,
    Program,
    Recur,
    SizeNumber,
    Statement,
    Store,
    accesses,
)
from symgrad.syntax.identifiers import is_long, is_wide, shape_source, size_text, slice_text
from symgrad.syntax.python_source import Scope

_INDICES = "ijklpqrs"
_START = {
    Instruction.ADD: 0.0,
    Instruction.MUL: 1.0,
    Instruction.MAXIMUM: float("-inf"),
    Instruction.MINIMUM: float("inf"),
}


@dataclass(frozen=True, slots=True)
class Batch:
    """The loops around a product or a routine, and their indices."""

    extents: Shape
    indices: Sequence[str]

    def start(self, access: Access) -> Affine:
        """Return where the matrix begins, as a function of the indices."""
        return Affine(access.at.offset, access.at.strides[: len(self.extents)])


@dataclass(slots=True)
class LoopWriter:
    """Writes the statements of a program; `outputs` names its outputs."""

    program: Program
    scope: Scope
    outputs: Sequence[str]
    lines: list[str] = field(default_factory=list)
    needed: dict[str, None] = field(default_factory=dict)  # names of sizes
    functions: dict[str, None] = field(default_factory=dict)  # definitions that the lines call
    specials: dict[tuple[str, int], str] = field(default_factory=dict)  # functions of scipy.special
    _names: dict[int, str] = field(default_factory=dict)
    _flat: dict[str, str] = field(default_factory=dict)  # by the name of an array, that of its memory as one row
    _made: dict[str, int] = field(default_factory=dict)  # by the name of an array, the number of its line
    _indices: list[str] = field(default_factory=list)
    _depth: int = 0

    def write(self) -> list[str]:
        """Return the lines of the body, without the lines that read sizes and the one that returns the outputs.

        OperandError for what has no Python source.
        """
        self._name_buffers()
        for statement in self.program.statements:
            self._allocate(statement)
            self._statement(statement)
        for name in sorted(self._made.keys() & self._flat.keys(), key=self._made.__getitem__, reverse=True):
            self.lines.insert(self._made[name] + 1, f"{self._flat[name]} = {name}.ravel()")
        views = [f"{flat} = {name}.ravel()" for name, flat in self._flat.items() if name not in self._made]
        return [*views, *self.lines]

    def _name_buffers(self) -> None:
        """Work buffers that share memory share a name, unless one is an array of another shape."""
        outputs = iter(self.outputs)
        slots: dict[tuple[int, Shape], str] = {}
        for position, buffer in enumerate(self.program.buffers):
            match buffer.kind:
                case BufferKind.INPUT:
                    self._names[position] = self.scope.variables[buffer.name]
                case BufferKind.OUTPUT:
                    self._names[position] = next(outputs)
                case BufferKind.WORK:
                    key = buffer.slot, () if self._is_number(position) else buffer.shape
                    if key not in slots:
                        slots[key] = self.scope.identifiers.numbered("t")
                    self._names[position] = slots[key]

    def _is_number(self, buffer: int) -> bool:
        """Whether a buffer is a variable: a scalar, or a work array of one element."""
        place = self.program.buffers[buffer]
        return not place.shape or (place.kind is BufferKind.WORK and element_count(place.shape) == 1)

    def _buffer(self, access: Access) -> Buffer:
        return self.program.buffers[access.buffer]

    # --- lines ---

    def _line(self, text: str) -> None:
        self.lines.append("    " * self._depth + text)

    @contextmanager
    def _loops(self, extents: Sequence[Size]) -> Iterator[list[str]]:
        """Open a loop for each extent and give its index; an extent of 1 needs no loop, its index is empty."""
        start, indices = self._depth, list[str]()
        for extent in extents:
            if extent == 1:
                indices.append("")
                continue
            index = self._index(self._depth)
            self._line(f"for {index} in range({self._size(extent)}):")
            self._depth += 1
            indices.append(index)
        yield indices
        self._depth = start

    def _index(self, depth: int) -> str:
        identifiers = self.scope.identifiers
        while len(self._indices) <= depth:
            free = next((letter for letter in _INDICES if identifiers.is_free(letter)), None)
            self._indices.append(identifiers.claim(free) if free else identifiers.numbered("i"))
        return self._indices[depth]

    # --- sizes and addresses ---

    def _size(self, size: Size) -> str:
        if isinstance(size, Dim):
            self.needed.update(dict.fromkeys(size.names()))
        return size_text(size, self.scope.sizes)

    def _shape(self, shape: Shape) -> str:
        for size in shape:
            self._size(size)
        return shape_source(shape, self.scope.sizes)

    def _extent(self, shape: Shape) -> str:
        """Return a shape as np.empty takes it: a number for one axis."""
        return self._size(shape[0]) if len(shape) == 1 else self._shape(shape)

    def _array(self, buffer: int) -> str:
        """Return the name of a buffer's memory as one row."""
        name = self._names[buffer]
        if len(self.program.buffers[buffer].shape) == 1:
            return name
        if name not in self._flat:
            self._flat[name] = self.scope.identifiers.claim(f"{name}_flat")
        return self._flat[name]

    def _element(self, access: Access, indices: Sequence[str], extents: Sequence[Size]) -> str:
        """Return an element as source: by its axes where the loops run over them, else by its address."""
        buffer = self._buffer(access)
        if self._is_number(access.buffer):
            return self._names[access.buffer]
        axes = _along_axes(access.at, buffer.shape, extents)
        if axes is not None:
            inside = ", ".join("0" if k is None else indices[k] or "0" for k in axes)
            return f"{self._names[access.buffer]}[{inside}]"
        return f"{self._array(access.buffer)}[{address_text(access.at, indices, self._size)}]"

    # --- statements ---

    def _allocate(self, statement: Statement) -> None:
        """Make the arrays that a statement writes to and that are not there yet."""
        for access in accesses(statement)[1]:
            self._make(access.buffer, f"np.empty({self._extent(self.program.buffers[access.buffer].shape)})")

    def _make(self, buffer: int, text: str) -> bool:
        """Write the line that makes an array, unless it is there or is a number; say whether it was written."""
        name = self._names[buffer]
        if self._is_number(buffer) or name in self._made:
            return False
        self._made[name] = len(self.lines)
        self._line(f"{name} = {text}")
        return True

    def _fill(self, fill: Fill) -> None:
        shape, name = self.program.buffers[fill.buffer].shape, self._names[fill.buffer]
        value = number(fill.value).text
        extent = self._extent(shape)
        made = f"np.zeros({extent})" if fill.value == 0 else f"np.full({extent}, {value})"
        if not self._make(fill.buffer, made):
            self._line(f"{name} = {value}" if self._is_number(fill.buffer) else f"{name}[:] = {value}")

    def _statement(self, statement: Statement) -> None:
        match statement:
            case Loop():
                self._loop(statement)
            case Matmul():
                self._product(statement)
            case Call():
                self._call(statement)
            case Recur():
                self._recurrence(statement)
            case Fill():
                self._fill(statement)
            case _:
                raise OperandError(f"a statement of the kind {type(statement).__name__} cannot be written for Numba")

    def _loop(self, loop: Loop) -> None:
        with self._loops(loop.extents[:-1]) as outer:
            held = self._begin_totals(loop)
            with self._loops(loop.extents[-1:]) as inner:
                self._body(loop, [*outer, *inner], held)
            for effect, total in held.items():
                self._line(
                    _combined(self._element(effect.target, [*outer, ""], (*loop.extents[:-1], 1)), effect, Text(total))
                )

    def _begin_totals(self, loop: Loop) -> dict[Accumulate, str]:
        """Sums over the innermost loop run in variables."""
        held: dict[Accumulate, str] = {}
        if len(loop.extents) < 2:
            return held
        for effect in loop.effects:
            if (
                isinstance(effect, Accumulate)
                and effect.target.at.strides[-1] == 0
                and self._buffer(effect.target).shape
            ):
                held[effect] = self.scope.identifiers.numbered("total")
                self._line(f"{held[effect]} = {number(_START[effect.combine]).text}")
        return held

    def _stands_still(self, target: Access) -> bool:
        return target.at.strides[-1] == 0 and not self._is_number(target.buffer)

    def _body(self, loop: Loop, indices: Sequence[str], held: dict[Accumulate, str]) -> None:
        values = self._values(loop, indices)
        for effect in loop.effects:
            target = held.get(effect) if isinstance(effect, Accumulate) else None
            target = target or self._element(effect.target, indices, loop.extents)
            if is_wide(f"{target}{values[effect.value].text}"):
                values[effect.value] = self._named(values[effect.value])
            self._line(_combined(target, effect, values[effect.value]))

    def _values(self, loop: Loop, indices: Sequence[str]) -> list[Text]:
        """Return the values of a body; those used more than once, and long ones, are named."""
        uses = _uses(loop)
        values: list[Text] = []
        for position, item in enumerate(loop.body):
            text = self._item(loop, position, values, indices)
            while isinstance(item, Compute) and is_wide(text.text):
                longest = max(item.operands, key=lambda k: len(values[k].text))
                if values[longest].text.isidentifier():
                    break
                values[longest] = self._named(values[longest])
                text = self._item(loop, position, values, indices)
            values.append(self._named(text) if uses[position] > 1 and not isinstance(item, Number) else text)
        return values

    def _named(self, value: Text) -> Text:
        if value.text.isidentifier():
            return value
        name = self.scope.identifiers.numbered("v")
        self._line(f"{name} = {value.text}")
        return Text(name)

    def _item(self, loop: Loop, position: int, values: Sequence[Text], indices: Sequence[str]) -> Text:
        match loop.body[position]:
            case Number(value):
                return number(value)
            case SizeNumber(size):
                return Text(f"float({self._size(size)})")
            case Load(source):
                return Text(self._element(source, indices, loop.extents))
            case Inside(at):
                return flag(f"{address_text(at, indices, self._size)} >= 0")
            case Compute(code, operands):
                return scalar(code, [values[k] for k in operands], self._special)
            case item:
                raise OperandError(f"a value of the kind {type(item).__name__} cannot be written for Numba")

    def _special(self, name: str, arity: int) -> str:
        if (name, arity) not in self.specials:
            self.specials[name, arity] = self.scope.identifiers.claim(f"scipy_{name}")
        return self.specials[name, arity]

    def _recurrence(self, recur: Recur) -> None:
        z = self.scope.identifiers.numbered("z")
        with self._loops(recur.extents) as outer:
            self._line(f"{z} = {number(recur.initial).text}")
            index = self._index(self._depth)
            self._line(f"for {index} in range({self._size(recur.length)}):")
            self._depth += 1
            extents = (*recur.extents, recur.length)
            a, b, c = (self._element(x, [*outer, index], extents) for x in (recur.a, recur.b, recur.c))
            self._line(f"{c} = {z}")
            self._line(f"{z} = {a} * {z} + {b}")

    # --- matrices ---

    def _product(self, product: Matmul) -> None:
        rows, inner, columns = product.rows, product.inner, product.columns
        with self._loops(product.batch) as indices:
            batch = Batch(product.batch, indices)
            left = self._matrix(product.a, batch, rows, inner, vector=rows == 1)
            right = self._matrix(product.b, batch, inner, columns, vector=columns == 1)
            if left is None or right is None:
                self._product_by_loops(product, indices)
                return
            shape = tuple(size for size, kept in ((rows, rows != 1), (columns, columns != 1)) if kept)
            self._assign(product.c, batch, shape, "np.dot({}, {})", [left, right], "+=" if product.accumulate else "=")

    def _product_by_loops(self, product: Matmul, batch: Sequence[str]) -> None:
        rows, inner, columns = product.rows, product.inner, product.columns
        total = self.scope.identifiers.numbered("total")
        with self._loops((rows, columns)) as (row, column):
            self._line(f"{total} = 0.0")
            with self._loops((inner,)) as (term,):
                a = self._element(product.a, [*batch, row, term], (*product.batch, rows, inner))
                b = self._element(product.b, [*batch, term, column], (*product.batch, inner, columns))
                self._line(f"{total} += {a} * {b}")
            c = self._element(product.c, [*batch, row, column], (*product.batch, rows, columns))
            self._line(f"{c} {'+=' if product.accumulate else '='} {total}")

    def _matrix(self, access: Access, batch: Batch, rows: Size, columns: Size, vector: bool) -> str | None:
        """Return an operand of a product as source, a vector or a matrix; None where its memory is not contiguous."""
        if self._is_number(access.buffer):
            return None
        *_, row, column = access.at.strides
        if vector:
            step, length = (column, columns) if rows == 1 else (row, rows)
            return self._block(access, batch, (length,)) if step == 1 or length == 1 else None
        if (column == 1 or columns == 1) and (row == columns or rows == 1):
            return self._block(access, batch, (rows, columns))
        if (row == 1 or rows == 1) and (column == rows or columns == 1):
            return f"{self._block(access, batch, (columns, rows))}.T"
        return None

    def _block(self, access: Access, batch: Batch, shape: Shape) -> str:
        """Return a contiguous part of a buffer as an array of this shape."""
        if self._is_number(access.buffer):
            return f"np.full({self._shape(shape)}, {self._names[access.buffer]})"
        whole = self._whole(access, batch, shape)
        if whole:
            return whole
        part = f"{self._array(access.buffer)}[{self._range(access, batch, element_count(shape))}]"
        return part if len(shape) == 1 else f"{part}.reshape({self._shape(shape)})"

    def _whole(self, access: Access, batch: Batch, shape: Shape) -> str:
        """Return a buffer, or the part at the indices of the loops around, if that is an array of this shape."""
        buffer, lead = self._buffer(access), len(self._buffer(access).shape) - len(shape)
        axes = _along_axes(batch.start(access), buffer.shape, batch.extents)
        if lead < 0 or buffer.shape[lead:] != shape or axes is None or any(k is not None for k in axes[lead:]):
            return ""
        inside = ", ".join("0" if k is None else batch.indices[k] for k in axes[:lead])
        return f"{self._names[access.buffer]}[{inside}]" if inside else self._names[access.buffer]

    def _range(self, access: Access, batch: Batch, count: Size) -> str:
        start = batch.start(access)
        first, last = (
            address_text(at, batch.indices, self._size) for at in (start, Affine(start.offset + count, start.strides))
        )
        return slice_text(first, last)

    def _assign(
        self, target: Access, batch: Batch, shape: Shape, call: str, operands: Sequence[str], sign: str = "="
    ) -> None:
        """Write the number or the contiguous array that a call gives into a buffer."""
        place = self._target(target, batch, shape)
        flattened = ".ravel()" if ":" in place and len(shape) > 1 and not place.endswith("[:]") else ""
        if shape and self._is_number(target.buffer):
            flattened = ".ravel()[0]"
        if is_wide(place + call.format(*operands)):
            operands = [self._named(Text(operand)).text if is_long(operand) else operand for operand in operands]
        self._line(f"{place} {sign} {call.format(*operands)}{flattened}")

    def _target(self, target: Access, batch: Batch, shape: Shape) -> str:
        if self._is_number(target.buffer):
            return self._names[target.buffer]
        if not shape:
            return f"{self._array(target.buffer)}[{address_text(batch.start(target), batch.indices, self._size)}]"
        whole = self._whole(target, batch, shape)
        if whole:
            return f"{whole}[:]" if whole.isidentifier() else whole
        return f"{self._array(target.buffer)}[{self._range(target, batch, element_count(shape))}]"

    def _call(self, call: Call) -> None:
        routine = ROUTINES.get(call.name)
        if routine is None:
            raise OperandError(f"the routine {call.name} cannot be written for Numba")
        self.functions.update(dict.fromkeys(routine.definitions))
        core = self._buffer(call.result).shape[len(call.batch) :]
        with self._loops(call.batch) as indices:
            batch = Batch(call.batch, indices)
            shapes = zip(call.operands, _shapes(call, routine), strict=True)
            self._assign(call.result, batch, core, routine.call, [self._block(x, batch, shape) for x, shape in shapes])


def _shapes(call: Call, routine: Routine) -> list[Shape]:
    """Return the shapes of the operands of a routine. One right-hand side is a vector: its memory is the same."""
    n, columns = call.size, call.columns
    matrix: Shape = (columns, n) if routine.rectangular else (n, n)
    right: Shape = (n,) if columns == 1 else (n, columns)
    return [matrix, *[right] * (len(call.operands) - 1)]


def _along_axes(at: Affine, shape: Shape, extents: Sequence[Size]) -> list[int | None] | None:
    """Return which loop runs over each axis of an array (None: it stays at 0); None where that is not so.

    A loop that runs over a whole axis cannot leave it, so the index is in bounds.
    """
    if at.offset != 0:
        return None
    axes: list[int | None] = [None] * len(shape)
    for loop, (step, extent) in enumerate(zip(at.strides, extents, strict=True)):
        if step == 0 or extent == 1:
            continue
        fitting = [
            axis
            for axis, (stride, size) in enumerate(zip(row_major(shape), shape, strict=True))
            if stride == step and size == extent and axes[axis] is None
        ]
        if not fitting:
            return None
        axes[fitting[0]] = loop
    return axes


def _uses(loop: Loop) -> list[int]:
    uses = [0] * len(loop.body)
    for item in loop.body:
        if isinstance(item, Compute):
            for operand in item.operands:
                uses[operand] += 1
    for effect in loop.effects:
        uses[effect.value] += 1
    return uses


def _combined(target: str, effect: Effect, value: Text) -> str:
    """Return the line of an effect."""
    if isinstance(effect, Store):
        return f"{target} = {value.text}"
    match effect.combine:
        case Instruction.ADD:
            return f"{target} += {value.text}"
        case Instruction.MUL:
            return f"{target} *= {value.text}"
        case Instruction.MAXIMUM:
            return f"{target} = np.maximum({target}, {value.text})"
        case Instruction.MINIMUM:
            return f"{target} = np.minimum({target}, {value.text})"
    raise OperandError(f"a reduction by {effect.combine.value} cannot be written for Numba")
