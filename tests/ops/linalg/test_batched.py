"""Matrix products and solutions of systems with leading axes: derivatives are those of one matrix at a time."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference

RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3), RNG.normal(size=(2, 3, 2))
FORMS = ["A @ B", "solve(A, B)"]


def evaluated(expr, **values):
    given = {name: value for name, value in values.items() if name in expr.inputs}
    return evaluate_reference([expr], given, sizes={"b": 2, "n": 3, "k": 2})[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["A", "B"])
def test_jacobian(form, name):
    stacked = sg.jacobian(f"f(A[b,n,n], B[b,n,k]) = {form}", name)
    single = sg.jacobian(f"f(A[n,n], B[n,k]) = {form}", name)
    found = evaluated(stacked, A=A, B=B)
    for i, j in np.ndindex(2, 2):
        wanted = evaluated(single, A=A[i], B=B[i]) * (i == j)
        np.testing.assert_allclose(found[i, :, :, j], wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shapes", ["A[b,n,n], B[b,n,k]", "A[n,n], B[b,n,k]", "A[b,n,n], B[n,k]"])
def test_gradients_are_verified(form, shapes):
    report = sg.verify(f"f({shapes}) = sum(sin({form}))", points=1)
    assert report.passed, str(report)
