"""Ordinary forms of matrix calculus: printed in matrix notation, lowered to a kernel, and verified at several sizes.

The forms are those that computer algebra systems are commonly tried on; see the Matrix Cookbook (Petersen & Pedersen,
2012) and Magnus & Neudecker, Matrix Differential Calculus (2019) for most of the results.
"""

from __future__ import annotations

import pytest

import symgrad as sg

RIDGE = "f(D[m,n], X[n,k], Y[m,k], lam) = trace((D @ X - Y).T @ (D @ X - Y)) + lam*trace(X.T @ X)"
FORMS = [
    ("trace(A @ X @ B @ X.T)", "X", "A.T @ X @ B.T + A @ X @ B"),
    ("det(X)", "X", "det(X)*inv(X).T"),
    ("logdet(X)", "X", "inv(X).T"),
    ("trace(A @ inv(X))", "X", "-(inv(X).T @ A.T @ inv(X).T)"),
    ("a @ inv(X) @ b", "X", "-outer(solve(X.T, a), solve(X, b))"),
    ("f(X[m,n]) = norm(X)**2", "X", "2*X"),
    ("sqrt(trace(X.T @ X))", "X", "unit(X)"),
    ("x.T @ A @ x", "x", "(A + A.T) @ x"),
    ("norm(D @ x - y)**2", "x", "2*D.T @ (D @ x - y)"),
    (RIDGE, "X", "2*D.T @ (D @ X - Y) + 2*lam*X"),
    ("norm(x)", "x", "unit(x)"),
    ("sum(exp(X))", "X", "exp(X)"),
    ("sum(sigmoid(D @ x))", "x", "D.T @ (sigmoid(D @ x)*(1 - sigmoid(D @ x)))"),
    ("sum(log(1 + exp(-y*(D @ x))))", "x", "-(D.T @ (y*sigmoid(-y*(D @ x))))"),
    ("softmax(x)", "x", "diag(softmax(x)) - outer(softmax(x), softmax(x))"),
    ("logsumexp(x)", "x", "softmax(x)"),
    ("X.T @ X", "X", 'einsum("kj,il->ijkl", X, eye(n)) + einsum("ki,jl->ijkl", X, eye(n))'),
    ("inv(X)", "X", '-einsum("ik,lj->ijkl", inv(X), inv(X))'),
    ("A @ X @ B", "X", 'einsum("ik,lj->ijkl", A, B)'),
    ("f(A[m,n], X[m,n]) = sum(A*X*X)", "X", "2*A*X"),
    ("f(A[m,m], X[n,n]) = trace(kron(A, X))", "X", "trace(A)*eye(n)"),
    ("sum(abs(x))", "x", "sign(x)"),
    ("sum(relu(D @ x))", "x", "D.T @ (D @ x > 0)"),
    ("trace(X @ X @ X)", "X", "3*X.T @ X.T"),
    ("logdet(S) + x @ solve(S, x)", "S", "inv(S).T - outer(solve(S.T, x), solve(S, x))"),
    ("logdet(X.T @ X)", "X", "2*X @ inv(X.T @ X)"),
    ("(x @ A @ x)/(x @ x)", "x", "((A + A.T) @ x - 2*(x @ A @ x)*x/(x @ x))/(x @ x)"),
]
HESSIANS = [
    ("x.T @ A @ x", "x", "A + A.T"),
    ("logdet(X)", "X", '-einsum("li,jk->ijkl", inv(X), inv(X))'),
]
SIZES = [{"m": 4, "n": 3, "k": 2, "p": 5}, {"m": 5, "n": 2, "k": 3, "p": 1}, {"m": 1, "n": 1, "k": 1, "p": 1}]


@pytest.mark.parametrize(("text", "name", "expected"), FORMS, ids=[text for text, _, _ in FORMS])
def test_derivative(text: str, name: str, expected: str) -> None:
    formula = sg.parse(text)
    assert sg.jacobian(formula, name).formula() == expected
    verified_at_every_size(formula, name)


@pytest.mark.parametrize(("text", "name", "expected"), HESSIANS, ids=[text for text, _, _ in HESSIANS])
def test_hessian(text: str, name: str, expected: str) -> None:
    assert sg.hessian(text, name).formula() == expected
    verified_at_every_size(sg.grad(text, name), name)


def verified_at_every_size(formula: sg.Expr, name: str) -> None:
    used = {size for node in formula.inputs.values() for extent in node.shape for size in str(extent).split("*")}
    for sizes in SIZES:
        report = sg.verify(formula, name, sizes={size: n for size, n in sizes.items() if size in used}, points=1)
        assert report.passed, f"{sizes}\n{report}"
