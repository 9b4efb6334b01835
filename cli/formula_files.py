"""Files of many formulas: one a line, with a name or without.

    # a comment, to the end of the line
    ridge: sum((X @ w - y)**2) + lam*sum(w**2)
    f(A[n, n]: spd) = logdet(A)

A formula goes on while a bracket is open, and on lines that are indented. An empty line ends it, and a new name does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from symgrad.errors import FormulaSyntaxError, InvalidValueError, Span, SymgradError, excerpt

LARGEST = 16 * 2**20  # bytes of a file that is read
MOST = 10_000
_NAMED = re.compile(r"\s*(?P<name>[A-Za-z_][\w .-]*?)\s*:(?P<text>.*)", re.ASCII | re.DOTALL)


@dataclass(slots=True)
class Entry:
    """A formula of a file: its lines without comments, and the number of the first one."""

    line: int
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The formula alone. Where a name stood, there are spaces, so that places in lines stay what they are."""
        match = _NAMED.fullmatch(self._whole)
        return " " * match.start("text") + match["text"] if match else self._whole

    @property
    def name(self) -> str:
        """The name, or the number of the line."""
        match = _NAMED.fullmatch(self._whole)
        return match["name"] if match else f"line {self.line}"

    @property
    def _whole(self) -> str:
        return "\n".join(self.lines)

    @property
    def open(self) -> bool:
        """Whether a bracket is open at the end."""
        return sum(self._whole.count(c) for c in "([{") > sum(self._whole.count(c) for c in ")]}")


def read_formulas(path: str) -> list[Entry]:
    """Return the formulas of a file, in order. InvalidValueError for a file that cannot be read, or has none."""
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise InvalidValueError(f"{path} has more than {LARGEST} bytes")
        entries = list(_entries(content.decode("utf-8-sig")))
    except OSError as error:
        raise InvalidValueError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise FormulaSyntaxError(f"{path} is not UTF-8 text (byte {error.start})") from None
    if not 0 < len(entries) <= MOST:
        raise InvalidValueError(f"{path} has {len(entries)} formulas; it takes 1 to {MOST}")
    return entries


def _entries(content: str) -> Iterator[Entry]:
    entry: Entry | None = None
    for number, line in enumerate(content.splitlines(), start=1):
        bare = line.partition("#")[0].rstrip()
        if not bare.strip():
            if entry is not None and not line.strip():
                yield entry
                entry = None
            elif entry is not None:
                entry.lines.append("")  # a comment; the lines below keep their numbers
            continue
        if entry is not None and not bare[0].isspace() and not (entry.open and not _NAMED.fullmatch(bare)):
            yield entry
            entry = None
        entry = entry or Entry(number)
        entry.lines.append(bare)
    if entry is not None:
        yield entry


def unique_names(entries: list[Entry]) -> list[str]:
    """Return a name for each formula; one that is used again gets its line beside it."""
    names: list[str] = []
    for entry in entries:
        names.append(entry.name if entry.name not in names else f"{entry.name} (line {entry.line})")
    return names


def placed(error: SymgradError, path: str, entry: Entry) -> str:
    """Return the message of an error with the file and the line it is in."""
    if error.span is None or error.source is None:
        return f"{path}, line {entry.line}: {error.message}"
    above = "\n" * (entry.line - 1)
    span = Span(error.span.start + len(above), error.span.end + len(above))
    return f"{path}: {error.message}\n{excerpt(above + error.source, span)}"
