from dataclasses import replace
from xml.etree import ElementTree

from report_samples import HOSTILE, evidence, failed, ridge, second, unknown

from symgrad.report import junit
from symgrad.verification.model import Verdict


def suite(*arguments):
    text = junit(*arguments)
    assert text.startswith("<?xml")
    return ElementTree.fromstring(text).find("testsuite")


def test_a_case_for_the_formula_and_each_derivative():
    found = suite({"ridge": ridge(), "evidence": evidence()})
    assert [(c.get("classname"), c.get("name")) for c in found] == [
        *(("ridge", label) for label in ("f", "df/dw", "df/dlam")),
        *(("evidence", label) for label in ("f", "df/dS", "df/dx")),
    ]
    assert (found.get("tests"), found.get("failures"), found.get("errors")) == ("6", "0", "0")
    assert all(len(case) == 0 for case in found)


def test_a_failure_stands_at_its_derivative_and_is_text():
    found = suite({HOSTILE: failed()})
    (problem,) = found.iter("failure")
    assert HOSTILE in problem.text and problem.get("type") == "FAIL"
    assert [len(case) for case in found] == [0, 0, 1]
    assert {case.get("classname") for case in found} == {HOSTILE}


def test_what_is_inconclusive_is_not_green():
    found = suite({"unknown": unknown()})
    assert found.get("errors") == "3" and found.get("failures") == "0"


def test_bad_input_is_an_error_and_control_characters_do_not_break_the_file():
    found = suite({}, {"bad": "line 3: what is \x00\x1b\ud800 this?\n  caret"})
    (problem,) = found.iter("error")
    assert problem.get("message") == "line 3: what is \ufffd\ufffd\ufffd this?"


def test_a_second_derivative_has_its_own_case():
    report = second()
    checks = tuple(replace(c, verdict=Verdict.FAIL) if c.input == "x, x" else c for c in report.checks)
    found = suite({"f": replace(report, verdict=Verdict.FAIL, checks=checks)})
    assert [case.get("name") for case in found if len(case)] == ["d2f/(dx dx)"]
