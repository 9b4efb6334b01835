"""Gravitational energy of N bodies written out as one scalar expression, N = 8, 16, 32 and 64: value and gradient.

The positions are one vector, x0 y0 z0 x1 ..., of which the expression takes entries; masses likewise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from .. import ours, peers
from ..task import Build, Call, Data, Results, Task, Variant
from ..vector_math import njit

SOFTENING = 1e-4
LARGEST_UNROLLED_JAX = 8  # XLA takes a minute for 16 bodies


def data(bodies: int) -> Data:
    rng = np.random.default_rng(10)
    return {"q": rng.normal(size=3 * bodies), "m": rng.uniform(0.5, 1.5, bodies)}


def reference(q: Any, m: Any) -> Results:
    """Energy and its gradient by the positions."""
    x = q.reshape(-1, 3)
    d = x[:, None, :] - x
    r = np.sqrt(np.sum(d**2, axis=2) + SOFTENING)
    masses = np.outer(m, m) * (1 - np.eye(len(m)))
    return [-np.sum(masses / r) / 2, np.einsum("ij,ijk->ik", masses / r**3, d).ravel()]


def energy(q: Any, m: Any, sqrt: Any, bodies: int) -> Any:
    """The expression, of whatever `q` and `m` hold."""
    terms = list(_terms(q, m, sqrt, bodies))
    while len(terms) > 1:  # in pairs: peers recurse over expressions, and a chain would be too deep for them
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + terms[len(terms) & ~1 :]
    return terms[0]


def _terms(q: Any, m: Any, sqrt: Any, bodies: int) -> Iterator[Any]:
    for i, j in combinations(range(bodies), 2):
        x, y, z = (q[3 * i + k] - q[3 * j + k] for k in range(3))
        yield -m[i] * m[j] / sqrt(x * x + y * y + z * z + SOFTENING)


def by_hand(q, m, gradient):
    bodies = m.shape[0]
    gradient[:] = 0.0
    total = 0.0
    for i in range(bodies):
        x, y, z, mass = q[3 * i], q[3 * i + 1], q[3 * i + 2], m[i]
        gx, gy, gz = 0.0, 0.0, 0.0
        for j in range(i):
            dx, dy, dz = x - q[3 * j], y - q[3 * j + 1], z - q[3 * j + 2]
            r = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + SOFTENING)
            e = mass * m[j] * r
            total -= e
            pull = e * r * r
            gx += pull * dx
            gy += pull * dy
            gz += pull * dz
            gradient[3 * j] -= pull * dx
            gradient[3 * j + 1] -= pull * dy
            gradient[3 * j + 2] -= pull * dz
        gradient[3 * i] += gx
        gradient[3 * i + 1] += gy
        gradient[3 * i + 2] += gz
    return total


def numba_build(data: Data) -> Call:
    kernel, gradient = njit(by_hand), np.empty_like(data["q"])
    q, m = data["q"], data["m"]
    return lambda: [kernel(q, m, gradient), gradient]


def symgrad_build(data: Data) -> Call:
    import symgrad as sg

    bodies = len(data["m"])
    q, m = sg.vector("q", 3 * bodies), sg.vector("m", bodies)
    return ours.value_and_grad(energy(q, m, sg.sqrt, bodies), ["q"])(data)


def unrolled(module: Any, q: Any, m: Any) -> Any:
    return energy(q, m, module.sqrt, m.shape[0])


def heyoka_build(data: Data) -> Call:
    import heyoka

    bodies = len(data["m"])
    q = heyoka.make_vars(*(f"q{k}" for k in range(3 * bodies)))
    m = [heyoka.par[k] for k in range(bodies)]
    value = energy(q, m, heyoka.sqrt, bodies)
    gradient = heyoka.diff_tensors([value], diff_args=q, diff_order=1).gradient
    function = heyoka.cfunc([value, *gradient], q, compact_mode=bodies > 8)
    results, positions, masses = np.empty(1 + 3 * bodies), data["q"], data["m"]
    both = results[:1].reshape(()), results[1:]

    def call() -> Results:
        function(positions, outputs=results, pars=masses)
        return both

    return call


def casadi_loss(ca: Any, q: Any, m: Any) -> Any:
    return energy(q, m, ca.sqrt, m.shape[0])


def implementations(bodies: int) -> dict[str, Build]:
    """Return those that are ready in a bearable time."""
    found = {
        "symgrad": symgrad_build,
        "numba": numba_build,
        "casadi": peers.with_casadi(casadi_loss, ["q"], scalar_graph=True),
        "heyoka": heyoka_build,
    }
    if bodies <= LARGEST_UNROLLED_JAX:
        found["jax"] = peers.with_jax(unrolled, ["q"])
    return found


SMALL = partial(data, 4)

TASK = Task(
    10,
    "N-body energy",
    tuple(Variant(f"N={n}", partial(data, n), SMALL, reference, implementations(n)) for n in (8, 16, 32, 64)),
)
