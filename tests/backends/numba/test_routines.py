"""Linear algebra through LAPACK against NumPy, with batches, singular and empty matrices."""

import numpy as np
import pytest

from symgrad.backends.numba import compile_program
from symgrad.core.dims import named
from symgrad.core.expr import Input, lookup
from symgrad.lowering import lower

n, k, batch = named("n"), named("k"), named("b")
A, b, B = Input("A", (n, n)), Input("b", (n,)), Input("B", (n, k))
S = Input("S", (batch, n, n))


def spd(rng, *shape):
    root = rng.standard_normal(shape)
    return root @ np.swapaxes(root, -1, -2) + np.eye(shape[-1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_routines_agree_with_numpy(size, dtype, compare):
    rng = np.random.default_rng(size)
    names = ("inv", "det", "logdet", "sign_det", "cholesky", "cholesky_inverse")
    outputs = [lookup(name)(A) for name in names]
    outputs += [lookup(name)(A, right) for name in ("solve", "solve_triangular", "cholesky_solve") for right in (b, B)]
    values = {"A": spd(rng, size, size), "b": rng.standard_normal(size), "B": rng.standard_normal((size, 3))}
    compare(outputs, values, dtype).agree(*((1e-10, 1e-12) if dtype == "float64" else (2e-3, 1e-3)))


def test_batches(compare):
    rng = np.random.default_rng(0)
    values = {"S": spd(rng, 4, 3, 3), "A": spd(rng, 3, 3), "B": rng.standard_normal((3, 2))}
    outputs = [lookup(name)(S) for name in ("inv", "det", "logdet", "cholesky")]
    outputs += [lookup("solve")(A, S), lookup("inv")(S) @ B]
    compare(outputs, values).agree(1e-11, 1e-12)


def test_one_right_hand_side_for_a_batch_of_matrices():
    rng = np.random.default_rng(0)
    matrices, right = spd(rng, 4, 3, 3), rng.standard_normal((3, 2))
    kernel = compile_program(lower([lookup("solve")(S, B)], [S, B]), cache=False)
    np.testing.assert_allclose(kernel([matrices, right], {"b": 4, "n": 3, "k": 2})[0], np.linalg.solve(matrices, right))


def test_solve_of_an_unsymmetric_matrix_and_its_transpose(compare):
    rng = np.random.default_rng(1)
    values = {"A": rng.standard_normal((4, 4)), "b": rng.standard_normal(4)}
    compare([lookup("solve")(A, b), lookup("solve")(A.T, b), lookup("det")(A)], values).agree(1e-11)


def call(outputs, *arrays):
    inputs = [A, b][: len(arrays)]
    return compile_program(lower(outputs, inputs), cache=False)(arrays, {"n": arrays[0].shape[0]})


def test_singular_matrices_give_nan_or_infinity():
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    names = ("inv", "det", "logdet", "cholesky")
    inverse, det, logdet, factor = call([lookup(name)(A) for name in names], singular)
    assert np.isnan(inverse).all() and det == 0 and logdet == -np.inf
    assert call([lookup("sign_det")(A)], singular)[0] == 0
    assert np.isnan(call([lookup("sign_det")(A)], np.full((2, 2), np.nan))[0])
    assert np.isnan(call([lookup("solve")(A, b)], singular, np.ones(2))[0]).all()
    assert np.isnan(call([lookup("cholesky")(A)], -singular)[0]).all() and factor.shape == (2, 2)


def test_cholesky_symmetrises_and_clears_the_upper_triangle():
    factor = call([lookup("cholesky")(A)], np.array([[4.0, 3.0], [1.0, 5.0]]))[0]
    np.testing.assert_allclose(factor, [[2.0, 0.0], [1.0, 2.0]])


def test_empty_matrices():
    names = ("inv", "det", "logdet", "cholesky")
    inverse, det, logdet, factor = call([lookup(name)(A) for name in names], np.empty((0, 0)))
    assert inverse.shape == factor.shape == (0, 0) and det == 1 and logdet == 0
    assert call([lookup("solve")(A, b)], np.empty((0, 0)), np.empty(0))[0].shape == (0,)
