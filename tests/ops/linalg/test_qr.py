"""The QR factors: unique by the positive diagonal, smooth where the columns are independent."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import ShapeError
from symgrad.lowering import lower
from symgrad.lowering.kernel_ir import Call
from symgrad.verification import Verdict

RNG = np.random.default_rng(9)


@pytest.mark.parametrize("shape", [(6, 4), (4, 4), (1, 1), (3, 0), (0, 0)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_factors(shape, dtype):
    a = RNG.normal(size=shape)
    q, r = (sg.compile(part, dtype=dtype)(A=a) for part in sg.qr(sg.matrix("A", "m", "n")))
    digits = 1e-13 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(q @ r, a, atol=digits)
    np.testing.assert_allclose(q.T @ q, np.eye(shape[1]), atol=digits)
    assert (np.diag(r) > 0).all() and not np.tril(r, -1).any()


def test_one_routine_gives_both_factors():
    gradient = sg.grad("Q, R = qr(A); sum(Q @ exp(R))", "A")
    calls = [s for s in lower([gradient], list(gradient.inputs.values())).statements if isinstance(s, Call)]
    assert [call.name for call in calls].count("qr") == 1


@pytest.mark.parametrize(
    "text",
    [
        "Q, R = qr(A); sum(Q*W)",
        "Q, R = qr(A); sum(R*W)",
        "f(A[3, 3], W[3, 3]) = sum(sin(qr_q(A) @ W @ qr_r(A)))",
        "Q, R = qr(A); sum(log(diagonal(R)))",
    ],
)
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS


def test_the_product_of_the_factors_has_the_derivative_of_the_matrix():
    a, weights = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    gradient = sg.compile(sg.grad("Q, R = qr(A); sum(W*(Q @ R))", "A"))
    np.testing.assert_allclose(gradient(A=a, W=weights), weights, atol=1e-12)


def test_stacks():
    stack = RNG.normal(size=(3, 4, 2))
    q, r = (sg.compile(part)(S=stack) for part in sg.qr(sg.tensor("S", "b", "m", "n")))
    np.testing.assert_allclose(q @ r, stack, atol=1e-12)
    for part in sg.qr(sg.tensor("S", 2, 3, 2)):
        assert sg.verify(sg.sum(sg.sin(part))).verdict is Verdict.PASS


def test_wide_matrices_are_refused():
    with pytest.raises(ShapeError, match="qr_q takes a matrix with at least as many rows as columns"):
        sg.compile("qr_q(A)")(A=np.ones((2, 3)))


@pytest.mark.parametrize("a", [np.zeros((3, 2)), np.array([[1.0, 0.0], [2.0, 0.0]]), np.full((2, 2), np.nan)])
@pytest.mark.parametrize("part", ["qr_q", "qr_r"])
def test_no_derivative_without_independent_columns(a, part):
    value, gradients = sg.compile(f"sum({part}(A))").value_and_grad(A=a)
    assert np.isnan(value) and np.isnan(gradients["A"]).any()
    assert not np.isinf(gradients["A"]).any()
