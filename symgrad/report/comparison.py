"""A certificate beside a new report of the same formula at the same points: what has changed, what is not borne out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from symgrad.report.certificate import content_of
from symgrad.report.outline import caught, headline
from symgrad.report.reading import Certificate, real
from symgrad.verification import Report, Verdict

_SPREAD = 100.0  # bounds are estimated from random draws, and differ by less between machines and versions


def same_points(certified: Certificate, report: Report) -> bool:
    """Return whether a report was made at the points of the certificate, bit for bit."""
    return len(certified.points) == len(report.points) and all(
        a.values.keys() == b.values.keys()
        and all(np.array_equal(a.values[name], np.asarray(b.values[name], float), equal_nan=True) for name in a.values)
        for a, b in zip(certified.points, report.points, strict=True)
    )


def contradictions(certified: Certificate, report: Report) -> list[str]:
    """Return what the certificate says and a new report, at the same points, does not bear out."""
    found = []
    if certified.verdict is not report.verdict:
        found.append(f"it says {certified.verdict.value}, the new check says {report.verdict.value}")
    claimed, borne_out = certified.content["headline"].partition(",")[0], headline(report).partition(",")[0]
    if claimed != borne_out and certified.verdict is report.verdict:
        found.append(f"its headline is {claimed!r}, that of the new check {borne_out!r}")
    power = real(certified.content["resolving_power"], "resolving_power")
    if not power >= report.resolving_power / _SPREAD:
        found.append(f"it would have caught errors of {power:.1g}, it says; the new check {report.resolving_power:.1g}")
    if certified.content["headline"] != claimed + caught(power):
        found.append("its headline says otherwise than its resolving power")
    found += [
        f"its error of {route}, {name or 'value'}, point {point}, is {old:.1e}: far beyond the bound of the new check"
        for (route, name, point), (old, _, bound) in _figures(certified, report).items()
        if not old <= bound and certified.verdict is Verdict.PASS
    ]
    return found


def differences(certified: Certificate, report: Report) -> list[str]:
    """Return what is otherwise now than when the certificate was written."""
    content = content_of(report)
    found = [
        f"{name}: {old} then, {new} now"
        for name, old, new in _pairs(certified.content["versions"], content["versions"])
    ]
    if certified.content["machine"] != content["machine"]:
        found.append(f"machine: {certified.content['machine']} then, {content['machine']} now")
    old, new = ({each["label"]: each["text"] for each in side["statements"]} for side in (certified.content, content))
    found += [f"{label}: {a} then, {b} now" for label, a, b in _pairs(old, new)]
    if certified.content["hashes"].get("kernel") != content["hashes"].get("kernel"):
        found.append("the kernel's program is another one")
    moved = sum(old != new for old, new, _ in _figures(certified, report).values())
    if moved:
        found.append(f"{moved} of {len(report.checks)} errors have other figures")
    return found


def _pairs(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str, str]]:
    names = dict.fromkeys([*old, *new])
    pairs = [(name, old.get(name, "nothing"), new.get(name, "nothing")) for name in names]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _figures(certified: Certificate, report: Report) -> dict[tuple[str, str | None, int], tuple[float, float, float]]:
    """Return the errors then and now, and the bound, of the checks that are in both."""
    now = {(check.route.name.lower(), check.input, check.point): check for check in report.checks}
    found = {}
    for each in certified.content["checks"]:
        key = (each["route"], each.get("input"), each["point"])
        if key in now:
            found[key] = (real(each["error"], "checks.error"), now[key].error, _SPREAD * now[key].bound)
    return found
