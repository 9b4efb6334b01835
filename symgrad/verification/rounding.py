"""How large the rounding errors of a formula are: evaluate it again with every operation disturbed at random.

Each rounded result moves by a few units in the last place (Parker, Monte Carlo Arithmetic, 1997); sums, products of
matrices and factorisations have their operands moved as well, which is what their backward error analysis allows.
Operations that round nothing (a maximum, a transpose, a choice) are left alone, so that ties stay ties.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from symgrad.backends.reference import call_reference, evaluate_reference
from symgrad.core.domain import MatrixDomain
from symgrad.core.expr import Apply, Expr
from symgrad.core.numeric import BandMask, Fill, Gather, Instruction, Reduce, Reshape, Scatter, SizeValue

DRAWS = 4
INFLATION = 8.0  # from the largest of the draws to a bound

ULPS = 4.0  # what vector math libraries promise for one operation
_ROUNDING = frozenset({Instruction.ADD, Instruction.SUB, Instruction.MUL, Instruction.DIV, Instruction.SQRT})


def spreads(
    exprs: Sequence[Expr],
    values: Mapping[str, np.ndarray],
    expected: Sequence[np.ndarray],
    rng: np.random.Generator,
    eps: float,
    known_sizes: Mapping[str, int] | None = None,
    inexact: Collection[str] = (),
) -> list[np.ndarray]:
    """Return for each expression how far, at most, its disturbed evaluations lie from the `expected` values.

    Inputs named in `inexact` are rounded themselves.
    """

    def disturbed(node: Apply, sizes: Mapping[str, int], operands: list[np.ndarray]) -> np.ndarray:
        if is_exact(node):
            return call_reference(node, sizes, operands)
        if not node.op.elementwise:
            operands = [_disturb(x, rng, eps) for x in operands]
            operands = [
                x + _matrix_noise(x, rng, eps) if isinstance(domain, MatrixDomain) else x
                for x, domain in zip(operands, node.op.domains(node), strict=True)
            ]
        return _disturb(call_reference(node, sizes, operands), rng, eps)

    result = [eps * np.abs(np.asarray(value, float)) for value in expected]
    for _ in range(DRAWS):
        moved = {**values, **{name: _disturb(np.asarray(values[name], float), rng, eps) for name in inexact}}
        drawn = evaluate_reference(exprs, moved, call=disturbed, sizes=known_sizes)
        with np.errstate(invalid="ignore"):  # where the derivative is infinite
            result = [
                np.maximum(spread, np.abs(draw - np.asarray(value, float)))
                for spread, draw, value in zip(result, drawn, expected, strict=True)
            ]
    return result


def is_exact(node: Apply) -> bool:
    """Return whether computing the node from its operands rounds nothing."""
    if node.op.elementwise and not isinstance(node.op.numeric, Instruction):
        return False  # also where no kernel exists, which an op says when it is asked for its numeric form
    match node.op.numeric_form(node):
        case Instruction() as instruction:
            return instruction not in _ROUNDING
        case Reduce(combine):
            return combine not in _ROUNDING
        case Gather() | Scatter() | Reshape() | BandMask() | Fill() | SizeValue():
            return True
        case _:
            return False


def _disturb(x: np.ndarray, rng: np.random.Generator, eps: float) -> np.ndarray:
    return np.asarray(x * (1 + ULPS * eps * rng.uniform(-1, 1, size=x.shape)))


def _matrix_noise(x: np.ndarray, rng: np.random.Generator, eps: float) -> np.ndarray:
    """Factorisations are backward stable in the norm of the matrix, not entry by entry."""
    return np.asarray(ULPS * eps * np.max(np.abs(x), initial=0.0) * rng.uniform(-1, 1, size=x.shape))
