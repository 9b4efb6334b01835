"""Hessian-vector products: the numbers of the Hessian, at a small multiple of the cost of the gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.lowering import lower, operation_count
from symgrad.simplify import simplify

LOGISTIC = "sum(softplus(-y*(X @ w))) + lam/2*sum(w**2)"
NETWORK = (
    "f(X[m,d], W1[d,h], b1[h], W2[h,k], b2[k], Y[m,k]) = sum((tanh(X @ W1 + b1) @ W2 + b2 - Y)**2)",
    ["W1", "b1", "W2", "b2"],
)
RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (LOGISTIC, "w"),
        ("logsumexp(A @ x)", "x"),
        ("x.T @ A @ x", "x"),
        ("trace(X.T @ A @ X @ B)", "X"),
        ("sum(tanh(X @ w))", "X"),
        ("t**3", "t"),
    ],
)
def test_it_is_the_hessian_times_the_direction(text: str, name: str) -> None:
    f = sg.parse(text)
    hessian, product = sg.hessian(f, name), sg.hvp(f, name)
    shape = f.inputs[name].shape
    nodes = {**f.inputs, **product.inputs}.values()
    values = {node.name: RANDOM.normal(size=(3,) * node.ndim) for node in nodes}
    matrix, found = evaluate_reference([hessian, product], values, sizes=dict.fromkeys("mn", 3))
    expected = np.tensordot(matrix, values[f"{name}_dot"], len(shape))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_the_direction_is_new_or_given() -> None:
    assert str(sg.hvp("x.T @ A @ x", "x")) == "(A + A.T) @ x_dot"
    assert str(sg.hvp("f(x_dot[n], x[n]) = sum(x_dot*x**2)", "x")).endswith(" = 2*x_dot*x_dot_")
    assert str(sg.hvp("x.T @ A @ x", "x", "v")) == "(A + A.T) @ v"
    assert sg.hvp("norm(x)", "x", sg.vector("v", "n")) is sg.hvp("norm(x)", "x", {"x": "v"})
    assert str(sg.hvp("t**3", "t", 2)) == "12*t"


def test_several_inputs_give_the_blocks_of_one_product() -> None:
    blocks = sg.hvp("x**2*y")
    assert {name: str(block) for name, block in blocks.items()} == {
        "x": "2*x_dot*y + 2*x*y_dot",
        "y": "2*x*x_dot",
    }
    assert {name: str(block) for name, block in sg.hvp("x**2*y", None, {"y": 1}).items()} == {"x": "2*x", "y": "0"}


def test_what_does_not_fit() -> None:
    with pytest.raises(sg.ShapeError, match="needs a scalar formula"):
        sg.hvp("A @ x", "x")
    with pytest.raises(sg.ShapeError, match="the tangent of x has shape"):
        sg.hvp("sum(x**2)", "x", 1)
    with pytest.raises(sg.OperandError, match="a mapping from names"):
        sg.hvp("x*y", ["x", "y"], "x")
    with pytest.raises(sg.UnknownNameError, match="a direction of y"):
        sg.hvp("x*y", ["x"], {"y": 1})


def operations(exprs: Sequence[sg.Expr], sizes: Mapping[str, int]) -> int:
    inputs = {node: None for expr in exprs for node in expr.inputs.values()}
    return operation_count(lower(simplify(exprs), list(inputs)), sizes)


@pytest.mark.parametrize(
    ("text", "wrt", "sizes"),
    [
        (LOGISTIC, ["w"], {"m": 500, "n": 20}),
        (LOGISTIC, ["w"], {"m": 3, "n": 2}),
        (*NETWORK, {"m": 64, "d": 10, "h": 16, "k": 3}),
        (*NETWORK, {"m": 1, "d": 2, "h": 3, "k": 1}),
    ],
)
def test_it_costs_at_most_four_times_a_value_and_gradient(text: str, wrt: list[str], sizes: dict[str, int]) -> None:
    value, gradients = sg.value_and_grad(text, wrt)
    products = sg.hvp(text, wrt)
    assert 0 < operations([*products.values()], sizes) <= 4 * operations([value, *gradients.values()], sizes)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("logsumexp(x)", "x"),
        ("norm(x)", "x"),
        ("f(x[n], d[n], u[n]) = sum(d*exp(x)) + (u @ x)**3", "x"),
    ],
)
def test_a_diagonal_plus_a_low_rank_is_never_formed(text: str, name: str) -> None:
    """The Hessian is written diag(p) - outer(p, p) or alike, and times a vector it costs what vectors cost."""
    f = sg.parse(text)
    hessian = sg.hessian(f, name)
    product = hessian @ sg.vector("v", "n")
    program = lower(simplify([product]), list({**f.inputs, **product.inputs}.values()))
    assert all(sum(size != 1 for size in buffer.shape) <= 1 for buffer in program.buffers), str(program)
