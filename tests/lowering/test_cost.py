from __future__ import annotations

import pytest

from symgrad.lowering import lower, operation_count
from symgrad.syntax import parse

SIZES = {"m": 3, "n": 5, "k": 7}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("f(A[m,k], B[k,n]) = A @ B", 2 * 3 * 7 * 5),
        ("f(x[n]) = 2*x + 1", 2 * 5),
        ("f(x[n]) = exp(x)", 5),
        ("f(x[n]) = sum(x*x)", 2 * 5),
        ("f(A[n,n], b[n]) = solve(A, b)", 5**3 + 2 * 5**2),
        ("f(A[n,n], b[n], c[n]) = solve(A, b) + solve(A, c)", 5**3 + 2 * 2 * 5**2 + 5),
        ("f(X[m,n]) = X.T[1:]", 0),
        ("f(x) = x*x", 1),
    ],
)
def test_operations_are_counted(text: str, count: int) -> None:
    expr = parse(text)
    assert operation_count(lower([expr], list(expr.inputs.values())), SIZES) == count


def test_a_missing_size_is_an_error() -> None:
    expr = parse("f(x[n]) = exp(x)")
    with pytest.raises(KeyError, match="n"):
        operation_count(lower([expr], list(expr.inputs.values())), {"m": 3})
