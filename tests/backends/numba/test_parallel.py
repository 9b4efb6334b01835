"""The driver of threads: shares of the points, work memory of their own, calls from several Python threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import get_num_threads, set_num_threads

import symgrad as sg
from symgrad.backends.batch import Batch

COUNT = 1_003


@pytest.fixture
def quadratic() -> Batch:
    return sg.compile("f(A[n,n], x[n]) = sum((A @ x)**2)", wrt=["x"]).batch


def test_several_python_threads_may_call_at_once(quadratic: Batch) -> None:
    rng = np.random.default_rng(6)
    A = rng.normal(size=(5, 5))
    many = [rng.normal(size=(COUNT, 5)) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: quadratic(A=A, x=x, parallel=True), many))
    for x, values in zip(many, found, strict=True):
        np.testing.assert_allclose(values, np.sum((x @ A.T) ** 2, axis=1), rtol=1e-12)


@pytest.mark.parametrize("points", [1, 2, 3])
def test_fewer_points_than_threads(quadratic: Batch, points: int) -> None:
    x = np.arange(2.0 * points).reshape(points, 2)
    np.testing.assert_array_equal(quadratic(A=np.eye(2), x=x, parallel=True), np.sum(x**2, axis=1))


def test_one_thread(quadratic: Batch) -> None:
    before = get_num_threads()
    set_num_threads(1)
    try:
        x = np.ones((COUNT, 2))
        np.testing.assert_array_equal(quadratic(A=np.eye(2), x=x, parallel=True), np.full(COUNT, 2.0))
    finally:
        set_num_threads(before)
