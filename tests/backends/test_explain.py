"""What made a result NaN or infinite: a table of nasty points, and how findings are chosen and told."""

import json

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.explain import Point, Result, explain

SINGULAR, INDEFINITE = [[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [2.0, 1.0]]
EIGHT = [800.0, 0.0]
VALUE, BY_X = "value", "derivative by x"
# formula, point, the first subexpression, its condition, and the results that it spoils
CAUSES = [
    ("log(x)", {"x": 0.0}, "log(x)", "log of 0", [VALUE, BY_X]),
    ("log(x)", {"x": -2.0}, "log(x)", "log of -2, a negative number", [VALUE]),
    ("log2(x)", {"x": 0.0}, "log2(x)", "log2 of 0", [VALUE, BY_X]),
    ("log1p(x)", {"x": -1.0}, "log1p(x)", "log1p of -1, which is log of 0", [VALUE, BY_X]),
    ("x*log(x)", {"x": 0.0}, "log(x)", "log of 0", [VALUE, BY_X]),
    ("sum(log(x))", {"x": [2.0, 1.0, 0.0]}, "log(x)", "log of 0 at x[2]", [VALUE, BY_X]),
    ("f(X[m,n], w[n]) = sum(log(X @ w))", {"X": [[1.0, 2], [-2, 1]], "w": [1.0, 2]}, "log(X @ w)", "log of 0 at [1]",
     [VALUE, "derivative by X", "derivative by w"]),
    ("f(X[m,n]) = 3/X", {"X": [[1.0, 2], [0, 1]]}, "3/X", "division by 0 at X[1, 0]", [VALUE, "derivative by X"]),
    ("x/y", {"x": 0.0, "y": 0.0}, "x/y", "0/0", [VALUE, BY_X, "derivative by y"]),
    ("x/y", {"x": 1e300, "y": 1e-300}, "x/y", "1e+300/1e-300 overflows float64", [VALUE, "derivative by y"]),
    ("x*y", {"x": 1e200, "y": 1e200}, "x*y", "1e+200*1e+200 overflows float64", [VALUE]),
    ("sqrt(x)", {"x": -1.0}, "sqrt(x)", "sqrt of -1", [VALUE, BY_X]),
    ("sqrt(x)", {"x": 0.0}, "sqrt(x)", "the slope of sqrt at 0 is infinite", [BY_X]),
    ("sqrt(x**2)", {"x": 0.0}, "sqrt(x**2)", "the slope of sqrt at 0 is infinite", [BY_X]),
    ("cbrt(x)", {"x": 0.0}, "cbrt(x)", "the slope of cbrt at 0 is infinite", [BY_X]),
    ("x**0.3", {"x": -1.0}, "x**0.3", "-1 to the power 0.3", [VALUE, BY_X]),
    ("x**0.3", {"x": 0.0}, "x**0.3", "the slope of x**p at x = 0 is infinite for p = 0.3", [BY_X]),
    ("x**p", {"x": -2.0, "p": 2.0}, "x**p", "x**p with x = -2 has no derivative by p", ["derivative by p"]),
    ("x**-2", {"x": 0.0}, "x**-2", "0 to the power -2, a division by 0", [VALUE, BY_X]),
    ("sum(exp(x)/(1 + sum(exp(x))))", {"x": EIGHT}, "exp(x)", "exp(800) overflows float64 at x[0]", [VALUE, BY_X]),
    ("exp(x) - exp(2*x)", {"x": 800.0}, "exp(x)", "exp(800) overflows float64", [VALUE, BY_X]),
    ("cosh(x)", {"x": 800.0}, "cosh(x)", "cosh(800) overflows float64", [VALUE, BY_X]),
    ("acos(x)", {"x": 1.0}, "acos(x)", "the slope of acos at 1 is infinite", [BY_X]),
    ("asin(x)", {"x": 1.5}, "asin(x)", "asin of 1.5, beyond 1 or -1", [VALUE, BY_X]),
    ("atanh(x)", {"x": 1.0}, "atanh(x)", "atanh of 1, which is infinite", [VALUE, BY_X]),
    ("acosh(x)", {"x": 0.5}, "acosh(x)", "acosh of 0.5, which is below 1", [VALUE, BY_X]),
    ("gamma(x)", {"x": -1.0}, "gamma(x)", "gamma of -1, a pole", [VALUE, BY_X]),
    ("gamma(x)", {"x": 200.0}, "gamma(x)", "gamma(200) overflows float64", [VALUE, BY_X]),
    ("digamma(x)", {"x": 0.0}, "digamma(x)", "digamma of 0, a pole", [VALUE, BY_X]),
    ("erfinv(x)", {"x": 2.0}, "erfinv(x)", "erfinv of 2, outside of its domain -1 < x < 1", [VALUE, BY_X]),
    ("sum(inv(A))", {"A": SINGULAR}, "inv(A)", "inverse of a singular matrix", [VALUE, "derivative by A"]),
    ("sum(solve(A, b))", {"A": SINGULAR, "b": [1.0, 1.0]}, "solve(A, b)", "linear system with a singular matrix",
     [VALUE, "derivative by A", "derivative by b"]),
    ("logdet(A)", {"A": SINGULAR}, "logdet(A)", "logdet of a singular matrix, log of 0", [VALUE, "derivative by A"]),
    ("log(det(A))", {"A": INDEFINITE}, "log(det(A))", "log of -3, a negative number", [VALUE]),
    ("det(A)", {"A": SINGULAR}, "det(A)", "the derivative of det is computed with the inverse of a singular matrix",
     ["derivative by A"]),
    ("sum(cholesky(A))", {"A": INDEFINITE}, "cholesky(A)", "Cholesky of a matrix that is not positive definite",
     [VALUE, "derivative by A"]),
    ("sum(solve_triangular(L, b))", {"L": [[0.0, 0], [1, 1]], "b": [1.0, 1.0]}, "solve_triangular(L, b)",
     "triangular system with 0 on the diagonal", [VALUE, "derivative by L", "derivative by b"]),
    ("prod(x)", {"x": [1e200, 1e200, 0.0]}, "prod(x)", "the product overflows float64", [VALUE, BY_X]),
    ("sum(x**2)", {"x": [1e200, 1.0]}, "x**2", "1e+200 to the power 2 overflows float64 at x[0]", [VALUE]),
    ("sum(x/sqrt(mean((x - mean(x))**2)))", {"x": [2.0, 2.0]}, "x/sqrt(mean((x - mean(x))**2))",
     "division by 0 at [0]", [VALUE, BY_X]),
    ("mean(log(x))", {"x": [1.0, 0.0]}, "log(x)", "log of 0 at x[1]", [VALUE, BY_X]),
    ("sum(where(x > 0, log(x), 0)) + sum(sqrt(x))", {"x": [0.0, 1.0]}, "sqrt(x)",
     "the slope of sqrt at 0 is infinite at x[0]", [BY_X]),
    ("sum(log(x)[1:])", {"x": [0.0, 1.0, 0.0, 3.0]}, "log(x)", "log of 0 at x[2]", [VALUE, BY_X]),
    ("exp(-exp(x))", {"x": 800.0}, "exp(x)", "exp(800) overflows float64", [BY_X]),
    ("sum(x**2)", {"x": [1.0, np.nan]}, "x", "NaN arrived in the input x[1] itself", [VALUE, BY_X]),
    ("log(y) + x", {"x": np.inf, "y": 0.0}, "x", "infinity arrived in the input x itself", [VALUE]),
]  # fmt: skip
HARMLESS = [
    ("norm(x)", {"x": [0.0, 0.0]}, []),
    ("sum(log(1 + exp(x)))", {"x": EIGHT}, ["exp(x)"]),
    ("exp(x)/sum(exp(x))", {"x": EIGHT}, ["exp(x)"]),
    ("sum(where(x > 0, log(x), 0))", {"x": [0.0, 1.0]}, ["log(x)"]),
    ("1/(1 + exp(x))", {"x": 800.0}, ["exp(x)"]),
    ("sum(softmax(x))", {"x": [1000.0, 0.0]}, []),
    ("sum(x**2)", {"x": [1.0, 2.0]}, []),
]


@pytest.mark.parametrize(("formula", "point", "text", "condition", "results"), CAUSES)
def test_the_cause_is_named(formula, point, text, condition, results):
    explanation = sg.compile(formula).explain(point)
    cause = explanation.cause
    assert (cause.text, cause.condition) == (text, condition)
    assert [*cause.results] == results and cause.quantity == results[0]
    assert formula[cause.span.start : cause.span.end] == text
    assert [name for name, count in explanation.results.items() if count] and not explanation.finite


@pytest.mark.parametrize(("formula", "point", "passed"), HARMLESS)
def test_the_kernel_is_trusted_where_it_is_finite(formula, point, passed):
    explanation = sg.explain(formula, at=point)
    assert explanation.finite and explanation.cause is None and explanation.findings == ()
    assert passed == [] or passed[0] in [finding.text for finding in explanation.passed]
    assert bool(explanation.passed) == bool(passed)
    assert str(explanation).startswith("all finite")


def test_a_rewritten_form_that_is_finite_is_noted():
    explanation = sg.explain("sum(log(1 + exp(x)))", at={"x": EIGHT})
    assert explanation.notes == (
        "as written the value is not finite; the kernel computes a rewritten form of it, which is",
    )
    assert "on the way, without harm:" in str(explanation)


def test_operands_index_and_advice():
    cause = sg.explain("f(X[m,n], y[n]) = sum(X/y)", at={"X": [[1.0, 2], [3, 4]], "y": [1.0, 0.0]}).cause
    assert cause.index == (0, 1) and cause.entries == 2 and cause.kind == "infinity"
    assert [(each.text, each.value) for each in cause.operands] == [("X[0, 1]", 2.0), ("y[1]", 0.0)]
    assert "where(y == 0, 1, y)" in cause.advice
    assert "(and 1 more entry after it)" in cause.lines()[0]


def test_a_nan_of_infinities_is_told_behind_its_cause():
    explanation = sg.explain("exp(x) - exp(2*x)", at={"x": 800.0})
    assert [finding.text for finding in explanation.findings] == ["exp(x)", "exp(2*x)", "exp(x) - exp(2*x)"]
    last = explanation.findings[-1]
    assert (last.kind, last.condition) == ("NaN", "inf - inf is NaN")


def test_the_op_whose_pullback_failed_is_named():
    cause = sg.explain("f(x[n], y[n]) = sum(y*sqrt(x))", "x", at={"x": [1.0, 0.0], "y": [1.0, 2.0]}).cause
    assert (cause.text, cause.index, cause.quantity) == ("sqrt(x)", (1,), BY_X)
    assert "sqrt(x)" in cause.derivative


@pytest.mark.parametrize(("x", "finite"), [(100.0, False), (80.0, True)])
def test_single_precision_overflows_early(x, finite):
    explanation = sg.explain("sum(exp(x))", at={"x": [1.0, x]}, dtype="float32")
    assert explanation.finite == finite
    assert finite or explanation.cause.condition == "exp(100) overflows float32 at x[1]"
    assert sg.explain("sum(exp(x))", at={"x": [1.0, x]}).finite


def test_a_number_that_overflows_in_single_precision():
    cause = sg.explain("1e300*x", at={"x": 1.0}, dtype="float32").cause
    assert cause.condition == "1e+300 overflows float32" and cause.text == "1e+300"


def test_a_matrix_of_a_stack():
    cause = sg.explain("f(A[k,n,n]) = sum(inv(A))", at={"A": [np.eye(2), SINGULAR]}).cause
    assert (cause.condition, cause.index) == ("inverse of a singular matrix at [1]", (1,))


def test_what_is_assumed_and_does_not_hold_comes_first():
    explanation = sg.explain("f(A[n,n]: spd) = logdet(A)", at={"A": INDEFINITE})
    assert explanation.cause.kind == "assumption" and explanation.cause.text == "A"
    assert explanation.cause.condition == "A is assumed spd, but A has the eigenvalue -1"
    assert explanation.cause.results == (VALUE, "derivative by A")


def test_one_row_of_a_jacobian():
    cause = sg.explain("log(A @ x)", "x", at={"A": np.diag([1.0, 2.0, 3.0]), "x": [1.0, 0.0, 1.0]}).cause
    assert (cause.condition, cause.index, cause.results) == ("log of 0 at [1]", (1,), (VALUE, BY_X))


def test_a_formula_built_by_operators_is_quoted_as_it_prints():
    x = sg.vector("x", "n")
    explanation = sg.compile(sg.sum(sg.log(x))).explain([1.0, 0.0])
    span = explanation.cause.span
    assert explanation.source[span.start : span.end] == "log(x)"


def test_a_name_that_is_written_twice_has_its_first_place():
    cause = sg.explain("u = log(x); u + u**2", at={"x": 0.0}).cause
    assert (cause.span.start, cause.text) == (4, "log(x)")


def test_an_input_may_be_called_value():
    explanation = sg.explain("log(value)", at={"value": 0.0})
    assert explanation.cause.results == (VALUE, "derivative by value")


def test_a_kernel_that_differs_is_told_honestly():
    f = sg.parse("x**2")
    nan = np.asarray(np.nan)
    point = Point(f, [Result(nan, f)], {"x": np.asarray(1.0)}, {}, "float64")
    explanation = explain(point)
    assert explanation.findings == () and not explanation.finite
    assert "only the kernel's arithmetic is not" in explanation.notes[0]
    compiled = sg.parse("exp(1000*x) - 1")
    elsewhere = explain(Point(f, [Result(nan, compiled)], {"x": np.asarray(1.0)}, {}, "float64"))
    assert elsewhere.cause.text == "exp(1000*x)" and elsewhere.cause.span is None
    assert "the expression that was compiled, exp(1000*x) - 1, is not" in elsewhere.notes[0]


def test_an_explanation_as_json():
    explanation = sg.explain("exp(x) - exp(2*x)", at={"x": 800.0})
    told = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert told["findings"][0]["span"] == [0, 6] and told["finite"] is False
    assert told["findings"][2]["operands"][0] == {"text": "exp(x)", "value": "inf"}


def test_an_explanation_has_no_truth_value():
    with pytest.raises(TypeError, match="finite"):
        bool(sg.explain("x", at={"x": 1.0}))


def test_nothing_happens_to_empty_arrays():
    assert sg.explain("sum(log(x))", at={"x": np.zeros(0)}).finite


def test_large_arrays_are_not_listed():
    x = np.zeros(100_000)
    explanation = sg.explain("sum(inv(A)) + sum(log(x))", "x", at={"A": np.eye(5), "x": x})
    assert explanation.cause.entries == x.size and len(str(explanation)) < 2000


def test_equal_eigenvalues():
    explanation = sg.explain("f(A[n,n]) = sum(eigenvectors(A))", at={"A": np.eye(2)})
    assert explanation.cause.text == "eigenvectors(A)" and explanation.cause.results == ("derivative by A",)
    assert "two eigenvalues or singular values are equal" in explanation.cause.condition


def test_matrices_that_numpy_cannot_judge():
    explanation = sg.explain("f(A[n,n]) = cholesky(A)", at={"A": np.full((3, 3), -1e308)})
    assert explanation.cause.text == "cholesky(A)"


def test_an_input_is_named_where_the_formula_hides_it():
    """NumPy's sign of the determinant of NaN is a number, the kernel's is NaN."""
    f = sg.parse("f(A[n,n]) = sign_det(A)")
    nan = np.full((2, 2), np.nan)
    explanation = explain(Point(f, [Result(np.asarray(np.nan), sg.parse("1"))], {"A": nan}, {"n": 2}, "float64"))
    assert explanation.cause.condition == "NaN arrived in the input A[0, 0] itself"


def test_a_long_formula_is_explained_too():
    x = sg.vector("x", 400)
    total = sg.log(x[0])
    for place in range(1, 400):
        total = total + sg.log(x[place]) * x[place - 1]
    at = np.ones(400)
    at[[7, 300]] = 0.0
    explanation = sg.compile(total, "x").explain(at)
    assert [finding.text for finding in explanation.findings][:2] == ["log(x[7])", "log(x[300])"]
    assert len(explanation.findings) <= 100 and len(explanation.lines()) < 40
