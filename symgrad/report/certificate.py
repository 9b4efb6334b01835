"""A report as a JSON certificate: all that is needed to make it again, and a digest that shows a careless change.

The digest is no signature: who alters a certificate can make a new one. What convinces is that it can be checked again,
which `symgrad verify certificate.json` does.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from symgrad.errors import InvalidValueError
from symgrad.report.outline import headline
from symgrad.verification import Report, Verdict

SCHEMA = "symgrad certificate"
VERSION = 1
_UNSIGNED = ("digest", "times")  # what the digest is not over: itself, and what differs from run to run
_LEFT_OUT = ("seconds", "curves", "wrt", "seed", "worst")  # of the report: times, plots, and what the request says too


def certificate(report: Report, written: str = "") -> str:
    """Return the certificate of a report. `written` is a date to note beside the time it took.

    Errors: InvalidValueError for a report of functions or of derivatives that somebody else wrote.

    >>> import symgrad as sg
    >>> json.loads(certificate(sg.verify("x**3")))["request"]["formula"]
    'f(x) = x**3'
    """
    content = content_of(report)
    times = {"seconds": report.seconds, "written": written}
    return _text({**content, "digest": digest(content), "times": times})


def certificates(reports: Mapping[str, Report], written: str = "") -> str:
    """Return the certificates of several reports, by their names, as one document."""
    singles = {name: json.loads(certificate(report, written)) for name, report in reports.items()}
    return _text({"schema": SCHEMA + "s", "version": VERSION, "certificates": singles})


def digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the content in canonical form: keys sorted, no spaces, times and digest left out."""
    signed = {key: value for key, value in content.items() if key not in _UNSIGNED}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def content_of(report: Report) -> dict[str, Any]:
    """Return the content of a certificate, without digest and times, as plain data."""
    if report.request is None:
        raise InvalidValueError(
            "a certificate is about the derivative that symgrad finds for a formula; this report is about another"
        )
    plain = {item.name: getattr(report, item.name) for item in fields(report) if item.name not in _LEFT_OUT}
    statements = [{"label": s.label, "input": s.input, "text": s.text, "shape": s.shape} for s in report.statements]
    body = _plain({**plain, "statements": statements})
    return {"schema": SCHEMA, "version": VERSION, "headline": headline(report), **body}


def _plain(value: Any) -> Any:
    """Return plain data for JSON: floats in decimal and in hexadecimal, arrays with their shape."""
    if isinstance(value, Enum):
        return value.value if isinstance(value, Verdict) else value.name.lower()
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, np.ndarray | np.floating):
        return _array(np.asarray(value, float))
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value]


def _number(value: float) -> dict[str, Any]:
    return {"decimal": float(value) if math.isfinite(value) else str(value), "hex": float(value).hex()}


def _array(array: np.ndarray) -> dict[str, Any]:
    flat = [float(x) for x in array.ravel()]
    return {
        "shape": list(array.shape),
        "decimal": [x if math.isfinite(x) else str(x) for x in flat],
        "hex": [x.hex() for x in flat],
    }
