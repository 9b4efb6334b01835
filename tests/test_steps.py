"""The record of a derivation: complete, in order, and true."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.simplify.engine import registered_rules
from symgrad.steps import Stage

RIDGE = "sum((X @ w - y)**2) + lam*sum(w**2)"
FORMULAS = [
    (RIDGE, "w"),
    ("sum(log(1 + exp(-y*(X @ w))))", "w"),
    ("logdet(A) + trace(A @ B)", "A"),
    ("softmax(W @ x)", "x"),
]


@pytest.mark.parametrize(("text", "name"), FORMULAS)
def test_the_last_step_is_the_derivative(text: str, name: str) -> None:
    steps = sg.steps(text, name)
    assert steps[-1].stage is Stage.NOTATION and steps[-1].after is sg.jacobian(text, name)
    order = [list(Stage).index(step.stage) for step in steps]
    assert order == sorted(order)
    assert len(set(steps)) == len(steps)


@pytest.mark.parametrize(("text", "name"), FORMULAS)
def test_every_rewriting_step_keeps_the_value(text: str, name: str) -> None:
    """Every rule that is named exists, and before and after agree in numbers."""
    random = np.random.default_rng(1)
    values = {key: random.uniform(0.5, 2, size=(3,) * node.ndim) for key, node in sg.parse(text).inputs.items()}
    rewritten = [step for step in sg.steps(text, name) if step.stage in (Stage.FORMULA, Stage.REWRITING)]
    assert rewritten
    for step in rewritten:
        assert step.rule in registered_rules() and step.reason and step.after is not None
        before, after = evaluate_reference([step.before, step.after], values, sizes=dict.fromkeys("mnk", 3))
        np.testing.assert_allclose(after, before, rtol=1e-10, atol=1e-12)


def test_the_sweep_names_what_was_passed_on() -> None:
    sweep = [step for step in sg.steps("x*sin(x)", "x") if step.stage is Stage.SWEEP]
    assert [step.rule for step in sweep] == ["multiply", "sin", "input"]
    product, sine, arrived = sweep
    x = sg.scalar("x")
    assert product.cotangent is sg.parse("1") and product.shares == ((x, sg.sin(x)), (sg.sin(x), x))
    assert sine.shares == ((x, x * sg.cos(x)),)
    assert arrived.before is x and not arrived.shares


def test_a_step_prints_itself() -> None:
    (first, *_) = sg.steps("log(1 + exp(x))", "x")
    assert str(first) == "log_one_plus_exp: log(1 + exp(x)) is softplus(x).\n    log(1 + exp(x))\n    -> softplus(x)"
    long = sg.steps(" + ".join(f"sin(a{k}*x)" for k in range(50)), "x")
    assert max(len(line) for line in str(long[0]).splitlines()[1:]) < 250


def test_what_has_no_derivative_is_an_error() -> None:
    with pytest.raises(sg.UnknownNameError):
        sg.steps(RIDGE, "v")
