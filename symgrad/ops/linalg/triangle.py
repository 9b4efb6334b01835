"""The lower triangle of a matrix."""

from __future__ import annotations

import numpy as np

from symgrad.core.expr import Apply, Expr, Transposed
from symgrad.core.numeric import BandMask
from symgrad.ops.define import array_op
from symgrad.ops.shaping import Sizes


def tril_cotangent(_node: Apply, cotangent: Expr) -> Expr:
    return tril(cotangent)


def tril_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.tril(x)


tril = array_op(
    "tril",
    doc="The lower triangle of a matrix, zeros above the diagonal.",
    latex=r"\operatorname{tril}",
    signature="...(m,n)->(m,n)",
    derivative=Transposed(tril_cotangent),
    numeric=BandMask(0),
    reference=tril_reference,
)
