"""Loops that are joined: what one puts into place, a later one adds to a step later."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.lowering.kernel_ir import Accumulate, Loop
from symgrad.lowering.lower import lower
from symgrad.lowering.shifting import follower
from symgrad.lowering.validation import check

CHAINS = [
    "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)",
    "sum((x[2:] - 2*x[1:-1] + x[:-2]**2)**2)",
    "sum(x[1:]*x[:-1]) + sum(sin(x))",
    "sum((x[3:] - x[:-3]**2)**2)",
    "sum(exp(x[2:])*x[:-2]*x[1:-1]**3)",
    "sum((x[2::2] - x[:-2:2])**2)",
]


def gradient_by_differences(kernel, x):
    steps = 1e-6 * np.eye(len(x))
    return np.array([(kernel(x + step) - kernel(x - step)) / 2e-6 for step in steps])


@pytest.mark.parametrize("text", CHAINS)
@pytest.mark.parametrize("n", [3, 4, 5, 9, 40, 41])
def test_gradients_of_chains(text, n):
    if "3:" in text and n < 4:
        n = 4
    kernel = sg.compile(text, wrt=["x"])
    x = np.random.default_rng(n).uniform(0.5, 1.5, n)
    _, derivatives = kernel.value_and_grad(x)
    np.testing.assert_allclose(derivatives["x"], gradient_by_differences(kernel, x), rtol=1e-6, atol=1e-6)


def program_of(text):
    value = sg.parse(text)
    program = lower([value, sg.grad(value, "x")], list(value.inputs.values()))
    check(program)
    return program


def loops_of(text):
    return [s for s in program_of(text).statements if isinstance(s, Loop) and s.extents and s.body[1:]]


def test_a_chain_is_one_loop_that_computes_what_is_shared_once():
    (loop,) = loops_of(CHAINS[0])
    loads = [str(item) for item in loop.body if str(item).startswith("load")]
    assert len(loads) == len(set(loads)) == 2
    store = next(k for k, effect in enumerate(loop.effects) if not isinstance(effect, Accumulate))
    assert follower(loop.effects, store) == store + 1


def test_a_chain_of_three_hands_on_twice():
    (loop,) = loops_of(CHAINS[1])
    first, second, third = range(len(loop.effects) - 3, len(loop.effects))
    assert [follower(loop.effects, k) for k in (first, second, third)] == [second, third, None]


def test_elements_that_are_further_apart_keep_two_loops():
    assert len(loops_of(CHAINS[3])) == 2


def test_many_points_of_a_chain():
    kernel = sg.compile(CHAINS[0], wrt=["x"])
    x = np.random.default_rng(0).uniform(0.5, 1.5, (5, 7))
    values, derivatives = kernel.batch.value_and_grad(x)
    for k in range(5):
        value, gradients = kernel.value_and_grad(x[k])
        np.testing.assert_allclose(values[k], value)
        np.testing.assert_allclose(derivatives["x"][k], gradients["x"])
