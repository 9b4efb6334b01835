"""Compiled kernels against the reference interpreter, over shapes, dtypes and kinds of statements."""

import numpy as np
import pytest

from symgrad.backends.numba import compile_program
from symgrad.core.dims import named
from symgrad.core.expr import Input, lookup
from symgrad.errors import ShapeError
from symgrad.lowering import lower

m, n, k, batch = (named(name) for name in ("m", "n", "k", "b"))
x, y = Input("x"), Input("y")
v, w = Input("v", (n,)), Input("w", (n,))
A, B, C = Input("A", (m, n)), Input("B", (n, k)), Input("C", (m, n))
S = Input("S", (batch, n, n))
SIZES = {"m": 3, "n": 5, "k": 4, "b": 2}


def values_for(*nodes: Input, sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    return {
        node.name: rng.standard_normal([s if isinstance(s, int) else s.evaluate(sizes) for s in node.shape])
        for node in nodes
    }


def op(name):
    return lookup(name)


def exp(e):
    return op("exp")(e)


def total(e, **keywords):
    return op("sum")(e, **keywords)


CASES = {
    "scalars": lambda: [x * y + exp(x) / y, op("sin")(x)],
    "elementwise": lambda: [exp(v) * w - v / w, v**3],
    "several outputs, one an input": lambda: [v, v + 1, v, total(v)],
    "a literal": lambda: [op("add")(x, 0) * 0 + 2],
    "broadcast": lambda: [A * v + x, A[:, 0:1] * v],
    "full reduction": lambda: [total(A * A), op("max")(A), op("min")(A), op("prod")(A)],
    "reduction of rows and columns": lambda: [total(A, axis=0), total(A * 2, axis=1), op("max")(A, axis=0)],
    "kept axes": lambda: [A - op("mean")(A, axis=1, keepdims=True), op("softmax")(A, axis=1)],
    "a reduction used in a reduction": lambda: [total((v - op("mean")(v)) ** 2), v / op("norm")(v)],
    "logsumexp": lambda: [op("logsumexp")(A, axis=1), op("logsumexp")(v)],
    "transpose": lambda: [A.T + 1, (exp(A).T * v[:, None]).T],
    "slices": lambda: [v[1:] - v[:-1], v[::-1], A[1:, ::2], exp(v)[1:] * exp(v)[:-1]],
    "an element": lambda: [A[0, 1] * v, v[-1]],
    "reshape": lambda: [op("reshape")(exp(A), (m * n,)), op("reshape")(A, (n, m)) @ A[:, 0]],
    "diagonal": lambda: [op("diagonal")(A.T @ A), op("diag")(v) @ w, op("trace")(A.T @ A)],
    "scatter": lambda: [op("diag")(exp(v)) + 1, op("eye")(n) * x],
    "triangle": lambda: [op("tril")(A.T @ A), op("tril")(A.T @ A).T],
    "matrix products": lambda: [A @ B, A @ v, v @ B, v @ w, A.T @ C, A @ C.T, (A @ B).T @ A],
    "products of expressions": lambda: [(A * 2) @ exp(v), (A + C).T @ (A @ v), (A[:, 1:] @ v[1:])],
    "outer": lambda: [op("outer")(v, w), v[:, None] @ w[None, :]],
    "batches": lambda: [S @ v, S @ B, A @ S, S @ S, op("transpose")(S, axes=(0, 2, 1)) @ B],
    "where": lambda: [op("where")(op("greater")(v, 0), op("log")(v), op("exp")(v))],
    "sizes": lambda: [total(v) / op("size")(n) + op("size")(m * n - 1) * x * total(A)],
    "stage order": lambda: [exp(v) * x, total(exp(v) * x), A @ exp(v), total(A @ exp(v)) * exp(v)],
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_kernel_agrees_with_reference(name, dtype, compare):
    outputs = CASES[name]()
    used = {node for output in outputs for node in output.inputs.values()}
    compare(outputs, values_for(*sorted(used, key=lambda node: node.name)), dtype).agree(
        *((1e-13, 1e-13) if dtype == "float64" else (1e-4, 1e-4))
    )


@pytest.mark.parametrize("sizes", [(1, 1, 1), (0, 3, 2), (3, 0, 2), (2, 3, 0), (0, 0, 0), (37, 130, 9)])
def test_one_kernel_serves_every_shape(sizes, compare):
    outputs = [A @ B, A @ v, v @ w, total(A, axis=0), total(exp(A), axis=1), A * v, total(A), A.T @ (A @ v)]
    values = values_for(A, B, v, w, sizes=dict(zip("mnk", sizes, strict=True)))
    compare(outputs, values).agree(1e-12, 1e-12)


def test_axes_of_size_one(compare):
    row, column = Input("r", (1, n)), Input("c", (n, 1))
    outputs = [row + column, row @ column, column @ row, total(row, axis=0), row.T * column, total(column)]
    compare(outputs, values_for(row, column)).agree(1e-13)


def test_small_products_of_known_size(compare):
    P, Q, R = Input("P", (batch, 3, 2)), Input("Q", (2, 4)), Input("R", (3, 0))
    compare([P @ Q, Q.T @ P[0].T, Q[0] @ Q[1], R @ R.T, Q @ Q.T @ Q], values_for(P, Q, R)).agree(1e-13)


def test_results_can_go_into_given_arrays():
    kernel = compile_program(lower([v * 2, total(v), v + 1], [v]), cache=False)
    out = [np.empty(3), np.empty(3)]
    double, value, more = kernel([np.ones(3)], {"n": 3}, out=out)
    assert double is out[0] and more is out[1] and value == 3
    np.testing.assert_array_equal(out, [[2.0] * 3, [2.0] * 3])


@pytest.mark.parametrize("extremum", ["max", "min"])
def test_extremum_keeps_nan_and_refuses_nothing(extremum, compare):
    values = {"v": np.array([1.0, np.nan, 3.0])}
    assert np.isnan(compare([op(extremum)(v)], values).kernel[0])
    kernel = compile_program(lower([op(extremum)(v)], [v]), cache=False)
    with pytest.raises(ShapeError, match="n = 0 elements"):
        kernel([np.empty(0)], {"n": 0})


def test_nan_stays_in_its_branch(compare):
    result = compare([op("where")(op("greater")(v, 0), op("log")(v), -v)], {"v": np.array([-1.0, 2.0, -np.inf])})
    np.testing.assert_array_equal(result.kernel[0], [1.0, np.log(2.0), np.inf])


def test_results_are_fresh_and_work_memory_is_reused():
    kernel = compile_program(lower([exp(A @ v), total(exp(A @ v))], [A, v]), cache=False)
    first = kernel([np.ones((2, 3)), np.ones(3)], {"m": 2, "n": 3})
    second = kernel([np.zeros((700, 3)), np.zeros(3)], {"m": 700, "n": 3})
    np.testing.assert_allclose(first[0], np.exp([3.0, 3.0]))
    assert second[1] == 700 and not np.shares_memory(first[0], second[0])


def test_a_long_chain_of_scalar_operations(compare):
    e, carried = x, y
    for step in range(6000):
        e, carried = e * 0.5 + carried, e - carried * (1 + step % 3) / 4
    compare([e, carried], {"x": 0.3, "y": 0.2}).agree(1e-10, 1e-300)


def test_a_long_chain_of_array_operations(compare):
    e = v
    for _ in range(600):
        e = op("sin")(e) * 1.5 + w
    compare([e, total(e)], values_for(v, w)).agree(1e-9)


def test_random_straight_line_programs(compare):
    rng = np.random.default_rng(3)
    for array in (False, True):
        nodes = [v, w, v * w] if array else [x, y, x * y]
        for _ in range(300):
            a, b = (nodes[i] for i in rng.integers(max(0, len(nodes) - 20), len(nodes), 2))
            choice = op("where")(op("less")(a, b), a, b)
            nodes.append([a + b, a - b, a * 0.5 * b, op("tanh")(a), choice][rng.integers(5)])
        compare(nodes[-12:], {"x": 0.4, "y": -0.7} if not array else values_for(v, w)).agree(1e-9, 1e-12)
