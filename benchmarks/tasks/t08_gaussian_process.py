"""Negative log marginal likelihood of a Gaussian process, n = 300, a length scale for each of d = 5 columns.

Parameters are logarithms: of the length scales (ell), of the variance (s) and of the noise.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri

from .. import ours, peers
from ..task import Call, Data, Results, Task, Variant
from ..vector_math import exp, njit

FORMULA = """
Z = X/exp(ell)
K = exp(s)*exp(-sum((Z[:, None, :] - Z)**2, axis=2)/2) + exp(noise)*eye(n)
f(X[n,d], y[n], ell[d], s, noise) = y @ solve(K, y)/2 + logdet(K)/2 + size(n)*log(2*pi)/2
"""
WRT = ("ell", "s", "noise")


def data(n: int, d: int) -> Data:
    rng = np.random.default_rng(8)
    X = rng.normal(size=(n, d))
    y = np.sin(X).sum(axis=1) + 0.1 * rng.normal(size=n)
    return {"X": X, "y": y, "ell": 0.5 + 0.1 * rng.normal(size=d), "s": 0.2, "noise": -3.0}


def reference(X: Any, y: Any, ell: Any, s: Any, noise: Any) -> Results:
    """Value and derivatives, by the closed form with the inverse of K."""
    Z = X / np.exp(ell)
    squares = (Z[:, None, :] - Z) ** 2
    signal = np.exp(s - squares.sum(axis=2) / 2)
    factor = cho_factor(signal + np.exp(noise) * np.eye(len(y)), lower=True)
    a = cho_solve(factor, y)
    value = y @ a / 2 + np.log(np.diag(factor[0])).sum() + len(y) * math.log(2 * math.pi) / 2
    K_bar = (cho_solve(factor, np.eye(len(y))) - np.outer(a, a)) / 2
    pull = K_bar * signal
    return [value, np.einsum("ij,ijk->k", pull, squares), pull.sum(), np.exp(noise) * np.trace(K_bar)]


def covariance(Z, scale, noise, signal, K):
    """The lower triangle; Z is transposed, so that the inner loops are vectors."""
    d, n = Z.shape
    for i in range(n):
        for j in range(i + 1):
            signal[i, j] = 0.0
        for k in range(d):
            own = Z[k, i]
            for j in range(i + 1):
                signal[i, j] += (own - Z[k, j]) * (own - Z[k, j])
        for j in range(i + 1):
            signal[i, j] = scale * exp(-0.5 * signal[i, j])
            K[i, j] = signal[i, j]
        K[i, i] += noise


def pull_back(Z, inverse, a, signal, ell_bar):
    """Sums over the lower triangle, which counts twice, and the diagonal, where all differences are zero."""
    d, n = Z.shape
    ell_bar[:] = 0.0
    total = 0.0
    trace = 0.0
    for i in range(n):
        for j in range(i):
            signal[i, j] *= inverse[i, j] - a[i] * a[j]
            total += signal[i, j]
        for k in range(d):
            own = Z[k, i]
            slope = 0.0
            for j in range(i):
                slope += signal[i, j] * (own - Z[k, j]) * (own - Z[k, j])
            ell_bar[k] += slope
        diagonal = 0.5 * (inverse[i, i] - a[i] * a[i])
        trace += diagonal
        total += signal[i, i] * diagonal
    return total, trace


def numba_build(data: Data) -> Call:
    """LAPACK's Cholesky and inverse from it; loops of half the matrix around them."""
    X, y, ell, s, noise = data.values()
    n = len(y)
    forward, backward = njit(covariance), njit(pull_back)
    signal, K, ell_bar = np.empty((n, n)), np.empty((n, n)), np.empty_like(ell)
    constant = n * math.log(2 * math.pi) / 2

    def call() -> Results:
        Z = np.ascontiguousarray((X / np.exp(ell)).T)
        forward(Z, math.exp(s), math.exp(noise), signal, K)
        factor = cho_factor(K.T, lower=False, overwrite_a=True, check_finite=False)  # K.T has LAPACK's order
        a = cho_solve(factor, y, check_finite=False)
        value = y @ a / 2 + np.log(np.diag(factor[0])).sum() + constant
        inverse, _ = dpotri(factor[0], lower=0, overwrite_c=1)
        total, trace = backward(Z, inverse.T, a, signal, ell_bar)
        return [value, ell_bar, total, math.exp(noise) * trace]

    return call


def jax_loss(np: Any, X: Any, y: Any, ell: Any, s: Any, noise: Any) -> Any:
    from jax.scipy.linalg import cho_solve

    Z = X / np.exp(ell)
    K = np.exp(s) * np.exp(-np.sum((Z[:, None, :] - Z) ** 2, axis=2) / 2) + np.exp(noise) * np.eye(len(y))
    L = np.linalg.cholesky(K)
    return y @ cho_solve((L, True), y) / 2 + np.sum(np.log(np.diag(L))) + len(y) * math.log(2 * math.pi) / 2


def torch_loss(torch: Any, X: Any, y: Any, ell: Any, s: Any, noise: Any) -> Any:
    Z = X / torch.exp(ell)
    squares = torch.sum((Z[:, None, :] - Z) ** 2, dim=2)
    K = torch.exp(s) * torch.exp(-squares / 2) + torch.exp(noise) * torch.eye(len(y), dtype=y.dtype)
    L = torch.linalg.cholesky(K)
    a = torch.cholesky_solve(y[:, None], L)[:, 0]
    return y @ a / 2 + torch.sum(torch.log(torch.diagonal(L))) + len(y) * math.log(2 * math.pi) / 2


def pytensor_loss(pt: Any, X: Any, y: Any, ell: Any, s: Any, noise: Any) -> Any:
    Z = X / pt.exp(ell)
    K = pt.exp(s) * pt.exp(-pt.sum((Z[:, None, :] - Z) ** 2, axis=2) / 2) + pt.exp(noise) * pt.eye(y.shape[0])
    L = pt.linalg.cholesky(K)
    v = pt.linalg.solve_triangular(L, y, lower=True)
    return v @ v / 2 + pt.sum(pt.log(pt.diag(L))) + y.shape[0] * math.log(2 * math.pi) / 2


TASK = Task(
    8,
    "Gaussian process",
    (
        Variant(
            name="n=300, d=5",
            data=partial(data, 300, 5),
            small=partial(data, 12, 3),
            reference=reference,
            implementations={
                "symgrad": ours.value_and_grad(FORMULA, WRT),
                "numba": numba_build,
                "jax": peers.with_jax(jax_loss, WRT),
                "torch": peers.with_torch(torch_loss, WRT),
                "torch.compile": peers.with_torch(torch_loss, WRT, compiled=True),
                "pytensor": peers.with_pytensor(pytensor_loss, WRT),
            },
            tolerance=1e-8,
        ),
    ),
)
