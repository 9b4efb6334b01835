"""The policy-gradient objective of COMA: 4 agents with 8 actions, batch 256; value and gradient by the logits.

An agent's advantage is the value of the action it took less a counterfactual baseline, the mean of the values of its
actions under the policy that acted: `q` has those values, `before` that policy, `taken` the actions as 0 and 1.
The baseline is data: nothing is differentiated through it, and `before` is not recomputed from the logits.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import ours, peers
from ..task import Call, Data, Results, Task, Variant
from ..vector_math import exp, log, njit

FORMULA = """
advantage = sum(q*(taken - before), axis=2)
chosen = sum(taken*z, axis=2) - logsumexp(z, axis=2)
f(z[b,a,n], q[b,a,n], before[b,a,n], taken[b,a,n]) = -mean(sum(advantage*chosen, axis=1))
"""


def data(batch: int, agents: int, actions: int) -> Data:
    rng = np.random.default_rng(12)
    shape = batch, agents, actions
    before = rng.dirichlet(np.ones(actions), shape[:2])
    taken = np.eye(actions)[rng.integers(0, actions, shape[:2])]
    return {"z": rng.normal(size=shape), "q": rng.normal(size=shape), "before": before, "taken": taken}


def reference(z: Any, q: Any, before: Any, taken: Any) -> Results:
    """Value and gradient."""
    advantage = np.sum(q * (taken - before), axis=2, keepdims=True)
    e = np.exp(z - z.max(axis=2, keepdims=True))
    policy = e / e.sum(axis=2, keepdims=True)
    chosen = np.sum(taken * np.log(policy), axis=2, keepdims=True)
    return [-np.sum(advantage * chosen) / len(z), advantage * (policy - taken) / len(z)]


def by_hand(z, q, before, taken, gradient, advantages, totals):
    """`z` and the others as matrices of one row for each choice; exponentials and logarithms run over whole arrays."""
    rows, actions = z.shape
    flat = gradient.reshape(rows * actions)
    value = 0.0
    for i in range(rows):
        top = z[i, 0]
        for j in range(1, actions):
            top = max(top, z[i, j])
        advantage, chosen = 0.0, 0.0
        for j in range(actions):
            gradient[i, j] = z[i, j] - top
            advantage += q[i, j] * (taken[i, j] - before[i, j])
            chosen += taken[i, j] * gradient[i, j]
        advantages[i] = advantage
        value -= advantage * chosen
    for k in range(flat.shape[0]):
        flat[k] = exp(flat[k])
    for i in range(rows):
        total = 0.0
        for j in range(actions):
            total += gradient[i, j]
        totals[i] = total
    for i in range(rows):
        value += advantages[i] * log(totals[i])
    return value


def scale(taken, gradient, advantages, totals, batch):
    rows, actions = gradient.shape
    for i in range(rows):
        share = advantages[i] / batch
        factor = share / totals[i]
        for j in range(actions):
            gradient[i, j] = factor * gradient[i, j] - share * taken[i, j]


def numba_build(data: Data) -> Call:
    batch, agents, actions = shape = data["z"].shape
    z, q, before, taken = (array.reshape(batch * agents, actions) for array in data.values())
    gradient, advantages, totals = np.empty_like(z), np.empty(len(z)), np.empty(len(z))
    forward, backward = njit(by_hand), njit(scale)

    def call() -> Results:
        value = forward(z, q, before, taken, gradient, advantages, totals) / batch
        backward(taken, gradient, advantages, totals, batch)
        return [value, gradient.reshape(shape)]

    return call


def jax_loss(np: Any, z: Any, q: Any, before: Any, taken: Any) -> Any:
    from jax.nn import log_softmax

    advantage = np.sum(q * (taken - before), axis=2)
    chosen = np.sum(taken * log_softmax(z, axis=2), axis=2)
    return -np.mean(np.sum(advantage * chosen, axis=1))


def torch_loss(torch: Any, z: Any, q: Any, before: Any, taken: Any) -> Any:
    advantage = torch.sum(q * (taken - before), dim=2)
    chosen = torch.sum(taken * torch.log_softmax(z, dim=2), dim=2)
    return -torch.mean(torch.sum(advantage * chosen, dim=1))


def pytensor_loss(pt: Any, z: Any, q: Any, before: Any, taken: Any) -> Any:
    advantage = pt.sum(q * (taken - before), axis=2)
    chosen = pt.sum(taken * pt.special.log_softmax(z, axis=2), axis=2)
    return -pt.mean(pt.sum(advantage * chosen, axis=1))


TASK = Task(
    12,
    "policy gradient",
    (
        Variant(
            name="4 agents, batch 256",
            data=partial(data, 256, 4, 8),
            small=partial(data, 5, 2, 3),
            reference=reference,
            implementations={
                "symgrad": ours.value_and_grad(FORMULA, ["z"]),
                "numba": numba_build,
                "jax": peers.with_jax(jax_loss, ["z"]),
                "torch": peers.with_torch(torch_loss, ["z"]),
                "torch.compile": peers.with_torch(torch_loss, ["z"], compiled=True),
                "pytensor": peers.with_pytensor(pytensor_loss, ["z"]),
            },
        ),
    ),
)
