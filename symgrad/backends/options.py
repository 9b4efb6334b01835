"""What a compiled kernel may be told besides its formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from symgrad.errors import InvalidValueError

DType: TypeAlias = Literal["float64", "float32"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a program becomes machine code; part of the cache key.

    `dtype` is the type of all inputs, results and intermediate numbers. By default a sum is split among the lanes of
    vector registers and products of matrices are BLAS's, so that the last digits depend on the processor.

    `reproducible`: sums, products of elements and matrix products are computed by the kernel's own loops in an order
    that follows from the formula and the shapes, without fused multiply-adds, and functions such as exp are calls of
    the C library for one number at a time. Such results do not depend on the width of vectors, the BLAS, or the memory
    order of the inputs. What stays outside of the promise: the routines of LAPACK (inverses, factorisations,
    eigenvalues), that another machine's C library rounds exp in the same way, and other versions of this package.

    >>> Options("float32")
    Options(dtype='float32', reproducible=False)
    """

    dtype: DType = "float64"
    reproducible: bool = False


def make_options(dtype: Any = "float64", reproducible: Any = False) -> Options:
    """Return checked options; the dtype is given by name or as NumPy's. InvalidValueError for any other."""
    if not isinstance(reproducible, bool | np.bool_):
        raise InvalidValueError(f"reproducible is True or False, not {reproducible!r}")
    return Options(_dtype_name(dtype), bool(reproducible))


def _dtype_name(dtype: Any) -> DType:
    try:
        name = np.dtype(dtype).name if dtype is not None else ""
    except TypeError:
        name = ""
    if name == "float64" or name == "float32":
        return name  # type: ignore[return-value]  # a str that was compared is not narrowed
    raise InvalidValueError(f"dtype is float64 or float32, not {dtype!r}")
