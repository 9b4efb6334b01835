"""Long chains and large formulas: everything is iterative, and costs about as much as it is long."""

from __future__ import annotations

import random

import numpy as np
import pytest

import symgrad as sg
from symgrad.core.expr import Expr, postorder

CHAIN, FORMULA = 20_000, 3_000


def test_a_chain_of_20000_operations() -> None:
    x, steps = sg.scalar("x"), CHAIN // 2
    node: Expr = x
    for _ in range(steps):
        node = sg.sin(node) + x
    gradient = sg.grad(node, "x")
    assert len(postorder(gradient)) < 6 * CHAIN
    value, found = sg.compile(node).value_and_grad(x=0.5)
    want, slope = 0.5, 1.0
    for _ in range(steps):
        want, slope = np.sin(want) + 0.5, np.cos(want) * slope + 1
    assert value == pytest.approx(want, rel=1e-12)
    assert found["x"] == pytest.approx(slope, rel=1e-10)


def test_a_chain_of_array_operations() -> None:
    v = sg.vector("v", "n")
    node: Expr = v
    for _ in range(400):
        node = sg.tanh(node) * 1.5 + v
    values = np.linspace(-1, 1, 5)
    _, found = sg.compile(sg.sum(node)).value_and_grad(v=values)
    want, slope = values, np.ones(5)
    for _ in range(400):
        want, slope = np.tanh(want) * 1.5 + values, (1 - np.tanh(want) ** 2) * 1.5 * slope + 1
    np.testing.assert_allclose(found["v"], slope, rtol=1e-9)


def test_a_formula_of_3000_operations() -> None:
    rng = random.Random(0)
    inputs = [sg.scalar(f"x{i}") for i in range(8)]
    pool: list[Expr] = list(inputs)
    while len(pool) < FORMULA:
        a, b = rng.choice(pool[-40:]), rng.choice(pool)
        pool.append(rng.choice([a + b, a * 0.5 - b, sg.sin(a) * b, sg.tanh(a) + b, a / (2 + b * b)]))
    total = sum(pool[-20:], sg.parse("0"))
    values = {f"x{i}": 0.1 * (i + 1) for i in range(8)}
    value, found = sg.compile(total).value_and_grad(values)
    step = 1e-6
    kernel = sg.compile(total)
    for name, slope in found.items():
        up, down = ({**values, name: values[name] + sign * step} for sign in (1, -1))
        assert slope == pytest.approx((kernel(up) - kernel(down)) / (2 * step), rel=1e-5, abs=1e-6 * abs(value))


def test_a_long_text() -> None:
    text = " + ".join(f"{k}*x{k % 7}*sin(x{k % 5})" for k in range(700))
    f = sg.parse(text)
    assert sg.parse(str(f)) is f
    assert set(sg.grad(f)) == {f"x{k}" for k in range(7)}


def nodes_of_gradients(matrices: int) -> int:
    product = sg.matrix("A0", "n", "n")
    for i in range(1, matrices):
        product = product @ sg.matrix(f"A{i}", "n", "n")
    return len(postorder(*sg.grad(sg.trace(product)).values()))


def test_the_gradient_of_a_product_grows_like_the_product() -> None:
    assert nodes_of_gradients(400) < 2.1 * nodes_of_gradients(200)


def nested_choices(depth: int) -> Expr:
    x, y = sg.scalar("x"), sg.scalar("y")
    node: Expr = x
    for k in range(depth):
        node = sg.where(x < depth - k, sg.sin(node), y) if k % 2 else sg.where(x > depth + k, y, sg.sin(node))
    return node


def test_the_gradient_of_nested_choices_grows_like_the_nest() -> None:
    sizes = [len(postorder(*sg.grad(nested_choices(depth)).values())) for depth in (100, 200)]
    assert sizes[1] < 2.1 * sizes[0]


def test_the_gradient_of_nested_choices() -> None:
    _, found = sg.compile(nested_choices(60)).value_and_grad(x=0.5, y=2.0)
    value, slope = 0.5, 1.0
    for _ in range(60):
        value, slope = np.sin(value), np.cos(value) * slope
    assert found["x"] == pytest.approx(slope, rel=1e-12)
    assert found["y"] == 0
