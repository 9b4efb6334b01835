"""Masked matrix factorisation, 500 x 400 of rank 10 with 30 % of the entries known: value and gradient."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import ours, peers
from ..task import Call, Data, Results, Task, Variant
from ..vector_math import njit

FORMULA = "sum(M*(U @ V.T - R)**2) + lam*(sum(U**2) + sum(V**2))"
WRT = ("U", "V")


def data(m: int, n: int, rank: int) -> Data:
    rng = np.random.default_rng(6)
    R = rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n))
    M = (rng.random((m, n)) < 0.3).astype(float)
    return {"U": rng.normal(size=(m, rank)), "V": rng.normal(size=(n, rank)), "R": R, "M": M, "lam": 0.1}


def reference(U: Any, V: Any, R: Any, M: Any, lam: Any) -> Results:
    """Value and derivatives by U and V."""
    E = M * (U @ V.T - R)
    value = np.sum(E * (U @ V.T - R)) + lam * (np.sum(U**2) + np.sum(V**2))
    return [value, 2 * E @ V + 2 * lam * U, 2 * E.T @ U + 2 * lam * V]


def by_hand(U, VT, R, M, lam, U_bar, VT_bar, row):
    """One row of the error at a time; V is transposed, so that every inner loop runs along it."""
    m, rank = U.shape
    n = VT.shape[1]
    total = 0.0
    for r in range(rank):
        for j in range(n):
            total += lam * VT[r, j] * VT[r, j]
            VT_bar[r, j] = 2.0 * lam * VT[r, j]
    for i in range(m):
        for j in range(n):
            row[j] = -R[i, j]
        for r in range(rank):
            entry = U[i, r]
            for j in range(n):
                row[j] += entry * VT[r, j]
        for j in range(n):
            error = M[i, j] * row[j]
            total += error * row[j]
            row[j] = 2.0 * error
        for r in range(rank):
            entry = U[i, r]
            slope = 2.0 * lam * entry
            for j in range(n):
                slope += row[j] * VT[r, j]
                VT_bar[r, j] += entry * row[j]
            U_bar[i, r] = slope
            total += lam * entry * entry
    return total


def numba_build(data: Data) -> Call:
    kernel = njit(by_hand)
    U, V, R, M, lam = data.values()
    U_bar, VT_bar, row = np.empty_like(U), np.empty(V.T.shape), np.empty(len(V))
    return lambda: [kernel(U, np.ascontiguousarray(V.T), R, M, lam, U_bar, VT_bar, row), U_bar, VT_bar.T]


def loss(np: Any, U: Any, V: Any, R: Any, M: Any, lam: Any) -> Any:
    return np.sum(M * (U @ V.T - R) ** 2) + lam * (np.sum(U**2) + np.sum(V**2))


def casadi_loss(ca: Any, U: Any, V: Any, R: Any, M: Any, lam: Any) -> Any:
    return ca.sum1(ca.sum2(M * (U @ V.T - R) ** 2)) + lam * (ca.sumsqr(U) + ca.sumsqr(V))


TASK = Task(
    6,
    "matrix factorisation",
    (
        Variant(
            name="500x400, rank 10",
            data=partial(data, 500, 400, 10),
            small=partial(data, 9, 8, 3),
            reference=reference,
            implementations={
                "symgrad": ours.value_and_grad(FORMULA, WRT),
                "numba": numba_build,
                "jax": peers.with_jax(loss, WRT),
                "torch": peers.with_torch(loss, WRT),
                "torch.compile": peers.with_torch(loss, WRT, compiled=True),
                "casadi": peers.with_casadi(casadi_loss, WRT),
                "pytensor": peers.with_pytensor(loss, WRT),
            },
        ),
    ),
)
