"""Vector math for kernels written by hand: the functions that our own kernels call, as Numba functions.

A loop that calls them is vectorised as `symgrad.backends.numba.vector_math` describes. `njit` has the flags that this
needs: no check for division by zero, and sums in any order.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numba
from numba.core import types
from numba.extending import intrinsic

from symgrad.backends.numba.vector_math import math_call

njit = partial(numba.njit, fastmath={"reassoc", "contract", "nsz", "arcp"}, error_model="numpy", nogil=True)


def vectorised(name: str) -> Any:
    """Return the C function of one double as a function that Numba's loops may widen."""

    @intrinsic
    def call(typing_context, x):  # noqa: ARG001
        def codegen(context, builder, signature, args):  # noqa: ARG001
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # llvmlite has no word for it
            return math_call(builder, name, args)[0]

        return types.float64(types.float64), codegen

    return call


cos, exp, log, log1p, sin, tanh = (vectorised(name) for name in ("cos", "exp", "log", "log1p", "sin", "tanh"))
