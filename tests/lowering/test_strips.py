"""Programs in strips compute what the uncut programs compute, and hold only a strip of what is passed on."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba import compile_program, scope
from symgrad.lowering import check, kernel_ir, lower
from symgrad.lowering.kernel_ir import Block, Strip

SIZES = {"m": 7, "n": 5, "k": 3}
FORMULAS = {
    "logistic loss": "f(X[m,n], y[m], w[n]) = sum(log(1 + exp(-y*(X @ w)))) + sum(w**2)",
    "masked factorisation": "f(M[m,n], R[m,n], U[m,k], V[n,k]) = sum(M*(R - U @ V.T)**2)",
    "softmax of rows": "f(X[m,n], W[n,k]) = sum(softmax(X @ W, axis=1)**2)",
    "mixture": "f(a[k], M[k,n], X[m,n]) = sum(logsumexp(a - sum((X[:,None,:] - M)**2, axis=2), axis=1))",
    "matrix result": "f(X[m,n], W[n,k]) = tanh(X @ W)",
    "two sums": "f(X[m,n], W[n,k]) = sum(tanh(X @ W)**2)*sum(exp(sin(X @ W)))",
    "gram matrix": "f(X[m,n], v[m]) = logdet(eye(n) + (X*v[:,None]).T @ (X*v[:,None]))",
    "batched": "f(A[m,n,n], x[m,n], B[m,n]) = sum((A @ (exp(x)*B)[:,:,None])**2)",
    "running sum of rows": "f(X[m,n], w[n]) = sum(exp(cumsum(X*w, axis=1)) @ w)",
    "rows of symmetric distances": "f(X[m,n], v[m]) = v @ exp(-sum((X[:,None,:] - X[None,:,:])**2, axis=2)) @ v",
    "flattened": "f(X[m,n], Y[m,n]) = sum(sin(X*Y)*(X @ (Y.T @ X)))",
}


@pytest.fixture
def two_rows(monkeypatch):
    """Strips of two rows, whatever the sizes."""
    for module in (kernel_ir, scope):
        for name, value in (("CACHE", 1), ("FEWEST", 2), ("NARROW", 10**9)):
            monkeypatch.setattr(module, name, value)


def outputs_of(text):
    f = sg.parse(text)
    return [f, *(sg.jacobian(f, x) for x in f.inputs.values())], list(f.inputs.values())


def arrays_for(inputs):
    rng = np.random.default_rng(4)
    return [rng.uniform(0.2, 1.2, tuple(SIZES[str(size)] for size in x.shape)) for x in inputs]


@pytest.mark.parametrize("text", FORMULAS.values(), ids=FORMULAS)
def test_strips_change_nothing(text, two_rows):
    outputs, inputs = outputs_of(text)
    whole, cut = lower(outputs, inputs, strips=False), lower(outputs, inputs)
    check(cut)
    assert any(isinstance(statement, Strip) for statement in cut.statements)
    arrays = arrays_for(inputs)
    expected = compile_program(whole, cache=False)(arrays, SIZES)
    for found, wanted in zip(compile_program(cut, cache=False)(arrays, SIZES), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_any_number_of_rows(rows, two_rows):
    outputs, inputs = outputs_of(FORMULAS["logistic loss"])
    sizes = {"m": rows, "n": 3}
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=tuple(sizes[str(size)] for size in x.shape)) for x in inputs]
    X, y, w = (arrays[[x.name for x in inputs].index(name)] for name in "Xyw")
    value, *gradients = compile_program(lower(outputs, inputs), cache=False)(arrays, sizes)
    assert value == pytest.approx(np.sum(np.log1p(np.exp(-y * (X @ w)))) + np.sum(w**2))
    by_name = dict(zip((x.name for x in inputs), gradients, strict=True))
    expected = X.T @ (-y / (1 + np.exp(y * (X @ w)))) + 2 * w
    np.testing.assert_allclose(by_name["w"], expected, rtol=1e-12)


def test_a_factorisation_holds_no_matrix_of_the_size_of_the_data():
    outputs, inputs = outputs_of(FORMULAS["masked factorisation"])
    wanted = [inputs.index(x) for x in inputs if x.name in "UV"]
    program = lower([outputs[0], *(outputs[1 + k] for k in wanted)], inputs)
    held = [b.shape for b in program.buffers if b.kind is kernel_ir.BufferKind.WORK and len(b.shape) == 2]
    assert all({str(size) for size in shape} != {"m", "n"} for shape in held)


def test_vectors_alone_are_not_cut():
    outputs, inputs = outputs_of("f(x[n], y[n]) = sum(exp(x - max(x))*y)")
    assert not any(isinstance(statement, Strip) for statement in lower(outputs, inputs).statements)


def test_arithmetic_bound_products_are_not_cut():
    block = Block("n", 10_000, ((200, 300),))
    assert block.rows({"n": 5000}) == 5000
    assert Block("n", 10_000, ((200, 3),)).rows({"n": 5000}) < 5000
