"""Log-likelihood of a Gaussian mixture, n = 1000 points in d = 10 dimensions, k = 25 components: value and gradient.

As in ADBench, a component has a weight alpha (before the softmax), a mean mu, and the square root of its precision
matrix: exp(q) on the diagonal and low below it. Here low is a d x d matrix of which the part below the diagonal counts.
Constants and the Wishart prior (a few sums of squares) are left out.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .. import ours, peers
from ..task import Call, Data, Results, Task, Variant
from ..vector_math import exp, njit

FORMULA = """
d = x[:, None, :] - mu
z = exp(q)*d + einsum("kab,nkb->nka", below*low, d)
p = alpha + sum(q, axis=1) - sum(z**2, axis=2)/2
f(x[n,D], alpha[k], mu[k,D], q[k,D], low[k,D,D], below[D,D]) = sum(logsumexp(p, axis=1) - logsumexp(alpha))
"""
WRT = ("alpha", "mu", "q", "low")


def data(n: int, d: int, k: int) -> Data:
    rng = np.random.default_rng(4)
    return {
        "x": rng.normal(size=(n, d)),
        "alpha": rng.normal(size=k),
        "mu": rng.normal(size=(k, d)),
        "q": 0.3 * rng.normal(size=(k, d)),
        "low": 0.3 * rng.normal(size=(k, d, d)),
        "below": np.tri(d, k=-1),
    }


def reference(x: Any, alpha: Any, mu: Any, q: Any, low: Any, below: Any) -> Results:
    """Value and derivatives."""
    d = x[:, None, :] - mu
    root = below * low + np.exp(q)[:, :, None] * np.eye(x.shape[1])
    z = np.einsum("kab,nkb->nka", root, d)
    p = alpha + np.sum(q, axis=1) - np.sum(z**2, axis=2) / 2
    top = np.max(p, axis=1, keepdims=True)
    weights = np.exp(p - top)
    totals = np.sum(weights, axis=1, keepdims=True)
    weights /= totals
    shares = np.exp(alpha - alpha.max())
    value = np.sum(top + np.log(totals)) - len(x) * (alpha.max() + np.log(shares.sum()))
    zbar = -weights[:, :, None] * z
    per_component = weights.sum(axis=0)
    root_bar = np.einsum("nka,nkb->kab", zbar, d)
    return [
        value,
        per_component - len(x) * shares / shares.sum(),
        -np.einsum("nka,kab->kb", zbar, root),
        per_component[:, None] + np.einsum("kaa->ka", root_bar) * np.exp(q),
        below * root_bar,
    ]


def by_hand(x, alpha, mu, q, low, alpha_bar, mu_bar, q_bar, low_bar, diagonal, weights, z, d):
    """Points in blocks of a register's width: `z` and `d` have a last axis of points, on which loops are vectors."""
    n, size = x.shape
    k = alpha.shape[0]
    block = z.shape[1]
    alpha_bar[:] = 0.0
    mu_bar[:] = 0.0
    q_bar[:] = 0.0
    low_bar[:] = 0.0
    top = alpha[0]
    for c in range(k):
        top = max(top, alpha[c])
    total = 0.0
    for c in range(k):
        total += math.exp(alpha[c] - top)
    value = -n * (top + math.log(total))
    for c in range(k):
        alpha_bar[c] = -n * math.exp(alpha[c] - top) / total
        for a in range(size):
            diagonal[c, a] = math.exp(q[c, a])
    for start in range(0, n, block):
        count = min(block, n - start)
        for c in range(k):
            constant = alpha[c]
            for a in range(size):
                constant += q[c, a]
                m = mu[c, a]
                for i in range(count):
                    d[a, i] = x[start + i, a] - m
            for i in range(count):
                weights[c, i] = 0.0
            for a in range(size):
                own = diagonal[c, a]
                for i in range(count):
                    z[a, i] = own * d[a, i]
                for b in range(a):
                    entry = low[c, a, b]
                    for i in range(count):
                        z[a, i] += entry * d[b, i]
                for i in range(count):
                    weights[c, i] += z[a, i] * z[a, i]
            for i in range(count):
                weights[c, i] = constant - 0.5 * weights[c, i]
        for i in range(count):
            best = weights[0, i]
            for c in range(k):
                best = max(best, weights[c, i])
            z[0, i] = best
            z[1, i] = 0.0
        for c in range(k):
            for i in range(count):
                weights[c, i] = exp(weights[c, i] - z[0, i])
                z[1, i] += weights[c, i]
        for i in range(count):
            value += z[0, i] + math.log(z[1, i])
            z[1, i] = 1.0 / z[1, i]
        for c in range(k):
            share = 0.0
            for i in range(count):
                weights[c, i] *= z[1, i]
                share += weights[c, i]
            alpha_bar[c] += share
        for c in range(k):
            for a in range(size):
                m = mu[c, a]
                for i in range(count):
                    d[a, i] = x[start + i, a] - m
            for a in range(size):
                own = diagonal[c, a]
                for i in range(count):
                    z[a, i] = own * d[a, i]
                for b in range(a):
                    entry = low[c, a, b]
                    for i in range(count):
                        z[a, i] += entry * d[b, i]
                mean = 0.0
                scale = 0.0
                for i in range(count):
                    z[a, i] *= weights[c, i]
                    mean += z[a, i]
                    scale -= z[a, i] * d[a, i]
                q_bar[c, a] += scale * own
                mu_bar[c, a] += own * mean
                for b in range(a):
                    entry = low[c, a, b]
                    slope = 0.0
                    for i in range(count):
                        slope += z[a, i] * d[b, i]
                    low_bar[c, a, b] -= slope
                    mu_bar[c, b] += entry * mean
    for c in range(k):
        share = alpha_bar[c] + n * math.exp(alpha[c] - top) / total
        for a in range(size):
            q_bar[c, a] += share
    return value


