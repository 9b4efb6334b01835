"""What the forward kernel saves for the backward kernel."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.partition import fresh, partition
from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Input, postorder

SIZES = {"m": 4, "n": 3}
rng = np.random.default_rng(0)
VALUES = {"X": rng.normal(size=(4, 3)), "w": rng.normal(size=3), "y": rng.normal(size=4)}


@pytest.mark.parametrize(
    "text",
    [
        "sum((X @ w - y)**2)",
        "sum(log(1 + exp(-y*(X @ w))))",
        "exp(X @ w)*y",
        "f(X[m,n]) = X.T",
        "softmax(X @ w)",
        "w @ w",
        "max(X @ w - y)",
        "f(w[n]) = w",
    ],
)
def test_the_halves_make_the_whole(text: str) -> None:
    output = sg.parse(text)
    wrt = list(output.inputs.values())
    parts = partition(output, wrt, output.inputs)
    value, *saved = evaluate_reference([parts.value, *parts.saved], VALUES)
    np.testing.assert_allclose(value, evaluate_reference([output], VALUES)[0], rtol=1e-13)
    cotangent = rng.normal(size=value.shape)
    given = {**VALUES, parts.cotangent.name: cotangent}
    given |= {node.name: array for node, array in zip(parts.saved_inputs, saved, strict=True)}
    for x, gradient in zip(wrt, parts.gradients, strict=True):
        (found,) = evaluate_reference([gradient], given, sizes=SIZES)
        (slope,) = evaluate_reference([sg.jacobian(output, x)], VALUES, sizes=SIZES)
        np.testing.assert_allclose(found, np.tensordot(cotangent, slope, axes=cotangent.ndim), rtol=1e-12, atol=1e-14)


def test_nothing_of_the_value_is_computed_again() -> None:
    output = sg.parse("sum(exp(X @ w)*y)")
    parts = partition(output, [output.inputs["w"]], output.inputs)
    names = {node.op.name for gradient in parts.gradients for node in postorder(gradient) if hasattr(node, "op")}
    assert "exp" not in names and parts.saved


def test_views_are_not_saved() -> None:
    output = sg.parse("f(X[m,n], Y[n,m]) = sum(X.T*Y)")
    assert partition(output, list(output.inputs.values()), output.inputs).saved == ()


def test_new_names_are_free() -> None:
    assert fresh("a", {"a", "a_"}) == "a__" and fresh("a", ()) == "a"
    output = Input("output_bar") * sg.sin(Input("output_bar"))
    parts = partition(output, list(output.inputs.values()), output.inputs)
    assert parts.cotangent.name not in output.inputs
