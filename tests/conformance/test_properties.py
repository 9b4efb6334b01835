"""What an op says of its result, given what is known of its operands, holds for numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from zlib import crc32

import numpy as np
import pytest
from strategies import SIZES, fixed_operands, samples

import symgrad as sg
from symgrad.backends.membership import violation
from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import evaluate, named
from symgrad.core.expr import Apply, Expr, Input, OpDef, all_ops
from symgrad.core.properties import MATRIX, VECTOR, Property, essential
from symgrad.core.shapes import Shape
from symgrad.errors import SymgradError
from symgrad.verification.manifold import settle
from symgrad.verification.sampling import draw_normal

MOST_CASES = 120  # of one op
OPS = [op for op in all_ops() if op.operand_names and (op.properties is not None or op.elementwise)]
n, k, b = named("n"), named("k"), named("b")
SQUARES: tuple[Shape, ...] = ((n, n), (n,), (), (n, 1), (1, n), (b, 1, 1), (b, n, n))


def possible(shape: Shape) -> list[frozenset[Property]]:
    square = len(shape) >= 2 and shape[-1] == shape[-2]
    chosen = [p for p in Property if p not in MATRIX | VECTOR or (square if p in MATRIX else len(shape) == 1)]
    return [frozenset(), *(frozenset({p}) for p in chosen)]


def nodes(op: OpDef) -> Iterator[Apply]:
    """Yield samples of the op; of an elementwise one also those with square matrices and what these broadcast with."""
    yield from (sample.node for sample in samples(op))
    if not op.elementwise or fixed_operands(op):
        return
    for shapes in product(SQUARES, repeat=len(op.operand_names)):
        node = op(*(Input(name, shape) for name, shape in zip(op.operand_names, shapes, strict=True)))
        if isinstance(node, Apply):
            yield node


def cases(op: OpDef) -> Iterator[Apply]:
    """Yield nodes of the op over operands of which something is known."""
    found: dict[Apply, None] = {}
    for sample in nodes(op):
        inputs = [x for x in sample.operands if isinstance(x, Input)]
        for chosen in product(*(possible(x.shape) for x in inputs)):
            known = {x: Input(x.name, x.shape, assumed) for x, assumed in zip(inputs, chosen, strict=True)}
            node = Apply(op, tuple(known.get(x, x) for x in sample.operands), sample.params)
            if node.properties:
                found[node] = None
    listed = list(found)
    order = np.random.default_rng(crc32(op.name.encode())).permutation(len(listed))[:MOST_CASES]
    yield from (listed[position] for position in sorted(order))


def values_of(expr: Expr, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: settle(node, draw_normal)(rng, tuple(evaluate(size, SIZES) for size in node.shape))
        for name, node in expr.inputs.items()
    }


def check(node: Expr, seed: int) -> bool:
    """Check the properties of a node at a point; False where it has no value there."""
    try:
        (value,) = evaluate_reference([node], values_of(node, seed))
    except (np.linalg.LinAlgError, SymgradError):
        return False
    if not np.isfinite(value).all():
        return False
    for found in essential(node.properties):
        assert violation(found, value) == "", f"{node} is said to be {found.value}: {value}"
    return True


@pytest.mark.parametrize("op", OPS, ids=[op.name for op in OPS])
def test_what_an_op_says_of_its_result_holds(op: OpDef) -> None:
    for seed, node in enumerate(cases(op)):
        check(node, seed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(X[m,n]) = X.T @ X", "psd"),
        ("f(X[m,n]) = X @ X.T + eye(m)", "spd"),
        ("f(X[m,n], A[m,m]: symmetric) = X.T @ A @ X", "symmetric"),
        ("f(X[m,n], A[m,m]: skew) = X.T @ A @ X", "skew"),
        ("f(X[m,n], A[m,m]: psd) = X.T @ (A @ X)", "psd"),
        ("f(A[n,n]: spd) = inv(2*A + A.T)", "spd"),
        ("f(x[n]) = outer(x, x)", "psd"),
        ("f(x[n]) = x*x", "nonnegative"),
        ("f(x[n]) = x @ x", "nonnegative"),
        ("f(x[n]) = diag(exp(x))", "spd diagonal nonnegative"),
        ("f(A[n,n]: symmetric) = exp(-A/2)", "symmetric positive"),
        ("f(A[n,n]: spd) = cholesky(A)", "lower invertible"),
        ("f(A[n,n]: spd) = cholesky(A).T", "upper invertible"),
        ("f(A[n,n]: symmetric, x[n]) = A*x", ""),
        ("f(L[n,n]: lower, x[n]) = L*x", "lower"),
        ("f(A[n,n], B[n,n]) = A + B", ""),
        ("f(A[n,n]: skew) = A @ A", ""),
        ("f(x[n]) = softmax(x)", "positive simplex"),
        ("f(A[n,n]: spd) = det(A)", "positive"),
        ("f(A[n,n]: orthogonal) = -A.T", "orthogonal"),
        ("f(A[n,n]: diagonal, B[k,k]: diagonal) = kron(A, B)", "diagonal"),
    ],
)
def test_structure_is_found(text: str, expected: str) -> None:
    node = sg.parse(text)
    assert [p.value for p in essential(node.properties)] == expected.split()
    assert check(node, 0)
