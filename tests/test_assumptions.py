"""Structured inputs from end to end: what is printed, that the check passes, and the two conventions."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.lowering import lower

CASES = [
    ("f(A[n,n]: symmetric, x[n]) = x.T @ A @ x", "x", "2*A @ x"),
    ("f(A[n,n]: symmetric, x[n]) = x.T @ A @ x", "A", "outer(x, x)"),
    ("f(A[n,n]: symmetric, x[n], y[n]) = x.T @ A @ y", "A", "(outer(y, x) + outer(x, y))/2"),
    ("f(A[n,n]: symmetric) = trace(A @ A @ A)", "A", "3*A @ A"),
    ("f(S[n,n]: spd, x[n]) = logdet(S) + x @ inv(S) @ x", "S", "inv(S) - outer(solve(S, x), solve(S, x))"),
    ("f(S[n,n]: spd) = log(det(S))", "S", "inv(S)"),
    ("f(D[n,n]: diagonal, X[m,n]) = sum((X @ D)**2)", "D", "2*diag(sum(X**2, axis=0)*diagonal(D))"),
    ("f(L[n,n]: lower invertible, x[n]) = sum((L @ x)**2)/2 - logdet(L)", "L", None),
    ("f(U[n,n]: upper invertible, b[n]) = sum(solve(U, b))", "U", None),
    ("f(Q[n,n]: orthogonal, A[n,n]) = trace(Q.T @ A)", "Q", "(A - Q @ A.T @ Q)/2"),
    ("f(Q[n,n]: orthogonal, A[n,n], B[n,n]) = sum((Q @ A - B)**2)", "Q", None),
    ("f(K[n,n]: skew, A[n,n]) = trace(K @ A)", "K", "(A.T - A)/2"),
    ("f(p[n]: simplex, c[n]) = c @ p", "p", "c - mean(c)"),
    ("f(p[n]: simplex positive) = -sum(p*log(p))", "p", None),
    ("f(u[n]: unit, A[n,n]: symmetric) = u @ A @ u", "u", "2*A @ u - 2*(u @ A @ u)*u"),
    ("f(x[n]: positive, c[n]) = norm1(x) + c @ abs(x)", "x", "1 + c"),
    ("f(x[n]: positive) = sum(log(x**3))", "x", "3/x"),
    ("f(A[b,n,n]: symmetric, X[b,n,n]) = sum(A @ X)", "A", None),
    ("f(S[n,n]: spd, b[n]) = solve(S, b)", "S", None),
]


@pytest.mark.parametrize(("text", "name", "printed"), CASES)
def test_printed_and_verified(text: str, name: str, printed: str | None) -> None:
    formula = sg.parse(text)
    derivative = sg.jacobian(formula, name)
    if printed is not None:
        assert derivative.formula() == printed
    assert sg.parse(str(derivative)) is derivative
    assert sg.verify(formula, wrt=[name], points=2).passed


def test_free_and_structured_gradients_agree_on_tangents() -> None:
    """df = sum(G*dX) for tangents dX, whatever the formula's gradient by free entries is."""
    rng = np.random.default_rng(0)
    x, y, z = (rng.normal(size=(3, 3)) for _ in range(3))
    values = {"X": x + x.T, "B": y}
    tangent = z + z.T
    free = sg.grad("f(X[n,n], B[n,n]) = sum(X @ B @ X.T)", "X")
    structured = sg.grad("f(X[n,n]: symmetric, B[n,n]) = sum(X @ B @ X.T)", "X")
    one, two = evaluate_reference([free, structured], values)
    np.testing.assert_allclose(np.sum(one * tangent), np.sum(two * tangent))
    np.testing.assert_allclose(two, two.T)
    np.testing.assert_allclose(two, (one + one.T) / 2)


@pytest.mark.parametrize("words", ["symmetric", "skew", "diagonal", "lower", "upper"])
def test_entries_are_partial_derivatives_by_the_independent_ones(words: str) -> None:
    formula = sg.assume("f(X[n,n], B[n,n]) = sum(exp(X) @ B) + trace(B @ X @ X)", {"X": words})
    gradient = sg.grad(formula, "X", convention="entries")
    rng = np.random.default_rng(1)
    raw, other = rng.normal(size=(2, 3, 3))
    make = {
        "symmetric": lambda a: np.tril(a) + np.tril(a, -1).T,
        "skew": lambda a: np.tril(a, -1) - np.tril(a, -1).T,
        "diagonal": lambda a: np.diag(np.diag(a)),
        "lower": np.tril,
        "upper": np.triu,
    }[words]

    def value(a: np.ndarray) -> float:
        return float(evaluate_reference([formula], {"X": make(a), "B": other})[0])

    (found,) = evaluate_reference([gradient], {"X": make(raw), "B": other})
    for i, j in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[i, j] = 1e-6
        slope = (value(raw + step) - value(raw - step)) / 2e-6
        if make(step)[i, j]:
            np.testing.assert_allclose(found[i, j], slope, rtol=1e-7, atol=1e-8)


