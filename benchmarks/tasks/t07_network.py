"""A 784-256-128-10 network with ReLU and softmax cross-entropy, batch 128: value and derivatives by six inputs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import ours, peers
from ..task import Call, Data, Results, Task, Variant
from ..vector_math import exp, log, njit

FORMULA = """
h1 = relu(X @ W1 + b1)
h2 = relu(h1 @ W2 + b2)
z = h2 @ W3 + b3
f(X[m,n], Y[m,k], W1[n,p], b1[p], W2[p,q], b2[q], W3[q,k], b3[k]) = mean(logsumexp(z, axis=1) - sum(Y*z, axis=1))
"""
WRT = ("W1", "b1", "W2", "b2", "W3", "b3")


def data(batch: int, *widths: int) -> Data:
    rng = np.random.default_rng(7)
    found = {"X": rng.normal(size=(batch, widths[0])), "Y": np.eye(widths[-1])[rng.integers(0, widths[-1], batch)]}
    for layer in (1, 2, 3):
        before, after = widths[layer - 1 : layer + 1]
        found[f"W{layer}"] = rng.normal(size=(before, after)) / np.sqrt(before)
        found[f"b{layer}"] = 0.1 * rng.normal(size=after)
    return found


def reference(X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Results:
    """Value and derivatives."""
    h1 = np.maximum(X @ W1 + b1, 0)
    h2 = np.maximum(h1 @ W2 + b2, 0)
    z = h2 @ W3 + b3
    top = z.max(axis=1, keepdims=True)
    e = np.exp(z - top)
    totals = e.sum(axis=1, keepdims=True)
    value = np.mean(top + np.log(totals) - np.sum(Y * z, axis=1, keepdims=True))
    z_bar = (e / totals - Y) / len(X)
    h2_bar = (z_bar @ W3.T) * (h2 > 0)
    h1_bar = (h2_bar @ W2.T) * (h1 > 0)
    return [
        value,
        X.T @ h1_bar,
        h1_bar.sum(axis=0),
        h1.T @ h2_bar,
        h2_bar.sum(axis=0),
        h2.T @ z_bar,
        z_bar.sum(axis=0),
    ]


def rectify(h, b):
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            h[i, j] = max(h[i, j] + b[j], 0.0)


def head(z, Y, b):
    """Turn z into its cotangent; return the loss."""
    m, k = z.shape
    total = 0.0
    for i in range(m):
        top = z[i, 0] + b[0]
        for j in range(k):
            z[i, j] += b[j]
            top = max(top, z[i, j])
            total -= Y[i, j] * z[i, j]
        s = 0.0
        for j in range(k):
            z[i, j] = exp(z[i, j] - top)
            s += z[i, j]
        total += top + log(s)
        for j in range(k):
            z[i, j] = (z[i, j] / s - Y[i, j]) / m
    return total / m


def gate(h_bar, h, b_bar):
    b_bar[:] = 0.0
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            h_bar[i, j] = h_bar[i, j] if h[i, j] > 0.0 else 0.0
            b_bar[j] += h_bar[i, j]


def numba_build(data: Data) -> Call:
    """Products by BLAS into arrays that are kept, the rest in loops."""
    X, Y, W1, b1, W2, b2, W3, b3 = data.values()
    results = [np.empty_like(data[name]) for name in WRT]
    W1_bar, b1_bar, W2_bar, b2_bar, W3_bar, b3_bar = results
    h1, h2, z = (np.empty((len(X), width)) for width in (len(b1), len(b2), len(b3)))
    h1_bar, h2_bar = np.empty_like(h1), np.empty_like(h2)
    rectified, finish, gated = njit(rectify), njit(head), njit(gate)

    def call() -> Results:
        rectified(np.dot(X, W1, out=h1), b1)
        rectified(np.dot(h1, W2, out=h2), b2)
        value = finish(np.dot(h2, W3, out=z), Y, b3)
        np.sum(z, axis=0, out=b3_bar)
        np.dot(h2.T, z, out=W3_bar)
        gated(np.dot(z, W3.T, out=h2_bar), h2, b2_bar)
        np.dot(h1.T, h2_bar, out=W2_bar)
        gated(np.dot(h2_bar, W2.T, out=h1_bar), h1, b1_bar)
        np.dot(X.T, h1_bar, out=W1_bar)
        return [value, *results]

    return call


def jax_loss(np: Any, X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    from jax.nn import log_softmax, relu

    z = relu(relu(X @ W1 + b1) @ W2 + b2) @ W3 + b3
    return -np.mean(np.sum(Y * log_softmax(z, axis=1), axis=1))


def torch_loss(torch: Any, X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    z = torch.relu(torch.relu(X @ W1 + b1) @ W2 + b2) @ W3 + b3
    return torch.nn.functional.cross_entropy(z, Y)


def pytensor_loss(pt: Any, X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    z = pt.maximum(pt.maximum(X @ W1 + b1, 0) @ W2 + b2, 0) @ W3 + b3
    return -pt.mean(pt.sum(Y * pt.special.log_softmax(z, axis=1), axis=1))


def casadi_loss(ca: Any, X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    m = X.shape[0]
    h1 = ca.fmax(X @ W1 + ca.repmat(b1.T, m, 1), 0)
    h2 = ca.fmax(h1 @ W2 + ca.repmat(b2.T, m, 1), 0)
    z = h2 @ W3 + ca.repmat(b3.T, m, 1)
    return ca.sum1(ca.log(ca.sum2(ca.exp(z))) - ca.sum2(Y * z)) / m


TASK = Task(
    7,
    "network",
    (
        Variant(
            name="784-256-128-10, batch 128",
            data=partial(data, 128, 784, 256, 128, 10),
            small=partial(data, 6, 9, 8, 7, 4),
            reference=reference,
            implementations={
                "symgrad": ours.value_and_grad(FORMULA, WRT),
                "numba": numba_build,
                "jax": peers.with_jax(jax_loss, WRT),
                "torch": peers.with_torch(torch_loss, WRT),
                "torch.compile": peers.with_torch(torch_loss, WRT, compiled=True),
                "casadi": peers.with_casadi(casadi_loss, WRT),
                "pytensor": peers.with_pytensor(pytensor_loss, WRT),
            },
        ),
    ),
)
