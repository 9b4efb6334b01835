"""Certificates, read with care: what is missing or of the wrong type is said, and so is what contradicts itself."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import InvalidValueError
from symgrad.report.certificate import SCHEMA, VERSION, digest
from symgrad.syntax import Limits
from symgrad.verification import Point, Request, Verdict
from symgrad.verification.provenance import sha256

LARGEST = 64 * 2**20  # characters of a certificate that is read
_MOST_AXES = 32


class TamperedError(InvalidValueError):
    """A certificate whose content contradicts its digest or itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """A certificate that was read: its plain content, and what it takes to check again."""

    content: Mapping[str, Any]
    request: Request
    points: tuple[Point, ...]
    verdict: Verdict


def read(text: str) -> Certificate:
    """Read a certificate.

    Errors: InvalidValueError for a text that is none: no JSON, another schema, missing or ill-typed fields;
    TamperedError when its digest or one of its hashes is not that of the content.
    """
    (found,) = read_all(text, most=1).values()
    return found


def read_all(text: str, most: int = 10_000) -> dict[str, Certificate]:
    """Read a certificate, under the name "", or a document of several, by their names."""
    document = _load(text)
    if document.get("schema") == SCHEMA + "s":
        members = _field(document, "certificates", dict, "")
        if not 0 < len(members) <= most:
            raise InvalidValueError(f"the document has {len(members)} certificates")
        return {name: _certificate(_object(member, f"certificates.{name}")) for name, member in members.items()}
    return {"": _certificate(document)}


def _load(text: str) -> dict[str, Any]:
    if len(text) > LARGEST:
        raise InvalidValueError(f"a certificate has at most {LARGEST} characters")
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"this is no JSON: {error}") from None
    return _object(document, "the document")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _certificate(document: dict[str, Any]) -> Certificate:
    if document.get("schema") != SCHEMA:
        raise InvalidValueError(f'this is no certificate: "schema" is not "{SCHEMA}"')
    if document.get("version") != VERSION or isinstance(document.get("version"), bool):
        raise InvalidValueError(
            f"the certificate has version {document.get('version')!r}; this symgrad reads {VERSION}"
        )
    asked = _request(_field(document, "request", dict, ""))
    points = [_point(_object(each, "points")) for each in _field(document, "points", list, "")]
    verdict = _field(document, "verdict", str, "")
    if verdict not in [each.value for each in Verdict]:
        raise InvalidValueError(f"{verdict!r} is no verdict")
    _check_figures(document)
    _check_untouched(document, asked)
    return Certificate(document, asked, tuple(points), Verdict(verdict))


def _check_figures(document: dict[str, Any]) -> None:
    """Check the types of what a comparison reads."""
    real(_field(document, "resolving_power", dict, ""), "resolving_power")
    for each in _field(document, "statements", list, ""):
        for key in ("label", "text", "shape"):
            _field(_object(each, "statements"), key, str, "statements.")
    for each in _field(document, "checks", list, ""):
        check = _object(each, "checks")
        _field(check, "route", str, "checks.")
        _field(check, "point", int, "checks.")
        if not isinstance(check.get("input"), str | None):
            raise InvalidValueError("checks.input is neither a name nor null")
        for key in ("error", "bound", "resolution"):
            real(_field(check, key, dict, "checks."), f"checks.{key}")
    for key in ("hashes", "versions"):
        if not all(isinstance(value, str) for value in _field(document, key, dict, "").values()):
            raise InvalidValueError(f"{key} is not all texts")
    for key in ("headline", "machine", "digest"):
        _field(document, key, str, "")


def _check_untouched(document: dict[str, Any], asked: Request) -> None:
    if document["digest"] != digest(document):
        raise TamperedError("the certificate was altered: its digest is not that of its content")
    texts = {"formula": asked.formula, **{each["label"]: each["text"] for each in document["statements"][1:]}}
    for label, text in texts.items():
        if document["hashes"].get(label) != sha256(text):
            raise TamperedError(f"the certificate was altered: the hash of {label} is not that of its text")


def _request(found: dict[str, Any]) -> Request:
    sizes = _field(found, "sizes", dict, "request.")
    counts = {"seed": _field(found, "seed", int, "request."), "points": _field(found, "points", int, "request.")}
    if not all(0 <= value < 2**63 for value in counts.values()) or counts["points"] > 1000:
        raise InvalidValueError("request.seed and request.points are out of range")
    if not all(_is_size(size) for size in sizes.values()):
        raise InvalidValueError("request.sizes is not all whole numbers, or one is too large")
    return Request(
        formula=_field(found, "formula", str, "request."),
        wrt=_words(found, "wrt"),
        given=_words(found, "given"),
        sizes=sizes,
        order=_field(found, "order", int, "request."),
        products=_field(found, "products", bool, "request."),
        batch=_field(found, "batch", bool, "request."),
        dtype=_field(found, "dtype", str, "request."),
        **counts,
    )


def _words(found: dict[str, Any], key: str) -> tuple[str, ...]:
    words = _field(found, key, list, "request.")
    if not all(isinstance(word, str) for word in words):
        raise InvalidValueError(f"request.{key} is not all texts")
    return tuple(words)


def _point(found: dict[str, Any]) -> Point:
    values = {
        name: _values(_object(value, f"points.values.{name}"), f"points.values.{name}")
        for name, value in _field(found, "values", dict, "points.").items()
    }
    sizes = _field(found, "sizes", dict, "points.")
    return Point(sizes, values, _field(found, "given", bool, "points."))


def _values(found: dict[str, Any], where: str) -> np.ndarray:
    shape = _field(found, "shape", list, f"{where}.")
    if len(shape) > _MOST_AXES or not all(map(_is_size, shape)):
        raise InvalidValueError(f"{where}.shape is no shape")
    written, plain = _field(found, "hex", list, f"{where}."), _field(found, "decimal", list, f"{where}.")
    if len(written) != math.prod(shape) or len(plain) != len(written):
        raise InvalidValueError(f"{where} does not have as many numbers as its shape says")
    numbers = [real({"hex": h, "decimal": d}, where) for h, d in zip(written, plain, strict=True)]
    return np.array(numbers, float).reshape(shape)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= Limits().elements


def real(found: Mapping[str, Any], where: str) -> float:
    """Return a number that is written in hexadecimal and in decimal. InvalidValueError where the two differ."""
    written, plain = found.get("hex"), found.get("decimal")
    if not isinstance(written, str) or not isinstance(plain, float | int | str) or isinstance(plain, bool):
        raise InvalidValueError(f"{where} is no number in hexadecimal and decimal")
    try:
        value, other = float.fromhex(written), float(plain)
    except (ValueError, OverflowError):
        raise InvalidValueError(f"{where} is no number in hexadecimal and decimal") from None
    if value != other and not (math.isnan(value) and math.isnan(other)):
        raise TamperedError(f"the certificate was altered: {where} is {written} in hexadecimal and {plain} in decimal")
    return value


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidValueError(f"{where} is no object")
    return value


def _field(found: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    if key not in found:
        raise InvalidValueError(f"the certificate has no {where}{key}")
    value = found[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InvalidValueError(f"{where}{key} is of the wrong type ({type(value).__name__})")
    return value
