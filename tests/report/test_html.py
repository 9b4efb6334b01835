"""The page: what is on it, in which order, and that nothing of a user's is markup."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from op_samples import samples
from report_samples import HOSTILE, evidence, failed, planted, ridge, second, unknown, wide

import symgrad as sg
from symgrad.core.expr import all_ops
from symgrad.report import headline, page
from symgrad.report.html import array_text, mathml
from symgrad.report.vcurve import HEIGHT, WIDTH, svg
from symgrad.verification.model import Curve, Statement

EMPTY = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Checks that elements are closed in order, and collects their names, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and self.open[-2:] != ["head", "title"]:
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.mark.parametrize("make", [ridge, evidence, wide, planted, failed, unknown, second])
def test_the_page_is_well_formed_and_loads_nothing(make):
    text = page(make())
    read = Reader(text)
    assert {"script", "link", "img", "iframe", "object", "style"} & set(read.tags) == {"style"}
    assert [a for a in read.attributes if a[0].startswith("on") or a[0] in ("src", "href", "action")] == []
    assert "url(" not in text and "@import" not in text


def test_the_verdict_comes_first_and_is_counted():
    words = Reader(page(ridge())).words
    start = words.index("PASS")
    assert words[start:].startswith("PASS " + headline(ridge()).partition(": ")[2])
    assert words.index("Formula errors") < words.index("Kernel errors") < words.index("End-to-end errors")


def test_everything_that_a_sceptic_asks_for_is_there():
    report = evidence()
    words = Reader(page(report)).words
    for wanted in (
        "logdet(S) + x @ inv(S) @ x",
        "shape (n, n)",
        "S[n,n]: spd",
        "logdet(S): S is invertible",
        "S is symmetric; tangent:",
        "given; n = 2",
        "drawn; n = 4",
        "What was not checked",
        "--seed 0 --points 1",
        *report.hashes.values(),
        *report.versions.values(),
        report.machine,
        f"{report.evaluations} of the function",
    ):
        assert wanted in words, wanted


def test_formulas_are_set_in_mathml_with_their_text():
    read = Reader(page(ridge()))
    assert read.tags.count("math") == len(ridge().statements) == 3
    assert "2*X.T @ (X @ w - y) + 2*lam*w" in read.words


def test_a_curve_is_drawn_for_each_that_the_report_has():
    report = ridge()
    assert Reader(page(report)).tags.count("svg") == len(report.curves) > 0


def test_planted_errors_have_a_box():
    words = Reader(page(planted())).words
    assert "The same check rejects 23 of 24 wrong versions of these derivatives" in words


@pytest.mark.parametrize("make", [planted, failed])
def test_what_users_write_is_text(make):
    text = page(make(), title=HOSTILE)
    assert HOSTILE not in text
    assert HOSTILE in "".join(Reader(text).text)


def test_names_of_several_reports_are_text():
    text = page({HOSTILE: ridge(), "second": unknown()})
    assert "<script" not in text and Reader(text).tags.count("article") == 2


def test_only_mathml_is_taken_for_mathml():
    good = sg.parse("x**2").mathml()
    assert mathml(good) == good
    for bad in ("<math><script/></math>", good.replace("<mi>x</mi>", "<p xmlns='http://www.w3.org/1999/xhtml'/>"), "<"):
        assert mathml(bad) == ""
    for attribute in ('onclick="alert(1)"', 'href="javascript:alert(1)"'):
        assert mathml(good.replace("<mi>", f"<mi {attribute}>")) == ""
    report = replace(ridge(), statements=(Statement("f", "x", "<math><script>alert(1)</script></math>"),))
    assert "<script" not in page(report)


def test_a_report_of_functions_without_formulas_has_a_page():
    bare = replace(
        ridge(), request=None, statements=(), hashes=None, versions=None, machine="", curves=(), seconds=None
    )
    words = Reader(page(bare)).words
    assert "as they were understood" not in words and "SHA-256" not in words


def test_points_that_were_given_are_not_said_to_be_drawn():
    assert "Drawn with seed" not in page(unknown()) and "Drawn with seed" in page(evidence())


def test_large_arrays_are_abbreviated():
    text = array_text(np.arange(10_000.0).reshape(100, 100))
    assert "..." in text and len(text) < 1000


def test_a_curve_lies_inside_of_its_drawing():
    steps = tuple(0.1 * 4.0**-k for k in range(14))
    errors = tuple(max(1e-16 / h, h**2) for h in steps)
    text = svg(Curve(0, "w", f"w[3] {HOSTILE}", steps, errors, (0.0, *errors[1:]), 1e-16, 7))
    assert HOSTILE not in text
    places = [pair.split(",") for line in text.split('points="')[1:] for pair in line.split('"')[0].split()]
    assert len(places) == 3 * 14
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in places)


def test_errors_that_are_no_numbers_leave_gaps():
    nan = float("nan")
    assert svg(Curve(0, "x", "x", (0.1, 0.01), (nan, 1e-9), (nan, nan), 1e-16, 1)) == ""
    text = svg(Curve(0, "x", "x", (0.1, 0.01, 0.001), (nan, 1e-9, 1e-8), (nan, 0.0, nan), 1e-16, 1))
    assert "nan" not in text and "polyline" in text


def test_the_same_seed_gives_the_same_page():
    once, again = (replace(sg.verify("sum(x**3)", seed=5), seconds=None) for _ in range(2))
    assert page(once) == page(again)


def test_every_element_of_formulas_is_known():
    """All that the printer of formulas writes is set, not only what the samples hold."""
    refused = [expr for op in all_ops() for expr in samples(op) if not mathml(expr.mathml())]
    assert refused == []
