"""Names and small pieces of Python source that is written: identifiers that clash with nothing, sizes, subscripts.

Names of inputs and sizes are ASCII identifiers (core/expr.py asserts it), so they can be written as they are.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable, Mapping

from symgrad.core.dims import Dim, Shape, Size
from symgrad.core.indexing import Cut, Index, Item, Pick
from symgrad.syntax.dimensions import substitute

# What written modules use: modules, builtins, and the functions they define.
RESERVED = frozenset(
    (
        *("np", "math", "scipy", "njit", "ctypes", "re", "range", "float", "abs", "slice", "TypeError", "ValueError"),
        *("place", "recurrence", "eigh", "svd", "qr", "solve_triangular", "cholesky_solve", "cholesky_inverse", "expm"),
        *("as_array", "read_inputs", "special_function", "sign_of_column"),
        *("get_cython_function_address", "cython_special"),
    )
)
_WIDEST = 88  # characters of an expression on one line
_SIMPLE = re.compile(r"[A-Za-z_][\w.]*|\d[\w.]*", re.ASCII)
_SIMPLE_BOUND = re.compile(r"-?\w*", re.ASCII)


class Identifiers:
    """Hands out names: none twice, no keyword and nothing reserved."""

    def __init__(self, reserved: Iterable[str] = RESERVED) -> None:
        self._taken = set(reserved)
        self._counts: dict[str, int] = {}

    def claim(self, wanted: str) -> str:
        """Return `wanted`, with underscores behind it until it is free."""
        while not self.is_free(wanted):
            wanted += "_"
        self._taken.add(wanted)
        return wanted

    def is_free(self, name: str) -> bool:
        """Whether a name may be claimed as it is."""
        return name not in self._taken and not keyword.iskeyword(name)

    def numbered(self, prefix: str) -> str:
        """Return the next of prefix1, prefix2, ... that is free."""
        number = self._counts.get(prefix, 0) + 1
        while not self.is_free(f"{prefix}{number}"):
            number += 1
        self._counts[prefix] = number
        return self.claim(f"{prefix}{number}")


def is_wide(text: str) -> bool:
    """Whether an expression is better written on more than one line."""
    return len(text) > _WIDEST


def is_long(text: str) -> bool:
    """Whether an operand is worth a line of its own where the line is wide."""
    return len(text) > _WIDEST // 4


def number_text(value: float) -> str:
    """Return a number as source; a large integer as a float, which it becomes anyway."""
    if not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(float(value) if abs(value) > 2**53 else value).replace("e+", "e")


def power_text(base: str, exponent: str) -> str:
    """Return a power, with blanks round `**` where ruff puts them."""
    hugs = _SIMPLE.fullmatch(base) and _SIMPLE.fullmatch(exponent.removeprefix("-"))
    return f"{base}**{exponent}" if hugs else f"{base} ** {exponent}"


def size_text(size: Size, names: Mapping[str, Size]) -> str:
    """Return a size as an expression of ints."""
    text = str(substitute(size, names)) if isinstance(size, Dim) else str(size)
    return text.replace("//", " // ").replace("*", " * ")


def shape_source(shape: Shape, names: Mapping[str, Size]) -> str:
    """Return a shape as a tuple."""
    sizes = [size_text(size, names) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def index_source(index: Index, names: Mapping[str, Size]) -> str:
    """Return the inside of a subscript."""
    return ", ".join(_item_source(item, names) for item in index)


def _item_source(item: Item, names: Mapping[str, Size]) -> str:
    match item:
        case Pick(position):
            return size_text(position, names)
        case Cut(start, stop, step):
            first, last = ("" if bound is None else size_text(bound, names) for bound in (start, stop))
            return slice_text(first, last, "" if step == 1 else str(step))
        case _:
            return "None"


def slice_text(start: str, stop: str, step: str = "") -> str:
    """Return a slice, with blanks round the colons where ruff puts them."""
    if all(_SIMPLE_BOUND.fullmatch(bound) for bound in (start, stop, step)):
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    text = f"{start} :" if start else ":"
    text += f" {stop}" if stop else ""
    if not step:
        return text
    return f"{text} : {step}" if stop else f"{text}: {step}"
