"""The syntax tree: what was written, with the place of each part. Names have no meaning yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from symgrad.errors import Span


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number; `closed` when a sign or brackets have been taken in, so that no further sign is."""

    value: int | float
    span: Span
    closed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A name that is not called."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """`"ij,jk->ik"`: a string, which only parameters take."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    """`left symbol right`; `place` is the span of the symbol."""

    symbol: str
    left: Tree
    right: Tree
    place: Span
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Unary:
    """`-operand` or `+operand`."""

    symbol: str
    operand: Tree
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Transpose:
    """`operand.T`."""

    operand: Tree
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """`start:stop:step` inside square brackets."""

    start: Tree | None
    stop: Tree | None
    step: Tree | None
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Brackets:
    """`[items]`, after an operand or as an argument of a call."""

    items: tuple[Tree, ...]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Subscript:
    """`operand[items]`."""

    operand: Tree
    index: Brackets
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """`(a, b)`: a tuple, which only parameters take."""

    items: tuple[Tree, ...]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Keyword:
    """`name=value` in a call."""

    name: str
    value: Tree
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """`name(arguments, keywords)`; `place` is the span of the name."""

    name: str
    arguments: tuple[Tree, ...]
    keywords: tuple[Keyword, ...]
    place: Span
    span: Span


Tree: TypeAlias = Number | Name | Text | Binary | Unary | Transpose | Slice | Brackets | Subscript | Sequence | Call


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """`X[m, n]` in the head of a definition, or `X[n, n]: symmetric`; no sizes for a scalar."""

    name: str
    sizes: tuple[Tree, ...]
    span: Span
    properties: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """An expression, `target = value`, `a, b = value` (with `several`), or (with `parameters`) a definition."""

    value: Tree
    target: Name | None = None
    parameters: tuple[Declaration, ...] | None = None
    several: tuple[Name, ...] = ()

    @property
    def assigned(self) -> tuple[Name, ...]:
        """The names that the statement gives a value."""
        if self.target is None or self.parameters is not None:
            return self.several
        return (self.target,)


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A whole text."""

    source: str
    statements: tuple[Statement, ...]


def children(tree: Tree) -> tuple[Tree, ...]:
    """Return the parts of a tree, in the order of the text."""
    match tree:
        case Binary(left=left, right=right):
            return (left, right)
        case Unary(operand=operand) | Transpose(operand=operand):
            return (operand,)
        case Subscript(operand=operand, index=index):
            return (operand, index)
        case Slice(start=start, stop=stop, step=step):
            return tuple(part for part in (start, stop, step) if part is not None)
        case Brackets(items=items) | Sequence(items=items):
            return items
        case Call(arguments=arguments, keywords=keywords):
            return arguments + tuple(keyword.value for keyword in keywords)
    return ()


def entries(tree: Tree) -> tuple[Tree, ...] | None:
    """Return the parts of a tuple or list; None for anything else."""
    return tree.items if isinstance(tree, Sequence | Brackets) else None


def walk(tree: Tree) -> Iterator[Tree]:
    """Yield every part of a tree, parents first, left to right. Iterative."""
    stack = [tree]
    while stack:
        part = stack.pop()
        yield part
        stack.extend(reversed(children(part)))
