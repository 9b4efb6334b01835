import numpy as np
import pytest
from interpreted import FORMULAS, check

import symgrad as sg
from symgrad.errors import OperandError, ShapeError, UnknownNameError
from symgrad.simplify import simplify
from symgrad.syntax import parse
from symgrad.verification import Route, Verdict

RIDGE = "sum((X @ w - y)**2) + lam*sum(w**2)"
ALWAYS = {Route.VALUE, Route.FORMULA, Route.GRADIENT, Route.DIFFERENCES, Route.ADJOINT}
OUTPUTS = ("x**2*sin(x)", RIDGE, "logdet(A)", "softmax(x)", "A @ B")


def scaled(text, factor):
    head, equals, body = text.rpartition("= ") if text.startswith("f(") else ("", "", text)
    return f"{head}{equals}({body})*{factor}"


@pytest.mark.parametrize("text", FORMULAS)
def test_right_derivatives_pass(text):
    report = check(text, points=2)
    assert report.passed, str(report)
    assert report.resolving_power < 1e-6
    assert {c.route for c in report.checks} == ALWAYS


@pytest.mark.parametrize("factor", ["1e-6", "1e6"])
@pytest.mark.parametrize("text", FORMULAS[::5])
def test_the_scale_of_the_formula_does_not_matter(text, factor):
    assert check(scaled(text, factor), seed=3, points=1).passed


def spoil(name, how):
    return lambda found: {**found, name: how(found[name])}


@pytest.mark.parametrize("text", OUTPUTS)
@pytest.mark.parametrize("delta", [1e-3, 1e-6, 1e-8, 1e-12])
def test_a_formula_wrong_by_a_factor_fails(text, delta):
    name = next(iter(parse(text).inputs))
    report = check(text, formula=spoil(name, lambda g: g * (1 + delta)), points=1)
    failed = {(c.route, c.input) for c in report.checks if c.verdict is Verdict.FAIL}
    assert report.verdict is Verdict.FAIL
    assert (Route.FORMULA, name) in failed
    assert {found for _, found in failed} == {name}


@pytest.mark.parametrize("text", OUTPUTS)
def test_differences_catch_a_factor_of_1e_8_without_the_formula(text):
    name = next(iter(parse(text).inputs))
    report = check(text, formula=spoil(name, lambda g: g * (1 + 1e-8)), points=1)
    assert any(c.route is Route.DIFFERENCES and c.verdict is Verdict.FAIL for c in report.checks)


@pytest.mark.parametrize("text", OUTPUTS)
def test_a_wrong_sign_fails(text):
    name = next(iter(parse(text).inputs))
    assert check(text, formula=spoil(name, lambda g: -g), points=1).verdict is Verdict.FAIL


def test_a_transposed_derivative_fails():
    assert check("logdet(A)", formula=spoil("A", lambda g: g.T), points=1).verdict is Verdict.FAIL


@pytest.mark.parametrize("text", ["norm(x)", RIDGE, "logsumexp(x)"])
def test_a_dropped_entry_fails(text):
    def drop(array):
        array = array.copy()
        array.flat[-1] = 0.0
        return array

    name = next(iter(parse(text).inputs))
    report = check(text, change=spoil(name, drop), points=1)
    assert report.verdict is Verdict.FAIL
    assert report.worst.route in (Route.GRADIENT, Route.DIFFERENCES)


def test_swapped_entries_fail():
    assert check(RIDGE, change=spoil("w", lambda g: g[::-1]), points=1).verdict is Verdict.FAIL


@pytest.mark.parametrize("text", OUTPUTS)
def test_a_kernel_off_by_1e_9_fails_though_its_formula_is_right(text):
    name = next(iter(parse(text).inputs))
    report = check(text, change=spoil(name, lambda g: g * (1 + 1e-9)), points=1)
    routes = {c.route: c.verdict for c in report.checks if c.input == name}
    assert report.verdict is Verdict.FAIL
    assert routes[Route.FORMULA] is Verdict.PASS
    assert routes[Route.GRADIENT] is Verdict.FAIL


def test_a_kernel_with_a_wrong_value_fails():
    report = check(RIDGE, value_factor=1 + 1e-10, points=1)
    assert report.verdict is Verdict.FAIL
    assert any(c.route is Route.VALUE and c.verdict is Verdict.FAIL for c in report.checks)


def test_a_wrong_backward_kernel_fails():
    report = check(RIDGE, spoil_backward=spoil("w", lambda g: g * (1 + 1e-9)), points=1)
    failed = {c.route for c in report.checks if c.verdict is Verdict.FAIL}
    assert failed == {Route.ADJOINT}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_fails(bad):
    assert check("x**2", change=spoil("x", lambda g: g * bad)).verdict is Verdict.FAIL


def test_a_gradient_of_the_wrong_shape_fails():
    assert check("sum(x**2)", change=spoil("x", lambda g: g[None])).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("abs(x)", {"x": 0.0}),
        ("relu(x)*3", {"x": 0.0}),
        ("norm(x)", {"x": [0.0, 0.0]}),
        ("maximum(x, y)", {"x": 2.0, "y": 2.0}),
        ("norm1(x)", {"x": [0.0, 1.5]}),
        ("max(x)", {"x": [1.0, 1.0, 0.5]}),
    ],
)
def test_a_kink_is_named_and_its_convention_accepted(text, at):
    report = check(text, at=at)
    assert report.passed, str(report)
    assert {"kink: between the one-sided slopes"} == {
        c.detail for c in report.checks if c.point == 3 and c.route in (Route.FORMULA, Route.DIFFERENCES)
    }


