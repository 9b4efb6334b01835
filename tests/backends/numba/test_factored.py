"""Kernels factor by Cholesky or LU, as the matrix asks when they run; each kind of matrix against NumPy."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba import compile_program
from symgrad.lowering import lower
from symgrad.ops.linalg.factored import factored
from symgrad.ops.shaping import swap

A, b, B = sg.matrix("A", "n", "n"), sg.vector("b", "n"), sg.matrix("B", "n", "k")
S, C = sg.tensor("S", "s", "n", "n"), sg.tensor("C", "s", "n", "k")


def spd(n):
    root = np.random.default_rng(n).normal(size=(n, n))
    return root @ root.T + np.eye(n)


def general(n):
    return np.random.default_rng(n).normal(size=(n, n))


def indefinite(n):
    """With a positive diagonal and small entries beside it, so that Cholesky is tried; it fails."""
    matrix = 3 * np.eye(n)
    matrix[0, -1] = matrix[-1, 0] = 5
    return matrix


def almost_symmetric(n):
    matrix = spd(n)
    matrix[0, -1] = np.nextafter(matrix[0, -1], np.inf)
    return matrix


def negative(n):
    return -spd(n)


def exchanged(n):
    return np.eye(n)[::-1].copy()


KINDS = (spd, general, indefinite, almost_symmetric, negative, exchanged)
TOLERANCE = {"float64": 1e-10, "float32": 2e-3}


@cache
def kernel(dtype):
    """What is read of one matrix, and of a stack of them."""
    outputs = [
        *(sg.inv(A), sg.inv(A.T), sg.det(A), sg.logdet(A), sg.sign_det(A)),
        *(sg.solve(A, b), sg.solve(A.T, b), sg.solve(A, B), sg.solve(A.T, B)),
        *(sg.inv(S), sg.det(S), sg.logdet(S), sg.solve(S, C), sg.solve(swap(S), C), sg.solve(A, C)),
    ]
    return compile_program(lower(outputs, [A, b, B, S, C]), dtype, cache=False)


def expected(a, b, B, S, C):
    T = np.swapaxes(S, -1, -2)
    inv, det, slogdet, solve = np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.solve
    return [
        *(inv(a), inv(a).T, det(a), slogdet(a)[1], slogdet(a)[0]),
        *(solve(a, b), solve(a.T, b), solve(a, B), solve(a.T, B)),
        *(inv(S), det(S), slogdet(S)[1], solve(S, C), solve(T, C), solve(a, C)),
    ]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("n", [1, 2, 3, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_matrix(kind, n, columns, dtype):
    rng = np.random.default_rng(7)
    stack = np.stack([kind(n), *(other(n) for other in KINDS)])
    right = rng.normal(size=n), rng.normal(size=(n, columns)), stack, rng.normal(size=(len(stack), n, columns))
    arrays = [np.ascontiguousarray(x, dtype) for x in (kind(n), *right)]
    found = kernel(dtype)(arrays, {"n": n, "k": columns, "s": len(stack)})
    for value, wanted in zip(found, expected(*(x.astype(float) for x in arrays)), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=0, atol=TOLERANCE[dtype] * (1 + np.max(abs(wanted))))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_empty_matrices(dtype):
    shapes = [(0, 0), (0,), (0, 2), (3, 0, 0), (3, 0, 2)]
    found = kernel(dtype)([np.empty(shape, dtype) for shape in shapes], {"n": 0, "k": 2, "s": 3})
    assert [x.tolist() for x in (*found[2:5], *found[10:12])] == [1, 0, 1, [1] * 3, [0] * 3]
    assert found[0].shape == (0, 0) and found[7].shape == (0, 2)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_singular_matrices_beside_others(dtype):
    singular = [np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([[0.0, 1.0], [0.0, 3.0]]), np.zeros((2, 2))]
    rng = np.random.default_rng(0)
    for matrix in singular:
        stack = np.stack([spd(2), matrix, general(2)])
        right = rng.normal(size=2), rng.normal(size=(2, 3)), stack, rng.normal(size=(3, 2, 3))
        arrays = [np.ascontiguousarray(x, dtype) for x in (matrix, *right)]
        inverse, turned, det, logdet, sign, *rest = kernel(dtype)(arrays, {"n": 2, "k": 3, "s": 3})
        assert np.isnan(inverse).all() and np.isnan(turned).all() and (det, logdet, sign) == (0, -np.inf, 0)
        assert all(np.isnan(x).all() for x in rest[:4])
        for stacked in (rest[4], rest[7], rest[8]):
            assert np.isnan(stacked[1]).all() and np.isfinite(stacked[[0, 2]]).all()
        assert rest[5][1] == 0 and rest[6][1] == -np.inf and np.isfinite(rest[6][[0, 2]]).all()


def test_nan_stays():
    for matrix in (np.full((2, 2), np.nan), np.array([[1.0, np.nan], [np.nan, 1.0]]), np.diag([1.0, np.nan])):
        arrays = [matrix, np.ones(2), np.ones((2, 1)), matrix[None], np.ones((1, 2, 1))]
        inverse, _, *determinants = kernel("float64")(arrays, {"n": 2, "k": 1, "s": 1})[:5]
        assert np.isnan(inverse).any() and np.isnan(determinants).all()


def test_cholesky_where_the_matrix_is_symmetric_and_it_succeeds():
    pack = compile_program(lower([factored(A)], [A]), cache=False)
    for kind in KINDS:
        signs = pack([kind(6)], {"n": 6})[0][6]
        assert np.all(signs == 0) == (kind is spd) and np.all(np.isin(signs, (0, -1, 1)))
    packed = pack([spd(6)], {"n": 6})[0]
    np.testing.assert_allclose(np.tril(packed[:6]), np.linalg.cholesky(spd(6)), rtol=1e-12, atol=1e-12)


def test_the_inverse_by_cholesky_is_symmetric_to_the_bit():
    inverse = compile_program(lower([sg.inv(A)], [A]), cache=False)([spd(9)], {"n": 9})[0]
    assert np.array_equal(inverse, inverse.T)
