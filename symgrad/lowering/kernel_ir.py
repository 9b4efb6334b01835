"""Kernel IR: buffers, and statements that fill them. One program serves every shape: sizes stay symbolic.

All buffers are row-major and contiguous. An address is an affine function of the loop's indices, so transposes,
slices and broadcasts are only strides; elements that follow no such pattern are reached through a table, which is part
of the program. `str(program)` is complete, of tables it has a hash: equal texts are equal programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import sha256
from itertools import chain
from typing import TypeAlias

from symgrad.core.dims import Dim, Shape, Size, evaluate, shape_text
from symgrad.core.numeric import Instruction, IntegerPower, Libm, Scalar, Special, Table


class BufferKind(Enum):
    """Who owns the memory."""

    INPUT = "input"
    OUTPUT = "output"
    WORK = "work"
    TABLE = "table"  # constants, part of the program


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory of one array. Work buffers with the same slot share memory; they have equal element counts."""

    kind: BufferKind
    shape: Shape
    name: str = ""
    slot: int = 0
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Affine:
    """`offset + strides[0]*i0 + strides[1]*i1 + ...` over the indices of a loop."""

    offset: Size
    strides: tuple[Size, ...]

    def scaled(self, factor: Size) -> Affine:
        """Return the function times `factor`."""
        return Affine(self.offset * factor, tuple(s * factor for s in self.strides))

    def plus(self, other: Affine) -> Affine:
        """Return the sum of two functions of the same indices."""
        strides = tuple(a + b for a, b in zip(self.strides, other.strides, strict=True))
        return Affine(self.offset + other.offset, strides)

    def __str__(self) -> str:
        terms = [f"{_factor(s)}i{k}" for k, s in enumerate(self.strides) if s != 0]
        if self.offset != 0 or not terms:
            terms.append(str(self.offset))
        return " + ".join(terms)


@dataclass(frozen=True, slots=True)
class Access:
    """An element of a buffer: the one at `at`, or at the position that the table `through` holds there."""

    buffer: int
    at: Affine
    through: int | None = None

    def __str__(self) -> str:
        return f"b{self.buffer}[{self.at if self.through is None else f'b{self.through}[{self.at}]'}]"


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, slots=True)
class SizeNumber:
    """A size as a number."""

    size: Size

    def __str__(self) -> str:
        return f"size {self.size}"


@dataclass(frozen=True, slots=True)
class Load:
    """An element that is read."""

    source: Access

    def __str__(self) -> str:
        return f"load {self.source}"


@dataclass(frozen=True, slots=True)
class Inside:
    """1.0 where the affine function of the indices is >= 0, else 0.0."""

    at: Affine

    def __str__(self) -> str:
        return f"inside {self.at}"


@dataclass(frozen=True, slots=True)
class Compute:
    """A scalar code applied to earlier values of the body, by their positions."""

    code: Scalar
    operands: tuple[int, ...]

    def __str__(self) -> str:
        return " ".join([code_text(self.code), *(f"%{k}" for k in self.operands)])


BodyItem: TypeAlias = Number | SizeNumber | Load | Inside | Compute


@dataclass(frozen=True, slots=True)
class Store:
    """Write a value of the body."""

    target: Access
    value: int

    def __str__(self) -> str:
        return f"{self.target} = %{self.value}"


@dataclass(frozen=True, slots=True)
class Accumulate:
    """Combine a value of the body into an element that was set before the loop; the order is free."""

    target: Access
    combine: Instruction
    value: int

    def __str__(self) -> str:
        return f"{self.target} {self.combine.value}= %{self.value}"


Effect: TypeAlias = Store | Accumulate


@dataclass(frozen=True, slots=True)
class Loop:
    """Run the body for each index below `extents`; without extents it is straight-line code."""

    extents: Shape
    body: tuple[BodyItem, ...]
    effects: tuple[Effect, ...]

    def lines(self) -> Iterator[str]:
        """Yield the text of the statement."""
        yield f"loop {shape_text(self.extents)}:"
        yield from (f"  %{k} = {item}" for k, item in enumerate(self.body))
        yield from (f"  {effect}" for effect in self.effects)


@dataclass(frozen=True, slots=True)
class Fill:
    """Set every element of a buffer."""

    buffer: int
    value: float

    def lines(self) -> Iterator[str]:
        """Yield the text of the statement."""
        yield f"fill b{self.buffer} = {self.value!r}"


@dataclass(frozen=True, slots=True)
class Matmul:
    """c = a @ b, or c += a @ b; matrices of m x k and k x n; addresses run over the batch axes, then row and column."""

    batch: Shape
    rows: Size
    inner: Size
    columns: Size
    a: Access
    b: Access
    c: Access
    accumulate: bool = False

    def lines(self) -> Iterator[str]:
        """Yield the text of the statement."""
        sizes = f"{shape_text(self.batch)} {self.rows} x {self.inner} x {self.columns}"
        yield f"matmul {sizes}: {self.c} {'+=' if self.accumulate else '='} {self.a} @ {self.b}"


