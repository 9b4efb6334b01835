"""Results with more than two axes in index notation: what is written, that it reads back, and that it is the same."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import evaluate
from symgrad.core.expr import Apply, Expr, postorder
from symgrad.diff.jacobian import jacobian
from symgrad.ops.einsum import einsum
from symgrad.simplify import simplify, textbook

SIZES = {"m": 3, "n": 4, "k": 2, "p": 2, "q": 3}
JACOBIANS = [
    ("X.T @ X", "X", 'einsum("kj,il->ijkl", X, eye(n)) + einsum("ki,jl->ijkl", X, eye(n))'),
    ("A @ X @ B", "X", 'einsum("ik,lj->ijkl", A, B)'),
    ("inv(X)", "X", '-einsum("ik,lj->ijkl", inv(X), inv(X))'),
    ("f(x[n]) = outer(x, x)", "x", 'einsum("i,jk->ijk", x, eye(n)) + einsum("j,ik->ijk", x, eye(n))'),
    ("X @ X.T @ v", "X", 'einsum("j,ik->ijk", v, X) + einsum("k,ij->ijk", X.T @ v, eye(m))'),
    ("f(X[m,n]) = X*X", "X", '2*einsum("ij,ik,jl->ijkl", X, eye(m), eye(n))'),
    (
        "softmax(X, axis=1)",
        "X",
        'einsum("ij,ik,jl->ijkl", softmax(X, axis=1), eye(m), eye(n)) - '
        'einsum("il,ij,ik->ijkl", softmax(X, axis=1), softmax(X, axis=1), eye(m))',
    ),
    (
        "f(A[m,n], X[p,q]) = kron(A, X)",
        "X",
        'einsum("ijmknl,mn->ijkl", reshape(einsum("ik,jl->ijkl", eye(m*p), eye(n*q)), (m*p, n*q, m, p, n, q)), A)',
    ),
    ("concatenate((A, B), axis=1)", "A", 'einsum("jl,ik->ijkl", eye(k + n)[:, :n], eye(m))'),
    ('einsum("bij,bjk->bik", S, T)', "S", 'einsum("ink,il,jm->ijklmn", T, eye(n), eye(m))'),
    (
        "f(x[n], A[n,n]) = diag(x) @ A @ diag(x)",
        "x",
        'einsum("ij,i,jk->ijk", A, x, eye(n)) + einsum("j,ij,ik->ijk", x, A, eye(n))',
    ),
    (
        "f(X[m,n], Y[k,n]) = sum(exp(-sum((X[:, None] - Y)**2, axis=2)))",
        "X",
        '-2*einsum("ik,ikj->ij", exp(-sum((X[:, None] - Y)**2, axis=2)), X[:, None] - Y)',
    ),
    ("f(T[k,m,n], v[n]) = T*v", "v", 'einsum("ijk,kl->ijkl", T, eye(n))'),
]
HESSIANS = [
    ("logdet(X)", "X", '-einsum("li,jk->ijkl", inv(X), inv(X))'),
    ("sum((A @ X @ B)**2)", "X", '2*einsum("ik,jl->ijkl", A.T @ A, B @ B.T)'),
    (
        "f(X[m,n]) = norm(X)",
        "X",
        '(einsum("ik,jl->ijkl", eye(m), eye(n)) - einsum("kl,ij->ijkl", unit(X), unit(X)))/norm(X)',
    ),
    ("trace(X @ X @ X)", "X", '3*einsum("li,jk->ijkl", X, eye(n)) + 3*einsum("jk,il->ijkl", X, eye(n))'),
]


def values_of(expr: Expr) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    shapes = {name: tuple(evaluate(size, SIZES) for size in x.shape) for name, x in expr.inputs.items()}
    return {name: np.asarray(rng.uniform(0.2, 0.9, shape)) for name, shape in shapes.items()}


def check(output: Expr, plain: Expr, written: Expr, expected: str) -> None:
    assert written.formula() == expected
    assert sg.parse(str(written)) is written
    values = values_of(output)
    found, wanted = evaluate_reference([written, plain], values, sizes=SIZES)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
    (back,) = simplify([written])
    (again,) = evaluate_reference([back], values, sizes=SIZES)
    np.testing.assert_allclose(again, wanted, rtol=1e-12, atol=1e-13)
    assert textbook([written]) == [written]


@pytest.mark.parametrize(("text", "name", "expected"), JACOBIANS, ids=[text for text, _, _ in JACOBIANS])
def test_jacobian(text: str, name: str, expected: str) -> None:
    output = sg.parse(text)
    (plain,) = jacobian(output, [output.inputs[name]])
    check(output, plain, sg.jacobian(output, name), expected)


@pytest.mark.parametrize(("text", "name", "expected"), HESSIANS, ids=[text for text, _, _ in HESSIANS])
def test_hessian(text: str, name: str, expected: str) -> None:
    output = sg.parse(text)
    (slope,) = jacobian(output, [output.inputs[name]])
    (plain,) = jacobian(slope, [output.inputs[name]])
    check(output, plain, sg.hessian(output, name), expected)


@pytest.mark.parametrize("text", ["f(T[k,m,n], v[n]) = T*v", "f(S[k,m,n], T[k,m,n]) = 2*S*T", "S @ T", "-T[:, 0]"])
def test_what_is_plain_stays(text: str) -> None:
    node = sg.parse(text, shapes={"S": ("k", "m", "n"), "T": ("k", "n", "p")} if "@" in text else None)
    assert textbook([node]) == [node]


@pytest.mark.parametrize("text", ["X.T @ X", "A @ X @ B", "inv(X)", "f(X[m,n]) = X*X", "softmax(X, axis=1)"])
def test_a_kernel_is_made_of_the_cheaper_form(text: str) -> None:
    (back,) = simplify([sg.jacobian(text, "X")])
    assert not any(isinstance(node, Apply) and node.op is einsum for node in postorder(back))


def test_latex_is_an_indexed_sum() -> None:
    assert sg.jacobian("A @ X @ B", "X").latex() == r"\left[{A}_{ik} {B}_{lj}\right]_{ijkl}"
    assert sg.parse('einsum("ip,pj->ij", A, B)').latex() == r"\left[\sum_{p} {A}_{ip} {B}_{pj}\right]_{ij}"
    assert "<mo>∑</mo>" in sg.parse('einsum("ip,pj->ij", A, B)').mathml()
