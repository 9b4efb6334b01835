"""`check_gradient`: right gradients pass, wrong ones fail with the entry, what cannot be checked says so."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess
from scipy.special import logsumexp, softmax

import symgrad as sg
from symgrad.verification import Route, Verdict
from symgrad.verification.blackbox import check_gradient
from symgrad.verification.differences import PROJECTIONS

X = np.array([0.3, -1.2, 0.8, 1.7, -0.4])


def cubic(x):
    return np.sum(x**2 * np.roll(x, 1))


def cubic_slope(x):
    return 2 * x * np.roll(x, 1) + np.roll(x, -1) ** 2


def swapped(g):
    return g[[1, 0, *range(2, g.size)]]


def dropped(g):
    return np.where(np.arange(g.size) == 2, 0.0, g)


RIGHT = {
    "rosenbrock": (rosen, rosen_der, X),
    "rosenbrock at its minimum": (rosen, rosen_der, np.ones(4)),
    "logsumexp": (logsumexp, softmax, X),
    "logsumexp of large numbers": (logsumexp, softmax, np.array([1000.0, 1001.0, 998.0])),
    "two units": (
        lambda x: x[0] * x[1] + np.sin(1e-6 * x[1]),
        lambda x: np.array([x[1], x[0] + 1e-6 * np.cos(1e-6 * x[1])]),
        [1e-6, 1e6],
    ),
    "fast oscillation": (lambda x: np.sum(np.sin(1e4 * x)), lambda x: 1e4 * np.cos(1e4 * x), X),
    "values that grow far away": (lambda x: np.sum((x - 1) ** 7), lambda x: 7 * (x - 1) ** 6, [1.0, 1.001]),
    "numbers below the normal ones": (np.sum, np.ones_like, [1e-310]),
    "constant": (lambda x: 3.0, np.zeros_like, X),
    "at zero": (lambda x: np.sum(np.exp(x)), np.exp, np.zeros(3)),
    "a number": (lambda x: x**3, lambda x: 3 * x**2, 2.0),
    "a matrix": (
        lambda x: np.linalg.det(x),
        lambda x: np.linalg.det(x) * np.linalg.inv(x).T,
        np.diag([1.0, 2.0]) + 0.3,
    ),
    "near the edge of a domain": (lambda x: np.sum(np.log(x)), lambda x: 1 / x, [1e-6, 1.0, 1e6]),
    "residuals at rounding level": (
        lambda x: np.sum((X * x - X * 1.0000000000001) ** 2),
        lambda x: 2 * X * (X * x - X * 1.0000000000001),
        np.ones(5),
    ),
}


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("case", RIGHT)
def test_right_gradients_are_not_rejected(case, scale):
    fun, grad, x = RIGHT[case]
    report = check_gradient(lambda x: scale * fun(x), lambda x: scale * np.asarray(grad(x)), x, points=1)
    assert report.verdict is not Verdict.FAIL, str(report)
    assert report.passed or case in ("residuals at rounding level", "numbers below the normal ones"), str(report)


@pytest.mark.parametrize("grad", [np.cos, lambda x: -np.cos(x)])
def test_an_oscillation_finer_than_all_steps_is_inconclusive_or_wrong(grad):
    report = check_gradient(lambda x: np.sin(x).sum(), grad, [1e9])
    assert report.verdict is (Verdict.INCONCLUSIVE if grad is np.cos else Verdict.FAIL)


WRONG = {
    "twice": lambda g: 2 * g,
    "half": lambda g: g / 2,
    "the sign": lambda g: -g,
    "two entries swapped": swapped,
    "an entry dropped": dropped,
    "a factor 1 + 1e-3": lambda g: g * (1 + 1e-3),
    "a factor 1 + 1e-6": lambda g: g * (1 + 1e-6),
    "a factor 1 + 1e-9": lambda g: g * (1 + 1e-9),
    "one entry by 1e-6": lambda g: g * np.where(np.arange(g.size) == 3, 1 + 1e-6, 1),
}


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("mistake", WRONG)
@pytest.mark.parametrize(("fun", "grad"), [(logsumexp, softmax), (cubic, cubic_slope)])
def test_wrong_gradients_fail_at_every_scale(fun, grad, mistake, scale):
    """An absolute tolerance of 1e-5 accepts most of these at 1e-6."""
    report = check_gradient(lambda x: scale * fun(x), lambda x: scale * WRONG[mistake](grad(x)), X)
    assert report.verdict is Verdict.FAIL


def test_where_a_fixed_tolerance_is_blind():
    """allclose with atol 1e-5, rtol 1e-3, as torch.autograd.gradcheck has it, takes a gradient twice too large."""
    fun, right = lambda x: 1e-6 * logsumexp(x), lambda x: 1e-6 * softmax(x)
    assert np.allclose(2 * right(X), right(X), atol=1e-5, rtol=1e-3)
    assert check_gradient(fun, right, X).passed
    assert check_gradient(fun, lambda x: 2 * right(x), X).verdict is Verdict.FAIL


def test_the_entry_is_named_with_what_was_found_and_expected():
    report = check_gradient(lambda x: np.sum(x**2), lambda x: 2 * x + (x == 0.8), X)
    assert report.reasons[0].startswith("the derivative of fun by x[2] is 2.6, but differences say 1.6")
    assert report.resolving_power < 1e-9 and report.evaluations > 100


KINKS = {
    "abs": (lambda x: np.abs(x).sum(), np.sign, [0.0, 1.0, -2.0]),
    "relu": (lambda x: np.maximum(x, 0).sum(), lambda x: 1.0 * (x > 0), [0.0, 1.0, -2.0]),
    "a tie of max": (np.max, lambda x: (x == x.max()) / np.sum(x == x.max()), [1.0, 1.0, 0.5]),
    "a tie of max, one of them": (np.max, lambda x: np.eye(3)[np.argmax(x)], [1.0, 1.0, 0.5]),
    "a bend": (lambda x: np.sum(np.abs(np.sin(x)) + x**2), lambda x: np.sign(x) * np.cos(x) + 2 * x, [0.0, 0.3]),
}


@pytest.mark.parametrize("case", KINKS)
def test_a_subgradient_at_a_kink_passes_and_is_labelled(case):
    fun, grad, x = KINKS[case]
    report = check_gradient(fun, grad, x)
    assert report.passed and "kink" in report.checks[0].detail, str(report)


def test_a_kink_among_many_entries_does_not_excuse_the_others():
    x = np.append(0.0, np.linspace(0.1, 2, 59))
    wrong = np.sign(x) * np.where(np.arange(60) == 5, 2, 1)
    report = check_gradient(lambda x: np.abs(x).sum(), lambda x: wrong, x)
    assert report.verdict is Verdict.INCONCLUSIVE and report.resolving_power > 0.1
    assert "a wrong entry could hide" in report.reasons[0]


def test_beyond_the_slopes_of_a_kink_is_wrong():
    report = check_gradient(lambda x: np.abs(x).sum(), lambda x: np.sign(x) + 1.001 * (x == 0), [0.0, 1.0])
    assert report.verdict is Verdict.FAIL
    assert "x[0] is 1.001, but the slopes on the two sides of the kink are -1 and 1" in report.reasons[0]


def test_kinks_that_cancel_are_not_hidden():
    """max(x, 0) + log(1 + exp(-|x|)) is smooth at 0, with the slope 1/2; the rules of its parts give 0 or 1."""

    def fun(x):
        return np.sum(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))

    assert check_gradient(fun, lambda x: 0 * x, np.zeros(1)).verdict is not Verdict.PASS
    assert check_gradient(fun, lambda x: 0 * x + 0.5, np.zeros(1)).passed


def test_rounding_that_hides_a_derivative_is_inconclusive():
    report = check_gradient(lambda x: np.sum((x + 1e8) - 1e8), np.ones_like, X)
    assert report.verdict is Verdict.INCONCLUSIVE and "rounding" in report.reasons[0]
    assert check_gradient(lambda x: np.sum((x + 1e8) - 1e8), lambda x: 2 + 0 * x, X).verdict is Verdict.FAIL


def test_a_function_that_does_not_move_tells_nothing_of_its_derivative():
    report = check_gradient(lambda x: 1e17 + x, lambda x: 5.0, 1.0)
    assert report.verdict is Verdict.INCONCLUSIVE and "does not change" in report.reasons[0]
    assert check_gradient(lambda x: 1e17 + 0 * x, lambda x: 0.0, 1.0).passed
    beside = check_gradient(lambda x: x[0] + 1e-17 * x[1], lambda x: np.array([1.0, 7e-17]), [1.0, 1.0])
    assert any("x[1]" in note for note in beside.not_checked)


def test_what_counts_as_resolved_can_be_chosen():
    noisy = (lambda x: np.sum((x + 1e8) - 1e8), np.ones_like, X)
    assert check_gradient(*noisy, resolving=1e-3).passed
    assert check_gradient(rosen, rosen_der, X, resolving=1e-15).verdict is Verdict.INCONCLUSIVE


def test_an_entry_that_hardly_matters_is_listed():
    report = check_gradient(np.sum, np.ones_like, [1e-9, 1.0, 1e6])
    assert report.passed and any("x[0]" in note for note in report.not_checked)


def test_more_points_lie_near_x():
    report = check_gradient(rosen, rosen_der, X, points=2, seed=3)
    first, *others = (point.values["x"] for point in report.points)
    assert np.array_equal(first, X) and [point.given for point in report.points] == [True, False, False]
    assert all(0 < np.max(np.abs(other / X - 1)) <= 0.1 for other in others)
    assert str(report) == str(check_gradient(rosen, rosen_der, X, points=2, seed=3))


def test_a_gradient_that_is_right_at_x_alone_fails_nearby():
    report = check_gradient(lambda x: np.sum(x**2), lambda x: 2 * X, X, points=1)
    assert [check.verdict for check in report.checks] == [Verdict.PASS, Verdict.FAIL]


def test_an_entry_at_the_edge_of_a_domain_does_not_hide_the_others():
    def fun(x):
        return np.sum(np.sqrt(x)) + np.where(x[0] == 0, 0.0, np.nan)  # x[0] cannot be moved at all

    x = [0.0, 1.0, 4.0]
    right = check_gradient(fun, lambda x: np.array([7.0, *(0.5 / np.sqrt(x[1:]))]), x)
    assert right.verdict is Verdict.INCONCLUSIVE and "the edge of a domain at x[0]" in right.reasons[0]
    wrong = check_gradient(fun, lambda x: np.array([7.0, *(0.6 / np.sqrt(x[1:]))]), x)
    assert wrong.verdict is Verdict.FAIL and "by x[2] is 0.3, but differences say 0.2" in wrong.reasons[0]


# --- many variables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [2.0, 0.0, 1 + 1e-3])
def test_the_wrong_entry_of_many_is_found_by_bisection(change):
    x = np.random.default_rng(5).normal(size=20_000)

    def wrong(x):
        return cubic_slope(x) * np.where(np.arange(x.size) == 4321, change, 1)

    report = check_gradient(cubic, wrong, x)
    assert report.verdict is Verdict.FAIL and "by x[4321] is" in report.reasons[0]


@pytest.mark.parametrize("seed", range(20))
def test_exchanged_entries_of_equal_size_are_seen_by_every_seed(seed):
    weights = np.arange(60.0)
    wrong = weights.copy()
    wrong[[3, 7]] = wrong[[7, 3]]
    assert check_gradient(lambda x: weights @ x, lambda x: wrong, np.ones(60), seed=seed).verdict is Verdict.FAIL


def test_many_variables_take_under_50_evaluations_per_direction():
    x = np.random.default_rng(5).normal(size=100_000)
    calls = []

    def counted(x):
        calls.append(x.size)
        return cubic(x)

    report = check_gradient(counted, cubic_slope, x)
    assert report.passed and len(calls) < 50 * PROJECTIONS
    assert any("one by one" in note for note in report.not_checked)


# --- values, arguments, precision ------------------------------------------------------------------------------------


def test_jacobians():
    def fun(x):
        return np.outer(x, x)

    def jacobian(x):
        one = np.eye(x.size)
        return np.einsum("ik,j->ijk", one, x) + np.einsum("jk,i->ijk", one, x)

    assert check_gradient(fun, jacobian, X).passed
    report = check_gradient(fun, lambda x: jacobian(x) * (1 + 1e-8), X)
    assert report.verdict is Verdict.FAIL and "the derivative of fun[" in report.reasons[0]


def test_value_and_gradient_in_one_function_with_arguments():
    def both(x, a, b):
        return a * np.sum(np.sin(b * x)), a * b * np.cos(b * x)

    assert check_gradient(both, True, X, args=(2.0, np.arange(1.0, 6))).passed
    report = check_gradient(lambda x: (np.sum(x**2), x), True, X)
    assert report.verdict is Verdict.FAIL


def test_several_inputs_in_order_and_by_name():
    def fun(A, x):
        return x @ A @ x

    A = np.arange(25.0).reshape(5, 5)
    report = check_gradient(fun, lambda A, x: (np.outer(x, x), (A + A.T) @ x), (A, X))
    assert report.passed and report.wrt == ("A", "x")
    report = check_gradient(fun, lambda A, x: {"x": 2 * A @ x, "A": np.outer(x, x)}, {"A": A, "x": X})
    assert [check.verdict for check in report.checks] == [Verdict.PASS, Verdict.FAIL]
    assert "by x[" in report.reasons[0]


def test_float32_is_judged_by_its_own_rounding():
    def fun(x):
        return np.sum(np.sin(x.astype(np.float32)) ** 2)

    def grad(x):
        return np.sin(2 * x.astype(np.float32))

    assert check_gradient(fun, grad, X).passed
    assert check_gradient(fun, grad, X.astype(np.float32)).passed
    assert check_gradient(fun, lambda x: np.float32(1.01) * grad(x), X).verdict is Verdict.FAIL
    hidden = check_gradient(lambda x: float(fun(x)), lambda x: np.sin(2 * x), X)
    assert hidden.verdict is Verdict.INCONCLUSIVE  # float64 by its type, float32 by its noise


class Tensor:
    """What tensors of PyTorch look like from here: no array before `detach`."""

    def __init__(self, values, attached=True):
        self.values, self.attached = np.asarray(values), attached

    def detach(self):
        return Tensor(self.values, attached=False)

    def numpy(self):
        if self.attached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad")
        return self.values

    def __array__(self, dtype=None, copy=None):
        return self.numpy()


def test_tensors_and_sparse_matrices_are_read():
    from scipy.sparse import diags

    assert check_gradient(lambda x: Tensor(np.sum(x**2)), lambda x: (Tensor(2 * x),), X).passed
    assert check_gradient(lambda x: x**2, lambda x: diags(2 * x), X).passed


def test_float16_is_too_coarse_to_say_much():
    x = np.array([1.0, 0.5], np.float16)
    assert check_gradient(lambda x: np.sum(x * x), lambda x: 2 * x, x).verdict is Verdict.INCONCLUSIVE


def test_a_function_that_returns_the_same_buffer_each_time():
    buffer = np.empty(5)
    assert check_gradient(lambda x: np.multiply(x, x, out=buffer), lambda x: np.diag(2 * x), X).passed


# --- Hessians --------------------------------------------------------------------------------------------------------


def test_hessians():
    report = check_gradient(rosen, rosen_der, X, hess=rosen_hess)
    assert report.passed
    assert {check.route for check in report.checks} == {Route.FUNCTION, Route.HESSIAN, Route.TRANSPOSE}


def test_a_value_of_one_entry_counts_as_a_number():
    report = check_gradient(lambda x: [rosen(x)], lambda x: rosen_der(x)[None], X, hess=rosen_hess)
    assert report.passed and len(report.checks) == 3


def test_a_wrong_hessian_fails():
    report = check_gradient(rosen, rosen_der, X, hess=lambda x: rosen_hess(x) * (1 + 1e-8))
    assert report.verdict is Verdict.FAIL and "the derivative of grad[" in report.reasons[0]
    report = check_gradient(rosen, rosen_der, X, hess=lambda x: rosen_hess(x) + 1e-5 * np.tri(5, k=-1))
    assert any("not symmetric" in reason for reason in report.reasons)


def test_a_hessian_is_not_judged_by_a_wrong_gradient():
    report = check_gradient(rosen, lambda x: 2 * rosen_der(x), X, hess=rosen_hess)
    assert Route.HESSIAN not in {check.route for check in report.checks}
    assert any("Hessian" in note for note in report.not_checked)


# --- what cannot be checked ------------------------------------------------------------------------------------------


def raising(x):
    raise ZeroDivisionError("division by zero")


def in_place(x):
    x *= 2
    return np.sum(x)


ERRORS = [
    (raising, np.ones_like, X, sg.InvalidValueError, "fun raises ZeroDivisionError: division by zero"),
    (np.sum, raising, X, sg.InvalidValueError, "grad raises ZeroDivisionError"),
    (lambda: 0.0, np.ones_like, X, sg.OperandError, "fun raises TypeError"),
    (in_place, np.ones_like, X, sg.InvalidValueError, "fun changes x in place"),
    (np.sum, in_place, X, sg.InvalidValueError, "grad changes x in place"),
    (lambda x: np.log(-np.abs(x)).sum(), np.ones_like, X, sg.InvalidValueError, "fun is nan at x"),
    (lambda x: "1.0", np.ones_like, X, sg.OperandError, "no array of real numbers"),
    (lambda x: None, np.ones_like, X, sg.OperandError, "no array of real numbers"),
    (lambda x: np.sum(x + 0j), np.ones_like, X, sg.OperandError, "complex"),
    (lambda x: [[1.0], [1.0, 2.0]], np.ones_like, X, sg.OperandError, "no array of numbers"),
    (lambda x: np.zeros(0), np.ones_like, X, sg.InvalidValueError, "empty"),
    (np.sum, lambda x: x[:3], X, sg.ShapeError, r"shape \(3,\); .* it has to be \(5,\)"),
    (np.sum, lambda x: x[:, None], X, sg.ShapeError, r"it has to be \(5,\)"),
    (np.sin, lambda x: np.cos(x), X, sg.ShapeError, r"it has to be \(5, 5\)"),
    (np.sum, 3.0, X, sg.OperandError, "grad is a function"),
    (np.sum, True, X, sg.OperandError, "return two things"),
    (np.sum, np.ones_like, [], sg.InvalidValueError, "empty"),
    (np.sum, np.ones_like, [1.0, np.inf], sg.InvalidValueError, r"x is not finite at x\[1\]"),
    (np.sum, np.ones_like, "text", sg.OperandError, "no array of real numbers"),
    (lambda a, b: a + b, lambda a, b: 1.0, (1.0, 2.0), sg.ShapeError, "return 2 arrays"),
    (lambda a: a, lambda a: 1.0, {"a": 1.0}, sg.OperandError, "x is a mapping"),
    (lambda a: a, lambda a: {}, {"a": 1.0}, sg.UnknownNameError, "nothing for a"),
]


@pytest.mark.parametrize(("fun", "grad", "x", "kind", "words"), ERRORS)
def test_errors_say_what_is_wrong(fun, grad, x, kind, words):
    with pytest.raises(kind, match=words):
        check_gradient(fun, grad, x)


def test_a_gradient_that_is_nan_fails():
    report = check_gradient(lambda x: np.sum(x**2), lambda x: 2 * x * np.where(x == 0.8, np.nan, 1), X)
    assert report.verdict is Verdict.FAIL
    assert report.reasons == ("the derivative of fun by x[2] is nan, although fun is finite",)


def test_a_function_that_is_not_deterministic_is_reported():
    rng = np.random.default_rng(0)
    report = check_gradient(lambda x: np.sum(x**2) + 1e-3 * rng.uniform(), lambda x: 2 * x, X)
    assert report.verdict is not Verdict.FAIL
    assert any("not deterministic" in note for note in report.not_checked)


def test_steps_that_raise_are_dropped():
    from math import acos, sqrt

    assert check_gradient(lambda x: acos(x[0]), lambda x: np.array([-1 / sqrt(1 - x[0] ** 2)]), [0.95]).passed


@pytest.mark.parametrize("resolving", [0, -1e-6, float("nan"), float("inf")])
def test_what_has_to_be_resolved_is_a_positive_number(resolving):
    with pytest.raises(sg.InvalidValueError, match="resolving has to be a positive number"):
        check_gradient(np.sum, np.ones_like, X, resolving=resolving)


def test_points_must_not_be_negative():
    with pytest.raises(sg.InvalidValueError, match="points"):
        check_gradient(np.sum, np.ones_like, X, points=-1)
