import numpy as np
import pytest

import symgrad as sg
from symgrad.core.domain import NONNEGATIVE, POSITIVE, REALS, Interval, MatrixDomain
from symgrad.errors import InvalidValueError, ShapeError, UnknownNameError
from symgrad.syntax import parse
from symgrad.verification.sampling import Sampler, blame, inside, random_source, size_names, violations


def sampler(text, seed=0, **options):
    output = parse(text)
    return Sampler(output, tuple(output.inputs.values()), np.random.default_rng(seed), **options)


def test_sizes_differ_from_each_other_and_between_points():
    s = sampler("sum((X @ w - y)**2)")
    first, second = s.draw(0), s.draw(1)
    assert len(set(first.sizes.values())) == 2
    assert first.sizes != second.sizes
    assert first.values["X"].shape == (first.sizes["m"], first.sizes["n"])


def test_sizes_grow_until_slices_fit():
    point = sampler("sum(x[3:6])").draw(1)
    assert point.sizes["n"] >= 6


def test_sizes_change_until_the_domain_is_met():
    for number in range(3):  # X.T @ X is singular when X is wide
        point = sampler("logdet(X.T @ X)", seed=number).draw(number)
        assert point.sizes["m"] >= point.sizes["n"]


@pytest.mark.parametrize(
    "text",
    ["log(x)", "log(x - 5)", "log(-x)", "sum(acos(x)*log(x))", "log(x)*log(1 - x)", "1/sqrt(x - y)", "x**y",
     "log(det(A))", "sum(cholesky(A))", "log(x @ A @ x)", "sqrt(sum(x) - 3)"],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(3))
def test_points_lie_inside_of_the_domain(text, seed):
    s = sampler(text, seed)
    for number in range(3):
        assert violations(s.output, s.draw(number).values) == []


def test_the_kind_of_values_that_worked_is_remembered(monkeypatch):
    s = sampler("log(x - 5)")
    s.draw()
    monkeypatch.setattr("symgrad.verification.sampling._ATTEMPTS", 1)  # the first attempt must do
    assert s.draw().values["x"] > 5


def test_a_domain_that_cannot_be_met_names_the_node():
    with pytest.raises(InvalidValueError, match=r"log\(-1 - x\*\*2\)"):
        sampler("3 + log(-1 - x**2)").draw()


def test_given_values_are_kept_and_fix_sizes():
    point = sampler("sum(X @ w)").draw(at={"w": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    assert point.sizes["n"] == 6
    assert point.values["X"].shape[1] == 6
    assert point.given


def test_given_values_are_checked():
    with pytest.raises(UnknownNameError, match="no input q; the formula has X, w"):
        sampler("sum(X @ w)").draw(at={"q": 1.0})
    with pytest.raises(ShapeError):
        sampler("sum(X @ w)").draw(at={"X": np.ones((2, 3)), "w": [1.0]})


def test_an_unchosen_branch_may_be_undefined():
    output = parse("where(x > 0, log(x), x)")
    assert violations(output, {"x": np.asarray(-1.0)}) == []
    assert [str(node) for node in violations(parse("log(x)"), {"x": np.asarray(-1.0)})] == ["log(x)"]


def test_a_matrix_without_factor_is_a_violation():
    assert violations(parse("sum(cholesky(A))"), {"A": -np.eye(2)})
    assert violations(parse("sum(inv(A))"), {"A": np.zeros((2, 2))})


def test_overflow_is_a_violation():
    assert violations(parse("exp(x)"), {"x": np.asarray(1e4)})


@pytest.mark.parametrize(
    ("domain", "x", "margin", "expected"),
    [
        (REALS, 1e300, 0.1, True),
        (POSITIVE, 0.0, 0.0, False),
        (NONNEGATIVE, 0.0, 0.0, True),
        (NONNEGATIVE, 0.0, 0.1, False),
        (Interval(-1, 1), 0.95, 0.1, False),
        (Interval(-1, 1), 0.85, 0.1, True),
        (Interval(-1, 1, closed_high=True), 1.0, 0.0, True),
        (POSITIVE, np.nan, 0.0, True),
    ],
)
def test_intervals(domain, x, margin, expected):
    assert bool(inside(domain, np.asarray(x), margin)) is expected


@pytest.mark.parametrize(
    ("condition", "matrix", "expected"),
    [
        ("spd", [[2.0, 1.0], [1.0, 2.0]], True),
        ("spd", [[1.0, 2.0], [2.0, 1.0]], False),
        ("invertible", [[1.0, 2.0], [2.0, 1.0]], True),
        ("invertible", [[1.0, 2.0], [2.0, 4.0]], False),
        ("invertible", [[np.nan, 2.0], [2.0, 4.0]], False),
    ],
)
def test_conditions_on_matrices(condition, matrix, expected):
    assert bool(inside(MatrixDomain(condition), np.array(matrix))) is expected


def test_names_of_sizes_come_in_order():
    assert size_names(parse("sum(A @ B)").inputs.values()) == ["m", "n", "k"]


def test_points_are_scaled_where_the_domain_allows():
    s = sampler("sum(x**2)")
    point = s.draw()
    assert np.array_equal(s.scaled(point, 1e3).values["x"], 1e3 * point.values["x"])
    s = sampler("acos(x)")
    assert s.scaled(s.draw(), 1e3) is None
    s = sampler("f(Q[n,n]: orthogonal, a) = a*sum(Q)")
    point = s.draw()
    moved = s.scaled(point, 1e-3)
    assert np.array_equal(moved.values["Q"], point.values["Q"])
    assert moved.values["a"] == 1e-3 * point.values["a"]
    s = sampler("x**2")
    assert s.scaled(s.draw(at={"x": 1.0}), 1e3) is None


def test_what_leaves_its_domain_is_blamed_with_place_and_value():
    assert blame(parse("sum(log(x))"), {"x": np.array([1.0, 2.0])}) == ""
    assert blame(parse("sum(log(X))"), {"X": np.array([[1.0, 2.0], [3.0, -0.5]])}) == "log(X) at X[1, 1] = -0.5"
    assert blame(parse("sum(log(x - 1))"), {"x": np.array([2.0, 0.5])}) == "log(x - 1) at (x - 1)[1] = -0.5"
    assert blame(parse("exp(exp(x))"), {"x": np.asarray(10.0)}) == "exp(exp(x)) at x = 10"


def test_a_size_that_no_input_tells_may_be_given():
    gradient = sg.grad("f(lam, x[n]) = log(lam)*sum(x)", "x")
    assert violations(gradient, {"lam": np.array(2.0)}, sizes={"n": 3}) == []
    assert blame(gradient, {"lam": np.array(-2.0)}, {"n": 3}) == "log(lam) at lam = -2"


def test_arrays_that_are_too_large_are_not_drawn():
    with pytest.raises(InvalidValueError, match="x has 100000000 entries"):
        sampler("f(x[100000000]) = sum(x)").draw()


@pytest.mark.parametrize("value", ["a", 10**400, [[1], [2, 3]], 1j])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(InvalidValueError, match="the value of x"):
        sampler("sin(x)").draw(0, {"x": value})


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InvalidValueError, match="a seed is a whole number"):
        random_source(seed)
