"""A small program as straight-line code: every buffer's elements become values, loads and stores between them vanish.

Worth it where the code is then run at many points: a loop over them is one loop, which LLVM vectorises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TypeAlias

from symgrad.core.dims import Dim, Shape, Size, element_count
from symgrad.core.numeric import Instruction, Scalar
from symgrad.lowering.kernel_ir import (
    Access,
    Accumulate,
    Affine,
    BodyItem,
    BufferKind,
    Call,
    Compute,
    Fill,
    Inside,
    Interpret,
    Load,
    Loop,
    Matmul,
    Number,
    Program,
    Recur,
    SizeNumber,
    Statement,
    Strip,
)

STRIPS = "points come before strips: lower(..., tuned=False)"
Element: TypeAlias = tuple[int, int]  # a buffer, and the position in it
_NEUTRAL = {
    Instruction.ADD: 0.0,
    Instruction.MUL: 1.0,
    Instruction.MAXIMUM: float("-inf"),
    Instruction.MINIMUM: float("inf"),
}


def unrolled_length(program: Program) -> int | None:
    """Return how many items a program has when its loops are written out; None if it cannot be unrolled.

    That is so if it has symbolic sizes, or calls routines of linear algebra.
    """
    if program.dims or any(isinstance(statement, Call | Strip | Interpret) for statement in program.statements):
        return None
    return sum(_length(program, statement) for statement in program.statements)


def _length(program: Program, statement: Statement) -> int:
    match statement:
        case Loop(extents, body, effects):
            return _number(element_count(extents)) * (len(body) + len(effects))
        case Fill(buffer):
            return _number(element_count(program.buffers[buffer].shape))
        case Matmul(batch, rows, inner, columns):
            return _number(element_count((*batch, rows, inner, columns))) * 2
        case Recur(extents, length):
            return _number(element_count((*extents, length))) * 2
        case Call() | Strip() | Interpret():
            raise TypeError(STRIPS)


def unroll(program: Program) -> tuple[list[BodyItem], dict[Element, int]]:
    """Return straight-line items, and the item that is the value of each element of the outputs.

    The addresses of loads are plain offsets in the inputs. Equal items are one. An element that is zero whatever the
    inputs (of a derivative by a slice, say) is left out of sums and makes products zero, even a product with NaN.
    """
    machine = _Machine(program)
    for statement in program.statements:
        machine.run(statement)
    outputs = {
        (buffer, element): machine.memory[buffer, element]
        for buffer in program.select(BufferKind.OUTPUT)
        for element in range(_number(element_count(program.buffers[buffer].shape)))
    }
    return _only_needed(machine.items, outputs)


class _Machine:
    """Runs a program on positions of items in place of numbers."""

    def __init__(self, program: Program) -> None:
        self.items: list[BodyItem] = []
        self.memory: dict[Element, int] = {}
        self._program = program
        self._positions: dict[BodyItem | str, int] = {}

    def run(self, statement: Statement) -> None:
        match statement:
            case Loop():
                self._loop(statement)
            case Fill(buffer, value):
                for element in range(_number(element_count(self._program.buffers[buffer].shape))):
                    self.memory[buffer, element] = self._add(Number(value))
            case Matmul():
                self._matmul(statement)
            case Recur():
                self._recur(statement)
            case Call() | Strip():
                raise TypeError(STRIPS)

    def _loop(self, loop: Loop) -> None:
        terms: dict[tuple[Element, Instruction], list[int]] = {}
        for index in _indices(loop.extents):
            values: list[int] = []
            for item in loop.body:
                values.append(self._item(item, index, values))
            for effect in loop.effects:
                element = _element(effect.target, index)
                if isinstance(effect, Accumulate):
                    terms.setdefault((element, effect.combine), []).append(values[effect.value])
                else:
                    self.memory[element] = values[effect.value]
        for (element, combine), found in terms.items():
            self.memory[element] = self._combined(combine, [self.memory[element], *found])

    def _item(self, item: BodyItem, index: Sequence[int], values: Sequence[int]) -> int:
        match item:
            case Load(source):
                return self._read(source, index)
            case Inside(at):
                return self._add(Number(float(_address(at, index) >= 0)))
            case SizeNumber(size):
                return self._add(Number(float(_number(size))))
            case Compute(code, operands):
                return self._compute(code, *(values[k] for k in operands))
            case Number():
                return self._add(item)

    def _matmul(self, statement: Matmul) -> None:
        sizes = (*statement.batch, statement.rows, statement.columns)
        for *batch, row, column in _indices(sizes):
            terms = [
                self._compute(
                    Instruction.MUL,
                    self._read(statement.a, (*batch, row, k)),
                    self._read(statement.b, (*batch, k, column)),
                )
                for k in range(_number(statement.inner))
            ]
            target = _element(statement.c, (*batch, row, column))
            start = self.memory[target] if statement.accumulate else self._add(Number(0.0))
            self.memory[target] = self._combined(Instruction.ADD, [start, *terms])

    def _recur(self, recur: Recur) -> None:
        for outer in _indices(recur.extents):
            running = self._add(Number(recur.initial))
            for k in range(_number(recur.length)):
                index = (*outer, k)
                self.memory[_element(recur.c, index)] = running
                scaled = self._compute(Instruction.MUL, self._read(recur.a, index), running)
                running = self._compute(Instruction.ADD, scaled, self._read(recur.b, index))

    def _read(self, source: Access, index: Sequence[int]) -> int:
        element = _element(source, index)
        if element not in self.memory:
            buffer, offset = element
            self.memory[element] = self._add(Load(Access(buffer, Affine(offset, ()))))
        return self.memory[element]

    def _combined(self, combine: Instruction, terms: list[int]) -> int:
        """Combine in pairs, and the results in pairs: more accurate than one after the other, and less to wait for."""
        terms = [term for term in terms if self._constant(term) != _NEUTRAL[combine]] or terms[:1]
        while len(terms) > 1:
            pairs = [self._compute(combine, a, b) for a, b in zip(terms[::2], terms[1::2], strict=False)]
            terms = pairs + terms[2 * len(pairs) :]
        return terms[0]

    def _compute(self, code: Scalar, *operands: int) -> int:
        constants = [self._constant(k) for k in operands]
        match code, constants:
            case Instruction.ADD, [0.0, _]:
                return operands[1]
            case (Instruction.ADD | Instruction.SUB, [_, 0.0]) | (Instruction.MUL | Instruction.DIV, [_, 1.0]):
                return operands[0]
            case Instruction.SUB, [0.0, _]:
                return self._compute(Instruction.NEG, operands[1])
            case Instruction.MUL, [1.0, _]:
                return operands[1]
            case (Instruction.MUL, [0.0, _] | [_, 0.0]) | (Instruction.DIV, [0.0, _]):
                return self._add(Number(0.0))
            case Instruction.NEG, [float(value)]:
                return self._add(Number(-value if value else 0.0))
            case Instruction.SELECT, [float(condition), _, _]:
                return operands[1] if condition else operands[2]
        return self._add(Compute(code, operands))

    def _constant(self, position: int) -> float | None:
        item = self.items[position]
        return item.value if isinstance(item, Number) else None

    def _add(self, item: BodyItem) -> int:
        key = str(item) if isinstance(item, Number) else item  # 0.0 == -0.0, but they are two numbers
        if key not in self._positions:
            self._positions[key] = len(self.items)
            self.items.append(item)
        return self._positions[key]


def _only_needed(items: list[BodyItem], outputs: Mapping[Element, int]) -> tuple[list[BodyItem], dict[Element, int]]:
    """Drop what no output depends on."""
    needed = set(outputs.values())
    for position in range(len(items) - 1, -1, -1):
        item = items[position]
        if position in needed and isinstance(item, Compute):
            needed.update(item.operands)
    new = {position: k for k, position in enumerate(sorted(needed))}
    kept = [items[position] for position in new]
    kept = [
        Compute(item.code, tuple(new[k] for k in item.operands)) if isinstance(item, Compute) else item for item in kept
    ]
    return kept, {element: new[position] for element, position in outputs.items()}


def _indices(extents: Shape) -> product[tuple[int, ...]]:
    return product(*(range(_number(size)) for size in extents))


def _element(access: Access, index: Sequence[int]) -> Element:
    return access.buffer, _address(access.at, index)


def _address(at: Affine, index: Sequence[int]) -> int:
    return _number(at.offset) + sum(_number(stride) * k for stride, k in zip(at.strides, index, strict=True))


def _number(size: Size) -> int:
    assert not isinstance(size, Dim), "only programs without symbolic sizes are unrolled"
    return size
