"""Static parameters as they are written: sizes, axes, flags, shapes and indices, read from syntax trees."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from symgrad.core.dims import Dim, Size, named
from symgrad.core.expr import ParameterKind
from symgrad.core.indexing import Cut, Item, NewAxis, Pick
from symgrad.errors import FormulaSyntaxError, LimitError, OperandError, Span, SymgradError, UnknownNameError
from symgrad.syntax import ast

_MOST_TERMS = 64  # a product of sums grows as the product of their lengths

_Value: TypeAlias = object


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads parameters of `source`; a name may be a size when `is_size(name)`."""

    source: str
    is_size: Callable[[str], bool]

    def read(self, kind: ParameterKind, tree: ast.Tree) -> _Value:
        """Return the value of a parameter of this kind. Errors are placed at `tree`."""
        match kind:
            case ParameterKind.AXIS | ParameterKind.AXES:
                if isinstance(tree, ast.Sequence):
                    return tuple(self.integer(item) for item in tree.items)
                return None if _is_word(tree, "None") else self.integer(tree)
            case ParameterKind.FLAG:
                return self.flag(tree)
            case ParameterKind.SHAPE:
                return self.shape(tree)
            case ParameterKind.INDEX:
                if not isinstance(tree, ast.Brackets):
                    raise self.wrong(tree, "an index in square brackets, such as [1:]")
                return self.index(tree)
            case ParameterKind.SIZE:
                return self.size(tree)
            case ParameterKind.INTEGER:
                return self.integer(tree)
            case ParameterKind.SUBSCRIPTS:
                return self.text(tree)
            case ParameterKind.PAIRING:
                return self.pairing(tree)
            case ParameterKind.ROWS:
                raise self.wrong(tree, "no such parameter: the brackets around the operands tell the rows")

    def text(self, tree: ast.Tree) -> str:
        """Read a string."""
        if isinstance(tree, ast.Text):
            return tree.value
        raise self.wrong(tree, 'a string, such as "ij,jk->ik"')

    def pairing(self, tree: ast.Tree) -> int | tuple[tuple[int, ...], ...]:
        """Read an integer, or two tuples of integers; an integer in place of a tuple stands for one axis."""
        pair = ast.entries(tree)
        if pair is None:
            return self.integer(tree)
        if len(pair) != 2:
            raise self.wrong(tree, "the axes of both operands, such as ((0, 1), (1, 0))")
        sides = [(side,) if ast.entries(side) is None else ast.entries(side) or () for side in pair]
        return tuple(tuple(self.integer(item) for item in side) for side in sides)

    def integer(self, tree: ast.Tree) -> int:
        """Read an integer."""
        if isinstance(tree, ast.Number) and isinstance(tree.value, int):
            return tree.value
        raise self.wrong(tree, "an integer")

    def flag(self, tree: ast.Tree) -> bool:
        """Read True or False."""
        if _is_word(tree, "True") or _is_word(tree, "False"):
            return _is_word(tree, "True")
        raise self.wrong(tree, "True or False")

    def shape(self, tree: ast.Tree) -> tuple[Size, ...]:
        """Read `(m, n)`, or one size for a vector."""
        items = tree.items if isinstance(tree, ast.Sequence) else (tree,)
        return tuple(self.size(item) for item in items)

    def index(self, tree: ast.Brackets) -> tuple[Item, ...]:
        """Read what stands in square brackets."""
        return tuple(self.index_item(item) for item in tree.items)

    def index_item(self, tree: ast.Tree) -> Item:
        """Read one entry of an index."""
        if _is_word(tree, "None") or _is_word(tree, "newaxis"):
            return NewAxis()
        if not isinstance(tree, ast.Slice):
            return Pick(self.size(tree))
        start = None if tree.start is None else self.size(tree.start)
        stop = None if tree.stop is None else self.size(tree.stop)
        return Cut(start, stop, 1 if tree.step is None else self.integer(tree.step))

    def size(self, tree: ast.Tree) -> Size:
        """Read an integer polynomial of named sizes. Iterative."""
        stack: list[tuple[ast.Tree, bool]] = [(tree, False)]
        values: list[Size] = []
        while stack:
            part, ready = stack.pop()
            if isinstance(part, ast.Binary | ast.Unary) and not ready:
                stack.append((part, True))
                stack.extend((child, False) for child in reversed(ast.children(part)))
            elif isinstance(part, ast.Unary):
                values.append(-values.pop() if part.symbol == "-" else values.pop())
            elif isinstance(part, ast.Binary):
                right, left = values.pop(), values.pop()
                values.append(self.combined(part, left, right))
            else:
                values.append(self.simple_size(part))
        return values[0]

    def simple_size(self, tree: ast.Tree) -> Size:
        """Read a number or a name as a size."""
        if isinstance(tree, ast.Number) and isinstance(tree.value, int):
            return tree.value
        if isinstance(tree, ast.Name):
            if self.is_size(tree.name):
                return named(tree.name)
            raise UnknownNameError(f"{tree.name} is not a declared size", span=tree.span, source=self.source)
        raise self.wrong(tree, "a size: a number, a name, or a polynomial of names such as n - 1")

    def combined(self, tree: ast.Binary, left: Size, right: Size) -> Size:
        """Return the value of `left symbol right`."""
        terms = [len(size.terms) if isinstance(size, Dim) else 1 for size in (left, right)]
        if terms[0] * terms[1] > _MOST_TERMS or sum(terms) > _MOST_TERMS:
            raise LimitError(f"a size of more than {_MOST_TERMS} terms", span=tree.span, source=self.source)
        match tree.symbol:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "//" if isinstance(right, int):
                try:
                    return _divided(left, right)
                except SymgradError as error:
                    raise error.locate(tree.span, self.source) from None
        raise self.wrong(tree, "a size: a number, a name, or a polynomial of names such as n - 1")

    def wrong(self, tree: ast.Tree, expected: str) -> OperandError:
        """Return the error for a tree that is not what a parameter takes."""
        return OperandError(f"expected {expected}", span=tree.span, source=self.source)


def _divided(left: Size, right: int) -> Size:
    if isinstance(left, Dim):
        return left // right
    if right <= 0:
        raise OperandError("a size can be divided by a positive number only")
    return left // right


def _is_word(tree: ast.Tree, word: str) -> bool:
    return isinstance(tree, ast.Name) and tree.name == word


def size_names(tree: ast.Tree) -> list[str]:
    """Return the names in a size or shape."""
    return [part.name for part in ast.walk(tree) if isinstance(part, ast.Name) and part.name not in ("None", "newaxis")]


def check_unique(names: Collection[tuple[str, Span]], source: str) -> None:
    """Raise FormulaSyntaxError for the second of two equal names."""
    seen: set[str] = set()
    for name, span in names:
        if name in seen:
            raise FormulaSyntaxError(f"{name} is declared twice", span=span, source=source)
        seen.add(name)
