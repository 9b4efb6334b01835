"""Certificates: what they hold, that they read back to the bit, and what is refused."""

import copy
import json
import math
import random
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from report_samples import evidence, failed, planted, ridge, second, unknown

import symgrad as sg
from symgrad.errors import InvalidValueError
from symgrad.report import TamperedError, certificate, certificates, contradictions, differences, read_all, same_points
from symgrad.report.certificate import digest
from symgrad.report.reading import read

SCHEMA = json.loads(files("symgrad.report").joinpath("certificate.schema.json").read_text(encoding="utf-8"))
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "null": type(None)}


def is_of(value, kind):
    if kind == "boolean" or isinstance(value, bool):
        return kind == "boolean" and isinstance(value, bool)
    return isinstance(value, TYPES[kind])


def violations(value, schema, where="$"):
    """The keywords that the schema uses, no others: a schema with another one fails the test below."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_of(value, kind) for kind in kinds):
        return [f"{where} is no {kinds}"]
    found = [f"{where} is {value!r}"] if value not in schema.get("enum", [value]) else []
    found += [f"{where} is {value!r}"] if value != schema.get("const", value) else []
    if isinstance(value, int | float) and not schema.get("minimum", -math.inf) <= value <= schema.get(
        "maximum", math.inf
    ):
        found.append(f"{where} is out of range")
    if isinstance(value, dict):
        found += [f"{where} has no {key}" for key in schema.get("required", []) if key not in value]
        for key, each in value.items():
            own = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            found += violations(each, own, f"{where}.{key}")
    if isinstance(value, list):
        found += [v for i, each in enumerate(value) for v in violations(each, schema.get("items", {}), f"{where}[{i}]")]
    return found


def document(report=None):
    return json.loads(certificate(ridge() if report is None else report))


def signed(content):
    return json.dumps({**content, "digest": digest(content)})


def altered(change, report=None):
    """A certificate that was changed by someone who makes the digest anew."""
    content = document(report)
    change(content)
    return signed(content)


@pytest.mark.parametrize("make", [ridge, evidence, planted, failed, unknown, second])
def test_certificates_follow_the_schema(make):
    assert violations(document(make()), SCHEMA) == []


def test_the_schema_refuses_what_is_none():
    content = document()
    content["checks"][0]["error"] = 0.0
    del content["digest"]
    content["verdict"] = "perhaps"
    assert len(violations(content, SCHEMA)) == 3


def test_points_read_back_to_the_bit():
    found = read(certificate(evidence()))
    assert same_points(found, evidence()) and not same_points(found, ridge())
    for point, other in zip(found.points, evidence().points, strict=True):
        assert all(np.array_equal(point.values[name], other.values[name]) for name in other.values)


def test_the_request_reads_back_and_its_formula_is_the_same_expression():
    asked = read(certificate(evidence())).request
    assert sg.parse(asked.formula) is sg.parse("f(S[n,n]: spd, x[n]) = logdet(S) + x @ inv(S) @ x")
    assert (asked.wrt, asked.seed, asked.points, asked.given) == (("S", "x"), 0, 1, ("S", "x"))


def test_numbers_that_are_not_finite_are_texts():
    text = certificate(unknown())
    assert '"inf"' in text
    json.loads(text, parse_constant=pytest.fail)
    assert read(text).verdict.value == "INCONCLUSIVE"


def test_the_same_seed_gives_the_same_bytes_apart_from_times():
    once, again = (document(sg.verify("sum(exp(x))", seed=3)) for _ in range(2))
    assert once["digest"] == again["digest"]
    assert {k: v for k, v in once.items() if k != "times"} == {k: v for k, v in again.items() if k != "times"}
    assert document(sg.verify("sum(exp(x))", seed=4))["digest"] != once["digest"]


def test_times_are_not_signed():
    content = document()
    content["times"] = {"seconds": 1e9, "written": "then"}
    read(json.dumps(content))


def test_a_report_of_functions_has_no_certificate():
    with pytest.raises(InvalidValueError, match="about another"):
        certificate(replace(ridge(), request=None))


def test_several_certificates_are_one_document():
    found = read_all(certificates({"a": ridge(), "b": evidence()}))
    assert list(found) == ["a", "b"] and found["b"].request.wrt == ("S", "x")
    with pytest.raises(InvalidValueError):
        read(certificates({"a": ridge(), "b": evidence()}))


BROKEN = {
    "no JSON": lambda text: text[:-20],
    "a list": lambda text: "[1]",
    "nothing": lambda text: "",
    "deep": lambda text: "[" * 100_000,
    "NaN": lambda text: '{"schema": NaN}',
    "another schema": lambda text: text.replace("symgrad certificate", "birth certificate"),
    "another version": lambda text: text.replace('"version": 1', '"version": 2', 1),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_no_certificate_is_refused(how):
    with pytest.raises(InvalidValueError) as caught:
        read(BROKEN[how](certificate(ridge())))
    assert not isinstance(caught.value, TamperedError)


REQUIRED = [
    ("request",),
    ("request", "formula"),
    ("request", "wrt"),
    ("request", "given"),
    ("request", "sizes"),
    ("request", "seed"),
    ("request", "order"),
    ("request", "dtype"),
    ("points",),
    ("points", 0, "values"),
    ("points", 0, "values", "X", "hex"),
    ("points", 0, "values", "X", "shape"),
    ("checks",),
    ("checks", 0, "error"),
    ("checks", 0, "route"),
    ("statements",),
    ("statements", 0, "text"),
    ("verdict",),
    ("resolving_power",),
    ("hashes",),
    ("versions",),
    ("machine",),
    ("headline",),
]


@pytest.mark.parametrize("path", REQUIRED, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("instead", [None, 1.5, [[]], {"x": []}], ids=["gone", "number", "list", "object"])
def test_missing_and_ill_typed_fields_are_refused(path, instead):
    def change(content):
        for key in path[:-1]:
            content = content[key]
        if instead is None:
            del content[path[-1]]
        else:
            content[path[-1]] = instead

    with pytest.raises(InvalidValueError):
        read(altered(change))


TAMPERED = {
    "verdict": lambda c: c.update(verdict="FAIL"),
    "headline": lambda c: c.update(headline="PASS: everything"),
    "formula": lambda c: c["request"].update(formula="f(x) = x"),
    "derivative": lambda c: c["statements"][1].update(text="0"),
    "seed": lambda c: c["request"].update(seed=1),
    "points": lambda c: c["points"][0]["values"]["w"]["hex"].__setitem__(0, "0x1p+0"),
    "error": lambda c: c["checks"][0]["error"].update(decimal=0.0, hex="0x0p+0"),
    "a check is gone": lambda c: c["checks"].pop(),
    "reasons": lambda c: c["not_checked"].append("nothing"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_altered_is_rejected(what):
    content = document()
    TAMPERED[what](content)
    with pytest.raises(TamperedError):
        read(json.dumps(content))


def test_hashes_and_both_ways_of_writing_a_number_are_compared_too():
    for what in ("formula", "derivative", "points"):
        with pytest.raises(TamperedError, match="altered"):
            read(altered(TAMPERED[what]))


def test_what_a_new_check_does_not_bear_out_is_said():
    def claims(**change):
        content = copy.deepcopy(document())
        content.update(change)
        return contradictions(read(signed(content)), ridge())

    assert claims() == []
    assert "says FAIL" in claims(verdict="FAIL")[0]
    assert "headline" in claims(headline="PASS: 9 of 9 derivative blocks at 9 points, smallest")[0]
    assert "caught errors of 1e-30" in claims(resolving_power={"decimal": 1e-30, "hex": (1e-30).hex()})[0]
    checks = copy.deepcopy(document()["checks"])
    checks[3]["error"] = {"decimal": 0.25, "hex": (0.25).hex()}
    assert "is 2.5e-01" in claims(checks=checks)[0]


def test_what_has_changed_is_said():
    found = read(certificate(ridge()))
    assert differences(found, ridge()) == []
    other = replace(
        ridge(),
        machine="another",
        versions={**ridge().versions, "numpy": "0.1"},
        hashes={**ridge().hashes, "kernel": "0"},
        statements=(*ridge().statements[:-1], replace(ridge().statements[-1], text="w @ w")),
        checks=tuple(replace(check, error=check.error / 2 + 1e-20) for check in ridge().checks),
    )
    lines = differences(found, other)
    assert [line.partition(" ")[0] for line in lines] == [
        "numpy:",
        "machine:",
        "df/dlam:",
        "the",
        str(len(other.checks)),
    ]


def places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


ODD = [None, True, -1, 0.5, 10**400, "", "\ud800", "nan", "0x1p+99999", [], {}, [[]], {"hex": 1}, [1] * 40, "PASS"]


def test_whatever_stands_in_a_certificate_it_is_read_or_refused():
    rng = random.Random(0)
    content = document()
    paths = [path for path in places(content) if path and path[0] != "times"]
    for _ in range(400):
        spoilt = copy.deepcopy(content)
        for path in rng.sample(paths, 2):
            parent = spoilt
            try:
                for key in path[:-1]:
                    parent = parent[key]
                parent[path[-1]] = rng.choice(ODD)
            except (KeyError, IndexError, TypeError):
                continue  # the first change took the place of the second
        try:
            found = read(signed(spoilt))
        except InvalidValueError:
            continue
        contradictions(found, ridge())
        differences(found, ridge())
