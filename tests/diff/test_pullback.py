"""The reverse and the forward sweep beyond what conformance sees of single ops."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Expr, Input, postorder
from symgrad.diff.jacobian import identity_seed, jacobian
from symgrad.diff.pullback import pull_back
from symgrad.diff.pushforward import push_forward
from symgrad.errors import OperandError, ShapeError

x, y = sg.scalar("x"), sg.scalar("y")
v, w = sg.vector("v", "n"), sg.vector("w", "n")
A = sg.matrix("A", "m", "n")


def number(expr: Expr, **values: object) -> float:
    return float(evaluate_reference([expr], values)[0])


def test_an_operand_below_another_operand_counts_once() -> None:
    """clip is differentiated through another form; below cos(y), an operand of it, lies y, another one."""
    slope = sg.grad(sg.clip(x, y, sg.cos(y)), "y")
    assert number(slope, x=3.0, y=0.5) == pytest.approx(-np.sin(0.5))
    assert number(sg.jvp(sg.clip(x, y, sg.cos(y)), {"y": 1}), x=3.0, y=0.5) == pytest.approx(-np.sin(0.5))


def test_a_node_used_twice_gets_both_cotangents() -> None:
    shared = sg.sin(x)
    assert number(sg.grad(shared * shared + shared, "x"), x=0.3) == pytest.approx(
        2 * np.sin(0.3) * np.cos(0.3) + np.cos(0.3)
    )


def test_the_sweep_stays_above_stop() -> None:
    inner = sg.sin(x)
    (bar,) = pull_back(sg.exp(inner), sg.parse("1"), [x], stop={inner})
    assert number(bar) == 0
    assert number(push_forward(sg.exp(inner), {x: sg.scalar("x_dot")}, stop={inner})) == 0


def test_an_input_that_does_not_occur_has_a_zero_derivative() -> None:
    assert str(sg.grad(x * x, y)) == "0"
    assert sg.jacobian(v * 2, A).shape == v.shape + A.shape


def test_the_derivative_by_itself_is_the_identity() -> None:
    assert str(sg.jacobian(v, "v")) == "eye(n)"
    assert str(sg.grad(x, "x")) == "1"
    values = np.arange(6.0).reshape(2, 3)
    found = evaluate_reference([sg.jacobian(A, "A"), identity_seed(A.shape)], {"A": values}, sizes={"m": 2, "n": 3})
    wanted = np.einsum("ik,jl->ijkl", np.eye(2), np.eye(3))
    for each in found:
        np.testing.assert_array_equal(each, wanted)


def test_cotangents_and_tangents_must_fit() -> None:
    with pytest.raises(ShapeError, match=r"cotangent has shape \(n,\), the output \(m,\)"):
        pull_back(A @ v, v, [A])
    with pytest.raises(ShapeError, match=r"tangent of v has shape \(\), not \(n,\)"):
        push_forward(v * 2, {v: x})


def test_batches_of_cotangents() -> None:
    cotangents = sg.matrix("U", "b", "m")
    (bars,) = pull_back(A @ v, cotangents, [v])
    assert bars.shape == (*cotangents.shape[:1], *v.shape)
    rng = np.random.default_rng(0)
    values = {"A": rng.normal(size=(3, 4)), "v": rng.normal(size=4), "U": rng.normal(size=(2, 3))}
    np.testing.assert_allclose(evaluate_reference([bars], values)[0], values["U"] @ values["A"])


def test_what_has_no_derivative_says_so() -> None:
    with pytest.raises(OperandError, match=r"besselj has no derivative in its argument order"):
        sg.grad("besselj(x, y)", "x")


def test_the_derivative_shares_the_work_of_the_value() -> None:
    """The number of distinct nodes of value and gradient is a small multiple of that of the value."""
    node: Expr = x
    for _ in range(200):
        node = sg.sin(node) * node
    value, everything = len(postorder(node)), len(postorder(node, *jacobian(node, [Input("x")])))
    assert everything < 6 * value


@pytest.mark.parametrize(
    "text", ["f(s, A[n,n]) = matrix_power(s*A, 2)", "f(A[n,n]) = nuclear_norm(-A)", "f(A[n,n]) = cumprod(-A)"]
)
def test_an_op_derived_by_an_equal_expression_sees_all_of_a_scaled_operand(text: str) -> None:
    """(s*A) @ (s*A) is built as s*s*(A @ A), which does not hold the operand s*A any more."""
    formula = sg.parse(text)
    inputs = list(formula.inputs.values())
    rng = np.random.default_rng(0)
    values = {x.name: rng.normal(size=(3,) * x.ndim) for x in inputs}
    tangents = {f"{x.name}_dot": rng.normal(size=(3,) * x.ndim) for x in inputs}
    pushed = push_forward(formula, {x: Input(f"{x.name}_dot", x.shape) for x in inputs})
    step = 1e-6
    right, left = (
        evaluate_reference([formula], {name: x + t * tangents[f"{name}_dot"] for name, x in values.items()})[0]
        for t in (step, -step)
    )
    (found,) = evaluate_reference([pushed], {**values, **tangents})
    np.testing.assert_allclose(found, (right - left) / (2 * step), rtol=1e-6, atol=1e-7)
    slopes = evaluate_reference(pull_back(formula, identity_seed(formula.shape), inputs), values)
    pulled = [np.tensordot(j, tangents[f"{x.name}_dot"], x.ndim) for x, j in zip(inputs, slopes, strict=True)]
    np.testing.assert_allclose(np.sum(pulled, axis=0), found, rtol=1e-9, atol=1e-9)
