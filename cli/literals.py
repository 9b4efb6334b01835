"""Reads what options say: `x=1, w=[1, 2, 3]` for --at, `X=m,n` for --shape. Nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from symgrad.errors import FormulaSyntaxError, LimitError, ShapeError, Span

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

_TOKEN = re.compile(
    r"(?P<number>[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?:inf|nan)\b))|(?P<name>[A-Za-z_]\w*)|(?P<mark>[][=,;])",
    re.ASCII,
)
_SHAPE = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*=(?P<sizes>.*)\Z", re.ASCII | re.DOTALL)
_SIZE = re.compile(r"\d{1,18}\Z|[A-Za-z_]\w*\Z", re.ASCII)
_MOST_AXES = 32  # as many as every supported NumPy has


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; `kind` is number, name, mark or end."""

    kind: str
    text: str
    span: Span


def read_values(text: str, option: str = "--at") -> dict[str, Array]:
    """Read `x=1, w=[1, 2]` as arrays by name. FormulaSyntaxError, ShapeError with the place in `text`.

    >>> read_values("x=1, w=[1, 2.5]")
    {'x': array(1.), 'w': array([1. , 2.5])}
    """
    tokens = _tokens(text, option)
    values: dict[str, Array] = {}
    position = 0
    while tokens[position].kind != "end":
        name, equals = tokens[position], tokens[min(position + 1, len(tokens) - 1)]
        _need(name.kind == "name", f"{option}: expected the name of an input", name, text)
        _need(equals.text == "=", f"{option}: expected = after {name.text}", equals, text)
        _need(name.text not in values, f"{option}: {name.text} is given twice", name, text)
        values[name.text], position = _value(tokens, position + 2, text, option)
        separator = tokens[position]
        _need(separator.kind == "end" or separator.text in (",", ";"), f"{option}: expected a comma", separator, text)
        position += separator.kind != "end"
    _need(bool(values), f'{option}: no value is given; write for example "x=1, w=[1, 2]"', tokens[-1], text)
    return values


def read_shape(text: str, option: str = "--shape") -> tuple[str, tuple[int | str, ...]]:
    """Read `X=m,n` as a name and a shape; `lam=` is a scalar. FormulaSyntaxError with the place in `text`.

    >>> read_shape("X=m,3"), read_shape("lam=")
    (('X', ('m', 3)), ('lam', ()))
    """
    match = _SHAPE.match(text)
    if match is None:
        raise FormulaSyntaxError(
            f"{option}: write NAME=SIZES, such as X=m,n or lam= for a scalar", span=Span(0, len(text)), source=text
        )
    if not match["sizes"].strip():
        return match["name"], ()
    sizes: list[int | str] = []
    start = match.start("sizes")
    for piece in match["sizes"].split(","):
        size = piece.strip()
        if not _SIZE.match(size):
            what = f"{option}: a size is a number or a name" if size else f"{option}: a size is missing"
            raise FormulaSyntaxError(what, span=Span(start, start + max(1, len(piece))), source=text)
        sizes.append(int(size) if size.isdecimal() else size)
        start += len(piece) + 1
    return match["name"], tuple(sizes)


def _tokens(text: str, option: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            message = f"{option}: {text[position]!r} has no place here; values are numbers and lists of numbers"
            raise FormulaSyntaxError(message, span=Span(position, position + 1), source=text)
        tokens.append(Token(str(match.lastgroup), match.group(), Span(*match.span())))
        position = match.end()
    return [*tokens, Token("end", "", Span(len(text), len(text) + 1))]


def _value(tokens: Sequence[Token], position: int, text: str, option: str) -> tuple[Array, int]:
    """Return the number or nested list that begins at `position`, and where it ends."""
    open_lists: list[list[Any]] = []
    first = tokens[position]
    while True:
        token = tokens[position]
        if token.text == "[":
            if len(open_lists) == _MOST_AXES:
                raise LimitError(f"{option}: lists nested deeper than {_MOST_AXES}", span=token.span, source=text)
            open_lists.append([])
            position += 1
            if tokens[position].text != "]":
                continue
            token = tokens[position]
        done: Any
        if token.text == "]" and open_lists:
            done = open_lists.pop()
        else:
            _need(token.kind == "number", f"{option}: expected a number or [", token, text)
            done = float(token.text)
        position += 1
        while open_lists:  # hand the finished value to the list around it
            open_lists[-1].append(done)
            mark = tokens[position]
            _need(mark.text in (",", "]"), f"{option}: expected a comma or ]", mark, text)
            position += 1
            if mark.text == ",":
                break
            done = open_lists.pop()
        if not open_lists:
            return _as_array(done, Span(first.span.start, tokens[position - 1].span.end), text, option), position


def _as_array(value: Any, span: Span, text: str, option: str) -> Array:
    try:
        return np.array(value, dtype=float)
    except ValueError:
        raise ShapeError(f"{option}: the rows have different lengths", span=span, source=text) from None


def _need(condition: bool, message: str, token: Token, text: str) -> None:
    if not condition:
        raise FormulaSyntaxError(message, span=token.span, source=text)