@dataclass(frozen=True, slots=True)
class Call:
    """A linear-algebra routine on contiguous n x n matrices; addresses run over the batch axes.

    `columns` counts the right-hand sides of solve, and the rows of a matrix that is not square.
    """

    name: str
    batch: Shape
    size: Size
    columns: Size
    operands: tuple[Access, ...]
    result: Access

    def lines(self) -> Iterator[str]:
        """Yield the text of the statement."""
        operands = ", ".join(map(str, self.operands))
        yield f"{self.name} {shape_text(self.batch)} {self.size} x {self.columns}: {self.result} = {operands}"


@dataclass(frozen=True, slots=True)
class Recur:
    """c[0] = initial, c[i+1] = a[i]*c[i] + b[i]; addresses run over `extents`, then over the `length` of the axis."""

    extents: Shape
    length: Size
    initial: float
    a: Access
    b: Access
    c: Access

    def lines(self) -> Iterator[str]:
        """Yield the text of the statement."""
        sizes = f"{shape_text(self.extents)} {self.length}"
        yield f"recur {sizes}: {self.c} from {self.initial!r} = {self.a} * + {self.b}"


@dataclass(frozen=True, slots=True)
class Interpret:
    """Carry out the rows of a table, each (number of a code, result, operands): places in the buffer `registers`.

    `codes` are scalar codes with their numbers of operands; rows are as long as the longest needs. After `count` rows
    one with the number `len(codes)` is the end.
    """

    registers: int
    table: int
    codes: tuple[tuple[Scalar, int], ...]
    count: int

    @property
    def width(self) -> int:
        """The numbers in a row."""
        return 2 + max(arity for _, arity in self.codes)

    def lines(self) -> Iterator[str]:
        """Yield the text of the statement."""
        codes = ", ".join(f"{code_text(code)}/{arity}" for code, arity in self.codes)
        yield f"interpret {self.count}: b{self.registers}[] by b{self.table}[] of {codes}"


@dataclass(frozen=True, slots=True)
class Strip:
    """Run the body for some rows of the size `name` at a time.

    For each strip the sizes `name.start`, its first row, and `name.rows`, how many it has, are set; `name.block` is the
    largest `name.rows`.
    """

    name: str
    body: tuple[Statement, ...]

    def lines(self) -> Iterator[str]:
        """Yield the text of the statement."""
        yield f"strip {self.name}:"
        for statement in self.body:
            yield from (f"  {line}" for line in statement.lines())


Statement: TypeAlias = Loop | Fill | Matmul | Call | Recur | Interpret | Strip

_OF_A_STRIP = (".start", ".rows", ".block")
CACHE = 65_536  # elements of a strip: 512 KiB in double precision
FEWEST = 32  # rows of a strip
NARROW = 32  # a product with no smaller size than this is bound by arithmetic, and loses when it is cut


