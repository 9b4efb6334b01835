"""Derivatives as a textbook writes them: each formula with the derivative that has to come out, and its value."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from strategies import SIZES, defined

import symgrad as sg
from symgrad.core.dims import evaluate
from symgrad.core.expr import Expr
from symgrad.diff.jacobian import jacobian
from symgrad.simplify import textbook

# The forms of the matrix cookbook and of statistics that computer algebra systems are asked for.
DERIVATIVES = [
    ("trace(A @ X @ B @ X.T)", "X", "A.T @ X @ B.T + A @ X @ B"),
    ("det(X)", "X", "det(X)*inv(X).T"),
    ("logdet(X)", "X", "inv(X).T"),
    ("log(det(X))", "X", "inv(X).T"),
    ("trace(A @ inv(X))", "X", "-(inv(X).T @ A.T @ inv(X).T)"),
    ("f(a[n], X[n,n], b[n]) = a @ inv(X) @ b", "X", "-outer(solve(X.T, a), solve(X, b))"),
    ("f(X[m,n]) = sum(X**2)", "X", "2*X"),
    ("f(X[m,n]) = norm(X)", "X", "unit(X)"),
    ("f(x[n], A[n,n]) = x.T @ A @ x", "x", "(A + A.T) @ x"),
    ("f(D[m,n], x[n], y[m]) = sum((D @ x - y)**2)", "x", "2*D.T @ (D @ x - y)"),
    (
        "f(D[m,n], X[n,k], Y[m,k], lam) = trace((D@X - Y).T @ (D@X - Y)) + lam*trace(X.T@X)",
        "X",
        "2*D.T @ (D @ X - Y) + 2*lam*X",
    ),
    ("f(x[n]) = norm(x)", "x", "unit(x)"),
    ("f(D[m,n], x[n], y[m]) = norm(D @ x - y)**2", "x", "2*D.T @ (D @ x - y)"),
    ("f(x[n]) = norm(x)**3", "x", "3*norm(x)*x"),
    ("f(X[m,n]) = sqrt(trace(X.T @ X))", "X", "unit(X)"),
    ("f(X[m,n]) = sum(exp(X))", "X", "exp(X)"),
    ("f(D[m,n], x[n]) = sum(sigmoid(D @ x))", "x", "D.T @ (sigmoid(D @ x)*(1 - sigmoid(D @ x)))"),
    ("f(D[m,n], x[n], y[m]) = sum(log(1 + exp(-y*(D@x))))", "x", "-(D.T @ (y*sigmoid(-y*(D @ x))))"),
    ("f(x[n]) = softmax(x)", "x", "diag(softmax(x)) - outer(softmax(x), softmax(x))"),
    ("f(x[n]) = logsumexp(x)", "x", "softmax(x)"),
    ("f(x[n]) = log(sum(exp(x)))", "x", "softmax(x)"),
    ("f(A[m,n], X[m,n]) = sum(A*X*X)", "X", "2*A*X"),
    ("f(A[m,m], X[n,n]) = trace(A)*trace(X)", "X", "trace(A)*eye(n)"),
    ("f(x[n]) = sum(abs(x))", "x", "sign(x)"),
    ("f(D[m,n], x[n]) = sum(relu(D@x))", "x", "D.T @ (D @ x > 0)"),
    ("trace(X @ X @ X)", "X", "3*X.T @ X.T"),
    ("f(S[n,n], x[n]) = logdet(S) + x @ solve(S, x)", "S", "inv(S).T - outer(solve(S.T, x), solve(S, x))"),
    ("f(S[n,n], x[n]) = log(det(S)) + x @ inv(S) @ x", "x", "solve(S, x) + solve(S.T, x)"),
    ("f(X[n,k]) = logdet(X.T @ X)", "X", "2*X @ inv(X.T @ X)"),
    ("1/(1 + exp(-x))", "x", "sigmoid(x)*(1 - sigmoid(x))"),
    ("f(x[n]) = sum(log(1 + exp(x)))", "x", "sigmoid(x)"),
    (
        "f(X[m,n], w[n], y[m], lam) = mean(log(1 + exp(-y*(X@w)))) + lam*(w@w)/2",
        "w",
        "lam*w - X.T @ (y*sigmoid(-y*(X @ w)))/m",
    ),
    ("f(x[n]) = mean(x**2)", "x", "2*x/n"),
    ("f(x[n]) = prod(x)", "x", "prod_others(x)"),
    ("f(x[n]) = max(x)", "x", "(x == max(x))/sum(x == max(x))"),
    ("f(A[m,n], x[n]) = A @ x", "x", "A"),
    ("f(x[n]) = x*x", "x", "2*diag(x)"),
    ("f(x[n]) = exp(x)", "x", "diag(exp(x))"),
    ("f(x[n]) = sum(x)", "x", "ones(n)"),
    ("f(x[n]) = unit(x)", "x", "(eye(n) - outer(unit(x), unit(x)))/norm(x)"),
    ("x**3", "x", "3*x**2"),
    ("sin(x)/x", "x", "cos(x)/x - sin(x)/x**2"),
    ("tan(x)", "x", "1 + tan(x)**2"),
    ("atan2(y, x)", "x", "-y/(x**2 + y**2)"),
    ("x**y", "y", "x**y*log(x)"),
    ("log(x)**2", "x", "2*log(x)/x"),
    ("x*log(x)", "x", "1 + log(x)"),
    ("sqrt(1 - x**2)", "x", "-x/sqrt(1 - x**2)"),
    ("f(W[m,n], x[n], b[m]) = sum(tanh(W@x + b)**2)", "W",
     "2*outer(tanh(W @ x + b)*(1 - tanh(W @ x + b)**2), x)"),
    ("f(x[n], t[n]) = -sum(t*log(softmax(x)))", "x", "sum(t)*softmax(x) - t"),
    ("f(x[n], t[n]) = logsumexp(x) - t@x", "x", "softmax(x) - t"),
    ("f(u[m], V[n], X[m,n]) = sum((X - outer(u, V))**2)", "u", "-2*(X - outer(u, V)) @ V"),
    ("trace(X)", "X", "eye(n)"),
    ("f(A[n,n], b[n]) = solve(A, b)", "b", "inv(A)"),
]  # fmt: skip
HESSIANS = [
    ("f(x[n], A[n,n]) = x.T @ A @ x", "x", "A + A.T"),
    ("f(x[n]) = logsumexp(x)", "x", "diag(softmax(x)) - outer(softmax(x), softmax(x))"),
    ("f(x[n]) = norm(x)", "x", "(eye(n) - outer(unit(x), unit(x)))/norm(x)"),
    ("f(D[m,n], x[n], y[m]) = sum((D @ x - y)**2)", "x", "2*D.T @ D"),
    ("x**3", "x", "6*x"),
    ("f(x[n]) = sum(x**3)", "x", "6*diag(x)"),
    ("f(x[n]) = sum(exp(x))", "x", "diag(exp(x))"),
    ("f(x[n]) = (x@x)**2", "x", "8*outer(x, x) + 4*(x @ x)*eye(n)"),
    (
        "f(D[m,n], x[n], y[m]) = sum(log(1 + exp(-y*(D@x))))",
        "x",
        "D.T @ diag(y**2*sigmoid(-y*(D @ x))*(1 - sigmoid(-y*(D @ x)))) @ D",
    ),
]


def body(expr: Expr) -> str:
    """Return the text without the signature that stands in front where shapes cannot be inferred."""
    text = str(expr)
    return text.partition(" = ")[2] if text.startswith("f(") else text


def positive_values(expr: Expr) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    values = {}
    for name, node in expr.inputs.items():
        shape = tuple(evaluate(size, SIZES) for size in node.shape)
        values[name] = np.asarray(np.round(rng.uniform(0.2, 0.8, shape), 3))
        if len(shape) == 2 and shape[0] == shape[1]:
            values[name] = values[name] + 2 * np.eye(shape[0])
    return values


def same(written: Expr, plain: Expr, values: dict[str, np.ndarray]) -> None:
    pair = defined([written, plain], values)
    assert pair is not None
    with mpmath.workdps(50):
        error = max((abs(a - b) for a, b in zip(np.ravel(pair[0]), np.ravel(pair[1]), strict=True)), default=0)
        assert error < mpmath.mpf(10) ** -40


@pytest.mark.parametrize(("text", "name", "expected"), DERIVATIVES, ids=[text for text, _, _ in DERIVATIVES])
def test_derivative(text: str, name: str, expected: str) -> None:
    output = sg.parse(text)
    written = sg.jacobian(output, name)
    assert body(written) == expected
    (plain,) = jacobian(output, [output.inputs[name]])
    same(written, plain, positive_values(output))


@pytest.mark.parametrize(("text", "name", "expected"), HESSIANS, ids=[text for text, _, _ in HESSIANS])
def test_hessian(text: str, name: str, expected: str) -> None:
    output = sg.parse(text)
    written = sg.hessian(output, name)
    assert body(written) == expected
    (slope,) = jacobian(output, [output.inputs[name]])
    (plain,) = jacobian(slope, [output.inputs[name]])
    same(written, plain, positive_values(output))


@pytest.mark.parametrize(
    "text",
    [
        "f(u[n]) = outer(u, u - mean(u))",
        "f(T[k,n,n], V[n,n], A[n,n]) = (T*V) @ A",
    ],
)
def test_shapes_stay(text: str) -> None:
    output = sg.parse(text)
    (shown,) = textbook([output])
    assert shown.shape == output.shape
    same(shown, output, positive_values(output))
