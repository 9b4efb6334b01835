"""Powers of a square matrix with an integer exponent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.core.expr import Apply, Expr, Parameter, ParameterKind
from symgrad.errors import OperandError
from symgrad.ops.broadcasting import broadcast_to
from symgrad.ops.constants import eye
from symgrad.ops.define import array_op
from symgrad.ops.infer import MULTIPLICATIVE, Shared
from symgrad.ops.linalg.inverse import inv
from symgrad.ops.shaping import Sizes


@dataclass(frozen=True, slots=True)
class Exponent:
    """The exponent: 2 or more in a node, since the others are built of other ops."""

    k: int


def prepare_exponent(_operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Exponent:
    k = given["k"]
    if isinstance(k, bool) or not isinstance(k, int):
        raise OperandError(f"the exponent of matrix_power is an integer, not {k!r}")
    return Exponent(k)


def small_power(operands: tuple[Expr, ...], params: Exponent) -> Expr | None:
    """The identity, the matrix itself, and powers of the inverse."""
    (a,) = operands
    if a.ndim < 2 or a.shape[-2] != a.shape[-1]:
        return None  # the type rule says what is wrong with it
    if params.k < 0:
        return matrix_power(inv(a), -params.k)
    if params.k == 0:
        return broadcast_to(eye(a.shape[-1]), a.shape)
    return a if params.k == 1 else None


def matrix_power_expand(node: Apply) -> Expr:
    """By squaring. The product rule on this costs as few products as the value, up to a factor."""
    (square,) = node.operands
    k = node.parameters(Exponent).k
    result: Expr | None = None
    while k:
        if k % 2:
            result = square if result is None else square @ result
        k //= 2
        square = square @ square if k else square
    assert result is not None  # k >= 2
    return result


def matrix_power_reference(node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    result = a
    for _ in range(node.parameters(Exponent).k - 1):
        result = np.matmul(result, a)
    return np.asarray(result)


matrix_power = array_op(
    "matrix_power",
    doc="The k-th power of a square matrix for an integer k; below 0 that of the inverse, for 0 the identity.",
    properties=Shared(MULTIPLICATIVE),
    operands=("A",),
    latex="{0}^{{{k}}}",
    signature="...(n,n)->(n,n)",
    parameters=(Parameter("k", ParameterKind.INTEGER),),
    prepare=prepare_exponent,
    canonical=small_power,
    expand=matrix_power_expand,
    reference=matrix_power_reference,
    references=("Magnus & Neudecker, Matrix Differential Calculus (3rd ed., 2019), chapter 9.13",),
    sympy="symgrad.ops.sympy_forms:matrix_power",
)
