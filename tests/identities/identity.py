"""An identity of matrix calculus as data: a formula, and what a book says its derivative is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """`derivative` is the book's, in the same language; `printed` is what symgrad writes.

    The first derivative by `wrt`, or where `then` is given the derivative of that by `then`: a Hessian, or a block
    of one. `printed` is None for results of more than two axes, and for the few that no short text says.
    """

    source: str
    formula: str
    wrt: str
    derivative: str
    printed: str | None = None
    then: str = ""
    layout: str = "default"

    def __str__(self) -> str:
        by = f"{self.wrt},{self.then}" if self.then else self.wrt
        return f"{self.formula} by {by}" + (f" ({self.layout})" if self.layout != "default" else "")
