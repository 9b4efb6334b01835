"""Second derivatives, products and batches through `sg.verify`, and planted errors in them."""

import numpy as np
import pytest
from interpreted import InterpretedKernel, derivatives

import symgrad as sg
from symgrad.errors import InvalidValueError, ShapeError, UnknownNameError
from symgrad.syntax import parse
from symgrad.verification import Route, Verdict, verify
from symgrad.verification.second import Second, symmetry, with_second


def second_report(text, change=None, wrong_block=None, points=1):
    """Verify a formula to second order with interpreted kernels; the blocks may be spoiled."""
    output = parse(text)
    inputs, gradients = derivatives(output)
    parts = []
    for node in inputs:
        gradient = gradients[node.name]
        used = [x for x in inputs if x.name in gradient.inputs]
        blocks = dict(zip((x.name for x in used), sg.jacobian(gradient, used).values(), strict=True)) if used else {}
        if wrong_block is not None and node.name == wrong_block:
            blocks = {name: 1.001 * block for name, block in blocks.items()}
        kernel = InterpretedKernel(gradient, blocks, **({} if change is None else {"change": change}))
        parts.append(Second(node, gradient, blocks, kernel))
    first = verify(output, inputs, gradients, InterpretedKernel(output, gradients), points=points)

    def again(gradient, blocks, kernel):
        return verify(gradient, [x for x in inputs if x.name in blocks], blocks, kernel, points=points)

    return with_second(first, parts, again), parts, first


@pytest.mark.parametrize("text", ["x**2*y + sin(x*y)", "sum(exp(A @ x))", "f(x[n], c) = c*sum(x**3)", "x + 3*y"])
def test_right_second_derivatives_pass(text):
    report, _, _ = second_report(text)
    assert report.passed, str(report)


def test_a_wrong_block_fails_and_is_not_symmetric():
    report, _, _ = second_report("x**2*y + sin(x*y)", wrong_block="x")
    failed = {(c.route, c.input) for c in report.checks if c.verdict is Verdict.FAIL}
    assert report.verdict is Verdict.FAIL
    assert {(Route.FORMULA, "x, x"), (Route.FORMULA, "x, y"), (Route.SYMMETRY, "x, y")} <= failed
    assert (Route.SYMMETRY, "y, y") not in failed
    assert any("not symmetric" in reason for reason in report.reasons)


def test_a_kernel_of_second_derivatives_that_is_not_symmetric_fails():
    def tilt(blocks):
        return {
            name: block + (1e-9 * np.triu(np.ones(block.shape)) if block.ndim == 2 else 0)
            for name, block in blocks.items()
        }

    _, parts, first = second_report("f(x[n]) = sum(x)**3 + sum(x**3)", change=tilt)
    checks = symmetry(parts, first.points, 0)
    assert [c.verdict for c in checks] == [Verdict.FAIL]


def test_second_derivatives_of_compiled_kernels():
    report = sg.verify("sum(log(1 + exp(-y*(X @ w)))) + lam*sum(w**2)", ["w", "lam"], order=2, points=1)
    assert report.passed, str(report)
    inputs = {c.input for c in report.checks if c.route is Route.GRADIENT}
    assert inputs == {"w", "lam", "w, w", "w, lam", "lam, w"}
    assert {c.input for c in report.checks if c.route is Route.SYMMETRY} == {"w, w", "w, lam"}
    assert len(report.points) == 3


def test_a_gradient_without_the_sizes_it_needs_is_said_not_to_be_checked():
    report = sg.verify("f(x[n], lam) = lam*mean(x)", order=2, points=1)
    assert report.passed, str(report)
    assert "no input of it tells the size n" in report.not_checked[0]


def test_a_user_point_goes_to_the_gradients_as_well():
    report = sg.verify("x**2*y + z", order=2, points=0, at={"x": 1.0, "y": 2.0, "z": 3.0})
    assert report.passed, str(report)
    with pytest.raises(UnknownNameError, match="no input q"):
        sg.verify("x**2", at={"q": 1.0})


def test_what_has_no_hessian_is_refused():
    with pytest.raises(ShapeError, match="a Hessian needs a scalar"):
        sg.verify("f(x[n]) = x**2", order=2)
    with pytest.raises(InvalidValueError, match="order 1 or 2"):
        sg.verify("x**2", order=3)


@pytest.mark.parametrize(
    ("text", "dtype"),
    [("A @ sin(x)", "float64"), ("x**2*y", "float32"), ("f(S[n,n]: symmetric) = sum(S @ S)", "float64")],
)
def test_products_and_batches_of_compiled_kernels_pass(text, dtype):
    report = sg.verify(text, products=True, batch=True, points=2, dtype=dtype)
    assert report.passed, str(report)
    assert {Route.JVP, Route.VJP, Route.BATCH} <= {c.route for c in report.checks}
    assert report.resolving_power < (1e-9 if dtype == "float64" else 1e-2)


def test_single_precision_is_counted_in_its_own_ulps():
    report = sg.verify("sum(exp(x))", points=1, dtype="float32")
    assert report.passed
    assert 0 <= report.ulps < 100


def test_a_product_that_is_no_kernel_of_its_own_is_said_not_to_be_run():
    report = sg.verify("f(x[n]) = sum(x)", products=True, points=1)
    assert report.passed, str(report)
    (found,) = [c for c in report.checks if c.route is Route.VJP]
    assert found.detail.startswith("not run:")
