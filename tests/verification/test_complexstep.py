import numpy as np
import pytest
from interpreted import FORMULAS, check, derivatives

from symgrad.backends.reference import evaluate_reference
from symgrad.syntax import parse
from symgrad.verification import Route, Verdict
from symgrad.verification.complexstep import analytic_form, differentiate
from symgrad.verification.sampling import Sampler

ANALYTIC = [text for text in FORMULAS if analytic_form(parse(text)) is not None]


def test_most_formulas_are_analytic():
    assert len(ANALYTIC) > 50


@pytest.mark.parametrize(
    "text", ["abs(x)", "maximum(x, 1)", "where(x > 0, x, 1)", "x > 1", "sign(x)", "max(x)", "sum(cholesky(A))",
             "logdet(A)", "gamma(x)", "atan2(x, y)", "norm_inf(x)", "svdvals(A)", "sigmoid(x)"]
)  # fmt: skip
def test_what_is_not_analytic_is_refused(text):
    assert analytic_form(parse(text)) is None


@pytest.mark.parametrize("text", ANALYTIC)
def test_the_slope_is_that_of_the_derivative(text):
    output = parse(text)
    inputs, gradients = derivatives(output)
    rng = np.random.default_rng(1)
    for number in range(3):
        point = Sampler(output, inputs, rng).draw(number)
        for x in inputs:
            direction = rng.normal(size=point.values[x.name].shape)
            step = differentiate(analytic_form(output), point.values, x.name, direction, rng, point.sizes)
            (gradient,) = evaluate_reference([gradients[x.name]], point.values, sizes=point.sizes)
            truth = np.tensordot(gradient, direction, axes=direction.ndim)
            size = np.tensordot(np.abs(gradient), np.abs(direction), axes=direction.ndim).max()
            assert np.allclose(step.slope, truth, rtol=0, atol=1e-9 * size)


def test_it_sees_an_error_of_1e_11_without_differences_or_the_formula():
    report = check("sum(exp(A @ x))", change=lambda g: {**g, "x": g["x"] * (1 + 1e-11)}, points=1)
    (found,) = [c for c in report.checks if c.route is Route.COMPLEX and c.input == "x"]
    assert found.verdict is Verdict.FAIL


def test_another_branch_is_no_evidence():
    report = check("(x**3)**(1/3)", at={"x": -1.5}, points=0)
    assert all(c.route is not Route.COMPLEX or c.verdict is not Verdict.FAIL for c in report.checks)


def test_an_op_that_cannot_be_expanded_is_no_evidence():
    assert analytic_form(parse("hurwitz(s, x)")) is None
