"""Matrices that are transposes of one another are computed once."""

import re

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import postorder
from symgrad.lowering.twins import share_transposes
from symgrad.ops.shaping import transpose

SHAPES = {"A": ("n", "n"), "B": ("n", "n"), "R": ("m", "n"), "U": ("m", "k"), "V": ("n", "k"), "x": ("n",), "y": ("n",)}
PAIRS = {
    "product": ("U @ V.T", "V @ U.T"),
    "difference": ("R - U @ V.T", "R.T - V @ U.T"),
    "masked": ("R*(R - U @ V.T)", "R.T*(R.T - V @ U.T)"),
    "function": ("exp(A + B.T)", "exp(A.T + B)"),
    "order of factors": ("A*B", "B.T*A.T"),
    "vectors": ("A*x[:,None] + y", "A.T*x + y[:,None]"),
    "with the identity": ("exp(A) + 2*eye(n)", "2*eye(n) + exp(A).T"),
}


def shared(*texts):
    return share_transposes([sg.parse(text, shapes=needed(text)) for text in texts])


def needed(text):
    return {name: shape for name, shape in SHAPES.items() if name in re.findall(r"\w+", text)}


@pytest.mark.parametrize("first, second", PAIRS.values(), ids=PAIRS)
def test_the_second_is_the_transpose_of_the_first(first, second):
    a, b = shared(first, second)
    assert b.op is transpose and b.operands[0] is a


def test_distances_are_symmetric():
    text = "exp(-sum((R.T[:,None,:] - R.T[None,:,:])**2, axis=2))"
    a, b = shared(text, f"{text}.T")
    assert a is b


@pytest.mark.parametrize(
    "first, second",
    [("A - B", "B.T - A.T"), ("A/B", "B.T/A.T"), ("A[:,:1]*x", "A*x"), ("A[:2]*x", "A*x"), ("A @ B", "A.T @ B.T")],
)
def test_what_is_no_transpose_is_computed(first, second):
    a, b = shared(first, second)
    assert all(node.op is not transpose or node.operands[0] is not a for node in [b])
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=[{"m": 4, "n": 3, "k": 2}[s] for s in shape]) for name, shape in SHAPES.items()}
    for found, text in ((a, first), (b, second)):
        f = sg.parse(text, shapes=needed(text))
        given = {name: values[name] for name in f.inputs}
        np.testing.assert_allclose(evaluate_reference([found], given)[0], evaluate_reference([f], given)[0])


def test_nothing_is_computed_twice_in_a_factorisation():
    f = sg.parse("sum(R*(R - U @ V.T)**2)", shapes={name: SHAPES[name] for name in "RUV"})
    gradients = [sg.grad(f, f.inputs[name]) for name in "UV"]
    products = {node for node in postorder(*share_transposes([f, *gradients])) if node.ndim == 2 and "@" in str(node)}
    assert sum(node.op.name == "matmul" and not any("@" in str(x) for x in node.operands) for node in products) == 1
