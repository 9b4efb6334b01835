"""`check_expression`: derivatives written by hand, right and wrong, with counter-examples and the usual mistakes."""

from __future__ import annotations

import re
from ast import literal_eval

import numpy as np
import pytest

import symgrad as sg
from symgrad.verification import Report, Verdict

LOSS = "sum((X @ w - y)**2)"

RIGHT = [
    (LOSS, "2*X.T @ (X @ w - y)", "w"),
    (LOSS, "2*(X @ w - y) @ X", "w"),
    (LOSS, "2*X.T @ X @ w - 2*X.T @ y", "w"),
    (LOSS, "-2*(X @ w - y)", "y"),
    ("mean((X @ w - y)**2)", "2*X.T @ (X @ w - y)/m", "w"),
    ("x.T @ A @ x", "(A + A.T) @ x", "x"),
    ("f(A[n,n]: symmetric, x[n]) = x.T @ A @ x", "2*A @ x", "x"),
    ("logsumexp(x)", "exp(x - max(x))/sum(exp(x - max(x)))", "x"),
    ("norm(x)", "x/norm(x)", "x"),
    ("sum(x)", "ones(n)", "x"),
    ("logdet(S)", "inv(S).T", "S"),
    ("exp(A @ x)", "diag(exp(A @ x)) @ A", "x"),
    ("log(x)", "1/x", "x"),
    ("x**2/0.3", "6.666666666666667*x", "x"),
    ("x", "1", "x"),
    ("f(x, y) = x + 0*y", "0", "y"),
]


@pytest.mark.parametrize(("formula", "claim", "wrt"), RIGHT)
def test_right_claims_pass(formula, claim, wrt):
    report = sg.check_expression(formula, claim, wrt)
    assert report.passed, str(report)
    assert report.resolving_power < 1e-13 and not report.reasons


WRONG = [
    (LOSS, "2*X.T @ (y - X @ w)", "w", "df/dw has the wrong sign"),
    (LOSS, "X.T @ (X @ w - y)", "w", "df/dw is off by the factor 0.5: it is half the derivative"),
    (LOSS, "-4*X.T @ (X @ w - y)", "w", "df/dw is off by the factor -2"),
    ("mean((X @ w - y)**2)", "2*X.T @ (X @ w - y)", "w", "df/dw is off by a factor: it is m times the derivative"),
    ("sum(x**2)", "2*x/n", "x", "df/dx is off by a factor: it is 1/n times the derivative"),
    ("x**2", "2*x*1.000000001", "x", "df/dx is off by the factor 1.000000001"),
    ("sin(x)", "3.25*cos(x)", "x", "df/dx is off by the factor 3.25"),
    ("x.T @ A @ x", "2*A @ x", "x", "df/dx is wrong"),
    ("sum(exp(x**2))", "exp(x**2)", "x", "df/dx is wrong"),
    ("x", "0", "x", "df/dx is wrong"),
    ("logdet(S)", "inv(S)", "S", "df/dS is right up to a transpose: it is the derivative in the layout 'numerator'"),
    (
        "f(A[n,n]: symmetric, x[n]) = x.T @ A @ x",
        "2*outer(x, x) - diag(x**2)",
        "A",
        "df/dA is the derivative in the other convention for inputs of this structure",
    ),
    (
        "f(A[n,n]: symmetric, x[n], y[n]) = x.T @ A @ y",
        "outer(x, y)",
        "A",
        "df/dA is right up to its structure: the part of it that is structured as the input is the derivative",
    ),
]
_NUMBER = r"-?[0-9.]+(?:e-?\d+)?"


@pytest.mark.parametrize(("formula", "claim", "wrt", "words"), WRONG)
def test_wrong_claims_fail_with_the_mistake_and_a_counter_example(formula, claim, wrt, words):
    report = sg.check_expression(formula, claim, wrt)
    assert report.verdict is Verdict.FAIL and report.reasons[0] == words
    assert report.reasons[1].startswith("counter-example at ")
    found = re.search(
        rf"the claim is ({_NUMBER}), the derivative ({_NUMBER})(?: \(by .* ({_NUMBER})\))?$", report.reasons[1]
    )
    assert found is not None, report.reasons[1]
    assert found[1] != found[2] and found[2] == found[3]


