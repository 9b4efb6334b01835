"""X' diag(v) X in half the work of a product, in every way that it is written."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba import compile_program
from symgrad.backends.numba.emission import compile_function
from symgrad.backends.numba.layout import make_layout
from symgrad.backends.options import Options
from symgrad.lowering import check, lower
from symgrad.lowering.kernel_ir import Call
from symgrad.ops.linalg.gram import weighted_grams
from symgrad.simplify import simplify

WRITTEN = [
    "X.T @ diag(v) @ X",
    "X.T @ (v[:,None]*X)",
    "(X*v[:,None]).T @ X",
    "(X.T*(v*exp(v))) @ X",
    "2*X.T @ (diag(v - 1) @ X) + X.T @ X",
    "X.T @ (X*v[:,None]*c)",
]


def lowered(f):
    return lower(weighted_grams(simplify([f])), list(f.inputs.values()))


def program_of(text):
    f = sg.parse(f"f(X[m,n]{', v[m]' * ('v' in text)}{', c' * ('c' in text)}) = {text}")
    inputs = list(f.inputs.values())
    program = lowered(f)
    check(program)
    return program, [node.name for node in inputs]


def expected(text, given):
    names = {"diag": np.diag, "exp": np.exp, **given}
    return eval(text, {}, names)  # a formula from above


def routines(program):
    return [statement.name for statement in program.statements if isinstance(statement, Call)]


@pytest.mark.parametrize("options", [Options(), Options("float32"), Options(reproducible=True)])
@pytest.mark.parametrize("text", WRITTEN)
def test_products_weighted_by_rows(text, options):
    program, names = program_of(text)
    assert routines(program) == ["weighted_gram"]
    kernel = compile_program(program, options, cache=False)
    rng = np.random.default_rng(0)
    eps = np.finfo(options.dtype).eps
    for rows, columns in ((700, 30), (256, 5), (257, 1), (3, 40), (0, 4), (5, 0)):
        x, v = rng.standard_normal((rows, columns)), rng.standard_normal(rows)
        given = {"X": x.astype(options.dtype), "v": v.astype(options.dtype), "c": np.asarray(1.5, options.dtype)}
        (found,) = kernel([given[name] for name in names], {"m": rows, "n": columns})
        scale = (np.abs(x).T * (5 + v**2)) @ np.abs(x)
        assert np.all(np.abs(found - expected(text, given)) <= 10 * eps * (rows + 1) * (scale + 1))
        if not options.reproducible and " + " not in text:
            np.testing.assert_array_equal(found, found.T)


def test_weights_of_either_sign_zero_infinite_and_nan():
    program, _ = program_of("X.T @ diag(v) @ X")
    kernel = compile_program(program, cache=False)
    x = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25], [1.0, 1.0]])
    for v in ([0.0, -0.0, 0, 0], [-1, -2, -3, -4], [1, -1, 1, -1], [np.inf, 1, 1, 1], [-np.inf, 1, 1, 1], [np.nan] * 4):
        (found,) = kernel([x, np.array(v, float)], {"m": 4, "n": 2})
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(found, (x * np.array(v)[:, None]).T @ x, rtol=1e-14, atol=1e-14)
    (found,) = kernel([np.array([[np.inf, 1.0]]), np.array([-1.0])], {"m": 1, "n": 2})
    np.testing.assert_array_equal(found, [[-np.inf, -np.inf], [-np.inf, -1]])


@pytest.mark.parametrize(
    "text", ["X.T @ X", "(v[:,None]*X).T @ sin(X)", "(X*c).T @ X", "X @ X.T", "(v*X.T) @ (X*v[:,None] + 1)"]
)
def test_other_products_are_products(text):
    assert routines(program_of(text)[0]) == []


def test_few_columns_are_left_to_loops():
    f = sg.parse("f(X[m,3], v[m]) = (v*X.T) @ X")
    assert routines(lowered(f)) == []


def test_scaled_columns():
    f = sg.parse("f(X[m,n], v[n]) = (X*v) @ X.T")
    program = lowered(f)
    assert routines(program) == ["weighted_gram"]
    x, v = np.random.default_rng(0).standard_normal((7, 400)), np.linspace(-1, 1, 400)
    (found,) = compile_program(program, cache=False)([x, v], {"m": 7, "n": 400})
    np.testing.assert_allclose(found, (x * v) @ x.T, rtol=1e-12, atol=1e-12)


def test_the_hessian_of_a_logistic_regression():
    f = sg.parse("f(X[m,n], w[n], y[m]) = sum(softplus(-y*(X @ w)))")
    hessian = sg.hessian(f, "w")
    rng = np.random.default_rng(0)
    given = {"X": rng.standard_normal((600, 8)), "w": rng.standard_normal(8), "y": rng.choice([-1.0, 1.0], 600)}
    s = 1 / (1 + np.exp(given["y"] * (given["X"] @ given["w"])))
    expected = (given["X"] * (s * (1 - s))[:, None]).T @ given["X"]
    kernel = sg.compile(hessian, wrt=[])
    np.testing.assert_allclose(kernel(given), expected, rtol=1e-12, atol=1e-12)
    assert routines(lowered(hessian)) == ["weighted_gram"]


GRAMS = ["X.T @ X", "X @ X.T", "X[:,1:] @ X[:,1:].T", "X[1:].T @ X[1:]", "X[:,:2].T @ X[:,:2]", "sin(X) @ sin(X).T"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", GRAMS)
def test_a_matrix_times_its_transpose(text, dtype):
    f = sg.parse(f"f(X[m,n]) = {text}")
    kernel = compile_program(lower([f], list(f.inputs.values())), dtype, cache=False)
    for rows, columns in ((40, 9), (3, 70), (1, 4), (2, 2)):
        x = np.random.default_rng(0).standard_normal((rows, columns)).astype(dtype)
        (found,) = kernel([x], {"m": rows, "n": columns})
        wanted = eval(text, {}, {"X": x, "sin": np.sin})
        np.testing.assert_allclose(found, wanted, rtol=0, atol=100 * np.finfo(dtype).eps * (rows + columns))
        np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("text", ["S @ x[:,:,None]", "x[:,None,:] @ transpose(S, axes=(0, 2, 1))", "S @ x[0]"])
def test_a_batch_of_products_with_vectors(text):
    f = sg.parse(f"f(S[b,m,n], x[b,n]) = {text}")
    kernel = compile_program(lower([f], list(f.inputs.values())), cache=False)
    for b, m, n in ((5, 6, 7), (1, 1, 1), (3, 2, 0), (0, 2, 2)):
        rng = np.random.default_rng(0)
        s, x = rng.standard_normal((b, m, n)), rng.standard_normal((b, n))
        if b == 0 and "x[0]" in text:
            continue
        names = {"S": s, "x": x, "transpose": np.transpose}
        (found,) = kernel([names[name] for name in f.inputs], {"b": b, "m": m, "n": n})
        np.testing.assert_allclose(found, eval(text, {}, names), rtol=1e-13, atol=1e-14)


def test_gram_products_of_a_batch_use_syrk():
    f = sg.parse("f(S[b,m,n]) = S @ transpose(S, axes=(0, 2, 1))")
    kernel = compile_program(lower([f], list(f.inputs.values())), cache=False)
    s = np.random.default_rng(0).standard_normal((4, 6, 11))
    (found,) = kernel([s], {"b": 4, "m": 6, "n": 11})
    np.testing.assert_allclose(found, s @ s.transpose(0, 2, 1), rtol=1e-13, atol=1e-13)
    program = lower([f], list(f.inputs.values()))
    _, symbols = compile_function(program, make_layout(program), Options(), "probe")
    assert [symbol.function for symbol in symbols if symbol.library == "blas"] == ["dsyrk"]
