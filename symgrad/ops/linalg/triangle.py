"""The lower and the upper triangle of a matrix."""

from __future__ import annotations

import numpy as np

from symgrad.core.expr import Apply, Expr, Transposed
from symgrad.core.numeric import BandMask
from symgrad.core.properties import Properties, Property
from symgrad.ops.define import array_op
from symgrad.ops.infer import common
from symgrad.ops.shaping import Sizes, swap


def tril_cotangent(_node: Apply, cotangent: Expr) -> Expr:
    return tril(cotangent)


def tril_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.tril(x)


def triu_cotangent(_node: Apply, cotangent: Expr) -> Expr:
    return triu(cotangent)


def triu_expand(node: Apply) -> Expr:
    """Transposes cost nothing in a kernel."""
    return swap(tril(swap(node.operands[0])))


def triu_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.triu(x)


def tril_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    return common(operands) & {Property.UPPER, Property.NONNEGATIVE} | {Property.LOWER}


def triu_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    return common(operands) & {Property.LOWER, Property.NONNEGATIVE} | {Property.UPPER}


tril = array_op(
    "tril",
    doc="The lower triangle of a matrix, zeros above the diagonal.",
    properties=tril_properties,
    latex=r"\operatorname{tril}",
    signature="...(m,n)->(m,n)",
    derivative=Transposed(tril_cotangent),
    numeric=BandMask(0),
    reference=tril_reference,
)
triu = array_op(
    "triu",
    doc="The upper triangle of a matrix, zeros below the diagonal.",
    properties=triu_properties,
    latex=r"\operatorname{triu}",
    signature="...(m,n)->(m,n)",
    derivative=Transposed(triu_cotangent),
    expand=triu_expand,
    reference=triu_reference,
)
