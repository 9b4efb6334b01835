"""What every form of a report says, in the same words: the headline, the checks in groups, the verdicts counted."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from symgrad.verification import Check, Report, Route, Verdict

_MOST_GIVEN = 400  # characters of values in a command
_FLAGS = ("--hessian", "--products", "--batch")
GROUPS = {  # by the kind of a route: a title, and the question it answers
    "formula": ("Formula errors", "Is the derivative's formula the derivative of the formula?"),
    "kernel": ("Kernel errors", "Does the compiled kernel compute these formulas?"),
    "end to end": (
        "End-to-end errors",
        "Is what the kernel returns the derivative of the function, whatever the formulas say?",
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """All checks of one route for one input, at every point; `deciding` is the one nearest to its bound."""

    verdict: Verdict
    deciding: Check
    resolution: float
    points: int
    ulps: float | None

    @property
    def subject(self) -> str:
        """The input, or what stands for it when it is the value."""
        return subject_of(self.deciding)


@dataclass(frozen=True, slots=True)
class Block:
    """The derivative by one input at one point, and what all routes together say of it."""

    input: str
    point: int
    verdict: Verdict


def headline(report: Report) -> str:
    """Return the verdict, counted, in one sentence."""
    found = blocks(report)
    passed = sum(block.verdict is Verdict.PASS for block in found)
    text = f"{report.verdict.value}: {passed} of {count(len(found), 'derivative block')} at {_points(report)}"
    return text + caught(report.resolving_power)


def caught(power: float) -> str:
    """Return the end of a headline: how small an error would have been caught; empty where that is not known.

    >>> caught(2e-14), caught(math.inf)
    (', smallest error that would have been caught 2e-14', '')
    """
    return f", smallest error that would have been caught {power:.1g}" if math.isfinite(power) else ""


def blocks(report: Report) -> list[Block]:
    """Return a block for each input and point; one without any check that decides is inconclusive.

    Second derivatives have points of their own, where they are the only blocks.
    """
    members: dict[tuple[str, int], list[Check]] = {}
    for point in range(len(report.points)):
        names = [check.input for check in report.checks if check.point == point and check.input is not None]
        first = report.wrt if not names or not set(names).isdisjoint(report.wrt) else ()
        members.update({(name, point): [] for name in (*first, *names)})
    for check in report.checks:
        if check.input is not None:
            members.setdefault((check.input, check.point), []).append(check)
    return [Block(name, point, together(own)) for (name, point), own in members.items()]


def together(checks: Sequence[Check]) -> Verdict:
    """Return the verdict of several checks: one that failed fails all, and open ones count where they decide."""
    verdicts = {check.verdict for check in checks if check.decisive or check.verdict is Verdict.FAIL}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INCONCLUSIVE


def grouped(checks: Iterable[Check]) -> dict[str, list[Check]]:
    """Return the checks by kind; kinds without any are left out."""
    groups: dict[str, list[Check]] = {kind: [] for kind in GROUPS}
    for check in checks:
        groups[check.route.kind].append(check)
    return {kind: members for kind, members in groups.items() if members}


def rows(checks: Iterable[Check]) -> list[Row]:
    """Return one row for each input and route, in the order of first use."""
    members: dict[tuple[Route, str | None], list[Check]] = {}
    for check in checks:
        members.setdefault((check.route, check.input), []).append(check)
    return [_row(own) for own in members.values()]


def _row(own: Sequence[Check]) -> Row:
    deciding = max(own, key=_nearness)
    return Row(
        verdict=deciding.verdict,
        deciding=deciding,
        resolution=max(check.resolution for check in own),
        points=len({check.point for check in own}),
        ulps=max((check.ulps for check in own if check.ulps is not None), default=None),
    )


def _nearness(check: Check) -> tuple[int, float]:
    """Return how near a check is to its bound, after how bad its verdict is."""
    badness = [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL].index(check.verdict)
    if math.isnan(check.error) or not check.bound:
        return badness, math.inf if check.error else 0.0
    return badness, check.error / check.bound


def subject_of(check: Check) -> str:
    """Return the input that a check is about."""
    return "(value)" if check.input is None else check.input


def ulps_text(ulps: float | None) -> str:
    """Return a number of ulps in two digits; empty where it is not known.

    >>> ulps_text(0.52), ulps_text(881.3), ulps_text(None)
    ('0.52', '881', '')
    """
    return "" if ulps is None else f"{ulps:.2g}" if ulps < 100 else f"{ulps:.0f}"


def place_of(check: Check) -> str:
    """Return where the worst entry is: the point, and the entry where there is more than one."""
    label = f", {check.label}" if check.label not in ("", check.input) else ""
    return f"point {check.point}{label}"


def command(report: Report) -> str:
    """Return the command that gives this report again; empty for functions that have no formula.

    Many values that were given are in the certificate, not here: `...` stands for them.
    """
    asked = report.request
    if asked is None:
        return ""
    words = ["symgrad", "verify", shlex.quote(asked.formula)]
    words += [f"--wrt {name}" for name in asked.wrt]
    words += [f"--seed {asked.seed}", f"--points {asked.points}"]
    words += [
        word for word, wanted in zip(_FLAGS, (asked.order == 2, asked.products, asked.batch), strict=True) if wanted
    ]
    if asked.dtype != "float64":
        words.append(f"--dtype {asked.dtype}")
    if asked.given:
        words.append(f"--at {shlex.quote(_given_values(report, asked.given))}")
    return " ".join(words)


def _given_values(report: Report, names: Iterable[str]) -> str:
    values = report.points[-1].values if report.points and report.points[-1].given else {}
    texts = {name: repr(np.asarray(values[name], float).tolist()) for name in names if name in values}
    if sum(map(len, texts.values())) > _MOST_GIVEN:
        texts = {}
    return ", ".join(f"{name}={texts.get(name, '...')}" for name in names)


def count(number: int, what: str) -> str:
    """Return a number and what it counts.

    >>> count(1, "point"), count(2, "point")
    ('1 point', '2 points')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _points(report: Report) -> str:
    return count(len(report.points), "point")
