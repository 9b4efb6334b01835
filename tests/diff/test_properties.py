"""Derivatives of random expressions: against differences at 65 digits, and the laws they obey."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from strategies import SIZES, defined, expressions, values_of

import symgrad as sg
from symgrad.core.dims import evaluate
from symgrad.core.expr import Expr, Input
from symgrad.diff.jacobian import jacobian
from symgrad.diff.pullback import pull_back
from symgrad.diff.pushforward import push_forward
from symgrad.errors import OperandError
from symgrad.verification.precise import MORE_DIGITS, NotPreciseError, directional_derivative, evaluate_twice

LARGEST = mpmath.mpf(10) ** 25  # beyond it a step of 1e-20 is not small
TOLERANCE = mpmath.mpf(10) ** -25
some = settings(
    max_examples=120,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def direction(x: Input, seed: int = 3) -> np.ndarray:
    shape = tuple(evaluate(size, SIZES) for size in x.shape)
    return np.asarray(np.round(np.random.default_rng(seed).uniform(0.5, 1.5, shape), 3))


def close(a: np.ndarray, b: np.ndarray, uncertainty: Any = 0) -> None:
    with mpmath.workdps(MORE_DIGITS):
        scale = max((abs(each) for each in np.ravel(b)), default=0)
        error = max((abs(each) for each in np.ravel(a - b)), default=0)
        allowed = max((abs(each) for each in np.ravel(uncertainty)), default=0)
        assert error <= allowed + TOLERANCE * (1 + scale), f"{mpmath.nstr(error, 8)} beside {mpmath.nstr(scale, 8)}"


def derivatives(expr: Expr) -> list[Expr]:
    """Return the Jacobians; the example is not used where an op has no derivative."""
    try:
        return jacobian(expr, list(expr.inputs.values()))
    except OperandError as error:
        assert "has no derivative" in error.message
        assume(False)
        raise


@some
@given(expressions())
def test_jacobian_agrees_with_differences(expr: Expr) -> None:
    values = values_of(expr)
    slopes = derivatives(expr)
    found = defined(slopes, values, MORE_DIGITS)
    assume(found is not None)
    for x, slope in zip(expr.inputs.values(), found, strict=True):
        assume(max((abs(entry) for entry in np.ravel(slope)), default=0) < LARGEST)
        assert slope.shape == tuple(evaluate(size, SIZES) for size in expr.shape + x.shape)
        along = direction(x)
        try:
            (centre,) = evaluate_twice([expr], values, SIZES)
            wanted = directional_derivative(expr, values, x.name, along, centre, SIZES)
        except NotPreciseError:
            assume(False)
        assume(not wanted.kinked.any())
        with mpmath.workdps(MORE_DIGITS):
            close(np.tensordot(slope, along, axes=along.ndim), wanted.low, wanted.uncertainty)


@some
@given(expressions())
def test_rewritten_derivatives_are_the_same(expr: Expr) -> None:
    values = values_of(expr, seed=1)
    plain = defined(derivatives(expr), values)
    assume(plain is not None)
    written = defined(list(sg.jacobian(expr).values()), values)
    assert written is not None, "a rewritten derivative is not defined where the plain one is"
    for a, b in zip(written, plain, strict=True):
        close(a, b)


@some
@given(expressions())
def test_forward_and_reverse_sweeps_are_adjoint(expr: Expr) -> None:
    derivatives(expr)
    values = values_of(expr, seed=2)
    for x in expr.inputs.values():
        tangent, cotangent = Input("x_dot", x.shape), Input("y_bar", expr.shape)
        left = sg.sum(cotangent * push_forward(expr, {x: tangent}))
        right = sg.sum(tangent * pull_back(expr, cotangent, [x])[0])
        given_values = {**values, "x_dot": direction(x, 4)}
        given_values["y_bar"] = direction(cotangent, 5)
        both = defined([left, right], given_values)
        assume(both is not None)
        close(both[0], both[1])


@some
@given(expressions(), expressions())
def test_the_gradient_is_linear(f: Expr, g: Expr) -> None:
    f, g = sg.sum(f), sg.sum(g)
    derivatives(f), derivatives(g)
    values = {**values_of(f), **values_of(g)}
    for x in f.inputs.values():
        whole = jacobian(3 * f - g, [x])[0]
        parts = 3 * jacobian(f, [x])[0] - jacobian(g, [x])[0]
        both = defined([whole, parts], values)
        assume(both is not None)
        close(both[0], both[1])
