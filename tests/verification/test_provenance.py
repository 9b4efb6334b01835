"""What a report says of the formula and of where it came from."""

import hashlib

import pytest
from interpreted import check

import symgrad as sg
from symgrad.verification.provenance import PACKAGES, conditions, definition, machine, statements_of, versions

FORMULAS = [
    "sum((X @ w - y)**2) + lam*sum(w**2)",
    "f(A[n,n]: spd, x[n]) = logdet(A) + x @ inv(A) @ x",
    "f(x[3], c: positive) = sum(x)*log(c)",
    "g(f, x[k]) = f*x",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_the_definition_parses_back_and_declares_every_input(text):
    output = sg.parse(text)
    found = definition(output)
    assert sg.parse(found) is output
    head = found.partition(" = ")[0]
    assert all(name in head for name in output.inputs)


def test_a_report_has_the_formula_its_derivatives_and_hashes_of_both():
    report = sg.verify("f(x[n]) = sum(x**3)", points=1)
    assert [(s.label, s.text, s.shape, s.input) for s in report.statements] == [
        ("f", "sum(x**3)", "()", None),
        ("df/dx", "3*x**2", "(n,)", "x"),
    ]
    assert all(s.mathml.startswith("<math") for s in report.statements)
    kernel = sg.compile("f(x[n]) = sum(x**3)").ir()
    assert report.hashes == {
        label: hashlib.sha256(text.encode()).hexdigest()
        for label, text in (("formula", "f(x[n]) = sum(x**3)"), ("kernel", kernel), ("df/dx", "3*x**2"))
    }
    assert set(PACKAGES) <= set(report.versions) and report.machine == machine()
    assert (report.request.points, report.request.seed, report.request.given) == (1, 0, ())


def test_the_name_of_the_function_is_free():
    labels = [s.label for s in statements_of(sg.parse("f*x"), {"f": sg.parse("x")})]
    assert labels == ["g", "dg/df"]


def test_what_was_given_is_named_for_one_point_and_for_several():
    assert sg.verify("x*y", points=1, at={"x": 2.0}).request.given == ("x",)
    several = sg.verify("x*y", points=0, at=[{"x": 2.0, "y": 1.0}, {"x": 3.0, "y": 1.0}])
    assert several.request.given == ("x", "y")
    assert [float(point.values["x"]) for point in several.points] == [2.0, 3.0] and several.passed


def test_conditions_are_those_of_operations_that_are_not_defined_everywhere():
    assert conditions(sg.parse("exp(x)*y")) == []
    assert conditions(sg.parse("asin(x) + log(y)")) == ["asin(x): -1 <= x <= 1", "log(y): y > 0"]
    many = sg.parse(" + ".join(f"log(x{i})" for i in range(20)))
    assert len(conditions(many)) == 13 and conditions(many)[-1] == "and 8 more"


def test_a_report_of_a_kernel_alone_says_nothing_of_formulas():
    report = check("sum(x**2)", points=1)
    assert report.request is None and report.statements == () and report.hashes is None


def test_versions_do_not_import_what_they_are_of():
    assert versions(*PACKAGES) is versions(*PACKAGES)
    assert all(versions(*PACKAGES)[name] for name in PACKAGES)
