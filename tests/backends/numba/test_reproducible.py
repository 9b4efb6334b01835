"""Which freedom the compiler has: to reorder sums, unless results are to be reproducible; nothing else."""

import re

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba import compile_program
from symgrad.backends.numba.emission import compile_function
from symgrad.backends.numba.layout import make_layout
from symgrad.backends.options import Options
from symgrad.core.expr import Expr
from symgrad.lowering import lower

ALLOWED = {"reassoc", "contract", "nsz", "arcp"}
FLAGS = re.compile(r"\b(fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)\b")
REDUCTION = re.compile(r"= (tail call|call|fadd|fmul|phi|select|fcmp) .*")
X, Y, w = sg.matrix("X", "m", "n"), sg.matrix("Y", "n", "k"), sg.vector("w", "n")
ELEMENTWISE = [sg.exp(w) * w - w / (1 + w), sg.sin(X) * w + X**3, sg.maximum(X, w)]
SUMS = [sg.sum(sg.exp(X) * w), sg.sum(X, axis=0), sg.prod(w), sg.max(X, axis=1)]
PRODUCTS = [X @ Y, X @ w, X.T @ X, w @ Y]


def compiled(outputs: list[Expr], options: Options) -> str:
    """Return the LLVM code of a kernel, optimised, without comments and names."""
    inputs = {name: node for output in outputs for name, node in output.inputs.items()}
    program = lower(outputs, list(inputs.values()))
    result, _ = compile_function(program, make_layout(program), options, "probe")
    return re.sub(r'"[^"]*"|;.*', "", str(result.library.get_llvm_str()))


def flagged(code: str) -> list[str]:
    return [line for line in code.split("\n") if "=" in line and FLAGS.search(line)]


def test_elementwise_arithmetic_is_strict():
    assert flagged(compiled(ELEMENTWISE, Options())) == []


def test_only_reductions_have_flags_and_none_that_drops_nan_or_infinity():
    lines = flagged(compiled(SUMS, Options()))
    assert any("fadd reassoc" in line for line in lines)
    for line in lines:
        assert set(FLAGS.findall(line)) <= ALLOWED, line
        assert REDUCTION.search(line), line
    assert not any(" fsub " in line or " fdiv " in line for line in lines)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_reproducible_kernel_has_no_flags_no_blas_and_no_vector_math(dtype):
    code = compiled([*SUMS, *PRODUCTS], Options(dtype, reproducible=True))
    assert flagged(code) == []
    assert "symgrad_libm_exp" in code and "symgrad_blas" not in code and "_ZGV" not in code
    assert "fmuladd" not in code and "llvm.fma" not in code


def in_order(terms: np.ndarray) -> np.ndarray:
    """Add up along the first axis, one after the other."""
    total = np.zeros(terms.shape[1:], terms.dtype)
    for term in terms:
        total += term
    return total


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_reproducible_sums_and_products_are_those_of_a_plain_loop(dtype):
    rng = np.random.default_rng(0)
    x, y, v = (rng.standard_normal(shape).astype(dtype) for shape in ((37, 1003), (1003, 19), (1003,)))
    outputs = [sg.sum(w), sg.sum(X, axis=0), sg.sum(X, axis=1), sg.sum(X * w), X @ Y, X @ w, w @ Y, X.T @ X, w @ w]
    kernel = compile_program(lower(outputs, [X, Y, w]), Options(dtype, reproducible=True), cache=False)
    results = kernel([x, y, v], {"m": 37, "n": 1003, "k": 19})
    expected = [
        in_order(v),
        in_order(x),
        in_order(x.T),
        in_order(in_order((x * v).T)),  # row by row
        in_order(x.T[:, :, None] * y[:, None, :]),
        in_order((x * v).T),
        in_order(v[:, None] * y),
        in_order(x[:, :, None] * x[:, None, :]),
        in_order(v * v),
    ]
    for found, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_reproducible_kernel_of_a_model_agrees_with_the_fast_one():
    formula = "sum(log(1 + exp(-y*(X @ w)))) + lam*sum(w**2)"
    rng = np.random.default_rng(1)
    given = {"X": rng.standard_normal((50, 7)), "w": rng.standard_normal(7), "y": rng.standard_normal(50), "lam": 0.1}
    fast, fixed = (sg.compile(formula, reproducible=flag).value_and_grad(given) for flag in (False, True))
    np.testing.assert_allclose(fixed[0], fast[0], rtol=1e-13)
    for name, gradient in fixed[1].items():
        np.testing.assert_allclose(gradient, fast[1][name], rtol=1e-12, atol=1e-13)
