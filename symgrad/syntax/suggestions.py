"""What was probably meant: sentences for names that do not exist here."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from symgrad.core.expr import op_names
from symgrad.core.multiresult import multi_result_names

# Other languages' spellings that are too far from ours for a spelling check.
_FOREIGN = {
    "ln": "log",
    "lg": "log",
    "pow": "**",
    "power": "**",
    "square": "x**2",
    "matmul": "@",
    "mm": "@",
    "fabs": "abs",
    "frobenius": "norm",
    "heaviside": "x > 0",
    "ifelse": "where",
    "iif": "where",
    "piecewise": "where",
    "total": "sum",
    "average": "mean",
    "integrate": "sum",
    "sgn": "sign",
}
_MODULES = ("np", "numpy", "math", "scipy", "sp", "sg", "symgrad", "torch", "jnp", "jax", "tf", "sympy", "special")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` is probably a misspelling of.

    >>> nearest("Summ", ["sum", "sin"])
    'sum'
    """
    by_lower = {other.lower(): other for other in known}
    close = get_close_matches(name.lower()[:100], by_lower, n=1, cutoff=0.7)
    return by_lower[close[0]] if close else None


def function_message(name: str) -> str:
    """Return the sentence for a call of a function that does not exist."""
    meant = _FOREIGN.get(name.lower()) or nearest(name, (*op_names(), *multi_result_names()))
    return f"there is no function {name}" + (f"; did you mean {meant}?" if meant else "")


def name_message(name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that a definition does not declare."""
    meant = nearest(name, known)
    return f"{name} is not a parameter of the definition" + (f"; did you mean {meant}?" if meant else "")


def attribute_message(base: str, attribute: str) -> str:
    """Return the sentence for `base.attribute`."""
    if base in _MODULES:
        return f"functions are written without a module: write {attribute}, not {base}.{attribute}"
    if attribute in op_names():
        return f"the only attribute is .T; write {attribute}({base or '...'}) for .{attribute}"
    return f"there is no attribute {attribute}; the only one is .T, the transpose"
