"""Rewriting with every mix of sizes 1, repeated arrays, identities and constants: values and shapes must stay."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Expr
from symgrad.simplify import simplify, textbook

SHAPES = {"s": (), "a": (3,), "u": (1,), "A": (3, 3), "R": (1, 3), "C": (3, 1), "O": (1, 1), "T": (2, 3, 3)}
INPUTS = {name: sg.tensor(name, *shape) for name, shape in SHAPES.items()}
VALUES = {name: np.random.default_rng(0).uniform(0.5, 1.5, shape) for name, shape in SHAPES.items()}


def ratio(x: Expr, y: Expr) -> Expr:
    return x / (7 + y)  # never 0/0, where the rewritten form may have a value


def chosen(x: Expr, y: Expr) -> Expr:
    return sg.where(x > 0.9, y, 0)


OPERATIONS: list[Callable[[Expr, Expr], Expr]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.matmul,
    ratio,
    chosen,
]


def atoms() -> list[Expr]:
    a, u, identity = INPUTS["a"], INPUTS["u"], sg.eye(3)
    repeated = [a[:, None], u[:, None], identity[:, None, :], identity[:, :, None], sg.broadcast_to(a, (3, 3))]
    constants = [identity, sg.ones(3), sg.ones((3, 3)), sg.ones((1, 3)), sg.zeros((3, 3)), sg.zeros(1)]
    return [*INPUTS.values(), *repeated, *constants, sg.diag(a), 2 * INPUTS["A"], -a, sg.outer(a, a), INPUTS["A"].T]


def combined(x: Expr, y: Expr, operation: Callable[[Expr, Expr], Expr]) -> list[Expr]:
    try:
        return [operation(x, y)]
    except sg.ShapeError:
        return []


def expressions(seed: int, number: int) -> list[Expr]:
    """Return sums, transposes and diagonals of random combinations of combinations of two atoms."""
    draw = random.Random(seed)
    first = atoms()
    pairs = [z for x, y, o in product(first, first, OPERATIONS) for z in combined(x, y, o)]
    found: list[Expr] = []
    while len(found) < number:
        for z in combined(draw.choice(pairs), draw.choice(first + pairs), draw.choice(OPERATIONS)):
            found.append(z)
            if z.ndim:
                found.append(sg.sum(z, axis=draw.choice([None, *range(z.ndim)]), keepdims=draw.random() < 0.3))
            if z.ndim > 1:
                found.append(z.T)
            if z.ndim > 1 and z.shape[-1] == z.shape[-2]:
                found += [sg.trace(z), sg.diagonal(z)]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_values_and_shapes_stay(seed: int) -> None:
    for plain in expressions(seed, 500):
        (normal,) = simplify([plain])
        (shown,) = textbook([normal])
        expected, *found = evaluate_reference([plain, normal, shown], VALUES)
        for value in found:
            assert value.shape == expected.shape, plain
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12, err_msg=str(plain))


@pytest.mark.parametrize("seed", range(2))
def test_the_normal_form_stays(seed: int) -> None:
    for plain in expressions(seed, 300):
        normal = simplify([plain])
        assert simplify(normal) == normal, plain
