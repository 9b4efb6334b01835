"""`symgrad ops`: every op has a row, and a page of its own."""

import pytest

from symgrad.core.expr import all_ops


def test_every_op_has_one_row(run):
    lines = run("ops").stdout.splitlines()
    assert lines[0].split() == ["function", "domain", "kinks", "derivative"]
    assert [line.partition("(")[0] for line in lines[1:]] == sorted(op.name for op in all_ops())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tanh", ["d/dx: 1 - tanh(x)**2"]),
        ("log", ["x > 0", "d/dx: 1/x"]),
        ("arcsin", ["asin(x)", "arcsin", "-1 <= x <= 1", "kink"]),
        ("matmul", ["x_bar: out_bar @ y.T", "y_bar: x.T @ out_bar"]),
        ("sign", ["derivative  0"]),
        ("pi", ["a constant"]),
        ("reshape", ["depends on the parameters"]),
        ("logdet", ["A invertible"]),
        ("svd", ["U, s, Vh = svd(A)", "U = svd_u(A)", "s = svdvals(A)"]),
    ],
)
def test_an_op_has_a_page(run, name, said):
    output = run("ops", name).stdout
    assert [part for part in said if part not in output] == []


def test_an_unknown_op_gets_a_suggestion(run):
    result = run("ops", "ln")
    assert result.exit_code == 2 and "log" in result.stderr and "^" in result.stderr