@dataclass(frozen=True, slots=True)
class Block:
    """How many rows of the size `name` a strip has.

    `row` counts the elements that a row takes in all buffers of the strips; `products` has the two other sizes of each
    matrix product in them.
    """

    name: str
    row: Size
    products: tuple[tuple[Size, Size], ...]

    def rows(self, sizes: Mapping[str, int]) -> int:
        """Return the number of rows, all of them when strips would gain nothing.

        >>> from symgrad.core.dims import named
        >>> block = Block("n", named("d") + 2, ((1, named("d")),))
        >>> block.rows({"n": 1000, "d": 100}), block.rows({"n": 50, "d": 100})
        (642, 50)
        """
        rows = sizes[self.name]
        if any(min(evaluate(a, sizes), evaluate(b, sizes)) >= NARROW for a, b in self.products):
            return max(rows, 1)
        return max(min(rows, max(FEWEST, CACHE // max(evaluate(self.row, sizes), 1))), 1)

    def known(self, sizes: Mapping[str, int]) -> Mapping[str, int]:
        """Return the named sizes with the number of rows in a strip."""
        return {**sizes, f"{self.name}.block": self.rows(sizes)}


@dataclass(frozen=True, slots=True)
class Program:
    """Statements in order. `nonempty` are sizes that must be positive: a maximum of nothing has no value.

    `nonnegative` are sizes that must not be negative, such as n - 3 where a formula has x[2].
    """

    buffers: tuple[Buffer, ...]
    statements: tuple[Statement, ...]
    nonempty: tuple[Size, ...] = ()
    nonnegative: tuple[Size, ...] = ()
    block: Block | None = None
    dims: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        shapes = (size for buffer in self.buffers for size in buffer.shape)
        sizes = chain(shapes, self.nonempty, self.nonnegative, _statement_sizes(self.statements))
        names = {name for size in set(sizes) if isinstance(size, Dim) for name in size.names()}
        object.__setattr__(self, "dims", tuple(sorted(name for name in names if not name.endswith(_OF_A_STRIP))))

    def sizes(self, given: Mapping[str, int]) -> Mapping[str, int]:
        """Return the named sizes with the number of rows in a strip, if there are strips."""
        return given if self.block is None else self.block.known(given)

    def select(self, kind: BufferKind) -> list[int]:
        """Return the positions of the buffers of one kind, in order."""
        return [k for k, buffer in enumerate(self.buffers) if buffer.kind is kind]

    def __str__(self) -> str:
        lines = [f"program ({', '.join(self.dims)})"]
        for k, buffer in enumerate(self.buffers):
            label = _label(buffer)
            lines.append(f"b{k}: {buffer.kind.value}{label} {shape_text(buffer.shape)}")
        lines.extend(f"nonempty {size}" for size in self.nonempty)
        lines.extend(f"nonnegative {size}" for size in self.nonnegative)
        if self.block is not None:
            products = ", ".join(f"{a} x {b}" for a, b in self.block.products)
            lines.append(f"block {self.block.name}: a row has {self.block.row} elements; products {products}".rstrip())
        for statement in self.statements:
            lines.extend(statement.lines())
        return "\n".join(lines) + "\n"


def _label(buffer: Buffer) -> str:
    if buffer.table is not None:
        return f" {buffer.table.typecode} {sha256(buffer.table.data).hexdigest()}"
    return f" slot {buffer.slot}" if buffer.kind is BufferKind.WORK else f" {buffer.name}".rstrip()


def code_text(code: Scalar) -> str:
    """Return the name of a scalar code in the text of a program."""
    match code:
        case Instruction():
            return code.value
        case Libm(name):
            return f"libm.{name}"
        case Special(name):
            return f"special.{name}"
        case IntegerPower(exponent):
            return f"power[{exponent}]"


def accesses(statement: Statement) -> tuple[list[Access], list[Access]]:
    """Return what a statement reads and what it writes; a `Fill` writes the whole buffer and is not listed."""
    match statement:
        case Loop(_, body, effects):
            return [item.source for item in body if isinstance(item, Load)], [e.target for e in effects]
        case Matmul() | Recur():
            return [statement.a, statement.b], [statement.c]
        case Call():
            return list(statement.operands), [statement.result]
        case Strip():
            both = [accesses(inner) for inner in statement.body]
            return [x for read, _ in both for x in read], [x for _, written in both for x in written]
        case Interpret(registers, _, _, _):
            whole = Access(registers, Affine(0, ()))
            return [whole], [whole]
        case Fill():
            return [], []


def map_addresses(
    statement: Statement, access: Callable[[Access], Access], guard: Callable[[Affine], Affine]
) -> Statement:
    """Return the statement with each access replaced, and the functions of its `Inside` items.

    A `Fill` and an `Interpret`, which name whole buffers, are left as they are.
    """
    match statement:
        case Loop(extents, body, effects):
            items = tuple(
                Load(access(item.source))
                if isinstance(item, Load)
                else Inside(guard(item.at))
                if isinstance(item, Inside)
                else item
                for item in body
            )
            return Loop(extents, items, tuple(replace(e, target=access(e.target)) for e in effects))
        case Matmul() | Recur():
            return replace(statement, a=access(statement.a), b=access(statement.b), c=access(statement.c))
        case Call():
            return replace(statement, operands=tuple(map(access, statement.operands)), result=access(statement.result))
        case Strip(name, body):
            return Strip(name, tuple(map_addresses(inner, access, guard) for inner in body))
        case Fill() | Interpret():
            return statement


def buffers_touched(statement: Statement) -> set[int]:
    """Return the positions of all buffers a statement reads or writes."""
    if isinstance(statement, Fill):
        return {statement.buffer}
    if isinstance(statement, Strip):
        return set().union(*map(buffers_touched, statement.body))
    read, written = accesses(statement)
    everything = [*read, *written]
    return {x.buffer for x in everything} | {x.through for x in everything if x.through is not None}


def _factor(size: Size) -> str:
    if size == 1:
        return ""
    return f"({size})*" if isinstance(size, Dim) and len(size.terms) > 1 else f"{size}*"


def _statement_sizes(statements: tuple[Statement, ...]) -> Iterator[Size]:
    for statement in statements:
        read, written = accesses(statement)
        for access in chain(read, written):
            yield from (access.at.offset, *access.at.strides)
        match statement:
            case Loop(extents, body, _):
                yield from extents
                for item in body:
                    if isinstance(item, SizeNumber):
                        yield item.size
                    elif isinstance(item, Inside):
                        yield from (item.at.offset, *item.at.strides)
            case Matmul():
                yield from (*statement.batch, statement.rows, statement.inner, statement.columns)
            case Call():
                yield from (*statement.batch, statement.size, statement.columns)
            case Recur():
                yield from (*statement.extents, statement.length)
            case Strip():
                yield from _statement_sizes(statement.body)
            case Fill() | Interpret():
                pass
