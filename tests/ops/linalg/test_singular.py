"""Singular values and vectors."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import ShapeError
from symgrad.lowering import lower
from symgrad.lowering.kernel_ir import Call
from symgrad.verification import Verdict

RNG = np.random.default_rng(5)


def graded(condition):
    left, _, right = np.linalg.svd(RNG.normal(size=(8, 4)), full_matrices=False)
    return left * np.geomspace(1, 1 / condition, 4) @ right


@pytest.mark.parametrize("condition", [10.0, 1e6, 1e12])
def test_small_singular_values_are_as_right_as_large_ones(condition):
    a = graded(condition)
    np.testing.assert_allclose(sg.compile("svdvals(A)")(A=a), np.geomspace(1, 1 / condition, 4), atol=1e-15)


@pytest.mark.parametrize("name", ["svdvals", "nuclear_norm", "svd_u", "svd_vh"])
def test_wide_matrices_of_unknown_sizes_are_refused(name):
    with pytest.raises(ShapeError, match=f"{name} takes a matrix with at least as many rows as columns"):
        sg.compile(f"{name}(A)")(A=np.ones((2, 3)))


def test_what_is_not_finite_gives_nan():
    assert np.isnan(sg.compile("svdvals(A)")(A=np.full((3, 2), np.nan))).all()


@pytest.mark.parametrize(
    "text",
    [
        "sum(log(svdvals(A)))",
        "U, s, Vh = svd(A); sum(U*W)",
        "U, s, Vh = svd(A); sum(Vh*W)",
        "f(A[2, 4], W[2, 2], Z[2, 4]) = sum(svd_u(A)*W) + sum(svd_vh(A)*Z)",
    ],
)
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS


@pytest.mark.parametrize("shape", [(5, 3), (3, 3), (3, 5)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_factors_give_the_matrix(shape, dtype):
    a = RNG.normal(size=shape)
    left, values, right = (sg.compile(part, dtype=dtype)(A=a) for part in sg.svd(sg.matrix("A", *shape)))
    digits = 1e-13 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(left * values @ right, a, atol=digits)
    np.testing.assert_allclose(left.T @ left, np.eye(3), atol=digits)
    np.testing.assert_allclose(right @ right.T, np.eye(3), atol=digits)
    np.testing.assert_allclose(values, np.linalg.svd(a, compute_uv=False), atol=digits)


def test_one_routine_gives_values_and_vectors():
    gradient = sg.grad("U, s, Vh = svd(A); sum(U @ diag(exp(s)) @ Vh)", "A")
    calls = [s for s in lower([gradient], list(gradient.inputs.values())).statements if isinstance(s, Call)]
    assert [call.name for call in calls] == ["svd"]


def test_symmetric_functions_are_right_where_singular_values_are_equal():
    a = np.linalg.qr(RNG.normal(size=(5, 3)))[0] * 2
    gradient = sg.compile(sg.grad("sum(svdvals(A)**4)", "A"))(A=a)
    np.testing.assert_allclose(gradient, 4 * a @ a.T @ a, atol=1e-12)


@pytest.mark.parametrize("part", ["svd_u", "svd_vh"])
def test_vectors_of_equal_singular_values_have_no_derivative(part):
    gradient = sg.compile(sg.grad(f"sum({part}(A)*W)", "A"))
    found = gradient(A=np.eye(3), W=RNG.normal(size=(3, 3)))
    assert np.isnan(found).all()


def test_a_left_vector_of_the_value_zero_has_no_derivative():
    a = RNG.normal(size=(4, 2)) * [1, 0]
    assert np.isnan(sg.compile(sg.grad("sum(svd_u(A)*W)", "A"))(A=a, W=RNG.normal(size=(4, 2)))).all()


def test_stacks():
    stack = RNG.normal(size=(3, 4, 2))
    left, values, right = (sg.compile(part)(S=stack) for part in sg.svd(sg.tensor("S", "b", "m", "n")))
    np.testing.assert_allclose((left * values[:, None]) @ right, stack, atol=1e-12)
    for part in sg.svd(sg.tensor("S", 2, 3, 2)):
        assert sg.verify(sg.sum(sg.sin(part))).verdict is Verdict.PASS


@pytest.mark.parametrize("size", [0, 1])
def test_small_sizes(size):
    a = 2 * np.eye(3, size)
    left, values, right = (sg.compile(part)(A=a) for part in sg.svd(sg.matrix("A", "m", "n")))
    assert left.shape == (3, size) and right.shape == (size, size)
    np.testing.assert_array_equal(values, np.full(size, 2.0))


@pytest.mark.parametrize("text", ["sum(eigvalsh(X)**2)", "sum(svdvals(X)**3)", "sum(svd_u(X)*X)", "sum(qr_q(X)*X)"])
def test_numpy_source(text):
    namespace, x = {}, RNG.normal(size=(3, 3))
    gradient = sg.grad(text, "X")
    exec(gradient.python(), namespace)
    np.testing.assert_allclose(namespace["f"](x), sg.compile(gradient)(X=x), rtol=1e-9, atol=1e-9)
