"""Every op of the registry: its references, derivatives, kernels and printed forms. A new op needs no edit here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
from strategies import SIZES, Sample, draw, n, samples, scalarised

import symgrad as sg
from symgrad.backends.kernel import Kernel, Program
from symgrad.backends.options import Options
from symgrad.backends.reference import evaluate_mp, evaluate_reference
from symgrad.core.expr import Expr, Flat, Input, OpDef, Partials, all_ops
from symgrad.diff.jacobian import jacobian
from symgrad.diff.pullback import pull_back
from symgrad.diff.pushforward import push_forward
from symgrad.errors import OperandError
from symgrad.lowering import lower
from symgrad.simplify import simplify
from symgrad.syntax import parse, to_text
from symgrad.verification.precise import MORE_DIGITS, as_float, directional_derivative, evaluate_twice
from symgrad.verification.rounding import INFLATION, spreads

OPS = all_ops()
PER_KERNEL = 6  # ops; a kernel of many expressions compiles faster than many kernels
LARGEST_RANK = 4  # of the Jacobians that are compiled
EPS = {"float64": float(np.finfo("f8").eps), "float32": float(np.finfo("f4").eps)}
UNROUNDED = 1e-13
EXACT = mpmath.mpf(10) ** -30

every_op = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


def of_samples(op: OpDef) -> list[Sample]:
    found = samples(op)
    assert found, f"no sample of {op.name} could be built"
    return list(found)


def expected(exprs: list[Expr], values: dict[str, Any], dtype: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each expression its 50-digit value and a bound on the rounding errors of a good computation."""
    exact = [as_float(value) for value in evaluate_mp(exprs, values, 50, SIZES)]
    if any(map(kernel_of, exprs)):  # nothing is said about its rounding either
        return [(value, UNROUNDED * np.maximum(np.abs(value), UNROUNDED)) for value in exact]
    bounds = spreads(exprs, values, exact, np.random.default_rng(1), EPS[dtype], SIZES)
    return list(zip(exact, [INFLATION * bound for bound in bounds], strict=True))


def compare(found: np.ndarray, wanted: tuple[np.ndarray, np.ndarray], what: object) -> None:
    value, bound = wanted
    assert found.shape == value.shape, what
    error = np.abs(np.asarray(found, float) - value)
    assert (error <= bound + 1e-300).all(), f"{what}: off by {np.max(error - bound):.3g} beyond the bound"


# --- values ----------------------------------------------------------------------------------------------------------


@every_op
def test_reference_agrees_with_50_digits(op: OpDef) -> None:
    for sample in of_samples(op):
        (found,) = evaluate_reference([sample.node], sample.values, sizes=SIZES)
        compare(found, expected([sample.node], sample.values, "float64")[0], sample)


@every_op
def test_no_elements_give_no_elements(op: OpDef) -> None:
    for sample in of_samples(op):
        sizes = {**SIZES, "n": 0}
        if not op.elementwise or n not in sample.node.shape:
            continue
        values = draw(sample.node, np.random.default_rng(0), sizes)
        (found,) = evaluate_reference([sample.node], values, sizes=sizes)
        assert found.size == 0


# --- derivatives, at 65 digits ---------------------------------------------------------------------------------------


