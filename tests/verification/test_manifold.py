"""Retractions stay on the manifold, and their derivative at 0 is the projection on its tangents."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from symgrad.backends.membership import violation
from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import named
from symgrad.core.expr import Input
from symgrad.core.properties import MATRIX, Property, essential, read_properties
from symgrad.diff.tangent import project
from symgrad.verification.manifold import CURVED, nearest, retract, settle, sharpen
from symgrad.verification.sampling import draw_normal

n = named("n")
WORDS = ["symmetric", "skew", "diagonal", "lower", "upper", "orthogonal", "simplex", "unit", "spd", "positive"]
SEVERAL = ["spd positive", "lower invertible", "simplex positive", "symmetric nonnegative", "psd", "diagonal psd"]


def node_of(words: str, batch: int = 0) -> Input:
    found = read_properties(words)
    core = (n, n) if found & MATRIX else (n,)
    return Input("A", ((batch, *core) if batch else core), found)


def point(node: Input, seed: int = 0) -> np.ndarray:
    shape = tuple(4 if size == n else size for size in node.shape)
    return settle(node, draw_normal)(np.random.default_rng(seed), shape)


@pytest.mark.parametrize("words", WORDS + SEVERAL)
@pytest.mark.parametrize("batch", [0, 3])
def test_points_are_what_is_assumed(words: str, batch: int) -> None:
    node = node_of(words, batch)
    x = point(node)
    for assumed in essential(node.properties):
        assert violation(assumed, x) == ""
    np.testing.assert_array_equal(nearest(node, x), x)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("batch", [0, 3])
def test_a_retraction_stays_and_begins_with_the_projection(words: str, batch: int) -> None:
    node = node_of(words, batch)
    x = point(node)
    step = np.random.default_rng(1).normal(size=x.shape)
    found = next((p for p in essential(node.properties) if p is not Property.POSITIVE), None)
    if found is not None and found is not Property.SPD:
        moved = retract(node, x, 1e-3 * step)
        assert violation(found, moved) == ""
    slope = (retract(node, x, 1e-5 * step) - retract(node, x, -1e-5 * step)) / 2e-5
    given = Input("Z", node.shape)
    (projected,) = evaluate_reference([project(node, given)], {"A": x, "Z": step}, sizes={"n": 4})
    np.testing.assert_allclose(slope, projected, atol=1e-8)


@pytest.mark.parametrize("words", [p.value for p in CURVED])
def test_points_of_curved_manifolds_at_many_digits(words: str) -> None:
    node = node_of(words)
    x = point(node)
    sharp = sharpen(node, x, 60)
    assert sharp is not x and np.abs(sharp.astype(float) - x).max() < 1e-15
    with mpmath.workdps(60):
        if words == "orthogonal":
            error = np.abs(sharp.T @ sharp - np.eye(4, dtype=int)).max()
        else:
            error = abs((sharp if words == "simplex" else sharp**2).sum() - 1)
        assert error < mpmath.mpf(10) ** -55
        moved = retract(node, sharp, np.asarray([mpmath.mpf(1) / 7] * x.size, dtype=object).reshape(x.shape))
        total = moved.T @ moved - np.eye(4, dtype=int) if words == "orthogonal" else None
        assert total is None or np.abs(total).max() < mpmath.mpf(10) ** -50


def test_free_entries_move_freely() -> None:
    node = Input("x", (n,))
    np.testing.assert_array_equal(retract(node, np.array([1.0, 2.0]), np.array([0.5, 0.25])), [1.5, 2.25])
    x = np.array([1.0, 2.0])
    assert sharpen(node, x, 60) is x
