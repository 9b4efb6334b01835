from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.diff.layout import arrange, matters, read_layout

SIZES = {"m": 2, "n": 3, "k": 4, "p": 5}
RANDOM = np.random.default_rng(5)
FORMULAS = [
    ("f(A[m,n], X[n,k]) = A @ X", "X"),
    ("f(A[m,n], X[n,k], B[k,p]) = A @ X @ B", "X"),
    ("f(A[m,n], x[n]) = A @ x", "x"),
    ("f(A[m,n], x[n]) = A @ x", "A"),
    ("f(A[m,n], x[m]) = A.T @ x", "A"),
    ("f(X[n,n]) = inv(X)", "X"),
    ("f(X[m,n]) = exp(X)", "X"),
    ("f(X[m,n]) = X @ X.T", "X"),
    ("f(X[m,n]) = X.T", "X"),
    ("f(X[n,n]) = 3*(X @ X - X.T)/n", "X"),
    ("f(u[m], v[n]) = outer(u, v)", "u"),
    ("f(u[m], v[n]) = outer(u, v)", "v"),
    ("f(X[m,n]) = sum(exp(X))", "X"),
    ("f(x[n]) = sum(exp(x))", "x"),
    ("f(A[m,n], t) = A*t**2", "t"),
    ("f(x[n], t) = x*exp(t)", "t"),
    ("f(A[m,n], X[m,n], B[n,k]) = (A*X) @ B", "X"),
    ("f(X[m,n], u[m]) = u[:, None]*X*X", "X"),
    ("f(X[m,n], w[n]) = tanh(X @ w)", "X"),
    ("f(T[m,n,k]) = 2*T", "T"),
    ("f(T[m,n,k], x[k]) = T*x", "x"),
    ("f(t) = sin(t)", "t"),
    ("f(X[n,n]) = trace(X)*X", "X"),
    ("f(X[n,n]) = trace(X)*ones((m, k))", "X"),
    ("f(x[n], A[n,k]) = diag(x) @ A", "x"),
    ("f(A[n,n], x[n]) = solve(A, x)", "A"),
    ("f(A[m,n], X[n,k]) = kron(A, X)", "X"),
    ("f(X[m,n]) = sum(X, axis=0)", "X"),
]


def vec(array: np.ndarray, rank: int) -> np.ndarray:
    """The columns stacked, of the output's axes and of the input's."""
    rows = int(np.prod(array.shape[:rank], dtype=int))
    return array.transpose(*reversed(range(rank)), *reversed(range(rank, array.ndim))).reshape(rows, -1)


def numerator(array: np.ndarray, rank: int) -> np.ndarray:
    if array.ndim == 1:
        return array.reshape((-1, 1) if rank else (1, -1))
    return array.transpose(*range(rank), *reversed(range(rank, array.ndim)))


def denominator(array: np.ndarray, rank: int) -> np.ndarray:
    return numerator(array, rank).T


@pytest.mark.parametrize(("text", "name"), FORMULAS, ids=[f"{text} by {name}" for text, name in FORMULAS])
def test_every_layout_holds_the_entries_of_the_default(text: str, name: str) -> None:
    f = sg.parse(text)
    nodes = f.inputs.values()
    values = {node.name: RANDOM.normal(size=[SIZES[str(size)] for size in node.shape]) for node in nodes}
    forms = [sg.jacobian(f, name, layout=layout) for layout in sg.Layout]
    default, top, bottom, stacked = evaluate_reference(forms, values, sizes=SIZES)
    np.testing.assert_allclose(top, numerator(default, f.ndim), rtol=1e-12)
    np.testing.assert_allclose(bottom, denominator(default, f.ndim), rtol=1e-12)
    expected = vec(default, f.ndim) if default.ndim else default
    np.testing.assert_allclose(stacked, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("text", "name", "form"),
    [
        ("A @ X", "X", "kron(eye(k), A)"),
        ("A @ X @ B", "X", "kron(B.T, A)"),
        ("A @ x", "A", "kron(x[None], eye(m))"),
        ("inv(X)", "X", "-kron(inv(X).T, inv(X))"),
        ("X @ X @ X", "X", "kron(X.T, X) + kron(X.T @ X.T, eye(n)) + kron(eye(n), X @ X)"),
        ("outer(u, v)", "u", "kron(v[:, None], eye(n))"),
        ("outer(u, v)", "v", "kron(eye(m), u[:, None])"),
        ("f(X[m,n]) = exp(X)", "X", "diag(reshape(exp(X).T, m*n))"),
        ("solve(A, x)", "A", "-kron(solve(A, x)[None], inv(A))"),
        ("f(X[n,n]) = trace(X)*X", "X", "outer(reshape(X.T, n*n), reshape(eye(n), n*n)) + trace(X)*eye(n*n)"),
    ],
)
def test_vec_gives_kronecker_products(text: str, name: str, form: str) -> None:
    """Magnus & Neudecker (2019), chapter 9: d vec(A X B) = (B' kron A) d vec(X), and so on."""
    assert str(sg.jacobian(text, name, layout="vec")).rpartition(") = ")[2] == form


@pytest.mark.parametrize(
    ("layout", "form"),
    [("numerator", "(2*x)[None]"), ("denominator", "2*x[:, None]"), ("vec", "(2*x)[None]"), ("default", "2*x")],
)
def test_the_gradient_of_a_vector_is_a_row_or_a_column(layout: str, form: str) -> None:
    assert str(sg.jacobian("f(x[n]) = sum(x**2)", "x", layout)).rpartition(") = ")[2] == form


@pytest.mark.parametrize(
    ("shape", "rank", "numerator_shape"),
    [
        ((), 0, ()),
        ((3,), 0, (1, 3)),
        ((3,), 1, (3, 1)),
        ((2, 3), 1, (2, 3)),
        ((2, 3), 0, (3, 2)),
        ((2, 3), 2, (2, 3)),
        ((2, 3, 4, 5), 2, (2, 3, 5, 4)),
    ],
)
def test_shapes_of_the_conventions(shape: tuple[int, ...], rank: int, numerator_shape: tuple[int, ...]) -> None:
    jacobian = sg.tensor("J", *shape)
    assert arrange(jacobian, rank, sg.Layout.DEFAULT) is jacobian
    assert arrange(jacobian, rank, sg.Layout.NUMERATOR).shape == numerator_shape
    assert arrange(jacobian, rank, sg.Layout.DENOMINATOR).shape == numerator_shape[::-1]


def test_factors_that_are_broadcast() -> None:
    c, r = sg.tensor("c", 2, 1), sg.tensor("r", 1, 3)
    eyes = sg.eye(2)[:, None, :, None] * sg.eye(3)[:, None]
    jacobian = c[:, :, None, None] * r * eyes
    values = {"c": RANDOM.normal(size=(2, 1)), "r": RANDOM.normal(size=(1, 3))}
    default, stacked = evaluate_reference([jacobian, arrange(jacobian, 2, sg.Layout.VEC)], values)
    np.testing.assert_allclose(stacked, vec(default, 2), rtol=1e-12)


def test_when_a_reader_has_to_know() -> None:
    assert matters((2,), (3,), sg.Layout.DEFAULT) and matters((), (3,), sg.Layout.VEC)
    assert not matters((), (3,), sg.Layout.DEFAULT) and not matters((), (), sg.Layout.VEC)


def test_an_unknown_layout_is_an_error() -> None:
    assert read_layout("vec") is sg.Layout.VEC
    with pytest.raises(sg.InvalidValueError, match="there are default, numerator, denominator, vec"):
        sg.jacobian("A @ x", "x", layout="rows")
