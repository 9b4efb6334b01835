"""Reports as JUnit XML, the format that continuous integration reads: a case for each value and each derivative."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from symgrad.report.outline import headline, together
from symgrad.verification import Check, Report, Verdict

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0


def junit(reports: Mapping[str, Report], errors: Mapping[str, str] | None = None) -> str:
    """Return the reports, by the names of their formulas; `errors` says what is wrong with others.

    What failed is a failure, what is inconclusive or no formula is an error: neither may pass for a success.

    >>> import symgrad as sg
    >>> "<testsuite " in junit({"square": sg.verify("x**2")}, {"broken": "not a formula"})
    True
    """
    suite = ElementTree.Element("testsuite", name="symgrad verify")
    for name, report in reports.items():
        _add_cases(suite, name, report)
    for name, message in (errors or {}).items():
        problem = ElementTree.SubElement(_case(suite, name, "formula"), "error", type="BAD INPUT")
        problem.set("message", _clean(message.partition("\n")[0]))
        problem.text = _clean(message)
    for kind in ("failure", "error"):
        suite.set(f"{kind}s", str(len(suite.findall(f"testcase/{kind}"))))
    suite.set("tests", str(len(suite)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_cases(suite: ElementTree.Element, name: str, report: Report) -> None:
    labels = {each.input: each.label for each in report.statements}
    for subject in dict.fromkeys((None, *report.wrt, *(check.input for check in report.checks))):
        own = [check for check in report.checks if check.input == subject]
        case = _case(suite, name, labels.get(subject) or (f"by {subject}" if subject else "value"))
        verdict = _blamed(report, subject, own)
        if verdict is Verdict.PASS:
            continue
        kind = "failure" if verdict is Verdict.FAIL else "error"
        problem = ElementTree.SubElement(case, kind, type=verdict.value, message=_clean(headline(report)))
        problem.text = _clean("\n".join([*report.reasons, *map(_line, own)]))


def _blamed(report: Report, subject: str | None, own: Sequence[Check]) -> Verdict:
    """Return the verdict of a case. Reasons that are about no derivative count for the value."""
    if report.passed:
        return Verdict.PASS
    if subject is not None:
        return together(own)
    if report.verdict is Verdict.INCONCLUSIVE:
        return Verdict.INCONCLUSIVE
    return together(own) if own else Verdict.PASS


def _case(suite: ElementTree.Element, formula: str, what: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=_clean(formula), name=_clean(what))


def _line(check: Check) -> str:
    more = f" ({check.detail})" if check.detail else ""
    figures = f"error {check.error:.2g}, bound {check.bound:.2g}"
    return f"{check.verdict.value} point {check.point}: {figures}, {check.route.value}{more}"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
