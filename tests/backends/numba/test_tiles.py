"""Products with a small matrix agree with NumPy whatever is left over at the edges of the tiles."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba import tiles

PRODUCTS = {
    "rows": ("f(A[k,a,b], B[k,b,n]) = A @ B", "kab,kbn->kan"),
    "turned": ("f(A[k,a,b], B[k,n,b]) = einsum('kab,knb->kan', A, B)", "kab,knb->kan"),
    "columns": ("f(A[k,b,a], B[k,b,n]) = einsum('kba,kbn->kan', A, B)", "kba,kbn->kan"),
    "one matrix": ("f(A[a,b], B[k,b,n]) = einsum('ab,kbn->kan', A, B)", "ab,kbn->kan"),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("text", "letters"), PRODUCTS.values(), ids=PRODUCTS.keys())
def test_all_edges(text, letters, dtype):
    f = sg.parse(text)
    kernel, rng = sg.compile(f, dtype=dtype), np.random.default_rng(2)
    for a, b, n in [(1, 1, 8), (4, 3, 16), (5, 7, 23), (10, 10, 41), (16, 16, 9), (17, 16, 30), (3, 2, 7), (6, 0, 12)]:
        sizes = {"k": 3, "a": a, "b": b, "n": n}
        arrays = [rng.normal(size=[sizes[str(s)] for s in x.shape]).astype(dtype) for x in f.inputs.values()]
        expected = np.einsum(letters, *arrays)
        np.testing.assert_allclose(kernel(*arrays), expected, atol=1e-5 if dtype == "float32" else 1e-13)


def test_a_product_is_added_to_what_is_there():
    kernel = sg.compile(
        "f(X[n,d], M[k,d], L[k,d,d]) = sum(tanh(einsum('kab,nkb->nka', L, X[:,None,:] - M)))", wrt=["M", "L"]
    )
    rng = np.random.default_rng(3)
    X, M, L = rng.normal(size=(700, 5)), rng.normal(size=(3, 5)), rng.normal(size=(3, 5, 5))
    value, derivatives = kernel.value_and_grad(X, M, L)
    d = X[:, None, :] - M
    z = np.tanh(np.einsum("kab,nkb->nka", L, d))
    np.testing.assert_allclose(value, z.sum(), rtol=1e-12)
    np.testing.assert_allclose(derivatives["L"], np.einsum("nka,nkb->kab", 1 - z**2, d), rtol=1e-10)
    np.testing.assert_allclose(derivatives["M"], -np.einsum("nka,kab->kb", 1 - z**2, L), rtol=1e-10)


def test_nan_and_infinity_stay_in_their_rows():
    A, B = np.ones((1, 4, 4)), np.ones((1, 4, 9))
    B[0, 0, 3], B[0, 1, 8] = np.nan, np.inf
    result = sg.compile("f(A[k,a,b], B[k,b,n]) = A @ B")(A, B)
    expected = np.full((1, 4, 9), 4.0)
    expected[:, :, 3], expected[:, :, 8] = np.nan, np.inf
    np.testing.assert_array_equal(result, expected)


def test_large_matrices_are_left_to_blas():
    assert tiles.LARGEST < 17 * 17
    A, B = np.random.default_rng(4).normal(size=(2, 2, 40, 40))
    np.testing.assert_allclose(sg.compile("f(A[k,a,b], B[k,b,n]) = A @ B")(A, B), A @ B, atol=1e-12)
