"""Points of inputs that are assumed symmetric, orthogonal, ...: how to draw them, and how to move without leaving.

A check by differences must not leave the manifold of an input, where its formula holds. A retraction takes a point and
a step to a point of the manifold, with the projection of the step on the tangent space as its derivative at 0 (Absil,
Mahony & Sepulchre, Optimization Algorithms on Matrix Manifolds, 2008, definition 4.1.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.core.expr import Input
from symgrad.core.properties import Property
from symgrad.diff.tangent import manifold
from symgrad.ops.linalg.inverse import mp_matrices

CURVED = (Property.ORTHOGONAL, Property.UNIT, Property.SIMPLEX)  # no float lies exactly on these
_NEWTON_STEPS = 4

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def retract(node: Input, x: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return the point that a step leads to; float64 or mpmath numbers.

    Shapes: all three that of `node`. Where the entries of `node` are free, it is x + step.
    """
    match manifold(node):
        case None:
            return np.asarray(x + step)
        case Property.ORTHOGONAL:
            return _cayley(x, step)
        case Property.UNIT:
            moved = x + step - (step * x).sum(axis=-1, keepdims=True) * x
            return np.asarray(moved / (moved * moved).sum(axis=-1, keepdims=True) ** _half(x))
        case Property.SIMPLEX:
            return np.asarray(x + step - step.sum(axis=-1, keepdims=True) / x.shape[-1])
        case flat:
            return np.asarray(x + project_step(flat, step))


def project_step(flat: Property, step: np.ndarray) -> np.ndarray:
    """Return the projection on a subspace of matrices."""
    transposed = np.swapaxes(step, -1, -2)
    match flat:
        case Property.SYMMETRIC:
            return np.asarray((step + transposed) / 2)
        case Property.SKEW:
            return np.asarray((step - transposed) / 2)
        case Property.DIAGONAL:
            kept = np.eye(step.shape[-1], dtype=int)
        case Property.LOWER:
            kept = np.tri(step.shape[-1], dtype=int)
        case _:
            kept = np.tri(step.shape[-1], dtype=int).T
    return np.asarray(step * kept + 0)  # no zeros with a sign


def _cayley(x: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return X (I - W/2)^-1 (I + W/2) with W the skew part of X' Z: orthogonal, with the derivative X W at 0."""
    turned = np.matmul(np.swapaxes(x, -1, -2), step)
    half = (turned - np.swapaxes(turned, -1, -2)) / 4
    identity = np.eye(x.shape[-1], dtype=int)
    return np.asarray(np.matmul(np.matmul(x, _inverse(identity - half)), identity + half))


def _inverse(a: np.ndarray) -> np.ndarray:
    if a.dtype != object:
        return np.asarray(np.linalg.inv(a))
    import mpmath

    return mp_matrices(mpmath.inverse, a)


def _half(x: np.ndarray) -> Any:
    if x.dtype != object:
        return 0.5
    import mpmath

    return mpmath.mpf(1) / 2


def sharpen(node: Input, x: np.ndarray, digits: int) -> np.ndarray:
    """Return the point at `digits` digits: one on a curved manifold lies there in float64 only up to rounding.

    The result holds mpmath numbers then; otherwise it is x.
    """
    import mpmath

    found = manifold(node)
    if found not in CURVED:
        return x
    with mpmath.workdps(digits):
        start = np.asarray(np.frompyfunc(mpmath.mpf, 1, 1)(np.asarray(x, float)), dtype=object)
        if found is Property.SIMPLEX:
            return np.asarray(start / start.sum(axis=-1, keepdims=True))
        if found is Property.UNIT:
            return np.asarray(start / (start * start).sum(axis=-1, keepdims=True) ** _half(start))
        for _ in range(_NEWTON_STEPS):  # to the nearest orthogonal matrix; the error is squared each time
            excess = np.matmul(np.swapaxes(start, -1, -2), start) - np.eye(x.shape[-1], dtype=int)
            start = start - np.matmul(start, excess) / 2
        return start


def nearest(node: Input, x: np.ndarray) -> np.ndarray:
    """Return x, which is what is assumed of `node` up to rounding, with all of it that floats can hold."""
    match manifold(node):
        case None | Property.ORTHOGONAL | Property.UNIT | Property.SIMPLEX:
            return x
        case flat:
            return np.asarray(project_step(flat, x), x.dtype)


def tangent_step(node: Input, step: np.ndarray) -> np.ndarray:
    """Return the tangent that a step is, where the tangents are matrices of a structure; else the step itself."""
    found = manifold(node)
    return step if found is None or found in CURVED else project_step(found, step)


def settle(node: Input, draw: Draw) -> Draw:
    """Return a draw of points that are what is assumed of `node`, made from one of any arrays of its shape."""

    def settled(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        x = draw(rng, shape)
        known = node.properties
        if Property.NONNEGATIVE in known:
            x = np.abs(x)
        match manifold(node):
            case Property.ORTHOGONAL:
                return np.asarray(np.linalg.qr(rng.normal(size=shape))[0])
            case Property.UNIT:
                return np.asarray(x / np.sqrt((x * x).sum(axis=-1, keepdims=True)))
            case Property.SIMPLEX:
                return np.asarray(x / x.sum(axis=-1, keepdims=True))
            case None:
                return x
            case flat:
                return _with_definiteness(node, project_step(flat, x))

    return settled


def _with_definiteness(node: Input, x: np.ndarray) -> np.ndarray:
    """Return x with a diagonal that makes it positive definite, or invertible, where that is assumed."""
    identity = np.eye(x.shape[-1])
    if Property.PSD in node.properties:
        off = np.abs(x * (1 - identity)).sum(axis=-1)
        return np.asarray(x * (1 - identity) + (np.abs(x) * identity) + identity * (off[..., None] + 0.1))
    if node.properties & {Property.LOWER, Property.UPPER} and Property.INVERTIBLE in node.properties:
        return np.asarray(x + identity * np.where(x < 0, -0.5, 0.5))
    return x