def contract(jacobian: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the tangent that a Jacobian (axes of the output, then of the input) gives of a direction."""
    return np.asarray(np.tensordot(jacobian, direction, axes=direction.ndim), dtype=object)


def direction_of(x: np.ndarray, seed: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, x.shape))


def in_mp(expr: Expr, values: dict[str, Any]) -> np.ndarray:
    with mpmath.workdps(MORE_DIGITS):
        return evaluate_mp([expr], values, MORE_DIGITS, SIZES)[0]


def check_equal(found: np.ndarray, wanted: np.ndarray, what: object) -> None:
    with mpmath.workdps(MORE_DIGITS):
        assert found.shape == wanted.shape, what
        for a, b in zip(np.ravel(found), np.ravel(wanted), strict=True):
            assert abs(a - b) <= EXACT * (1 + abs(b)), f"{what}: {mpmath.nstr(a, 20)}, not {mpmath.nstr(b, 20)}"


def check_against_differences(output: Expr, slope: Expr, x: Input, values: dict[str, Any], what: object) -> None:
    """Compare a Jacobian with a difference quotient along a direction in which every entry counts."""
    (centre,) = evaluate_twice([output], values, SIZES)
    direction = direction_of(values[x.name], 11)
    wanted = directional_derivative(output, values, x.name, direction, centre, SIZES)
    assert not wanted.kinked.any(), f"{what}: the sample lies at a kink"
    with mpmath.workdps(MORE_DIGITS):
        found = contract(in_mp(slope, values), direction)
        assert found.shape == wanted.low.shape, what
        for a, b, u in zip(np.ravel(found), np.ravel(wanted.low), np.ravel(wanted.uncertainty), strict=True):
            assert abs(a - b) <= u + EXACT * (1 + abs(b)), f"{what}: {mpmath.nstr(a, 20)}, not {mpmath.nstr(b, 20)}"


@every_op
def test_jacobian_agrees_with_differences(op: OpDef) -> None:
    for sample in of_samples(op):
        for x, slope in zip(sample.wrt, jacobian(sample.node, sample.wrt), strict=True):
            assert slope.shape == sample.node.shape + x.shape
            check_against_differences(sample.node, slope, x, sample.values, f"d({sample})/d{x}")


@every_op
def test_rewritten_jacobian_is_the_same(op: OpDef) -> None:
    for sample in of_samples(op):
        for x in sample.wrt:
            raw, written = jacobian(sample.node, [x])[0], sg.jacobian(sample.node, x)
            check_equal(in_mp(written, sample.values), in_mp(raw, sample.values), f"d({sample})/d{x} = {written}")


@every_op
def test_gradient_of_a_number_is_the_contracted_jacobian(op: OpDef) -> None:
    """The cotangent of a sweep without batch axes takes other paths through the rules than an identity does."""
    for sample in of_samples(op):
        total, values = scalarised(sample)
        weights = in_mp(total.inputs[next(name for name in values if name not in sample.values)], values)
        for x in sample.wrt:
            (gradient,), (slope,) = jacobian(total, [x]), jacobian(sample.node, [x])
            with mpmath.workdps(MORE_DIGITS):
                wanted = np.tensordot(weights, in_mp(slope, values), axes=weights.ndim)
            check_equal(in_mp(gradient, values), np.asarray(wanted, dtype=object), sample)


@every_op
def test_pushforward_and_pullback_are_adjoint(op: OpDef) -> None:
    for sample in of_samples(op):
        cotangent = Input("cotangent", sample.node.shape)
        for x in sample.wrt:
            tangent = Input("tangent", x.shape)
            left = sg.sum(cotangent * push_forward(sample.node, {x: tangent}))
            right = sg.sum(tangent * pull_back(sample.node, cotangent, [x])[0])
            values = {**sample.values, "tangent": direction_of(sample.values[x.name], 5)}
            values["cotangent"] = direction_of(in_mp(sample.node, sample.values), 6)
            check_equal(in_mp(left, values), in_mp(right, values), f"{sample} by {x}")


@every_op
def test_second_derivatives_agree_with_differences(op: OpDef) -> None:
    for sample in of_samples(op):
        total, values = scalarised(sample)
        for x in sample.wrt:
            (gradient,) = jacobian(total, [x])
            for z in sample.wrt:
                if (slope := second(gradient, z)) is not None:
                    check_against_differences(gradient, slope, z, values, f"{sample} by {x} and {z}")


def second(gradient: Expr, z: Input) -> Expr | None:
    """Return the derivative of a gradient; None where one of its functions has none, which it must say."""
    try:
        return jacobian(gradient, [z])[0]
    except OperandError as error:
        assert "has no derivative" in error.message
        return None


# --- kernels ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Compiled:
    """What a kernel gave for the expressions of some ops."""

    exprs: dict[str, list[Expr]]
    values: dict[str, dict[str, Any]]
    found: dict[str, list[np.ndarray]]


def kernel_of(expr: Expr) -> str:
    """Return why an expression has no kernel, empty if it has one."""
    try:
        lower([expr], list(expr.inputs.values()))
    except OperandError as error:
        return error.message
    return ""


def for_kernels(op: OpDef) -> tuple[list[Expr], dict[str, Any]]:
    """Return the values of all samples, a gradient, a Jacobian, with values for their inputs."""
    exprs: list[Expr] = []
    values: dict[str, Any] = {}
    for number, sample in enumerate(of_samples(op)):
        total, given = scalarised(sample)
        exprs.append(sample.node)
        if number == 1 or len(of_samples(op)) == 1:
            exprs += [*jacobian(total, sample.wrt)]
        if number == 0 and not op.elementwise:
            exprs += [slope for slope in jacobian(sample.node, sample.wrt) if slope.ndim <= LARGEST_RANK]
        values |= given
    return [expr for expr in exprs if not kernel_of(expr)], values


@cache
def compiled(chunk: int, dtype: str) -> Compiled:
    ops = OPS[chunk * PER_KERNEL : (chunk + 1) * PER_KERNEL]
    work = {op.name: for_kernels(op) for op in ops}
    every = [expr for exprs, _ in work.values() for expr in exprs]
    inputs = list({x: None for expr in every for x in expr.inputs.values()})
    values = {name: value for _, given in work.values() for name, value in given.items()}
    program = Program(simplify(every), inputs, Options(dtype))
    arrays = [np.asarray(values[x.name], dtype) for x in inputs]
    results = iter(program(arrays, SIZES))
    found = {name: [next(results) for _ in exprs] for name, (exprs, _) in work.items()}
    return Compiled({name: e for name, (e, _) in work.items()}, {name: v for name, (_, v) in work.items()}, found)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@every_op
def test_kernel_agrees_with_50_digits(op: OpDef, dtype: str) -> None:
    done = compiled(OPS.index(op) // PER_KERNEL, dtype)
    exprs, found = done.exprs[op.name], done.found[op.name]
    for expr, result, wanted in zip(exprs, found, expected(exprs, done.values[op.name], dtype), strict=True):
        assert result.dtype == dtype
        compare(result, wanted, expr)


@cache
def halves(chunk: int) -> tuple[dict[str, Any], Any, dict[str, Any], dict[str, Any]]:
    """Compile the sum of one sample of each op; return values, then what the fused and the split kernels give."""
    terms: list[Expr] = []
    values: dict[str, Any] = {}
    wrt: list[Input] = []
    for op in OPS[chunk * PER_KERNEL : (chunk + 1) * PER_KERNEL]:
        sample = of_samples(op)[-1]
        total, given = scalarised(sample)
        if not any(map(kernel_of, [total, *jacobian(total, sample.wrt)])):
            terms.append(total)
            values |= {name: value for name, value in given.items() if name in total.inputs}
            wrt += sample.wrt
    kernel = Kernel(sum(terms[1:], terms[0]), wrt)
    value, gradients = kernel.value_and_grad(values)
    again, residuals = kernel.forward(values)
    np.testing.assert_allclose([again, kernel(values)], [value, value], rtol=1e-12)
    return values, gradients, kernel.backward(residuals), kernel.backward(residuals, -3)


@every_op
def test_forward_and_backward_agree_with_the_fused_kernel(op: OpDef) -> None:
    _, fused, split, tripled = halves(OPS.index(op) // PER_KERNEL)
    for x in of_samples(op)[-1].wrt:
        if x.name in fused:
            np.testing.assert_allclose(split[x.name], fused[x.name], rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(tripled[x.name], -3 * fused[x.name], rtol=1e-12, atol=1e-14)


# --- printed forms ---------------------------------------------------------------------------------------------------


def with_gradients(op: OpDef) -> list[tuple[Expr, dict[str, Any]]]:
    found: list[tuple[Expr, dict[str, Any]]] = []
    for sample in of_samples(op)[:6]:
        total, values = scalarised(sample)
        found += [(sample.node, values), *((sg.grad(total, x), values) for x in sample.wrt)]
    return found


@every_op
def test_text_reads_back(op: OpDef) -> None:
    for expr, _ in with_gradients(op):
        assert parse(to_text(expr)) is expr


@every_op
def test_latex_is_balanced(op: OpDef) -> None:
    for expr, _ in with_gradients(op):
        text = expr.latex()
        assert text and text.count("{") == text.count("}") and text.count(r"\left") == text.count(r"\right")


# --- what an op does not have ----------------------------------------------------------------------------------------


@every_op
def test_what_is_missing_is_said(op: OpDef) -> None:
    for sample in of_samples(op):
        for x in sample.node.inputs.values():
            if x in sample.wrt or not isinstance(op.derivative, Partials):
                continue
            with pytest.raises(OperandError, match=f"{op.name} has no derivative"):
                sg.jacobian(sample.node, x)
        why = kernel_of(sample.node)
        if why:
            assert op.name in why
            with pytest.raises(OperandError, match="no numeric kernel"):
                sg.compile(sample.node)(sample.values)


@every_op
def test_flat_ops_have_zero_derivatives(op: OpDef) -> None:
    if not isinstance(op.derivative, Flat):
        return
    for sample in of_samples(op):
        for x in sample.node.inputs.values():
            assert not in_mp(sg.jacobian(sample.node, x), sample.values).any()
