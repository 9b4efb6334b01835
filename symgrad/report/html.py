"""A report as one HTML page: no scripts, nothing loaded, for the screen in both colour schemes and for paper."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from symgrad.report import outline
from symgrad.report.vcurve import svg
from symgrad.verification import Check, Point, Report

if TYPE_CHECKING:
    from jinja2 import Template

_MATHML = "{http://www.w3.org/1998/Math/MathML}"
_ELEMENTS = frozenset(
    ["math", "mrow", "mi", "mn", "mo", "mtext", "msub", "msup", "mfrac", "msqrt", "mtable", "mtr", "mtd"]
)
_ATTRIBUTES = frozenset(["display", "fence", "mathvariant", "columnalign"])
_PRINTED_IN_FULL = 24  # numbers of an array
_MOST_CURVES = 12
_ALL_CHECKS_UP_TO = 600


def page(reports: Report | Mapping[str, Report], title: str = "") -> str:
    """Return a page for a report, or for several under their names.

    Errors: none of its own. Everything that comes from a formula or a user is escaped.

    >>> import symgrad as sg
    >>> text = page(sg.verify("sum(x**2)"))
    >>> text.startswith("<!DOCTYPE html>"), "<script" in text
    (True, False)
    """
    named = {"": reports} if isinstance(reports, Report) else reports
    return _template().render(title=title, sections=[_section(name, report) for name, report in named.items()])


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = number
    environment.filters["mathml"] = mathml
    environment.filters["ulps"] = outline.ulps_text
    return environment.from_string(files("symgrad.report").joinpath("page.html.jinja").read_text(encoding="utf-8"))


def _section(name: str, report: Report) -> dict[str, Any]:
    """Return what the template shows of one report."""
    return {
        "name": name,
        "report": report,
        "verdict": report.verdict.value,
        "sentence": outline.headline(report).partition(": ")[2],
        "groups": [
            {"title": title, "question": question, "rows": [_line(row) for row in outline.rows(members)]}
            for kind, members in outline.grouped(report.checks).items()
            for title, question in [outline.GROUPS[kind]]
        ],
        "checks": [_entry(check) for check in report.checks[:_ALL_CHECKS_UP_TO]],
        "curves": [(curve, drawing) for curve in report.curves[:_MOST_CURVES] if (drawing := _drawing(svg(curve)))],
        "points": [_place(point) for point in report.points],
        "planted": report.worth(),
        "command": outline.command(report),
    }


def _line(row: outline.Row) -> dict[str, Any]:
    return {**_entry(row.deciding), "resolution": row.resolution, "ulps": row.ulps}


def _entry(check: Check) -> dict[str, Any]:
    return {
        "verdict": check.verdict.value,
        "subject": outline.subject_of(check),
        "error": check.error,
        "bound": check.bound,
        "resolution": check.resolution,
        "scale": check.scale,
        "compared": check.compared,
        "ulps": check.ulps,
        "place": outline.place_of(check),
        "route": check.route.value,
        "detail": check.detail,
        "decisive": check.decisive,
    }


def _place(point: Point) -> dict[str, Any]:
    return {
        "given": point.given,
        "sizes": ", ".join(f"{name} = {size}" for name, size in point.sizes.items()),
        "values": {name: (array_text(value), np.shape(value)) for name, value in point.values.items()},
    }


def array_text(value: Any) -> str:
    """Return the numbers of an array; of a large one the first and last.

    >>> array_text(np.arange(100.0))
    '[0, 1, 2, ..., 97, 98, 99]'
    """
    with np.printoptions(threshold=_PRINTED_IN_FULL, edgeitems=3, linewidth=10**6):
        return np.array2string(np.asarray(value, float), separator=", ", formatter={"float_kind": "{:.7g}".format})


def number(value: float) -> str:
    """Return a number in two digits, for tables.

    >>> number(1.234e-12), number(0.0)
    ('1.2e−12', '0')
    """
    return f"{value:.1e}".replace("e-0", "e-").replace("-", "−") if value else "0"


def mathml(markup: str) -> Any:
    """Return markup as it is where it is presentation MathML and nothing else; empty otherwise."""
    from markupsafe import Markup

    try:
        elements = list(ElementTree.fromstring(markup).iter())
    except ElementTree.ParseError:
        return ""
    known = all(
        element.tag.startswith(_MATHML)
        and element.tag.removeprefix(_MATHML) in _ELEMENTS
        and _ATTRIBUTES.issuperset(element.attrib)
        for element in elements
    )
    return Markup(markup) if known else ""


def _drawing(markup: str) -> Any:
    from markupsafe import Markup

    return Markup(markup)
