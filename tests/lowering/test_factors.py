"""A kernel factors each matrix once."""

from __future__ import annotations

from collections import Counter

import pytest

import symgrad as sg
from symgrad.core.expr import Expr
from symgrad.lowering import check, lower
from symgrad.lowering.kernel_ir import Call, Strip
from symgrad.simplify import simplify
from symgrad.syntax.python_source import to_python

GAUSSIAN_PROCESS = """
Z = X/exp(ell)
K = exp(s)*exp(-sum((Z[:, None, :] - Z)**2, axis=2)/2) + exp(noise)*eye(n)
f(X[n,d], y[n], ell[d], s, noise) = y @ solve(K, y)/2 + logdet(K)/2
"""


def routines(*outputs: Expr) -> Counter[str]:
    """Return how often a program calls each routine."""
    inputs = {name: node for output in outputs for name, node in output.inputs.items()}
    program = lower(simplify(list(outputs)), list(inputs.values()))
    check(program)
    top = program.statements
    statements = [*top, *(inner for strip in top if isinstance(strip, Strip) for inner in strip.body)]
    return Counter(statement.name for statement in statements if isinstance(statement, Call))


def with_gradients(text: str, *wrt: str) -> Counter[str]:
    return routines(sg.parse(text), *sg.grad(text, list(wrt)).values())


def test_a_gaussian_process_factors_its_covariance_once():
    calls = with_gradients(GAUSSIAN_PROCESS, "ell", "s", "noise")
    assert calls == {"factored": 1, "factored_solve": 1, "factored_inverse": 1}


def test_a_system_and_its_transpose_share_the_factors():
    calls = with_gradients("f(A[n,n], b[n]) = sum(solve(A, b)**2)", "A", "b")
    assert calls == {"factored": 1, "factored_solve": 1, "factored_solve_transposed": 1}


def test_stacks_are_factored_once():
    calls = with_gradients("f(A[b,n,n], B[b,n,k]) = sum(solve(A, B)**2) + sum(logdet(A))", "A", "B")
    assert calls["factored"] == 1


@pytest.mark.parametrize(
    "text", ["inv(A) + inv(A.T)", "det(A)*inv(A).T", "sign, logabs = slogdet(A); sign*logabs*inv(A)"]
)
def test_what_is_read_of_one_matrix(text):
    assert routines(sg.parse(text, shapes={"A": ("n", "n")})) == {"factored": 1, "factored_inverse": 1}


def test_determinants_call_nothing_else():
    sign, size = sg.slogdet(sg.matrix("A", "n", "n"))
    assert routines(sign, size, sg.det(sg.matrix("A", "n", "n"))) == {"factored": 1}


def test_two_matrices_are_factored_each():
    assert routines(sg.parse("f(A[n,n], B[n,n]) = logdet(A) + logdet(B)"))["factored"] == 2


def test_what_is_known_to_be_spd_or_triangular_is_left_to_its_own_routines():
    assert routines(sg.parse("f(A[n,n], b[n]) = solve(A @ A.T + eye(n), b)")) == {"cholesky": 1, "cholesky_solve": 1}
    assert routines(sg.parse("f(A[n,n], b[n]) = solve(tril(A), b)")) == {"solve_lower": 1}


def test_printing_knows_nothing_of_it():
    gradient = sg.grad("f(A[n,n], b[n]) = b @ solve(A, b) + logdet(A)", "A")
    for text in (gradient.formula(), to_python(gradient)):
        assert "inv(A" in text and "factored" not in text
