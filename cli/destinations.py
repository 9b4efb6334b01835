"""The files that a verification is written to: refused before the long work, written after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

import symgrad as sg
from symgrad.errors import InvalidValueError
from symgrad.report import certificate, certificates, junit, page

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--html", metavar="FILE", help="Write the report as a page to read, print or send."),
    click.option("--json", metavar="FILE", help="Write a certificate, which verify checks again."),
    click.option("--junit", metavar="FILE", help="Write the verdicts as JUnit XML, for continuous integration."),
)


def destination_options(command: F) -> F:
    """Give a command the options that name files for its reports."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where reports go beside the terminal; None: nowhere."""

    html: str | None
    json: str | None
    junit: str | None

    def check(self, source: str | None = None) -> None:
        """Refuse what cannot be written. InvalidValueError for folders, devices, one file twice, and the source."""
        seen = {Path(source).resolve(): "the file that is read"} if source is not None else {}
        for option, name in (("--html", self.html), ("--json", self.json), ("--junit", self.junit)):
            if name is None:
                continue
            path = Path(name)
            if path.resolve() in seen:
                raise InvalidValueError(f"{option}: {name} is also {seen[path.resolve()]}")
            seen[path.resolve()] = f"that of {option}"
            if reason := _obstacle(path):
                raise InvalidValueError(f"{option}: cannot write {name}: {reason}")

    def write(self, reports: Mapping[str, sg.Report], errors: Mapping[str, str] | None = None) -> None:
        """Write the reports, by the names of their formulas; a single one has the name "" in pages."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if self.html is not None:
            _write("--html", self.html, page(reports))
        if self.json is not None:
            single = certificate(reports[""], now) if set(reports) == {""} else certificates(reports, now)
            _write("--json", self.json, single)
        if self.junit is not None:
            named = {name or _formula_of(report): report for name, report in reports.items()}
            _write("--junit", self.junit, junit(named, errors))


def _formula_of(report: sg.Report) -> str:
    return report.request.formula if report.request is not None else "function"


def _obstacle(path: Path) -> str:
    """Return why a file cannot be written; empty when it can."""
    if path.exists() and not path.is_file():
        return "it is a folder" if path.is_dir() else "it is no regular file"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return "permission denied"
    return ""


def _write(option: str, name: str, text: str) -> None:
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidValueError(f"{option}: cannot write {name}: {error.strerror or error}") from None
