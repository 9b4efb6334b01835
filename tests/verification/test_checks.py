import numpy as np
import pytest
from interpreted import InterpretedKernel, check, derivatives

from symgrad.syntax import parse
from symgrad.verification import Route, Verdict, verify
from symgrad.verification.checks import weigh
from symgrad.verification.model import Check, Point
from symgrad.verification.subject import Subject, operation_count


def test_operations_are_counted_by_entries():
    output = parse("sum(A @ B)")
    small, large = (operation_count([output], Point({"m": n, "n": n, "k": n}, {})) for n in (2, 200))
    assert small < 20
    assert large > 100_000


def test_a_tangent_takes_a_name_that_is_free():
    output = parse("x*x_dot")
    inputs, gradients = derivatives(output)
    subject = Subject.of(output, inputs, gradients, InterpretedKernel(output, gradients))
    assert {name for name, _ in subject.tangents.values()} == {"x_dot_"}
    assert check("x*x_dot").passed


def test_an_adjoint_needs_no_input_that_fixes_its_sizes():
    assert check("mean(x)").passed


def test_a_derivative_that_is_zero_is_checked_against_the_scale_of_the_value():
    report = check("sign(x) + y")
    assert report.passed
    assert all(c.scale > 0 for c in report.checks)


def test_only_some_inputs_may_be_checked():
    output = parse("sum((X @ w)**2)")
    inputs, gradients = derivatives(output)
    w, gradient = inputs[1], {"w": gradients["w"]}
    report = verify(output, [w], gradient, InterpretedKernel(output, gradient))
    assert report.passed
    assert report.wrt == ("w",)
    assert {c.input for c in report.checks} == {None, "w"}


def test_a_single_precision_kernel_is_judged_by_its_own_rounding():
    class Single(InterpretedKernel):
        dtype = "float32"

        def __call__(self, inputs=None, /, **named):
            return np.float32(super().__call__(inputs, **named))

        def value_and_grad(self, inputs=None, /, **named):
            value, found = super().value_and_grad(inputs, **named)
            return np.float32(value), {name: np.float32(g) * np.float32(self.factor) for name, g in found.items()}

        def forward(self, inputs=None, /, **named):
            value, residuals = super().forward(inputs, **named)
            return np.float32(value), residuals

    output = parse("f(x[n], y[n]) = sum(exp(x)*y)")
    inputs, gradients = derivatives(output)
    kernel = Single(output, gradients)
    kernel.factor = 1.0
    right = verify(output, inputs, gradients, kernel)
    kernel.factor = 1.0001
    wrong = verify(output, inputs, gradients, kernel)
    assert right.passed, str(right)
    assert 1e-8 < right.resolving_power < 1e-3
    assert wrong.verdict is Verdict.FAIL


def test_differences_that_contradict_a_closed_chain_leave_the_case_open():
    class Bent(InterpretedKernel):
        def __call__(self, inputs=None, /, **named):
            value = super().__call__(inputs, **named)
            return value if self.centre is None else value * (1 + 1e-3 * (inputs["x"] - self.centre))

        def value_and_grad(self, inputs=None, /, **named):
            self.centre = inputs["x"]
            return super().value_and_grad(inputs, **named)

    output = parse("x**2 + 1")
    inputs, gradients = derivatives(output)
    kernel = Bent(output, gradients)
    kernel.centre = None
    report = verify(output, inputs, gradients, kernel, at={"x": 1.5}, points=0)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.worst.route is Route.DIFFERENCES


@pytest.mark.parametrize("text", ["exp(x)", "X @ w"])
def test_resolving_power_is_that_of_the_sharper_way(text):
    report = check(text)
    differences = max(c.resolution for c in report.checks if c.route is Route.DIFFERENCES)
    assert report.resolving_power < differences


@pytest.mark.parametrize(("error", "bound", "verdict"), [(1e6, 2.05, "INCONCLUSIVE"), (1e6, 0.5, "FAIL")])
def test_differences_that_do_not_converge_are_no_evidence(error, bound, verdict):
    """As those of the sine of a number of 80 digits, which a false alarm came from."""
    check = Check(Route.DIFFERENCES, 0, "x", Verdict.FAIL, error, bound, bound, 1.0, 1)
    assert weigh([check], exact=True)[0].verdict.value == verdict
    unfit = Check(Route.DIFFERENCES, 0, "x", Verdict.FAIL, np.nan, np.nan, np.nan, 1.0, 1)
    assert weigh([unfit], exact=False)[0].verdict is Verdict.FAIL
