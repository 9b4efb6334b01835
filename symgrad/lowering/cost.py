"""What a kernel program costs in operations, memory traffic and work memory: counts that no machine changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from symgrad.core.dims import Shape, Size, element_count, evaluate, named, substitute
from symgrad.lowering.kernel_ir import (
    Accumulate,
    Affine,
    Block,
    BufferKind,
    Call,
    Compute,
    Fill,
    Interpret,
    Loop,
    Matmul,
    Program,
    Recur,
    Statement,
    Strip,
    accesses,
    buffers_touched,
)
from symgrad.lowering.liveness import padded


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs, as functions of the named sizes, or as numbers (`at`).

    `flops` counts operations as `operation_count` does. `bytes` is what statements read and write: for each place in a
    statement that addresses a buffer the elements that are addressed there, so that an array counts again for each
    statement that passes over it (what caches save is not seen), and a sum into an element counts a read and a write.
    Linear-algebra routines count their operands and results whole, and strips the rows of all strips, what is common to
    them once. `workspace` is the memory, in bytes, that a call needs besides its inputs and outputs; routines allocate
    a few copies of their matrix on top. `block` says how long a strip is, if there are strips.
    """

    flops: Size
    bytes: Size
    workspace: Size
    block: Block | None = None

    def at(self, sizes: Mapping[str, int]) -> Cost:
        """Return the numbers for these sizes. KeyError for a size that is missing."""
        known = sizes if self.block is None else self.block.known(sizes)
        flops, moved, workspace = (evaluate(size, known) for size in (self.flops, self.bytes, self.workspace))
        return Cost(flops, moved, workspace)

    def __str__(self) -> str:
        text = f"flops      {self.flops}\nbytes      {self.bytes}\nworkspace  {self.workspace}"
        return text if self.block is None else f"{text}\n{self.block.name}.block is the number of rows in a strip"


def program_cost(program: Program, element: int = 8) -> Cost:
    """Return the cost of a program, whose numbers have `element` bytes.

    >>> import symgrad as sg
    >>> from symgrad.lowering import lower
    >>> f = sg.parse("f(A[m,n], x[n]) = A @ x + 1")
    >>> print(program_cost(lower([f], list(f.inputs.values()))))
    flops      2*m*n + m
    bytes      8*m*n + 24*m + 8*n
    workspace  128*((m + 15)//16)
    """
    flops = _sum(map(_operations, program.statements))
    traffic = _sum(_elements_moved(statement, program) for statement in program.statements)
    return Cost(flops, traffic * element, _work_elements(program) * element, program.block)


_SUBSTITUTIONS = (
    *("solve_lower", "solve_upper", "cholesky_solve"),
    *("factored_solve", "factored_solve_transposed"),
)


def operation_count(program: Program, sizes: Mapping[str, int]) -> int:
    """Return the number of arithmetic operations of a program when the named sizes have these values.

    An instruction of a loop's body, a function such as exp and an accumulation count one for each index of the loop;
    a matrix product of m x k and k x n counts 2*m*k*n; a routine on an n x n matrix with c right-hand sides
    n**3 + 2*n**2*c, without the cube where it is given the factors. Reading, writing and addresses are free. KeyError
    for a size that is missing.

    >>> import symgrad as sg
    >>> f = sg.parse("A @ x + x", shapes={"A": ("n", "n"), "x": ("n",)})
    >>> from symgrad.lowering import lower
    >>> operation_count(lower([f], list(f.inputs.values())), {"n": 10})
    210
    """
    return sum(evaluate(_operations(statement), sizes) for statement in program.statements)


def _operations(statement: Statement) -> Size:
    match statement:
        case Loop(extents, body, effects):
            each = sum(isinstance(item, Compute) for item in body)
            each += sum(isinstance(effect, Accumulate) for effect in effects)
            return element_count(extents) * each
        case Matmul():
            return element_count(statement.batch) * statement.rows * statement.inner * statement.columns * 2
        case Call():
            n, right_sides = statement.size, statement.columns if len(statement.operands) > 1 else 0
            factoring = 0 if statement.name in _SUBSTITUTIONS else n * n * n
            return element_count(statement.batch) * (n * n * right_sides * 2 + factoring)
        case Recur():
            return element_count(statement.extents) * statement.length * 2
        case Strip(name, body):
            return _of_all_strips(name, _sum(map(_operations, body)))
        case Interpret():
            return statement.count
        case Fill():
            return 0


def _elements_moved(statement: Statement, program: Program) -> Size:
    """Return how many elements a statement reads and writes."""
    match statement:
        case Loop(extents, _, effects):
            read, written = accesses(statement)
            added = [effect.target for effect in effects if isinstance(effect, Accumulate)]
            return _total([(access.at, extents) for access in (*dict.fromkeys(read), *added, *written)])
        case Matmul(batch, m, k, n, a, b, c):
            return _total([(a.at, (*batch, m, k)), (b.at, (*batch, k, n)), (c.at, (*batch, m, n))])
        case Recur(extents, length, _, a, b, c):
            return _total([(access.at, (*extents, length)) for access in (a, b, c)])
        case Strip(name, body):
            return _of_all_strips(name, _sum(_elements_moved(inner, program) for inner in body))
        case _:
            return _sum(element_count(program.buffers[buffer].shape) for buffer in buffers_touched(statement))


def _of_all_strips(name: str, count: Size) -> Size:
    return substitute(count, {f"{name}.rows": named(name)})


def _total(addressed: list[tuple[Affine, Shape]]) -> Size:
    """Return how many elements are addressed by functions of indices, each with the extents of the indices."""
    return _sum(
        element_count(tuple(extent for stride, extent in zip(at.strides, extents, strict=True) if stride != 0))
        for at, extents in addressed
    )


def _sum(sizes: Iterable[Size]) -> Size:
    total: Size = 0
    for size in sizes:
        total = total + size
    return total


def _work_elements(program: Program) -> Size:
    """Return the elements of the work memory: the single ones together, then each slot, in whole lines."""
    work = [program.buffers[k] for k in program.select(BufferKind.WORK)]
    counts = {buffer.slot: element_count(buffer.shape) for buffer in work}
    single = sum(count == 1 for count in counts.values())
    return padded(single) + _sum(padded(count) for count in counts.values() if count != 1)
