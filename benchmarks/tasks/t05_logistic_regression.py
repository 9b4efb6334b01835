"""Logistic regression with 20,000 rows and 100 columns: value and gradient, and the Hessian."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import ours, peers
from ..task import Call, Data, Results, Task, Variant
from ..vector_math import exp, log1p, njit

FORMULA = "sum(softplus(-y*(X @ w))) + lam/2*sum(w**2)"


def data(m: int, n: int) -> Data:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(m, n))
    y = np.sign(X @ rng.normal(size=n) + rng.logistic(size=m))
    return {"X": X, "y": y, "w": 0.1 * rng.normal(size=n), "lam": 0.1}


def reference(X: Any, y: Any, w: Any, lam: Any) -> Results:
    """Value and gradient."""
    u = -y * (X @ w)
    value = np.sum(np.logaddexp(0, u)) + lam / 2 * (w @ w)
    return [value, X.T @ (-y / (1 + np.exp(-u))) + lam * w]


def reference_hessian(X: Any, y: Any, w: Any, lam: Any) -> Results:
    """The Hessian."""
    p = 1 / (1 + np.exp(-y * (X @ w)))
    return [(X.T * (p * (1 - p))) @ X + lam * np.eye(len(w))]


def by_hand(X, y, w, lam, gradient):
    """Rows in blocks that stay in cache: X is read from memory once."""
    m, n = X.shape
    block = 32
    r = np.empty(block)
    total = 0.0
    for j in range(n):
        gradient[j] = lam * w[j]
        total += 0.5 * lam * w[j] * w[j]
    for start in range(0, m, block):
        count = min(block, m - start)
        for i in range(count):
            product = 0.0
            for j in range(n):
                product += X[start + i, j] * w[j]
            r[i] = product
        for i in range(count):
            u = -y[start + i] * r[i]
            e = exp(-abs(u))
            total += max(u, 0.0) + log1p(e)
            r[i] = -y[start + i] * (1.0 if u > 0.0 else e) / (1.0 + e)
        for i in range(count):
            scale = r[i]
            for j in range(n):
                gradient[j] += scale * X[start + i, j]
    return total


def curvatures(X, margins, root, scaled):
    m, n = X.shape
    for i in range(m):
        e = exp(-abs(margins[i]))
        root[i] = np.sqrt(e) / (1.0 + e)
    for i in range(m):
        for j in range(n):
            scaled[i, j] = root[i] * X[i, j]


def numba_build(data: Data) -> Call:
    kernel, gradient = njit(by_hand), np.empty_like(data["w"])
    X, y, w, lam = data.values()
    return lambda: [kernel(X, y, w, lam, gradient), gradient]


def numba_hessian(data: Data) -> Call:
    """The symmetric product of the rows scaled by the roots of their weights, by BLAS's `dsyrk`."""
    from scipy.linalg.blas import dsyrk

    kernel = njit(curvatures)
    X, _, w, lam = data.values()
    root, scaled = np.empty(len(X)), np.empty_like(X)
    upper = np.triu_indices(len(w), 1)

    def call() -> Results:
        kernel(X, X @ w, root, scaled)
        H = dsyrk(1.0, scaled.T)
        H.T[upper] = H[upper]
        np.einsum("ii->i", H)[:] += lam
        return [H]

    return call


def jax_loss(np: Any, X: Any, y: Any, w: Any, lam: Any) -> Any:
    return np.sum(np.logaddexp(0, -y * (X @ w))) + lam / 2 * np.sum(w**2)


def torch_loss(torch: Any, X: Any, y: Any, w: Any, lam: Any) -> Any:
    return torch.sum(torch.nn.functional.softplus(-y * (X @ w))) + lam / 2 * torch.sum(w**2)


def pytensor_loss(pt: Any, X: Any, y: Any, w: Any, lam: Any) -> Any:
    return pt.sum(pt.softplus(-y * (X @ w))) + lam / 2 * pt.sum(w**2)


def casadi_loss(ca: Any, X: Any, y: Any, w: Any, lam: Any) -> Any:
    return ca.sum1(ca.log1p(ca.exp(-y * (X @ w)))) + lam / 2 * ca.sumsqr(w)


def jax_hessian(data: Data) -> Call:
    import jax

    jax.config.update("jax_enable_x64", True)
    X, y, w, lam = (jax.numpy.asarray(value) for value in data.values())

    def objective(w: Any, X: Any, y: Any, lam: Any) -> Any:
        return jax_loss(jax.numpy, X, y, w, lam)

    step = jax.jit(jax.hessian(objective))
    return lambda: [jax.block_until_ready(step(w, X, y, lam))]


def torch_hessian(data: Data) -> Call:
    import torch

    X, y, w, lam = (torch.as_tensor(value) for value in data.values())

    def objective(w: Any) -> Any:
        return torch_loss(torch, X, y, w, lam)

    return lambda: [torch.func.hessian(objective)(w)]


def pytensor_hessian(data: Data) -> Call:
    import pytensor
    import pytensor.tensor as pt

    symbols = pt.dmatrix("X"), pt.dvector("y"), pt.dvector("w"), pt.dscalar("lam")
    hessian = pytensor.gradient.hessian(pytensor_loss(pt, *symbols), symbols[2])
    function = pytensor.function(list(symbols), hessian)
    function.trust_input = True
    arguments = [np.asarray(value) for value in data.values()]
    return lambda: [function(*arguments)]


SIZES = {"data": partial(data, 20_000, 100), "small": partial(data, 45, 7)}

TASK = Task(
    5,
    "logistic regression",
    (
        Variant(
            name="gradient",
            reference=reference,
            implementations={
                "symgrad": ours.value_and_grad(FORMULA, ["w"]),
                "numba": numba_build,
                "jax": peers.with_jax(jax_loss, ["w"]),
                "torch": peers.with_torch(torch_loss, ["w"]),
                "torch.compile": peers.with_torch(torch_loss, ["w"], compiled=True),
                "casadi": peers.with_casadi(casadi_loss, ["w"]),
                "pytensor": peers.with_pytensor(pytensor_loss, ["w"]),
            },
            **SIZES,
        ),
        Variant(
            name="Hessian",
            reference=reference_hessian,
            implementations={
                "symgrad": ours.hessian(FORMULA, "w"),
                "numba": numba_hessian,
                "jax": jax_hessian,
                "torch": torch_hessian,
                "pytensor": pytensor_hessian,
            },
            **SIZES,
        ),
    ),
)
