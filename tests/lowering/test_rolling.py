"""Rolling: the rolled formula has the value of the straight-line one, and so has its derivative."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.backends.numba import compile_program
from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Expr, Literal, postorder
from symgrad.diff.jacobian import jacobian
from symgrad.lowering import check, lower
from symgrad.lowering.kernel_ir import BufferKind
from symgrad.lowering.rolling import FEWEST, roll
from symgrad.simplify import simplify

x, y, s, t = sg.vector("x", 12), sg.matrix("y", 5, 3), sg.scalar("s"), sg.scalar("t")
INPUTS = list((sg.sum(x) + sg.sum(y) + s + t).inputs.values())
LEAVES: list[Expr] = [*(x[k] for k in range(12)), *(y[i, k] for i in range(5) for k in range(3)), s, t, s * t]


@st.composite
def templates(draw: st.DrawFn, depth: int = 3) -> list[object]:
    """Draw a tree of operations; its leaves say whether a term has its own element, its own number or one of all."""
    if depth == 0 or (draw(st.booleans()) and depth < 3):
        return [draw(st.sampled_from(["element", "element", "number", "same element", "same number"]))]
    operation = draw(st.sampled_from(["+", "-", "*", "/", "sin", "**2", "where", "twice"]))
    return [operation, draw(templates(depth - 1)), draw(templates(depth - 1))]


def instance(template: list[object], draw: np.random.Generator, same: np.random.Generator) -> Expr:
    """Return one term: `draw` decides what differs between terms, `same` what does not."""
    match template:
        case ["element"]:
            return x[int(draw.integers(12))]
        case ["number"]:
            return Literal(float(draw.integers(-3, 4)))
        case ["same element"]:
            return LEAVES[int(same.integers(len(LEAVES)))]
        case ["same number"]:
            return Literal(float(same.integers(1, 4)))
        case [str(operation), list(left), list(right)]:
            return combined(operation, instance(left, draw, same), instance(right, draw, same))
    raise AssertionError(template)


def combined(operation: str, a: Expr, b: Expr) -> Expr:
    match operation:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / (2 + b * b)
        case "sin":
            return sg.sin(a) * b
        case "**2":
            return a**2 + b
        case "where":
            return sg.where(a > b, a, 2 * b)
        case _:
            return a * a * b


def formula(drawn: list[list[object]], terms: int, seed: int) -> Expr:
    """Return a sum of terms of each template, in random order and with random signs, used in two places."""
    draw = np.random.default_rng(seed)
    parts = [
        instance(each, draw, np.random.default_rng(seed + k)) for k, each in enumerate(drawn) for _ in range(terms)
    ]
    total: Expr = Literal(1)
    for k in draw.permutation(len(parts)):
        total = total + parts[k] if draw.integers(4) else total - parts[k]
    return total * sg.exp(-sg.sin(total)) + parts[0]


def values(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {node.name: np.asarray(draw.uniform(-2, 2, [int(n) for n in node.shape])) for node in INPUTS}


@settings(max_examples=30, deadline=None)
@given(st.lists(templates(), min_size=1, max_size=3), st.integers(FEWEST, 40), st.integers(0, 1000))
def test_a_rolled_formula_and_its_gradient_have_the_same_values(drawn, terms, seed):
    f = formula(drawn, terms, seed)
    rolled = roll(f, smallest=1)
    wrt = list(f.inputs.values())
    numbers = {name: value for name, value in values(seed).items() if name in f.inputs}
    want = evaluate_reference([f, *jacobian(f, wrt)], numbers)
    for expressions in ([rolled, *jacobian(rolled, wrt)], simplify([rolled, *jacobian(rolled, wrt)])):
        for found, expected in zip(evaluate_reference(expressions, numbers), want, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
        check(lower(expressions, wrt))


@settings(max_examples=5, deadline=None)
@given(st.lists(templates(), min_size=1, max_size=3), st.integers(FEWEST, 40), st.integers(0, 1000))
def test_the_kernel_of_a_rolled_formula(drawn, terms, seed):
    f = formula(drawn, terms, seed)
    wrt = list(f.inputs.values())
    rolled = roll(f, smallest=1)
    numbers = {name: value for name, value in values(seed).items() if name in f.inputs}
    kernel = compile_program(lower(simplify([rolled, *jacobian(rolled, wrt)]), wrt), cache=False)
    found = kernel([numbers[node.name] for node in wrt], {})
    for got, expected in zip(found, evaluate_reference([f, *jacobian(f, wrt)], numbers), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def n_body(bodies: int, q: list[list[Expr]]) -> Expr:
    energy: Expr = Literal(0)
    for i in range(bodies):
        for j in range(i + 1, bodies):
            d = [a - b for a, b in zip(q[i], q[j], strict=True)]
            energy = energy - (1 + 0.1 * i) * (1 + 0.1 * j) / sg.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2 + 0.01)
    return energy


def n_body_by_hand(q: np.ndarray) -> tuple[float, np.ndarray]:
    d, m = q[:, None] - q[None], 1 + 0.1 * np.arange(len(q))
    r2, pairs = (d**2).sum(-1) + 0.01, m[:, None] * m
    potential = -(pairs / np.sqrt(r2))[np.triu_indices(len(q), 1)].sum()
    return potential, ((pairs / r2**1.5)[..., None] * d).sum(1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scalars", [False, True])
def test_n_bodies(scalars, dtype):
    bodies = 12
    points = np.random.default_rng(0).standard_normal((bodies, 3)) * 3
    if scalars:
        q = [[sg.scalar(f"{axis}{i}") for axis in "xyz"] for i in range(bodies)]
        given = {f"{axis}{i}": points[i, k] for i in range(bodies) for k, axis in enumerate("xyz")}
    else:
        whole = sg.matrix("q", bodies, 3)
        q, given = [[whole[i, k] for k in range(3)] for i in range(bodies)], {"q": points}
    kernel = sg.compile(n_body(bodies, q), dtype=dtype)
    value, found = kernel.value_and_grad(given)
    gradient = np.array([found[name] for name in given]).reshape(bodies, 3)
    expected, slope = n_body_by_hand(points)
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(value, expected, rtol=tolerance)
    np.testing.assert_allclose(gradient, slope, rtol=tolerance, atol=tolerance)
    again, residuals = kernel.forward(given)
    back = kernel.backward(residuals, 2.0)
    np.testing.assert_allclose(again, expected, rtol=tolerance)
    np.testing.assert_allclose([2 * found[name] for name in given], [back[name] for name in given], rtol=10 * tolerance)


def test_the_program_of_n_bodies_does_not_grow_with_their_number():
    def statements(bodies: int) -> int:
        whole = sg.matrix("q", bodies, 3)
        f = n_body(bodies, [[whole[i, k] for k in range(3)] for i in range(bodies)])
        (g,) = simplify([roll(f)])
        program = lower(simplify([g, *jacobian(g, list(f.inputs.values()))]), list(f.inputs.values()))
        check(program)
        assert program.select(BufferKind.TABLE)
        return len(program.statements)

    assert statements(12) == statements(24) < 30


def test_neighbours_are_slices_without_tables():
    z = sg.vector("z", 100)
    f: Expr = Literal(0)
    for k in range(99):
        f = f + 100 * (z[k + 1] - z[k] ** 2) ** 2 + (1 - z[k]) ** 2
    rolled = roll(f)
    assert not lower([rolled], list(f.inputs.values())).select(BufferKind.TABLE)
    assert len(postorder(rolled)) < 20
    at = {"z": np.linspace(-1, 1, 100)}
    np.testing.assert_allclose(*evaluate_reference([rolled, f], at), rtol=1e-14)


def test_sums_within_sums_become_two_axes():
    terms = []
    for i in range(20):
        inner: Expr = sg.exp(-((x[0] - i / 10) ** 2))
        for k in range(1, 12):
            inner = inner + sg.exp(-((x[k] - i / 10) ** 2))
            inner = inner + sg.exp(-((y[k % 5, k % 3] - i / 7) ** 2))
        terms.append(sg.log(inner))
    f = terms[0]
    for term in terms[1:]:
        f = f + term
    rolled = roll(f)
    assert len(postorder(rolled)) < 40
    at = {"x": values(0)["x"], "y": values(0)["y"]}
    wrt = list(f.inputs.values())
    want = evaluate_reference([f, *jacobian(f, wrt)], at)
    for found, expected in zip(evaluate_reference([rolled, *jacobian(rolled, wrt)], at), want, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_shares_a_node_with_a_sum_has_it_too():
    parts = [sg.sin(x[k % 12] * (k + 1)) for k in range(20)]
    f = parts[0] * parts[3]
    for part in parts:
        f = f + part
    assert_same(f)


def test_one_term_many_times():
    f: Expr = sg.exp(s)
    for k in range(40):
        f = f + (sg.sin(s * t) if k % 2 else sg.cos(x[k % 12]))
    assert_same(f)


def assert_same(f: Expr) -> None:
    rolled = roll(f, smallest=1)
    assert rolled is not f
    at = {name: value for name, value in values(1).items() if name in f.inputs}
    np.testing.assert_allclose(*evaluate_reference([rolled, f], at), rtol=1e-13)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 0.0])
def test_nan_and_infinity_stay(special):
    z = sg.vector("z", 40)
    f: Expr = Literal(0)
    for k in range(39):
        f = f + sg.where(z[k] > 0, sg.sqrt(z[k]), z[k + 1]) / (1 + z[k] ** 2)
    at = np.linspace(-1, 1, 40)
    at[7] = special
    value, found = sg.compile(f).value_and_grad(z=at)
    (g,) = simplify([f])  # with products guarded: the bare derivative has 0*nan
    want, slope = evaluate_reference(simplify([g, *jacobian(g, list(f.inputs.values()))]), {"z": at})
    np.testing.assert_allclose(value, want, rtol=1e-13)
    np.testing.assert_allclose(found["z"], slope, rtol=1e-12)


def test_a_zero_keeps_its_sign_in_a_table():
    f: Expr = Literal(1)
    for k in range(20):
        f = f + sg.where(s / (0.0 if k % 2 else -0.0) > 0, k, 2.5 * k)
    assert_same_at(f, {"s": np.float64(1.0)})


def assert_same_at(f: Expr, at: dict[str, np.ndarray]) -> None:
    with np.errstate(divide="ignore"):
        assert evaluate_reference([roll(f, smallest=1)], at) == evaluate_reference([f], at)


def test_small_formulas_and_arrays_are_left_alone():
    f = sg.parse("+".join(f"sin({k}*a)" for k in range(20)))
    assert roll(f) is f
    g = sg.sin(x)
    assert roll(g, smallest=1) is g
