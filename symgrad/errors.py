"""What symgrad raises: one base class, one final child for each kind of mistake.

An error knows the source text and the span it is about, when there is a text; `str(error)` then shows the line
with a caret under it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Kind = Literal["syntax", "name", "shape", "type", "limit", "value"]

_WIDEST_EXCERPT = 100


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of character offsets into a source text."""

    start: int
    end: int

    def merge(self, other: Span) -> Span:
        """Return the smallest span that covers both."""
        return Span(min(self.start, other.start), max(self.end, other.end))


class SymgradError(Exception):
    """The base of every error symgrad raises on purpose.

    `kind` says what sort of mistake it is, `message` is the sentence alone, `span` the place in `source`
    (both None for expressions that were built through the library).

    >>> import symgrad as sg
    >>> try:
    ...     sg.parse("ln(x)")
    ... except sg.SymgradError as error:
    ...     error.kind, error.span.start
    ('name', 0)
    """

    kind: ClassVar[Kind] = "value"

    def __init__(self, message: str, *, span: Span | None = None, source: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.source = source

    def locate(self, span: Span, source: str) -> SymgradError:
        """Return the error, placed at `span` of `source` unless it already has a place."""
        if self.span is None:
            self.span, self.source = span, source
        return self

    def __str__(self) -> str:
        if self.span is None or self.source is None:
            return self.message
        return f"{self.message}\n{excerpt(self.source, self.span)}"


class FormulaSyntaxError(SymgradError):
    """The text is not a formula."""

    kind = "syntax"


class UnknownNameError(SymgradError):
    """A name that is not an input, a function, an option or a parameter."""

    kind = "name"


class ShapeError(SymgradError):
    """Shapes that do not fit together."""

    kind = "shape"


class OperandError(SymgradError):
    """An operand or argument of the wrong type, or an operation that has no derivative or no kernel."""

    kind = "type"


class LimitError(SymgradError):
    """Something larger than a limit that can be raised."""

    kind = "limit"


class InvalidValueError(SymgradError):
    """A value outside of what is allowed, such as the logarithm of a negative constant."""

    kind = "value"


def excerpt(source: str, span: Span) -> str:
    """Return the line of `source` that holds `span`, with its position and carets under the span."""
    start = min(span.start, len(source))
    line_start = source.rfind("\n", 0, start) + 1
    line_end = source.find("\n", start)
    line_end = len(source) if line_end < 0 else line_end
    first = max(line_start, start - _WIDEST_EXCERPT // 2)
    last = min(line_end, first + _WIDEST_EXCERPT)
    shown = "".join(c if c.isprintable() else "?" for c in source[first:last])
    carets = max(1, min(span.end, last) - start)
    prefix = "..." if first > line_start else ""
    suffix = "..." if last < line_end else ""
    row, column = source.count("\n", 0, start) + 1, start - line_start + 1
    place = f"  line {row}, column {column}: "
    return f"{place}{prefix}{shown}{suffix}\n{' ' * (len(place) + len(prefix) + start - first)}{'^' * carets}"