def test_hessians_of_structured_inputs() -> None:
    hessian = sg.hessian("f(A[n,n]: symmetric) = logdet(A)", "A")
    rng = np.random.default_rng(2)
    a, z = rng.normal(size=(2, 3, 3))
    a, z = a @ a.T + np.eye(3), z + z.T
    (found,) = evaluate_reference([hessian], {"A": a})
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose(np.einsum("ijkl,kl->ij", found, z), -inverse @ z @ inverse)
    np.testing.assert_allclose(found, np.swapaxes(found, 0, 1))
    np.testing.assert_allclose(found, np.swapaxes(found, 2, 3))
    assert sg.hvp("f(A[n,n]: symmetric) = logdet(A)", "A").formula() == "-(inv(A) @ A_dot @ inv(A))"


def test_tangents_are_projected() -> None:
    plain = sg.jvp("f(A[n,n]: symmetric, x[n]) = A.T @ x", {"A": sg.matrix("E", "n", "n")})
    assert plain.formula() == "(E + E.T) @ x/2"
    own = sg.jvp("f(A[n,n]: symmetric, x[n]) = A.T @ x", "A")
    assert str(own) == "f(A_dot[n,n]: symmetric, x[n]) = A_dot @ x"
    assert sg.vjp("f(A[n,n]: symmetric, x[n]) = A @ x", "A").formula() == "(outer(y_bar, x) + outer(x, y_bar))/2"


def test_a_definite_matrix_is_factored_once() -> None:
    formula = sg.parse("f(S[n,n]: spd, x[n]) = logdet(S) + x @ inv(S) @ x")
    program = str(lower([formula, *sg.grad(formula).values()], list(formula.inputs.values())))
    assert program.count("cholesky ()") == 1
    assert "\nsolve ()" not in program and "\ninv ()" not in program


def test_a_triangular_matrix_is_not_factored() -> None:
    formula = sg.parse("f(L[n,n]: lower, b[n]) = sum(solve(L, b)**2)")
    program = str(lower([formula, sg.grad(formula, "b")], list(formula.inputs.values())))
    assert "solve_lower ()" in program and "solve_upper ()" in program and "\nsolve ()" not in program


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("f(x[n]: symmetric) = sum(x)", sg.ShapeError, "x has shape .n,., so it cannot be symmetric"),
        ("f(X[m,n]: orthogonal) = sum(X)", sg.ShapeError, "cannot be orthogonal"),
        ("f(x: simplex) = x", sg.ShapeError, "x is a scalar"),
        ("f(A[n,n]: symmetric skew) = sum(A)", sg.InvalidValueError, "contradict"),
        ("f(A[n,n]: diagonal positive) = sum(A)", sg.InvalidValueError, "contradict"),
        ("f(A[n,n]: blue) = sum(A)", sg.UnknownNameError, "'blue' is nothing that can be assumed"),
        ("f(A[n,n]:) = sum(A)", sg.FormulaSyntaxError, "expected what is assumed"),
        ("f(A[n,n]: spd,) = sum(B)", sg.UnknownNameError, "B"),
    ],
)
def test_what_cannot_be_assumed(text: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        sg.parse(text)


def test_what_has_no_derivative() -> None:
    with pytest.raises(sg.OperandError, match="symmetric and orthogonal"):
        sg.grad("f(H[n,n]: symmetric orthogonal) = sum(H)", "H")
    assert sg.grad("f(H[n,n]: symmetric orthogonal, x[n]) = sum((H @ H @ x)**2)", "x").formula() == "2*x"
    with pytest.raises(sg.OperandError, match="second derivatives"):
        sg.hessian("f(Q[n,n]: orthogonal) = sum(exp(Q))", "Q")
    with pytest.raises(sg.OperandError, match="not independent"):
        sg.grad("f(Q[n,n]: orthogonal) = sum(Q)", "Q", convention="entries")
    with pytest.raises(sg.InvalidValueError, match="no convention"):
        sg.grad("f(A[n,n]: symmetric) = sum(A)", "A", convention="free")
    with pytest.raises(sg.OperandError, match="use one input"):
        plain, known = sg.matrix("A", "n", "n"), sg.matrix("A", "n", "n", assume="symmetric")
        _ = (plain + known).inputs


def test_shapes_are_inferred_from_what_is_assumed() -> None:
    assert str(sg.parse("sum(A)", assume={"A": "symmetric"})) == "f(A[n,n]: symmetric) = sum(A)"
    assert sg.parse("p*c", assume={"p": "simplex"}).inputs["p"].ndim == 1
    with pytest.raises(sg.UnknownNameError, match="assumed of B"):
        sg.parse("sum(A)", assume={"B": "symmetric"})
