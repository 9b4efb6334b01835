"""What `Kernel.explain` returns: where infinity or NaN came from, as data and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, TypeAlias

from symgrad.errors import Span, excerpt

Kind: TypeAlias = Literal["NaN", "infinity", "assumption"]
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class OperandValue:
    """An operand as text, and its value: a number, rows of numbers, or None where there are too many."""

    text: str
    value: Any

    def __str__(self) -> str:
        return f"{self.text} = {self.value!r}" if self.value is not None else f"{self.text}, a large array"


@dataclass(frozen=True, slots=True)
class Finding:
    """One subexpression that became NaN or infinite while what it was computed from was not.

    `text` is the subexpression of the formula and `span` its place in `source`, `index` the first entry concerned of
    `entries`, `operands` the values there. `results` names what it spoils: "value", "derivative by w". `derivative` is
    the text of what failed where the op's value is finite and its derivative is not. A NaN that came of infinities,
    such as inf - inf, is a finding of its own behind that of the infinity. `kind` is "assumption" for an input that is
    not what is assumed of it.
    """

    kind: Kind
    results: tuple[str, ...]
    text: str
    condition: str
    advice: str = ""
    index: tuple[int, ...] = ()
    entries: int = 1
    operands: tuple[OperandValue, ...] = ()
    derivative: str = ""
    span: Span | None = None
    source: str | None = None

    @property
    def quantity(self) -> str:
        """The first result that is spoilt; empty where none is."""
        return self.results[0] if self.results else ""

    def lines(self) -> list[str]:
        """Return the finding as lines of text."""
        more = f" (and {_entries(self.entries - 1, 'more ')} after it)" if self.entries > 1 else ""
        shown = [f"{self.condition}{more}"]
        if self.span is not None and self.source is not None:
            shown += [f"  {line}" for line in excerpt(self.source, self.span).splitlines()]
        else:
            shown.append(f"    in {self.text}")
        if self.derivative:
            shown.append(f"    in its derivative: {self.derivative}")
        if self.operands:
            shown.append(f"    operands: {', '.join(map(str, self.operands))}")
        if self.results:
            shown.append(f"    spoils: {', '.join(self.results)}")
        if self.advice:
            shown.append(f"    instead: {self.advice}")
        return shown

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; numbers that are not finite are strings."""
        return {
            "kind": self.kind,
            "quantity": self.quantity,
            "results": list(self.results),
            "text": self.text,
            "span": None if self.span is None else [self.span.start, self.span.end],
            "condition": self.condition,
            "index": list(self.index),
            "entries": self.entries,
            "operands": [{"text": each.text, "value": _plain(each.value)} for each in self.operands],
            "derivative": self.derivative,
            "advice": self.advice,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is not finite at a point, and why.

    `results` has, for the value and each derivative of the kernel, the number of its entries that are not finite.
    `findings` are ordered, the first is the cause; `passed` are infinities and NaN of the formula as written that
    reached no result. `notes` say where kernel and formula, evaluated node by node, differ.
    """

    results: Mapping[str, int]
    findings: tuple[Finding, ...] = ()
    passed: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    source: str | None = None

    @property
    def finite(self) -> bool:
        """Whether the value and all derivatives are finite."""
        return not any(self.results.values())

    @property
    def cause(self) -> Finding | None:
        """The first finding."""
        return self.findings[0] if self.findings else None

    def __bool__(self) -> bool:
        raise TypeError("an explanation has no truth value; ask for .finite")

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the explanation as lines of text."""
        spoilt = [f"{name} ({_entries(count)})" for name, count in self.results.items() if count]
        shown = [f"not finite: {', '.join(spoilt)}" if spoilt else "all finite"]
        for finding in self.findings[:_SHOWN]:
            shown += finding.lines()
        if len(self.findings) > _SHOWN:
            shown.append(f"and {len(self.findings) - _SHOWN} more findings")
        if self.passed:
            shown.append("on the way, without harm:")
        for finding in self.passed[:_SHOWN]:
            shown += [f"  {line}" for line in finding.lines()]
        return shown + [f"note: {note}" for note in self.notes]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "finite": self.finite,
            "source": self.source,
            "results": dict(self.results),
            "findings": [finding.to_dict() for finding in self.findings],
            "passed": [finding.to_dict() for finding in self.passed],
            "notes": list(self.notes),
        }


def _entries(count: int, more: str = "") -> str:
    return f"{count} {more}{'entry' if count == 1 else 'entries'}"


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) and not isfinite(value) else value
