"""The math library through the vectoriser: accuracy, special values, and the fallback to scalar calls."""

import numpy as np
import pytest

from symgrad.backends.numba import compile_program
from symgrad.backends.numba.emission import compile_function
from symgrad.backends.numba.layout import make_layout
from symgrad.backends.numba.vector_math import SCALAR_ONLY, load_vector_library, vector_variants
from symgrad.backends.options import Options
from symgrad.core.dims import named
from symgrad.core.expr import Input, all_ops, lookup
from symgrad.core.numeric import Libm, Special
from symgrad.lowering import lower

v, w = Input("v", (named("n"),)), Input("w", (named("n"),))
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, 2.2e-308, 1e-8, 0.5, -0.5, 1.0, -1.0]
EDGES += [20.0, -20.0, 709.7, -745.0, 800.0, -800.0, 1e5, 1e22, -1e22, 1.7e308, -1.7e308]
UNARY = [op.name for op in all_ops() if isinstance(op.numeric, Libm) and len(op.operand_names) == 1]
BINARY = [op.name for op in all_ops() if isinstance(op.numeric, Libm) and len(op.operand_names) == 2]
POLES = ("gamma", "loggamma")  # C and SciPy choose different values at their poles, and near zeros of loggamma


def points(dtype):
    rng = np.random.default_rng(0)
    plain = [rng.uniform(-1, 1, 200), rng.uniform(-30, 30, 200), np.exp(rng.uniform(-20, 20, 200))]
    with np.errstate(over="ignore"):
        return np.concatenate([EDGES, *plain]).astype(dtype)


def reference(name, arrays, dtype):
    function = lookup(name).reference
    function = function.load() if hasattr(function, "load") else function
    with np.errstate(all="ignore"):
        return np.asarray(function(*(a.astype("float64") for a in arrays))).astype(dtype)


def assert_within_ulps(found, expected, ulps):
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))
    finite = np.isfinite(expected)
    error = np.abs(found[finite].astype("float64") - expected[finite]) / np.spacing(np.abs(expected[finite]))
    assert error.max() <= ulps
    zero = finite & (expected == 0)
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(expected[zero]))


@pytest.fixture(params=["vector", "scalar"])
def path(request, monkeypatch):
    if request.param == "scalar":
        monkeypatch.setenv(SCALAR_ONLY, "1")


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_unary_functions_at_edges_and_in_bulk(dtype):
    x = points(dtype)
    kernel = compile_program(lower([lookup(name)(v) for name in UNARY], [v]), dtype, cache=False)
    with np.errstate(over="ignore"):
        results = kernel([x], {"n": x.size})
    for name, found in zip(UNARY, results, strict=True):
        expected = reference(name, [x], dtype)
        if name in POLES:
            regular = (x > 1e-3) & np.isfinite(expected) & (np.abs(expected) > 0.1)
            assert_within_ulps(found[regular], expected[regular], 64)
            continue
        if name == "erfc":  # SciPy's loses hundreds of units in its tail, where the C function is right
            found, expected = found[x < 1], expected[x < 1]
        assert_within_ulps(found, expected, 8)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("name", [name for name in BINARY if name != "power"])
def test_binary_functions(name):
    grid = np.array([*EDGES, 2.0, -3.0, 0.3])
    x, y = (a.ravel() for a in np.meshgrid(grid, grid))
    kernel = compile_program(lower([lookup(name)(v, w)], [v, w]), cache=False)
    assert_within_ulps(kernel([x, y], {"n": x.size})[0], reference(name, [x, y], "float64"), 8)


def test_powers(compare):
    x, y = np.array([0.0, -0.0, 0.5, 2.0, -2.0, np.inf, np.nan]), np.array([2.5, -1.0, 3.0, 0.0, 3.0, -1.0, 1.0])
    compare([v**w, v**2, v**-3, v**0, v**7], {"v": x, "w": y}).agree(1e-15)


def test_the_vector_versions_are_used_where_they_exist():
    if not load_vector_library() or not vector_variants("exp", 1, 64):
        pytest.skip("no libmvec here")
    program = lower([lookup("exp")(v)], [v])
    result, _ = compile_function(program, make_layout(program), Options(), "probe")
    symbols = [symbol for _, symbol in vector_variants("exp", 1, 64)]
    calls = [line for line in result.library.get_asm_str().split("\n") if "call" in line or "mov" in line]
    assert any(symbol in line for symbol in symbols for line in calls)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_special_functions_come_from_scipy(dtype):
    names = [op.name for op in all_ops() if isinstance(op.numeric, Special) and len(op.operand_names) == 1]
    x = np.linspace(0.05, 0.95, 41).astype(dtype)
    kernel = compile_program(lower([lookup(name)(v) for name in names], [v]), dtype, cache=False)
    assert "digamma" in names
    for name, found in zip(names, kernel([x], {"n": x.size}), strict=True):
        np.testing.assert_allclose(found, reference(name, [x], dtype), rtol=1e-13 if dtype == "float64" else 1e-6)
