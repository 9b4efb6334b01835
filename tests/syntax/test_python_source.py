from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from op_samples import samples

from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Expr, Foreign, Input, OpDef, all_ops, lookup
from symgrad.errors import OperandError, ShapeError
from symgrad.syntax import parse, to_python

SIZES = {"m": 3, "n": 4, "k": 2}


def arrays(expr: Expr) -> dict[str, Any]:
    random = np.random.default_rng(0)
    found = {}
    for name, node in expr.inputs.items():
        shape = tuple(size if isinstance(size, int) else size.evaluate(SIZES) for size in node.shape)
        values = random.uniform(0.2, 0.9, shape)
        square = len(shape) == 2 and shape[0] == shape[1]
        found[name] = values @ values.T + np.eye(shape[0]) if square else values
    return found


def run(source: str, arguments: list[Any]) -> Any:
    namespace: dict[str, Any] = {}
    exec(compile(source, "exported", "exec"), namespace)
    return namespace["f"](*arguments)


FORMULAS = [
    "sum((X @ w - y)**2) + lam*sum(w**2)",
    "2*X.T @ (X @ w - y) + 2*lam*w",
    "softplus(a) + sigmoid(b) + relu(c) + erf(a) + loggamma(b)",
    "where(a < b, a, b) + (a >= b)*2 + sign(a) + maximum(a, 2*b)",
    "softmax(x)",
    "logsumexp(X, axis=1, keepdims=True)",
    "mean(X, axis=0) + max(X, axis=0) - min(X) + prod(X)",
    "norm(x) + norm1(x)",
    "x[1:] - x[:-1]",
    "x[::-1][None]*x",
    "f(x[n]) = x[n - 2]*n",
    "f(n[n]) = n*size(n)",
    "f(x[n - 1]) = x + n",
    "diag(x) @ y",
    "diag(A) + diagonal(A)",
    "outer(x, x) @ x + trace(A)",
    "f(A[n,n], b[n]) = solve(A, b) + inv(A) @ b",
    "det(A) + logdet(A) + sum(cholesky(A))",
    "eye(3) @ ones((3,)) + zeros((3,))",
    "f(X[m,n,k]) = transpose(X, (2, 0, 1))",
    "f(x[n]) = broadcast_to(x, (m, n))*m",
    "f(X[m,1], Y[m,n]) = broadcast_to(X, (m, n)) + Y",
    "f(x[n]) = scatter(x, [1:], (n + 1,))",
    "f(X[m,n]) = reshape(X, (-1,))",
    "-(a*b)**-2 + 2**a - (-3)**2",
    "a**b**c - (a**b)**c",
    "pi*e*a",
    "X.T**2",
    "f(lambda, class, np) = lambda*class - np",
    "tril(A)",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_same_numbers(text: str) -> None:
    expr = parse(text)
    values = arrays(expr)
    expected = evaluate_reference([expr], values, sizes=SIZES)[0]
    source = to_python(expr)
    extra = [SIZES[name] for name in free_sizes(source, expr)]
    result = np.asarray(run(source, [*values.values(), *extra]))
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_runs_without_symgrad() -> None:
    source = to_python(parse("sum(softplus(x))/2"))
    script = f"{source}\nimport sys\nprint(f([0.0, 0.0]))\nassert 'symgrad' not in sys.modules\n"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(np.log(2))


def test_shared_terms_get_a_line() -> None:
    node: Expr = Input("s")
    for _ in range(40):
        node = lookup("sin")(node * node)
    source = to_python(node)
    assert source.count("np.sin") == 40
    assert run(source, [0.5]) == pytest.approx(float(evaluate_reference([node], {"s": 0.5})[0]), rel=1e-12)


@pytest.mark.parametrize("op", all_ops(), ids=lambda op: op.name)
def test_every_op_computes_the_same(op: OpDef) -> None:
    for node in samples(op):
        try:
            source = to_python(node)
        except OperandError:  # NumPy and SciPy have no such function under one name
            assert not isinstance(op.reference, Foreign)
            continue
        values = arrays(node)
        extra = [SIZES[name] for name in free_sizes(source, node)]
        with np.errstate(all="ignore"):
            try:
                expected = evaluate_reference([node], values, sizes=SIZES)[0]
            except ShapeError:  # the sizes of the samples do not suit every op
                assert op.requires is not None
                continue
            result = np.asarray(run(source, [*values.values(), *extra]))
        assert result.shape == expected.shape
        np.testing.assert_allclose(result, expected, rtol=1e-12)


def free_sizes(source: str, node: Expr) -> list[str]:
    """Return the parameters of the exported function that are not inputs: sizes that no input tells."""
    head = next(line for line in source.splitlines() if line.startswith("def f("))
    names = head.removeprefix("def f(").removesuffix("):").split(", ")
    return [name for name in names[len(node.inputs) :] if name]


def test_a_diagonal_matrix_in_a_product_stands_in_brackets() -> None:
    node = parse("A @ diag(x) @ A.T")
    values = {"A": np.arange(9.0).reshape(3, 3), "x": np.array([1.0, -2.0, 3.0])}
    np.testing.assert_allclose(run(to_python(node), [*values.values()]), evaluate_reference([node], values)[0])
