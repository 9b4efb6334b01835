"""The pseudoinverse of tall, square and wide matrices."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.verification import Verdict

RNG = np.random.default_rng(5)


def graded(condition):
    left, _, right = np.linalg.svd(RNG.normal(size=(8, 4)), full_matrices=False)
    return left * np.geomspace(1, 1 / condition, 4) @ right


@pytest.mark.parametrize("condition", [10.0, 1e6])
def test_it_loses_no_more_than_the_condition(condition):
    a = graded(condition)
    np.testing.assert_allclose(sg.compile("pinv(A)")(A=a) @ a, np.eye(4), atol=1e-14 * condition)


@pytest.mark.parametrize("shape", [(5, 3), (3, 3), (3, 5), (0, 3), (3, 0), (1, 1)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_kernel_agrees_with_numpy(shape, dtype):
    a = RNG.normal(size=shape)
    found = sg.compile("pinv(A)", dtype=dtype)(A=a)
    np.testing.assert_allclose(found, np.linalg.pinv(a), atol=1e-12 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize(
    ("sizes", "terms"), [("3, 3", 1), ("5, 3", 2), ("3, 5", 2), ("m, n", 3), ("n + 1, n", 2), ("n, n", 1)]
)
def test_terms_that_vanish_are_left_out(sizes, terms):
    m, n = (size.strip() for size in sizes.split(","))
    text = f"f(A[{m}, {n}], W[{n}, {m}]) = sum(pinv(A)*W)"
    gradient = sg.grad(text, "A").formula()
    assert gradient.count("pinv(A).T @ W @ pinv(A).T") == 1
    assert (gradient.count("- A @ pinv(A)") + gradient.count("@ pinv(A) @ A)")) + 1 == terms, gradient


@pytest.mark.parametrize(
    "text",
    [
        "norm(pinv(A))",
        "f(A[2, 4]) = norm(pinv(A))",
        "f(A[4, 2], W[2, 4]) = sum(W*pinv(A))",
        "f(A[3, 3]) = norm(pinv(A))",
    ],
)
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS


def test_one_formula_serves_tall_and_wide_matrices():
    gradient = sg.compile(sg.grad("sum(pinv(A)*W)", "A"))
    for shape in ((5, 3), (3, 5)):
        a, weights = RNG.normal(size=shape), RNG.normal(size=shape[::-1])
        known = sg.grad(f"f(A[{shape[0]}, {shape[1]}], W[{shape[1]}, {shape[0]}]) = sum(pinv(A)*W)", "A")
        np.testing.assert_allclose(gradient(A=a, W=weights), sg.compile(known)(A=a, W=weights), atol=1e-12)


@pytest.mark.parametrize("a", [np.ones((3, 2)), np.zeros((2, 2)), np.full((2, 3), np.nan), np.outer([1, 2], [3, 4, 5])])
def test_a_rank_that_is_not_full_gives_nan(a):
    value, gradients = sg.compile("sum(pinv(A))").value_and_grad(A=a)
    assert np.isnan(value) and np.isnan(gradients["A"]).all()


def test_stacks():
    stack = RNG.normal(size=(3, 2, 4))
    expr = sg.pinv(sg.tensor("S", "b", "m", "n"))
    np.testing.assert_allclose(sg.compile(expr)(S=stack), np.linalg.pinv(stack), atol=1e-12)
    assert sg.verify(sg.sum(sg.sin(sg.pinv(sg.tensor("S", 2, 2, 3))))).verdict is Verdict.PASS
