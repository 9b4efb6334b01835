from __future__ import annotations

import pytest

from symgrad.lowering import Cost, lower, operation_count, program_cost
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


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("f(x[n]) = 2*x + x*x", 5 + 5),  # one pass that reads x once
        ("f(A[m,k], B[k,n]) = A @ B", 3 * 7 + 7 * 5 + 3 * 5),
        ("f(X[m,n], w[n]) = X*w", 15 + 5 + 15),  # a broadcast row is read once
        ("f(A[n,n], b[n]) = solve(A, b)", (25 + 35) + (35 + 5 + 5)),
        ("f(x[n]) = sum(x)", 1 + 5 + 2),  # fill, read, add
    ],
)
def test_bytes_are_the_elements_each_statement_addresses(text: str, elements: int) -> None:
    expr = parse(text)
    cost = program_cost(lower([expr], list(expr.inputs.values())), 4)
    assert cost.at(SIZES).bytes == 4 * elements


def test_a_cost_can_be_read_and_evaluated() -> None:
    expr = parse("f(A[m,n], x[n]) = sum(exp(A @ x))")
    cost = program_cost(lower([expr], list(expr.inputs.values())))
    assert cost.at(SIZES) == Cost(flops=2 * 3 * 5 + 2 * 3, bytes=8 * (15 + 5 + 3 + 1 + 3 + 2), workspace=16 * 8)
    assert str(cost).splitlines()[0] == "flops      2*m*n + 2*m"
    with pytest.raises(KeyError):
        cost.at({"m": 3})
