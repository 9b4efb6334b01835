"""What a kernel program costs, in operations: a count that does not depend on the machine."""

from __future__ import annotations

from collections.abc import Mapping

from symgrad.core.dims import Size, element_count, evaluate
from symgrad.lowering.kernel_ir import (
    Accumulate,
    Call,
    Compute,
    Fill,
    Interpret,
    Loop,
    Matmul,
    Program,
    Recur,
    Statement,
)


def operation_count(program: Program, sizes: Mapping[str, int]) -> int:
    """Return the number of arithmetic operations of a program when the named sizes have these values.

    An instruction of a loop's body, a function such as exp and an accumulation count one for each index of the loop;
    a matrix product of m x k and k x n counts 2*m*k*n; a routine on an n x n matrix with c right-hand sides
    n**3 + 2*n**2*c. Reading, writing and addresses are free. KeyError for a size that is missing.

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
            n = statement.size
            return element_count(statement.batch) * (n * n * n + n * n * statement.columns * 2)
        case Recur():
            return element_count(statement.extents) * statement.length * 2
        case Interpret():
            return statement.count
        case Fill():
            return 0
