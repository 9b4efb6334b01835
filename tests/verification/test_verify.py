import tracemalloc

import numpy as np
import pytest
from interpreted import FORMULAS, InterpretedKernel, check, derivatives

import symgrad as sg
from symgrad.errors import OperandError, ShapeError, UnknownNameError
from symgrad.simplify import simplify
from symgrad.syntax import parse
from symgrad.verification import Route, Verdict, verify
from symgrad.verification.differences import PROJECTIONS

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
    assert ALWAYS <= {c.route for c in report.checks} <= ALWAYS | {Route.COMPLEX}


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
    ("text", "at", "said"),
    [
        ("abs(x)", {"x": 0.0}, "kink at x: one-sided slopes -1 and 1, returned 0"),
        ("relu(x)*3", {"x": 0.0}, "kink at x: one-sided slopes 0 and 3, returned 0"),
        ("norm(x)", {"x": [0.0, 0.0]}, "kink at x[0]: one-sided slopes -1 and 1, returned 0"),
        ("maximum(x, y)", {"x": 2.0, "y": 2.0}, "kink at y: one-sided slopes 0 and 1, returned 0"),
        ("norm1(x)", {"x": [1.5, 0.0]}, "kink at x[1]: one-sided slopes -1 and 1, returned 0"),
        ("-max(x)", {"x": [1.0, 1.0, 0.5]}, "kink at x[0]: one-sided slopes -1 and 0, returned -0.5"),
    ],
)
def test_a_kink_is_named_with_its_slopes_and_its_convention_accepted(text, at, said):
    report = check(text, at=at)
    assert report.passed, str(report)
    details = [c.detail for c in report.checks if c.point == 3 and c.route in (Route.FORMULA, Route.DIFFERENCES)]
    assert all(detail.startswith("kink at ") for detail in details)
    assert said in details


def test_a_slope_outside_of_those_at_a_kink_fails():
    assert check("abs(x)", at={"x": 0.0}, points=0, change=spoil("x", lambda g: g + 1.01)).verdict is Verdict.FAIL
    assert check("abs(x)", at={"x": 0.0}, points=0, formula=spoil("x", lambda g: g - 1.01)).verdict is Verdict.FAIL


def test_a_kink_of_one_entry_does_not_excuse_another():
    """Along a random direction the slopes of abs(x[0]) lie so far apart that an error of x[1] is between them."""
    wrong_rule = spoil("x", lambda g: g + 0.25 * sg.maximum(g.inputs["x"], 0))
    wrong = check("sum(abs(x))", at={"x": [0.0, 1.0, -2.0]}, points=0, formula=wrong_rule)
    failed = {c.route: c.label for c in wrong.checks if c.verdict is Verdict.FAIL}
    assert wrong.verdict is Verdict.FAIL and failed[Route.FORMULA] == "x[1]"
    many = np.append(0.0, np.linspace(0.1, 2.0, 59))
    blurred = check("sum(abs(x))", at={"x": many}, points=0)
    assert blurred.verdict is Verdict.INCONCLUSIVE and "a wrong entry could hide" in blurred.reasons[0]


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


def test_a_slope_at_the_edge_of_a_domain_is_one_sided():
    report = check("x**2.5 + 3*x", at={"x": 0.0}, points=0)
    assert report.passed, str(report)
    wrong = check("x**2.5 + 3*x", at={"x": 0.0}, points=0, formula=spoil("x", lambda g: g * 1.001))
    assert wrong.verdict is Verdict.FAIL


@pytest.mark.parametrize("text", ["x*log(x + 1e-300)", "sqrt(x)", "x**0.9"])
def test_a_one_sided_slope_without_a_limit_is_no_evidence(text):
    report = check(text, at={"x": 0.0}, points=0)
    assert report.verdict is not Verdict.PASS
    assert all(c.verdict is not Verdict.FAIL for c in report.checks if c.route is Route.DIFFERENCES), str(report)


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
    failed = {c.route for c in spoiled.checks if c.verdict is Verdict.FAIL}
    assert failed == {Route.DIFFERENCES, Route.ADJOINT, Route.COMPLEX}


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


def test_entries_are_named() -> None:
    def off(array):
        array = array.copy()
        array.flat[-1] *= 1.01
        return array

    report = check(RIDGE, change=spoil("w", off), points=1, sizes={"n": 4})
    assert "w, worst at w[3]," in report.reasons[0]
    named = {c.route: c.label for c in report.checks if c.verdict is Verdict.FAIL}
    assert named[Route.GRADIENT] == named[Route.DIFFERENCES] == "w[3]"
    report = check("f(x[n]) = exp(x)", change=spoil("x", off), points=1, sizes={"n": 3})
    assert report.worst.label == "df[2]/dx[2]"


def test_a_curve_is_drawn_for_every_input() -> None:
    report = check(RIDGE, points=2)
    assert [curve.input for curve in report.curves] == ["X", "w", "y", "lam"]
    assert {curve.point for curve in report.curves} == {0}
    for curve in report.curves:
        assert len(curve.steps) == len(curve.estimates) == len(curve.distances) > 5
        assert curve.estimates[curve.chosen] == min(curve.estimates)
        assert curve.distances[curve.chosen] < 1e-8
        assert curve.label.startswith(curve.input)
    assert report.evaluations == sum(36 * x.size - x.size + 1 for p in report.points for x in p.values.values())
    assert report.seconds > 0