def test_the_counter_example_holds():
    """What the report says of the point is what evaluating the formula there says."""
    (text,) = sg.check_expression("x.T @ A @ x", "2*A @ x", "x").reasons[1:]
    written = re.search(r"x = (\[[^=]*\]), A = (\[.*\]): ", text)
    assert written is not None
    x, A = (np.array(literal_eval(part)) for part in written.groups())
    (entry,) = map(int, re.findall(r"entry \[(\d)\]", text))
    claimed, derivative = (float(each) for each in re.findall(rf"(?:claim is|derivative) ({_NUMBER})", text))
    assert claimed == pytest.approx((2 * A @ x)[entry], rel=1e-9)
    assert derivative == pytest.approx(((A + A.T) @ x)[entry], rel=1e-9)


SHAPES = [
    ("trace(A @ X)", "A", "X", "is right up to a transpose: it is the derivative in the layout 'numerator'"),
    ("trace(A @ X)", "-A", "X", "has the wrong sign; apart from that it is right up to a transpose"),
    ("exp(A @ x)", "A.T @ diag(exp(A @ x))", "x", "it is the derivative in the layout 'denominator'"),
    ("sum(x)", "1", "x", "it has to be broadcast"),
    ("sum(x**2)", "2*x[0]", "x", "df/dx is wrong: the claim has shape () there, the derivative (4,)"),
]


@pytest.mark.parametrize(("formula", "claim", "wrt", "words"), SHAPES)
def test_claims_of_another_shape_fail(formula, claim, wrt, words):
    report = sg.check_expression(formula, claim, wrt)
    assert report.verdict is Verdict.FAIL and words in report.reasons[0]


@pytest.mark.parametrize(
    ("formula", "claim", "wrt", "layout"),
    [
        ("trace(A @ X)", "A", "X", "numerator"),
        ("exp(A @ x)", "A.T @ diag(exp(A @ x))", "x", "denominator"),
        ("inv(X)", "-kron(inv(X).T, inv(X))", "X", "vec"),
        ("f(A[m,n], X[n,p]) = A @ X", "kron(eye(p), A)", "X", "vec"),
    ],
)
def test_claims_in_another_layout(formula, claim, wrt, layout):
    assert sg.check_expression(formula, claim, wrt, layout=layout).passed
    assert not sg.check_expression(formula, f"({claim})*(1 + 1e-9)", wrt, layout=layout).passed


def test_the_convention_can_be_chosen():
    formula = "f(A[n,n]: symmetric, x[n]) = x.T @ A @ x"
    assert not sg.check_expression(formula, "2*outer(x, x) - diag(x**2)", "A").passed
    # Differences move the matrix as a symmetric one, so they see the derivative of the convention "tangent".
    assert sg.check_expression(formula, "outer(x, x)", "A", convention="tangent").passed


def test_several_claims_at_once():
    report = sg.check_expression(LOSS, {"w": "2*X.T @ (X @ w - y)", "y": "2*(X @ w - y)"})
    assert report.wrt == ("w", "y") and report.reasons[0] == "df/dy has the wrong sign"
    assert {check.input: check.verdict for check in report.checks} == {"w": Verdict.PASS, "y": Verdict.FAIL}


def test_shapes_are_inferred_together():
    with pytest.raises(sg.ShapeError):
        sg.parse("sum(x*y)")
    report = sg.check_expression("sum(x*y)", {"x": "y @ eye(3)", "y": "x @ eye(3)"})
    assert report.passed and report.points[0].values["x"].shape == (3,)


def test_expressions_and_inputs_are_taken_too():
    x = sg.vector("x", "n")
    assert sg.check_expression(sg.sum(x**3), 3 * x**2, x).passed