def numba_build(data: Data) -> Call:
    kernel, block = njit(by_hand), 64
    inputs = [data[name] for name in ("x", *WRT)]
    results = [np.empty_like(data[name]) for name in WRT]
    k, size = data["mu"].shape
    work = np.empty((k, size)), np.empty((k, block)), np.empty((max(size, 2), block)), np.empty((size, block))
    return lambda: [kernel(*inputs, *results, *work), *results]


def jax_loss(np: Any, x: Any, alpha: Any, mu: Any, q: Any, low: Any, below: Any) -> Any:
    from jax.scipy.special import logsumexp

    d = x[:, None, :] - mu
    z = np.exp(q) * d + np.einsum("kab,nkb->nka", below * low, d)
    p = alpha + np.sum(q, axis=1) - np.sum(z**2, axis=2) / 2
    return np.sum(logsumexp(p, axis=1) - logsumexp(alpha))


def torch_loss(torch: Any, x: Any, alpha: Any, mu: Any, q: Any, low: Any, below: Any) -> Any:
    d = x[:, None, :] - mu
    z = torch.exp(q) * d + torch.einsum("kab,nkb->nka", below * low, d)
    p = alpha + torch.sum(q, dim=1) - torch.sum(z**2, dim=2) / 2
    return torch.sum(torch.logsumexp(p, dim=1) - torch.logsumexp(alpha, dim=0))


def pytensor_loss(pt: Any, x: Any, alpha: Any, mu: Any, q: Any, low: Any, below: Any) -> Any:
    d = x[:, None, :] - mu
    z = pt.exp(q) * d + pt.einsum("kab,nkb->nka", below * low, d)
    p = alpha + pt.sum(q, axis=1) - pt.sum(z**2, axis=2) / 2
    return pt.sum(pt.logsumexp(p, axis=1) - pt.logsumexp(alpha))


TASK = Task(
    4,
    "Gaussian mixture",
    (
        Variant(
            name="1000x10, k=25",
            data=partial(data, 1000, 10, 25),
            small=partial(data, 70, 3, 4),
            reference=reference,
            implementations={
                "symgrad": ours.value_and_grad(FORMULA, WRT),
                "numba": numba_build,
                "jax": peers.with_jax(jax_loss, WRT),
                "torch": peers.with_torch(torch_loss, WRT),
                "torch.compile": peers.with_torch(torch_loss, WRT, compiled=True),
                "pytensor": peers.with_pytensor(pytensor_loss, WRT),
            },
        ),
    ),
)
