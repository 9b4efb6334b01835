import numpy as np
import pytest
from interpreted import InterpretedKernel, check, derivatives

from symgrad.syntax import parse
from symgrad.verification import Verdict
from symgrad.verification.checks import examine
from symgrad.verification.planted import Level, plant, survivors, tally, versions_of
from symgrad.verification.sampling import Sampler
from symgrad.verification.subject import Subject

RIDGE = "sum((X @ w - y)**2) + lam*sum(w**2)"


def examined(text, seed=0, at=None):
    output = parse(text)
    inputs, gradients = derivatives(output)
    rng = np.random.default_rng(seed)
    subject = Subject.of(output, inputs, gradients, InterpretedKernel(output, gradients))
    return examine(subject, Sampler(output, inputs, rng).draw(0, at), 0, rng)


@pytest.mark.parametrize("text", ["x**2*sin(x)", RIDGE, "logdet(A)", "softmax(x)", "f(x[n], y[n]) = sum(exp(x)*y)"])
def test_every_wrong_version_is_rejected(text):
    report = check(text, points=2)
    assert report.planted and all(planted.rejected == planted.tried > 0 for planted in report.planted)
    assert report.worth() in str(report)


def test_versions_are_wrong_at_both_levels_and_of_every_input():
    trials = plant([examined(RIDGE)])
    assert {(trial.level, trial.input) for trial in trials} == {
        (level, name) for level in Level for name in ("X", "w", "y", "lam")
    }
    kinds = {trial.kind for trial in trials}
    assert {"sign", "factor 1 + 1e-09", "transposed", "entry dropped", "entries swapped", "axis reversed"} <= kinds


def test_a_version_that_is_the_right_one_is_not_counted():
    kinds = {trial.kind for trial in plant([examined("f(X[n,n]: symmetric) = sum(X*X)")])}
    assert "transposed" not in kinds and "axis reversed" in kinds
    assert {trial.kind for trial in plant([examined("sum(x)")])}.isdisjoint({"entries swapped", "axis shifted"})
    assert {trial.kind for trial in plant([examined("sign(x) + 0*y")])} == {"constant added"}


def test_slight_errors_count_where_rounding_hides_them():
    open_case = examined("(1 - cos(x))/x**2", at={"x": 1e-2})
    trials = plant([open_case])
    hidden = survivors(trials)
    assert {trial.kind for trial in hidden[Verdict.PASS] + hidden[Verdict.INCONCLUSIVE]} >= {"factor 1 + 1e-09"}
    assert all(trial.verdict is Verdict.FAIL for trial in trials if trial.kind == "sign")
    counts = {planted.kind: (planted.tried, planted.rejected) for planted in tally(trials)}
    assert counts["sign"] == (2, 2)
    assert counts["factor 1 + 1e-09"][1] < counts["factor 1 + 1e-09"][0] == 2


def test_one_point_is_enough_to_reject():
    hidden, clear = examined("(1 - cos(x))/x**2", at={"x": 1e-4}), examined("(1 - cos(x))/x**2", at={"x": 1.0})
    assert all(trial.verdict is Verdict.FAIL for trial in plant([hidden, clear]))


def test_versions_differ_from_the_derivative_and_keep_its_shape():
    derivative = np.random.default_rng(0).normal(size=(4, 3, 2))
    versions = versions_of(derivative, np.zeros_like(derivative), 1.0, np.random.default_rng(1))
    assert len(versions) == 11 + 5 * derivative.ndim
    for version in versions:
        wrong = version.change(derivative)
        assert wrong.shape == derivative.shape and (wrong != derivative).any(), version.kind


def test_large_arrays_have_their_versions_rejected_by_projections():
    rng = np.random.default_rng(0)
    at = {"X": rng.normal(size=(300, 60)), "w": rng.normal(size=60), "y": rng.normal(size=300), "lam": 1.0}
    report = check(RIDGE, at=at, points=0)
    slight = {"factor 1 + 1e-09", "entry times 1 + 1e-06"}
    assert all(planted.tried == planted.rejected for planted in report.planted if planted.kind not in slight)


def test_a_failure_has_no_worth():
    report = check("x**2", formula=lambda found: {"x": found["x"] * 2}, points=1)
    assert report.planted == () and report.worth() == ""


def test_the_same_seed_tries_the_same_versions():
    case = examined(RIDGE)
    assert plant([case], 3) == plant([case], 3)


def test_a_derivative_that_is_zero_to_50_digits_is_checked_and_has_no_slight_versions():
    """The norm of unit vectors is constant; at 50 digits its derivative is 1e-69, of which no digit is right."""
    report = check("f(S[3,3]: symmetric) = norm(eigenvectors(S))", points=1)
    assert report.passed, str(report)
    assert "factor 1 + 1e-04" not in {planted.kind for planted in report.planted}
