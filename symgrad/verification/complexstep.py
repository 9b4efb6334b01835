"""Derivatives by a step in the imaginary direction: no difference is taken, so no digit is lost.

f(x + ih) = f(x) + ih f'(x) + O(h**2) for analytic f, and with h = 1e-30 the remainder is far below the last digit
(Squire & Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review 1998). It holds only
where every operation is analytic, so the formula is refused as soon as one is not known to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from symgrad.backends.reference import call_reference, evaluate_reference
from symgrad.core.expr import Apply, Expr, Foreign, OpDef, postorder
from symgrad.core.numeric import (
    AddAt,
    BandMask,
    Concatenate,
    Constants,
    Contract,
    Fill,
    Gather,
    Instruction,
    Recurrence,
    Reduce,
    Reshape,
    Scatter,
    SizeValue,
    Take,
)
from symgrad.core.traversal import expand
from symgrad.errors import OperandError

STEP = 1e-30
DRAWS = 3
_ULPS = 4.0
_ARITHMETIC = frozenset(
    {Instruction.ADD, Instruction.SUB, Instruction.MUL, Instruction.DIV, Instruction.NEG, Instruction.SQRT}
)


@dataclass(frozen=True, slots=True, eq=False)
class ComplexStep:
    """A derivative along a direction with the spread of its roundings, and the value that came with it."""

    value: np.ndarray
    slope: np.ndarray
    spread: np.ndarray


def analytic_form(output: Expr) -> Expr | None:
    """Return an equal expression of ops that are analytic in NumPy's complex arithmetic; None if there is none.

    >>> from symgrad.syntax import parse
    >>> analytic_form(parse("mean(exp(x))")) is None, analytic_form(parse("abs(x)")) is None
    (False, True)
    """
    (form,) = expand([output], _expansion)
    nodes = [node for node in postorder(form) if isinstance(node, Apply)]
    return form if all(map(is_analytic, nodes)) else None


def _expansion(node: Apply) -> Expr | None:
    if is_analytic(node) or node.op.expand is None:
        return None
    try:
        return node.op.expand(node)
    except OperandError:  # such as a zeta function without numbers
        return None


def is_analytic(node: Apply) -> bool:
    """Return whether the reference of the node's op takes complex arrays and is analytic in the op's domain."""
    if node.op.analytic:
        return True
    if node.op.elementwise:
        return _is_analytic_function(node.op)
    if node.op.reference is None or (node.op.numeric is None and node.op.expand is not None):
        return False
    match node.op.numeric_form(node):
        case Reduce(combine):
            return combine in (Instruction.ADD, Instruction.MUL)
        case Gather() | Scatter() | Reshape() | BandMask() | Fill() | SizeValue() | Concatenate() | Contract():
            return True
        case Recurrence() | Take() | AddAt() | Constants():
            return True
        case _:
            return False


@cache
def _is_analytic_function(op: OpDef) -> bool:
    """NumPy's own functions with a complex loop are analytic, save those that order numbers or drop their phase.

    SciPy's complex functions have branch cuts of their own and are left out.
    """
    if isinstance(op.numeric, Instruction):
        return op.numeric in _ARITHMETIC
    if not isinstance(op.reference, Foreign) or op.reference.module != "numpy":
        return False
    loops = getattr(op.reference.load(), "types", ())
    return "D" * len(op.operand_names) + "->D" in loops


def differentiate(
    form: Expr,
    values: Mapping[str, np.ndarray],
    name: str,
    direction: np.ndarray,
    rng: np.random.Generator,
    sizes: Mapping[str, int] | None = None,
) -> ComplexStep:
    """Differentiate an analytic form along a direction of one input.

    The spread is that of evaluations in which each result moves by a few units in its last place, its real and its
    imaginary part apart.
    """

    def disturbed(node: Apply, known: Mapping[str, int], operands: list[np.ndarray]) -> np.ndarray:
        z = call_reference(node, known, operands)
        real, imaginary = (1 + _ULPS * eps * rng.uniform(-1, 1, size=z.shape) for _ in range(2))
        return np.asarray(z.real * real + 1j * (z.imag * imaginary))

    eps = float(np.finfo(float).eps)
    moved = {**values, name: np.asarray(values[name], float) + 1j * (STEP * direction)}
    (z,) = evaluate_reference([form], moved, "complex128", sizes=sizes)
    draws = [evaluate_reference([form], moved, "complex128", disturbed, sizes)[0] for _ in range(DRAWS)]
    with np.errstate(invalid="ignore"):
        spread = np.max([np.abs(draw.imag - z.imag) for draw in draws], axis=0)
    return ComplexStep(z.real, z.imag / STEP, spread / STEP)
