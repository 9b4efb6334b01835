"""Writing a tree of pieces as one string, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from symgrad.core.expr import Expr

# A string as it is, or a node with the weakest binding it may have before it needs brackets.
Piece: TypeAlias = "str | tuple[Expr, int]"


def emit(root: Expr, pieces: Callable[[Expr, int], Sequence[Piece]]) -> str:
    """Return the text of `root`, where `pieces(node, binding)` says what it is made of. Linear in the text."""
    written: list[str] = []
    stack: list[Piece] = [(root, 0)]
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            written.append(piece)
        else:
            stack.extend(reversed(pieces(*piece)))
    return "".join(written)