def test_at_a_kink_a_claim_lies_between_the_slopes():
    assert sg.check_expression("abs(x)", "sign(x)", at={"x": 0.0}).passed
    within = sg.check_expression("abs(x)", "sign(x) + 0.5*(1 - abs(sign(x)))", at={"x": 0.0})
    assert within.passed, str(within)
    beyond = sg.check_expression("abs(x)", "sign(x) + 1.5*(1 - abs(sign(x)))", at={"x": 0.0})
    assert beyond.verdict is Verdict.FAIL


def test_a_claim_that_is_not_defined_where_the_derivative_is():
    report = sg.check_expression("abs(x)", "x/abs(x)", at={"x": 0.0})
    assert report.verdict is Verdict.FAIL and "the claim is nan, the derivative 0" in report.reasons[1]


def test_where_the_derivative_is_infinite_nothing_is_said():
    report = sg.check_expression("sqrt(x)", "0.5/sqrt(x)", at={"x": 0.0})
    assert report.verdict is Verdict.INCONCLUSIVE and report.reasons


def test_arrays_too_large_for_50_digits_are_compared_in_floats():
    formula = "f(X[200,150], w[150]) = sum((X @ w)**2)"
    report = sg.check_expression(formula, "2*X.T @ (X @ w)", "w", points=1)
    assert report.passed and any("too large" in note for note in report.not_checked)
    assert sg.check_expression(formula, "2.000001*X.T @ (X @ w)", "w", points=1).verdict is Verdict.FAIL


def test_the_report_shows_what_was_read():
    report = sg.check_expression("x**2", "2*x")
    assert isinstance(report, Report)
    assert [(each.label, each.text) for each in report.statements] == [
        ("f", "x**2"),
        ("df/dx", "2*x"),
        ("claimed df/dx", "2*x"),
    ]


def test_without_points_nothing_passes():
    report = sg.check_expression("x**2", "2*x", points=0)
    assert report.verdict is Verdict.FAIL and report.reasons == ("nothing was compared",)


def test_points_can_be_given_sizes():
    report = sg.check_expression(LOSS, "2*X.T @ (X @ w - y)", "w", sizes={"m": 6}, points=1)
    assert report.passed and report.points[0].sizes["m"] == 6


def test_the_same_seed_gives_the_same_report():
    first, second = (sg.check_expression("x.T @ A @ x", "2*A @ x", "x", seed=7).to_dict() for _ in range(2))
    assert first == second


ERRORS = [
    (LOSS, "2*X.T @ (X @ w - z)", "w", sg.UnknownNameError, "z is not an input", 17),
    (LOSS, "2*X.T @ (X @ w - y", "w", sg.FormulaSyntaxError, "never closed", 8),
    (LOSS, "2*X @ X @ w", "w", sg.ShapeError, "@", 0),
    (LOSS, "ln(w)", "w", sg.UnknownNameError, "log", 0),
    (LOSS, "2*w", None, sg.OperandError, "wrt=", None),
    (LOSS, "2*w", "z", sg.UnknownNameError, "z is not an input", None),
    (LOSS, {"w": "2*w", "z": "1"}, None, sg.UnknownNameError, "z is not an input", None),
    (LOSS, {"w": "2*w"}, "w", sg.OperandError, "leave wrt out", None),
]


@pytest.mark.parametrize(("formula", "claim", "wrt", "kind", "words", "start"), ERRORS)
def test_errors_have_their_place_in_the_claim(formula, claim, wrt, kind, words, start):
    with pytest.raises(kind, match=words) as caught:
        sg.check_expression(formula, claim, wrt)
    if start is not None:
        assert caught.value.source == claim and caught.value.span.start == start


def test_a_claim_with_an_expression_of_other_inputs():
    with pytest.raises(sg.UnknownNameError, match="z is not an input"):
        sg.check_expression("x**2", 2 * sg.scalar("z"), "x")
    with pytest.raises(sg.ShapeError):
        sg.check_expression("x**2", 2 * sg.vector("x", "n"), "x")
