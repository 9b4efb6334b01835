from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import evaluate
from symgrad.diff.layout import arrange, matters, matters_for_second, read_layout

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
    ("f(A[k,n], X[m,n], B[m,p]) = A @ X.T @ B", "X"),
    ("f(X[m,n]) = X.T @ X - ones((n, n))", "X"),
    ("f(X[n,n], A[n,n]) = A.T @ X - X.T @ A", "X"),
    ("f(X[n,n]) = inv(X).T", "X"),
    ("f(X[m,n]) = inv(X @ X.T)", "X"),
    ("f(X[n,n]) = X*X.T", "X"),
    ("f(X[m,n], A[n,m]) = A*X.T*3", "X"),
    ("f(X[m,n], u[m], v[n]) = outer(v, u)*X.T", "X"),
    ("f(X[m,n]) = vec(X.T)", "X"),
    ("f(X[2,3], a[6]) = a*vec(X.T)", "X"),
    ("f(X[m,n]) = exp(vec(X))", "X"),
]
HESSIANS = [
    ("f(x[n], A[n,n]) = x @ A @ x", ["x"]),
    ("f(X[n,n]) = trace(X @ X)", ["X"]),
    ("f(X[n,n], A[n,n], B[n,n]) = trace(A @ X @ B @ X.T)", ["X", "A"]),
    ("f(X[n,n]) = logdet(X)", ["X"]),
    ("f(X[n,n]) = det(X)", ["X"]),
    ("f(X[m,n], w[n], y[m], t) = t*sum((X @ w - y)**2)", ["X", "w", "t"]),
    ("f(X[m,n]) = logdet(X @ X.T)", ["X"]),
    ("f(X[m,n]) = sum(exp(X))", ["X"]),
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
    values = {node.name: RANDOM.normal(size=[evaluate(size, SIZES) for size in node.shape]) for node in nodes}
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
        ("f(X[m,n]) = exp(X)", "X", "diag(vec(exp(X)))"),
        ("f(X[m,n]) = X.T", "X", "commutation(m, n)"),
        ("f(X[n,n]) = X - X.T", "X", "eye(n*n) - commutation(n, n)"),
        ("f(X[m,n]) = vec(X)", "X", "eye(m*n)"),
        ("f(X[m,n]) = commutation(m, n) @ vec(X)", "X", "commutation(m, n)"),
        ("X @ X", "X", "kron(eye(n), X) + kron(X.T, eye(n))"),
        ("f(X[m,n]) = X.T @ X", "X", "(commutation(n, n) + eye(n*n)) @ kron(eye(n), X.T)"),
        ("f(X[m,n]) = X @ X.T", "X", "(commutation(m, m) + eye(m*m)) @ kron(X, eye(m))"),
        ("f(A[k,n], X[m,n], B[m,p]) = A @ X.T @ B", "X", "commutation(p, k) @ kron(A, B.T)"),
        ("inv(X).T", "X", "-(commutation(n, n) @ kron(inv(X).T, inv(X)))"),
        ("f(X[n,n]) = X*X.T", "X", "commutation(n, n)*vec(X.T) + diag(vec(X.T))"),
        ("solve(A, x)", "A", "-kron(solve(A, x)[None], inv(A))"),
        ("f(X[n,n]) = trace(X)*X", "X", "outer(vec(X), vec(eye(n))) + trace(X)*eye(n*n)"),
    ],
)
def test_vec_gives_kronecker_products(text: str, name: str, form: str) -> None:
    """Magnus & Neudecker (2019), chapter 9: d vec(A X B) = (B' kron A) d vec(X), and so on."""
    assert str(sg.jacobian(text, name, layout="vec")).rpartition(") = ")[2] == form


@pytest.mark.parametrize(("text", "names"), HESSIANS, ids=[text for text, _ in HESSIANS])
def test_every_layout_of_a_hessian_is_that_of_the_jacobian_of_the_gradient(text: str, names: list[str]) -> None:
    f = sg.parse(text)
    values = {
        node.name: RANDOM.normal(size=[evaluate(size, SIZES) for size in node.shape]) for node in f.inputs.values()
    }
    blocks = [sg.hessian(f, names, layout) for layout in sg.Layout]
    for a in names:
        for b in names:
            forms = evaluate_reference([block[a][b] for block in blocks], values, sizes=SIZES)
            default, top, bottom, stacked = forms
            rank = f.inputs[a].ndim
            assert default.ndim == rank + f.inputs[b].ndim
            np.testing.assert_allclose(top, numerator(default, rank), rtol=1e-12)
            np.testing.assert_allclose(bottom, denominator(default, rank), rtol=1e-12)
            expected = vec(default, rank) if default.ndim else default
            np.testing.assert_allclose(stacked, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("trace(X @ X)", "2*commutation(n, n)"),
        ("logdet(X)", "-(commutation(n, n) @ kron(inv(X).T, inv(X)))"),
        ("sum(A*(X.T @ B @ X))", "kron(A, B) + kron(A.T, B.T)"),
        ("f(X[m,n]) = sum(X**3)", "6*diag(vec(X))"),
        (
            "det(X)",
            "det(X)*(outer(vec(inv(X).T), vec(inv(X).T)) - commutation(n, n) @ kron(inv(X).T, inv(X)))",
        ),
    ],
)
def test_hessian_matrices_of_magnus_and_neudecker(text: str, form: str) -> None:
    """Magnus & Neudecker (2019), chapter 10: the n*n x n*n matrix, here against differences of the gradient too."""
    f = sg.parse(text)
    (hessian,) = [sg.hessian(f, "X", "vec")]
    assert hessian.formula() == form
    values = {
        node.name: RANDOM.normal(size=[evaluate(size, SIZES) for size in node.shape]) for node in f.inputs.values()
    }
    (found,) = evaluate_reference([hessian], values, sizes=SIZES)
    np.testing.assert_allclose(found, found.T, rtol=1e-9, atol=1e-12)
    x, step = values["X"], 1e-5
    gradient = sg.grad(f, "X")
    for column in range(x.size):
        shift = np.zeros(x.size)
        shift[column] = step
        moved = [x + sign * shift.reshape(x.shape, order="F") for sign in (1, -1)]
        up, down = (evaluate_reference([gradient], {**values, "X": each}, sizes=SIZES)[0] for each in moved)
        slope = np.ravel(up - down, order="F") / (2 * step)
        np.testing.assert_allclose(found[:, column], slope, rtol=1e-6, atol=1e-6 * np.abs(found).max())


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
    x, y, matrix = sg.vector("x", "n"), sg.vector("y", "n"), sg.matrix("X", "n", "n")
    assert matters_for_second(x, y, sg.Layout.DEFAULT) and matters_for_second(matrix, matrix, sg.Layout.VEC)
    assert not matters_for_second(x, x, sg.Layout.NUMERATOR)  # symmetric, so the same in every layout


def test_an_unknown_layout_is_an_error() -> None:
    assert read_layout("vec") is sg.Layout.VEC
    with pytest.raises(sg.InvalidValueError, match="there are default, numerator, denominator, vec"):
        sg.jacobian("A @ x", "x", layout="rows")
    with pytest.raises(sg.InvalidValueError, match="there are default"):
        sg.hessian("x.T @ A @ x", "x", layout="rows")
