"""Assignments: one name, and several names for the results of one call."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import FormulaSyntaxError, OperandError, SymgradError
from symgrad.syntax import parse


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("w, V = eigh(A); V @ diag(exp(w)) @ V.T", "eigenvectors(A) @ diag(exp(eigvalsh(A))) @ eigenvectors(A).T"),
        ("(s, l) = slogdet(A)\ns*exp(l)", "sign_det(A)*exp(logdet(A))"),
        ("_, s, _ = svd(X); sum(s)", "sum(svdvals(X))"),
        ("Q, R = qr(X + 1); f(X[m, n]) = Q @ R", "f(X[m, n]) = qr_q(X + 1) @ qr_r(X + 1)"),
        ("B = A @ A; w, V = eigh(B); u = 2*w; sum(u)", "sum(2*eigvalsh(A @ A))"),
        ("w, V, = eigh(A); sum(w)", "sum(eigvalsh(A))"),
        ("w, V = eigh(A); s, l = slogdet(V); s + 0*sum(w)", "sign_det(eigenvectors(A)) + 0*sum(eigvalsh(A))"),
        ("(x)", "x"),
        ("(x) + 1", "x + 1"),
    ],
)
def test_several_names(text, same):
    expr = parse(text)
    assert expr is parse(same)
    assert parse(str(expr)) is expr


@pytest.mark.parametrize(
    ("text", "error", "message", "quoted"),
    [
        ("w, V = eigh(A)", FormulaSyntaxError, "ends with the expression of its value", "w, V"),
        ("eigh(A) + 1", OperandError, r"eigh gives 2 results; .*: w, V = eigh\(A\)", "eigh(A)"),
        ("w = eigh(A); w", OperandError, "eigh gives 2 results", "eigh(A)"),
        ("sum(svd(A))", OperandError, r"svd gives 3 results; .*: U, s, Vh = svd\(A\)", "svd(A)"),
        ("w, w = eigh(A); w", FormulaSyntaxError, "w is declared twice", "w"),
        ("w = 1; w, V = eigh(A); w", FormulaSyntaxError, "w is assigned twice", "w"),
        ("w, V = eigh(V); sum(w)", FormulaSyntaxError, "V is used before it is assigned", "V"),
        ("a, b = sin(x); a", FormulaSyntaxError, "2 names take the results of one call of ", "sin(x)"),
        ("a, b = x; a", FormulaSyntaxError, "2 names take the results of one call of ", "x"),
        ("w, V = eigh(A) + 1; w", FormulaSyntaxError, "2 names take the results", "eigh(A) + 1"),
        ("a, b, c = eigh(A); c", FormulaSyntaxError, "eigh gives 2 results, and there are names for 3", "a, b, c"),
        ("w, = eigh(A); w", FormulaSyntaxError, "eigh gives 2 results, and there are names for 1", "w"),
        ("w, V = eigh(A, 3); w", OperandError, r"eigh is called as in w, V = eigh\(A\)", "eigh(A, 3)"),
        ("w, V = eigh(); w", OperandError, "eigh is called as in", "eigh()"),
        ("U, s, V = svd(X, full_matrices=False); s", OperandError, "svd is called", "svd(X, full_matrices=False)"),
        ("w, 2 = eigh(A); w", FormulaSyntaxError, "',' has no place here", ","),
        ("w, True = eigh(A); w", FormulaSyntaxError, "True cannot be assigned", "True"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(text, error, message, quoted):
    with pytest.raises(error, match=message) as caught:
        parse(text)
    span = caught.value.span
    assert text[span.start : span.end] == quoted


def test_misspelt_names_are_recognised():
    with pytest.raises(SymgradError, match="did you mean eigh"):
        parse("eihg(A)")


def test_a_formula_of_several_results_is_compiled_and_differentiated():
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    value, gradients = sg.compile("w, V = eigh(A); sum(V @ diag(w**2) @ V.T)").value_and_grad(A=a)
    np.testing.assert_allclose(value, np.sum(a @ a))
    np.testing.assert_allclose(gradients["A"], [[6.0, 7.0], [7.0, 8.0]], rtol=1e-12)  # of sum(A @ A)
