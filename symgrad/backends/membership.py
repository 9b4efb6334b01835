"""Whether an array is what is assumed of an input: a formula that was derived for symmetric matrices is for no others.

Equalities are judged with a tolerance of the square root of the rounding unit, relative to the largest entry.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from symgrad.core.expr import Input
from symgrad.core.properties import Property, essential
from symgrad.errors import InvalidValueError

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


def require(node: Input, x: Array, thorough: bool = False) -> None:
    """Check that x is what is assumed of `node`. InvalidValueError, which shows an entry, when it is not.

    That a matrix is invertible or definite is looked at only when `thorough`, since it costs a factorisation; otherwise
    a definite one has to be symmetric with a positive diagonal. NaN passes: the kernel will show it.
    """
    for assumed in essential(node.properties):
        reason = violation(assumed, x, node.name, thorough)
        if reason:
            raise InvalidValueError(f"{node.name} is assumed {assumed.value}, but {reason}")


def violation(assumed: Property, x: Array, name: str = "x", thorough: bool = True) -> str:
    """Return a sentence about x, called `name`, that shows why it does not have the property; empty if it has."""
    match assumed:
        case Property.POSITIVE:
            return _entry(x, x <= 0, name)
        case Property.NONNEGATIVE:
            return _entry(x, x < 0, name)
        case Property.NONZERO:
            return _entry(x, x == 0, name)
        case Property.SIMPLEX:
            total = x.sum(axis=-1)
            return _entry(x, x < 0, name) or _number(total, 1, f"the entries of {name} sum to")
        case Property.UNIT:
            return _number(np.sqrt((x * x).sum(axis=-1)), 1, f"the length of {name} is")
    return _matrix_violation(assumed, x, name, thorough)


def _matrix_violation(assumed: Property, x: Array, name: str, thorough: bool) -> str:
    transposed = np.swapaxes(x, -1, -2)
    match assumed:
        case Property.SYMMETRIC:
            return _pair(x, x - transposed, name)
        case Property.SKEW:
            return _pair(x, x + transposed, name)
        case Property.PSD | Property.SPD:
            return _pair(x, x - transposed, name) or _indefinite(assumed, x, name, thorough)
        case Property.DIAGONAL:
            return _entry(x, np.abs(x - x * np.eye(x.shape[-1])) > _tolerance(x), name)
        case Property.LOWER:
            return _entry(x, np.abs(np.triu(x, 1)) > _tolerance(x), name)
        case Property.UPPER:
            return _entry(x, np.abs(np.tril(x, -1)) > _tolerance(x), name)
        case Property.ORTHOGONAL:
            return _entry(
                np.matmul(transposed, x), _far(np.matmul(transposed, x), np.eye(x.shape[-1])), f"({name}.T @ {name})"
            )
        case Property.INVERTIBLE if thorough and x.size and np.isfinite(x).all():
            rank = np.linalg.matrix_rank(x)
            return "" if (rank == x.shape[-1]).all() else f"{name} is singular"
    return ""


def _indefinite(assumed: Property, x: Array, name: str, thorough: bool) -> str:
    strict = assumed is Property.SPD
    entries = np.diagonal(x, axis1=-2, axis2=-1)
    wrong = entries <= 0 if strict else entries < -_tolerance(x)
    if wrong.any():
        return f"a diagonal entry of {name} is {float(entries[wrong][0])!r}"
    if not thorough or not x.size or not np.isfinite(x).all():
        return ""
    smallest = float(np.min(np.linalg.eigvalsh(x)))
    limit = 0.0 if strict else -_tolerance(x)
    return "" if smallest > limit or (not strict and smallest == limit) else f"{name} has the eigenvalue {smallest:.6g}"


def _tolerance(x: Array) -> float:
    eps = np.finfo(x.dtype if x.dtype.kind == "f" else float).eps
    return float(np.sqrt(eps) * np.max(np.abs(x), initial=0.0))


def _far(x: Array, wanted: Array) -> Array:
    return np.asarray(np.abs(x - wanted) > _tolerance(np.ones(1, x.dtype)))


def _entry(x: Array, wrong: Array, what: str) -> str:
    """Show the first entry that is wrong."""
    if not np.any(wrong):
        return ""
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = f"[{', '.join(map(str, place))}]" if place else ""
    return f"{what}{where} = {float(x[place])!r}"


def _pair(x: Array, difference: Array, name: str) -> str:
    """Show two entries that should be equal, or opposite."""
    wrong = np.abs(difference) > _tolerance(x)
    if not wrong.any():
        return ""
    *front, i, j = (int(index) for index in np.argwhere(wrong)[0])
    first, second = (*front, i, j), (*front, j, i)
    return " and ".join(f"{name}{list(place)} = {float(x[place])!r}" for place in dict.fromkeys((first, second)))


def _number(found: Array, wanted: float, what: str) -> str:
    wrong = _far(np.asarray(found), np.asarray(wanted))
    return f"{what} {float(np.asarray(found)[wrong][0])!r}" if wrong.any() else ""
