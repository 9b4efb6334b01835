"""Rosenbrock's function of n variables, coupled in a chain as in `scipy.optimize.rosen`: value and gradient."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import ours, peers
from ..task import Call, Data, Results, Task, Variant
from ..vector_math import njit

FORMULA = "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)"


def data(n: int) -> Data:
    return {"x": np.random.default_rng(2).uniform(-1.0, 1.0, n)}


def reference(x: Any) -> Results:
    """Value and gradient."""
    r = x[1:] - x[:-1] ** 2
    gradient = np.zeros_like(x)
    gradient[1:] = 200 * r
    gradient[:-1] += -400 * r * x[:-1] - 2 * (1 - x[:-1])
    return [np.sum(100 * r**2 + (1 - x[:-1]) ** 2), gradient]


def by_hand(x, gradient):
    n = x.shape[0]
    total = 0.0
    r = x[1] - x[0] * x[0]
    gradient[0] = -400.0 * r * x[0] - 2.0 * (1.0 - x[0])
    total = 100.0 * r * r + (1.0 - x[0]) * (1.0 - x[0])
    for i in range(1, n - 1):
        before = x[i] - x[i - 1] * x[i - 1]
        r = x[i + 1] - x[i] * x[i]
        total += 100.0 * r * r + (1.0 - x[i]) * (1.0 - x[i])
        gradient[i] = 200.0 * before - 400.0 * r * x[i] - 2.0 * (1.0 - x[i])
    gradient[n - 1] = 200.0 * (x[n - 1] - x[n - 2] * x[n - 2])
    return total


def numba_build(data: Data) -> Call:
    kernel, x, gradient = njit(by_hand), data["x"], np.empty_like(data["x"])
    return lambda: [kernel(x, gradient), gradient]


def loss(np: Any, x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def casadi_loss(ca: Any, x: Any) -> Any:
    return ca.sum1(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def heyoka_build(data: Data) -> Call:
    import heyoka

    n = len(data["x"])
    x = heyoka.make_vars(*(f"x{i}" for i in range(n)))
    value = heyoka.sum([100.0 * (x[i + 1] - x[i] ** 2.0) ** 2.0 + (1.0 - x[i]) ** 2.0 for i in range(n - 1)])
    derivatives = heyoka.diff_tensors([value], diff_args=x).gradient
    function = heyoka.cfunc([value, *derivatives], x, compact_mode=n > 200)
    results, point = np.empty(n + 1), data["x"]
    both = results[:1].reshape(()), results[1:]

    def call() -> Results:
        function(point, outputs=results)
        return both

    return call


IMPLEMENTATIONS = {
    "symgrad": ours.value_and_grad(FORMULA, ["x"]),
    "numba": numba_build,
    "jax": peers.with_jax(loss, ["x"]),
    "torch": peers.with_torch(loss, ["x"]),
    "torch.compile": peers.with_torch(loss, ["x"], compiled=True),
    "casadi": peers.with_casadi(casadi_loss, ["x"], scalar_graph=True),
    "pytensor": peers.with_pytensor(loss, ["x"]),
    "heyoka": heyoka_build,
}

SMALL = partial(data, 11)

TASK = Task(
    2,
    "Rosenbrock",
    tuple(Variant(str(n), partial(data, n), SMALL, reference, IMPLEMENTATIONS) for n in (100, 10_000)),
)