def test_errors_of_formula_kernel_and_the_whole_are_told_apart() -> None:
    spoiled = check(RIDGE, change=spoil("w", lambda g: g * (1 + 1e-9)), points=1)
    assert spoiled.verdicts["formula"] is Verdict.PASS
    assert spoiled.verdicts["kernel"] is Verdict.FAIL
    assert check(RIDGE, formula=spoil("w", lambda g: g * 2), points=1).verdicts["formula"] is Verdict.FAIL


def test_the_accuracy_of_a_kernel_is_counted_in_ulps() -> None:
    report = check("x**2", at={"x": 1.5}, points=0)
    assert {c.route: c.ulps for c in report.checks if c.ulps is not None} == {Route.VALUE: 0.0, Route.GRADIENT: 0.0}
    off = check("x**2", at={"x": 1.5}, points=0, change=spoil("x", lambda g: np.nextafter(g, 9)))
    assert off.ulps == 1.0
    assert off.passed


def test_kinks_that_cancel_are_no_pass() -> None:
    report = check("maximum(x, 0) + log(1 + exp(-abs(x)))", at={"x": 0.0}, points=1)
    assert report.verdict is Verdict.INCONCLUSIVE, str(report)
    assert "kinks cancel here (maximum(x, 0), abs(x))" in report.reasons[0]
    wrong = check("maximum(x, 0) + log(1 + exp(-abs(x)))", points=1, formula=spoil("x", lambda g: 2 * g))
    assert wrong.verdict is Verdict.FAIL
    assert sg.verify("abs(x)*abs(x)", at={"x": 0.0}, points=0).verdict is not Verdict.FAIL


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("sum(log(x))", {"x": [1.0, -2.0]}, "log(x) at x[1] = -2"),
        ("sqrt(x - y)", {"x": 1.0, "y": 3.0}, "sqrt(x - y) at x - y = -2"),
        ("1/x", {"x": 0.0}, "1/x at x = 0"),
        ("sum(inv(A))", {"A": np.zeros((2, 2))}, "inv(A)"),
    ],
)
def test_what_is_out_of_its_domain_is_named_with_its_value(text, at, said):
    report = check(text, at=at, points=0)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "out of domain" in report.reasons[0]
    assert report.reasons[0].count(said) == 1


def test_what_cannot_be_asked_is_said():
    with pytest.raises(OperandError, match="nothing to differentiate by"):
        sg.verify("sum(x)", wrt=[])
    for wrong in ({"seed": -1}, {"points": -1}):
        with pytest.raises(sg.InvalidValueError, match="seed and points have to be 0 or more"):
            sg.verify("sum(x)", **wrong)


def test_what_is_too_large_for_floats_is_not_called_undefined_alone():
    report = check("exp(x)", at={"x": 1000.0}, points=0)
    assert "too large for floats: exp(x) at x = 1000" in report.reasons[0]


class _Crooked(InterpretedKernel):
    """Its value is right at the first point, and has a wrong slope there."""

    start = None

    def value_and_grad(self, inputs=None, /, **named):
        self.start = self.start or inputs
        return super().value_and_grad(inputs, **named)

    def __call__(self, inputs=None, /, **named):
        value = super().__call__(inputs, **named)
        near = self.start is not None and abs(inputs["x"] / self.start["x"] - 1) < 0.5
        return value + 1e-3 * (inputs["x"] - self.start["x"]) if near else value


def test_a_point_where_routes_contradict_each_other_is_not_replaced():
    output = parse("x**2")
    inputs, gradients = derivatives(output)
    report = verify(output, inputs, gradients, _Crooked(output, gradients), points=1)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "disagree although the 50-digit checks pass" in report.reasons[0]


def test_points_are_drawn_at_small_and_large_scales() -> None:
    def sizes(text):
        return [np.max(np.abs(p.values["x"])) for p in check(text).points]

    plain, small, large = sizes("f(x[n]) = sum(x**2)")
    assert small < 1e-2 * plain
    assert large > 1e2 * plain
    assert sizes("f(x[n]) = sum(exp(exp(x)))")[2] < 10  # it overflows far out
    assert sizes("f(x) = tanh(x)")[2] < 100  # nothing is left of the slope far out
    assert check("f(Q[n,n]: orthogonal) = sum(Q)").passed


def test_many_variables_need_few_evaluations_and_no_square_array() -> None:
    calls, n = [], 100_000

    class Counting(InterpretedKernel):
        def __call__(self, inputs=None, /, **named):
            calls.append(1)
            return super().__call__(inputs, **named)

    output = parse("f(x[n]) = sum(sin(x)*x) + sum(x[1:]*x[:-1])")
    inputs, gradients = derivatives(output)
    wrong = np.ones(n)
    wrong[70_123] = 1.001
    x = np.random.default_rng(0).uniform(0.5, 2, size=n)
    tracemalloc.start()
    right = verify(output, inputs, gradients, Counting(output, gradients), at={"x": x}, points=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert right.passed, str(right)
    assert right.resolving_power < 1e-9
    assert len(calls) < 50 * PROJECTIONS
    assert right.evaluations < 50 * PROJECTIONS
    assert peak < 200 * 8 * n
    kernel = InterpretedKernel(output, gradients, change=spoil("x", lambda g: g * wrong))
    report = verify(output, inputs, gradients, kernel, at={"x": x}, points=0)
    (named,) = [c for c in report.checks if c.route is Route.DIFFERENCES]
    assert named.label == "x[70123]"
    assert named.detail == "the wrong entry is x[70123]"
