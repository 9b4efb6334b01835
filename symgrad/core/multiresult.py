"""Functions of several results, such as `w, V = eigh(A)`: each result is an ordinary op of the same operands.

What the results share is computed once: their kernels call one routine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symgrad.core.expr import Expr, OpDef, op_names


@dataclass(frozen=True, slots=True)
class MultiResult:
    """A function whose results have the names `results`, and are what the ops `parts` give.

    Calling it returns the tuple of expressions; errors are those of the ops.
    """

    name: str
    doc: str
    parts: tuple[OpDef, ...]
    results: tuple[str, ...]

    def __call__(self, *operands: object, **parameters: Any) -> tuple[Expr, ...]:
        return tuple(part(*operands, **parameters) for part in self.parts)

    def usage(self) -> str:
        """Return how the results are taken: `w, V = eigh(A)`."""
        return f"{', '.join(self.results)} = {self.name}({', '.join(self.parts[0].operand_names)})"

    def __repr__(self) -> str:
        return f"<function {self.usage()}>"


_by_name: dict[str, MultiResult] = {}


def multi_result(name: str, *, doc: str, parts: tuple[OpDef, ...], results: tuple[str, ...]) -> MultiResult:
    """Define and register a function of several results. TypeError for a name that is taken."""
    if name in op_names() or name in _by_name:
        raise TypeError(f"two functions are called {name}")
    function = _by_name[name] = MultiResult(name, doc, parts, results)
    return function


def find_multi_result(name: str) -> MultiResult | None:
    """Return the function of several results with this name, None if there is none."""
    return _by_name.get(name)


def multi_result_names() -> tuple[str, ...]:
    """Return the names of all functions of several results."""
    return tuple(_by_name)
