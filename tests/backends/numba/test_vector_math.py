"""The math library through the vectoriser: accuracy, special values, and the fallback to scalar calls."""

import platform
import re
from functools import cache

import numpy as np
import pytest

from symgrad.backends.numba import compile_program, scalars
from symgrad.backends.numba.emission import compile_function
from symgrad.backends.numba.layout import make_layout
from symgrad.backends.numba.vector_math import SCALAR_ONLY, vector_variants
from symgrad.backends.options import Options
from symgrad.core.dims import named
from symgrad.core.expr import Input, all_ops, lookup
from symgrad.core.numeric import Libm, Special
from symgrad.lowering import lower

v, w = Input("v", (named("n"),)), Input("w", (named("n"),))
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, 2.2e-308, 1e-8, 0.5, -0.5, 1.0, -1.0]
EDGES += [20.0, -20.0, 709.7, -745.0, 800.0, -800.0, 1e5, 1e22, -1e22, 1.7e308, -1.7e308]
EDGES += [1e-45, -1e-45, 1e-40, 1.1e-38, 88.7, -87.3, 89.0, -104.0, 128.0, -150.0, 38.5, 308.3, 1023.9, -1074.5, 3.3e38]
EDGES += [1 - 1e-7, 1 + 1e-7, 1 + 1e-15, np.pi / 2, np.pi, 1e15]
UNARY = [op.name for op in all_ops() if isinstance(op.numeric, Libm) and len(op.operand_names) == 1]
BINARY = [op.name for op in all_ops() if isinstance(op.numeric, Libm) and len(op.operand_names) == 2]
BINARY.append("power")  # whose code depends on the exponent
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
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", BINARY)
def test_binary_functions(name, dtype):
    with np.errstate(over="ignore"):
        grid = np.array([*EDGES, 2.0, -3.0, 0.3], dtype)
    x, y = (a.ravel() for a in np.meshgrid(grid, grid))
    kernel = compile_program(lower([lookup(name)(v, w)], [v, w]), dtype, cache=False)
    with np.errstate(over="ignore"):
        expected = reference(name, [x, y], dtype)
    assert_within_ulps(kernel([x, y], {"n": x.size})[0], expected, 8)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_missing_exp10_is_a_power(dtype, monkeypatch):
    monkeypatch.setattr(scalars, "has_function", lambda name: name != "exp10")
    kernel = compile_program(lower([lookup("exp10")(v)], [v]), dtype, cache=False)
    x = points(dtype)
    with np.errstate(over="ignore"):
        assert_within_ulps(kernel([x], {"n": x.size})[0], reference("exp10", [x], dtype), 8)


def test_powers(compare):
    x, y = np.array([0.0, -0.0, 0.5, 2.0, -2.0, np.inf, np.nan]), np.array([2.5, -1.0, 3.0, 0.0, 3.0, -1.0, 1.0])
    compare([v**w, v**2, v**-3, v**0, v**7], {"v": x, "w": y}).agree(1e-15)


VECTOR = [name for name in UNARY if name not in POLES]  # a call that cannot be widened keeps its loop scalar


@cache
def machine_code(outputs, dtype):
    program = lower(outputs, [v, w])
    result, _ = compile_function(program, make_layout(program), Options(dtype), "probe")
    return result.library.get_asm_str()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [*VECTOR, *BINARY])
def test_the_vector_versions_are_used_where_they_exist(name, dtype):
    outputs = (*(lookup(each)(v) for each in VECTOR), *(lookup(each)(v, w) for each in BINARY))
    function = "pow" if name == "power" else lookup(name).numeric.name
    arity, bits = len(lookup(name).operand_names), 64 if dtype == "float64" else 32
    variants = vector_variants(function + ("f" if bits == 32 else ""), arity, bits)
    if not variants:
        pytest.skip("libmvec has no such function")
    widest = max(variants)[1]
    calls = [line for line in machine_code(outputs, dtype).split("\n") if "call" in line or "mov" in line]
    assert any(re.search(rf"\b{widest}\b", line) for line in calls)


def test_all_of_the_vector_library_is_within_reach():
    known = "exp exp2 exp10 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh"
    known += " atanh pow cbrt erf erfc hypot"
    reached = {lookup(name).numeric.name for name in [*UNARY, *BINARY] if name != "power"} | {"pow"}
    assert set(known.split()) <= reached


NO_CALLS = {
    "sqrt": lookup("sqrt")(v),
    "abs": lookup("abs")(v),
    "sign": lookup("sign")(v),
    "maximum": lookup("maximum")(v, w),
    "minimum": lookup("minimum")(v, w),
    "where": lookup("where")(lookup("less")(v, w), v, w),
    "power": v**5 - v**-2,
    "triangle": lookup("tril")(lookup("outer")(v, w)),
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86 registers")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NO_CALLS)
def test_arithmetic_is_vectorised(name, dtype):
    packed = re.findall(r"\bv?\w+p[sd]\s.*%[xyz]mm", machine_code((NO_CALLS[name],), dtype))
    assert packed


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arithmetic_has_numpys_nan_and_zeros(dtype):
    with np.errstate(over="ignore"):
        grid = np.array([*EDGES, 2.0, -3.0], dtype)
    x, y = (a.ravel() for a in np.meshgrid(grid, grid))
    outputs = [lookup("maximum")(v, w), lookup("minimum")(v, w), lookup("sqrt")(v), lookup("abs")(v), lookup("sign")(v)]
    results = compile_program(lower(outputs, [v, w]), dtype, cache=False)([x, y], {"n": x.size})
    with np.errstate(invalid="ignore"):
        expected = [np.maximum(x, y), np.minimum(x, y), np.sqrt(x), np.abs(x), np.sign(x)]
    for found, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    zero = ~((x == 0) & (y == 0))  # of two zeros NumPy takes either
    for k in (0, 1):
        np.testing.assert_array_equal(np.signbit(results[k][zero]), np.signbit(expected[k][zero]))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_special_functions_come_from_scipy(dtype):
    names = [op.name for op in all_ops() if isinstance(op.numeric, Special) and len(op.operand_names) == 1]
    x = np.linspace(0.05, 0.95, 41).astype(dtype)
    kernel = compile_program(lower([lookup(name)(v) for name in names], [v]), dtype, cache=False)
    assert "digamma" in names
    for name, found in zip(names, kernel([x], {"n": x.size}), strict=True):
        np.testing.assert_allclose(found, reference(name, [x], dtype), rtol=1e-13 if dtype == "float64" else 1e-6)
