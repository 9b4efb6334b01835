"""Sums of arrays that are put into place are made in one buffer."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba import compile_program
from symgrad.backends.reference import evaluate_reference
from symgrad.lowering import check, lower
from symgrad.lowering.kernel_ir import BufferKind

FORMULAS = [
    "sum((x[1:] - x[:-1])**2)",
    "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)",
    "sum((x[2:] - 2*x[1:-1] + x[:-2])**2)",
    "sum(exp(x[::2])) - sum(x[1:]*x[0])",
    "sum((X[1:] - X[:-1])**2) + sum((X[:, 1:] - X[:, :-1])**2)",
    "sum(sin(X[1:-1]*X[2:])) + sum(x)*sum(X[:, 0])",
    "sum(x[3:]**2) + sum(x[:-3]*x[3:]) + 2*sum(x)",
]
SHAPES = {"x": ("n",), "X": ("m", "n")}


def needed(text):
    return {name: shape for name, shape in SHAPES.items() if name in text.replace("exp", "")}


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("n", [3, 4, 9])
def test_gradients_are_those_of_the_expressions(text, n):
    f = sg.parse(text, shapes=needed(text))
    inputs = list(f.inputs.values())
    gradients = [sg.grad(f, x) for x in inputs]
    program = lower(gradients, inputs)
    check(program)
    rng = np.random.default_rng(n)
    values = {x.name: rng.normal(size=[{"m": 5, "n": n}[str(s)] for s in x.shape]) for x in inputs}
    found = compile_program(program, cache=False)(list(values.values()), {"m": 5, "n": n})
    for array, expected in zip(found, evaluate_reference(gradients, values), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_differences_needs_no_work_memory():
    f = sg.parse(FORMULAS[1], shapes=needed(FORMULAS[1]))
    program = lower([f, sg.grad(f, f.inputs["x"])], list(f.inputs.values()))
    assert not program.select(BufferKind.WORK)


def test_a_term_with_another_use_is_kept():
    x = sg.vector("x", "n")
    first = sg.parse("sum(sin(x[1:] - x[:-1]))", shapes={"x": ("n",)})
    gradient = sg.grad(first, first.inputs["x"])
    (placed, *_) = [y for y in gradient.operands if y.shape == x.shape]
    values = {"x": np.linspace(0.1, 2.0, 6) ** 2}
    program = lower([gradient, placed], list(first.inputs.values()))
    check(program)
    found = compile_program(program, cache=False)(list(values.values()), {"n": 6})
    for array, expected in zip(found, evaluate_reference([gradient, placed], values), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-13)