def test_a_slope_outside_of_those_at_a_kink_fails():
    assert check("abs(x)", at={"x": 0.0}, points=0, change=spoil("x", lambda g: g + 1.01)).verdict is Verdict.FAIL
    assert check("abs(x)", at={"x": 0.0}, points=0, formula=spoil("x", lambda g: g - 1.01)).verdict is Verdict.FAIL


def test_rounding_that_hides_the_derivative_is_inconclusive():
    at = {"x": 1e-7}
    report = check("(1 - cos(x))/x**2", at=at, points=0)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "rounding hides the derivative" in report.summary()


@pytest.mark.parametrize(("text", "at"), [("log(x)", -1.0), ("sqrt(x)", -1.0), ("acos(x)", 1.5), ("1/x", 0.0)])
def test_a_point_outside_of_the_domain_is_inconclusive(text, at):
    report = check(text, at={"x": at}, points=0)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "not defined at this point" in report.reasons[0]


def test_an_infinite_slope_is_inconclusive():
    report = check("sqrt(x)", at={"x": 0.0}, points=0)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "not finite" in str(report)


def test_a_derivative_that_is_undefined_where_the_formula_is_smooth_fails():
    report = check("x**2", at={"x": 0.5}, points=0, formula=spoil("x", lambda g: g + 0 * parse("log(x - 1)")))
    assert report.verdict is Verdict.FAIL
    assert report.worst.route is Route.DIFFERENCES


def test_a_formula_defined_nowhere_is_inconclusive_and_names_the_node():
    report = check("log(-1 - x**2)")
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "log(-1 - x**2)" in report.reasons[0]


def test_both_branches_of_a_choice_are_checked():
    report = check("where(x > 0, log(x), x**2)", points=12)
    signs = {float(np.sign(point.values["x"])) for point in report.points}
    assert report.passed
    assert signs == {-1.0, 1.0}


def test_the_same_seed_gives_the_same_report():
    first, second, other = (check(RIDGE, seed=seed, points=1).to_dict() for seed in (5, 5, 6))
    assert first == second
    assert first["points"] != other["points"]


def test_a_point_of_the_user_is_checked_as_well():
    at = {"X": np.arange(6.0).reshape(3, 2) / 7, "w": [0.1, 0.2], "y": [1.0, 0.0, 2.0], "lam": 0.5}
    report = check(RIDGE, at=at, points=1)
    assert report.passed
    assert len(report.points) == 2
    assert report.points[-1].given
    assert report.points[-1].sizes == {"m": 3, "n": 2}


def test_a_part_of_a_point_may_be_given():
    report = check(RIDGE, at={"lam": 0.25}, points=1)
    assert report.points[-1].values["lam"] == 0.25
    assert report.points[-1].values["X"].ndim == 2


def test_large_arrays_are_checked_by_projections_and_it_says_so():
    rng = np.random.default_rng(0)
    at = {"X": rng.normal(size=(300, 60)), "w": rng.normal(size=60), "y": rng.normal(size=300), "lam": 1.0}
    report = check(RIDGE, at=at, points=1)
    assert report.passed, str(report)
    assert "too large for 50-digit arithmetic" in report.not_checked[0]
    details = {c.detail for c in report.checks if c.point == 1 and c.route is Route.GRADIENT}
    assert details == {"the NumPy interpreter instead of 50 digits"}
    spoiled = check(RIDGE, at=at, points=0, formula=spoil("w", lambda g: g * (1 + 1e-7)))
    assert {c.route for c in spoiled.checks if c.verdict is Verdict.FAIL} == {Route.DIFFERENCES, Route.ADJOINT}


def test_sizes_can_be_fixed():
    report = check(RIDGE, sizes={"m": 6, "n": 1}, points=1)
    assert report.points[0].sizes == {"m": 6, "n": 1}
    assert report.passed


def test_progress_is_told():
    calls = []
    check("x**2", points=2, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]


def test_nothing_compared_is_no_success():
    report = check("x**2", points=0)
    assert report.verdict is Verdict.FAIL
    assert report.reasons == ("nothing was compared",)


def test_a_check_of_an_empty_array_fails():
    assert check("x**2*2", at={"x": 1.0}, points=0).passed
    assert check("f(x[n]) = x**2", at={"x": []}, points=0).verdict is Verdict.FAIL


def test_an_unknown_or_misshapen_point_is_an_error():
    with pytest.raises(UnknownNameError, match="no input z"):
        check("x**2", at={"z": 1.0})
    with pytest.raises(ShapeError):
        check(RIDGE, at={"w": [[1.0]]}, points=0)


def test_a_report_has_no_truth_value():
    with pytest.raises(OperandError, match=r"report\.passed"):
        bool(check("x**2", points=1))


@pytest.mark.parametrize("text", ["x/0.75", "x**2/0.3", "0.1*0.2*x", "x*0.1 + x*0.2", "x*0.1*10", "sin(x/0.7)*x**1.7"])
def test_numbers_may_be_combined_in_float64(text):
    """Rewriting multiplies the numbers of a formula, which rounds them; an error of 1e-16 that counts as one."""
    assert check(text, formula=simplified).passed


def test_a_wrong_number_is_seen_beside_rounded_ones():
    def spoiled(gradients):
        return {name: gradient * (1 + 1e-13) for name, gradient in gradients.items()}

    assert not check("x**2/0.3", formula=spoiled).passed


def simplified(gradients):
    return dict(zip(gradients, simplify(list(gradients.values())), strict=True))


def test_an_entry_whose_roundings_agree_by_chance_is_no_failure() -> None:
    assert all(sg.verify("A @ X @ B", "X", seed=seed).passed for seed in range(3))
