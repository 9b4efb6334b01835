"""`symgrad verify certificate.json`: the same formula, derived, compiled and checked again at the same points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import symgrad as sg
from symgrad.errors import InvalidValueError
from symgrad.report import Certificate, TamperedError, contradictions, differences, headline, read_all, same_points
from symgrad.report.reading import LARGEST

from .checking import EXIT_STATUS, check
from .destinations import Destinations
from .display import show
from .exit_status import FAILED
from .verify_all import worst


def is_certificate(text: str) -> bool:
    """Whether what stands for the formula is a file that a certificate is in."""
    return text.endswith(".json")


def recheck(path: str, destinations: Destinations) -> int:
    """Check what a certificate says and print what has changed; return the exit status."""
    text = _read(path)
    destinations.check(path)
    try:
        certified = read_all(text)
    except TamperedError as error:
        click.echo(f"symgrad: {path} is rejected: {error.message}", err=True)
        return FAILED
    except InvalidValueError as error:
        raise InvalidValueError(f"{path}: {error.message}") from None
    reports = {name: _again(each, f"verifying {name}".rstrip()) for name, each in certified.items()}
    destinations.write(reports)
    return worst([_compare(name or path, certified[name], report) for name, report in reports.items()])


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(LARGEST + 1)
        return content.decode("utf-8")
    except OSError as error:
        raise InvalidValueError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"{path} is not UTF-8 text (byte {error.start})") from None


def _again(certified: Certificate, title: str) -> sg.Report:
    """Return a new report: from the same seed, and where that draws other points now, at those of the certificate."""
    asked = certified.request
    formula = sg.parse(asked.formula)
    options: dict[str, Any] = {key: getattr(asked, key) for key in ("seed", "order", "products", "batch", "dtype")}
    given = next((point.values for point in certified.points if point.given), {})
    at = {name: given[name] for name in asked.given if name in given} or None
    report = check(formula, asked.wrt, points=asked.points, at=at, sizes=asked.sizes, title=title, **options)
    if same_points(certified, report):
        return report
    whole = [point.values for point in certified.points if point.values.keys() >= formula.inputs.keys()]
    return check(formula, asked.wrt, points=0, at=whole, title=title, **options)


def _compare(name: str, certified: Certificate, report: sg.Report) -> int:
    """Print what is wrong with a certificate, what has changed since, and the new verdict."""
    wrong = contradictions(certified, report)
    if wrong:
        show((f"{name} is rejected: the new check does not bear it out", "bold red"))
    else:
        show((f"{name} is borne out", "green"))
    for line in wrong:
        show((f"  wrong: {line}", ""))
    for line in differences(certified, report):
        show((f"  changed: {line}", ""))
    show((f"  the certificate: {certified.content['headline']}", ""))
    show((f"  the new check:   {headline(report)}", ""))
    return FAILED if wrong else EXIT_STATUS[report.verdict.value]
