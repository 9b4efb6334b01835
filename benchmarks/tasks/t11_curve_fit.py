"""400 steps of stochastic gradient descent that fit y = w x + b to four points of the line 5 x + 3.

The steps are the task: a loop around a compiled gradient that is too small for its calls to be cheap.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg

from ..task import Call, Data, Results, Task, Variant
from ..vector_math import njit

FORMULA = "f(w, b, x, y) = (w*x + b - y)**2"
EPOCHS, RATE = 100, 0.1


def data() -> Data:
    return {"x": np.array([0.0, 1.0, 2.0, 3.0]), "y": np.array([3.0, 8.0, 13.0, 18.0]), "start": 8.0}


def reference(x: Any, y: Any, start: Any) -> Results:
    """Slope and intercept after the last step."""
    w = b = start
    for _ in range(EPOCHS):
        for u, v in zip(x.tolist(), y.tolist(), strict=True):
            slope = 2 * (w * u + b - v)
            w, b = w - RATE * slope * u, b - RATE * slope
    return [w, b]


def symgrad_loop(data: Data) -> Call:
    """The user's own compiled loop calls the kernel."""
    value_and_grad = sg.compile(FORMULA, wrt=["w", "b"]).njit.value_and_grad

    @njit
    def fit(x, y, start):
        w = b = start
        for _ in range(EPOCHS):
            for i in range(x.shape[0]):
                _, (dw, db) = value_and_grad(w, b, x[i], y[i])
                w -= RATE * dw
                b -= RATE * db
        return w, b

    return lambda: fit(data["x"], data["y"], data["start"])


def by_hand(x, y, start):
    w = b = start
    for _ in range(EPOCHS):
        for i in range(x.shape[0]):
            slope = 2.0 * (w * x[i] + b - y[i])
            w -= RATE * slope * x[i]
            b -= RATE * slope
    return w, b


def numba_loop(data: Data) -> Call:
    kernel = njit(by_hand)
    return lambda: kernel(data["x"], data["y"], data["start"])


def jax_loop(data: Data) -> Call:
    """The whole loop is compiled, as JAX's documentation advises."""
    import jax

    jax.config.update("jax_enable_x64", True)

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        w, b = parameters
        return (w * x + b - y) ** 2

    slope = jax.grad(loss)

    @jax.jit
    def fit(x: Any, y: Any, start: Any) -> Any:
        def step(k: Any, parameters: Any) -> Any:
            dw, db = slope(parameters, x[k % 4], y[k % 4])
            return parameters[0] - RATE * dw, parameters[1] - RATE * db

        return jax.lax.fori_loop(0, EPOCHS * 4, step, (start, start))

    x, y, start = (jax.numpy.asarray(value) for value in data.values())
    return lambda: jax.block_until_ready(fit(x, y, start))


def torch_loop(data: Data) -> Call:
    import torch

    points = list(zip(*(torch.as_tensor(data[name]) for name in "xy"), strict=True))

    def call() -> Results:
        w, b = (torch.tensor(data["start"], dtype=torch.float64, requires_grad=True) for _ in range(2))
        for _ in range(EPOCHS):
            for x, y in points:
                dw, db = torch.autograd.grad((w * x + b - y) ** 2, (w, b))
                with torch.no_grad():
                    w -= RATE * dw
                    b -= RATE * db
        return [w.detach(), b.detach()]

    return call


def casadi_loop(data: Data) -> Call:
    """The step is repeated inside of CasADi, by `mapaccum`."""
    import casadi

    state, point = casadi.SX.sym("state", 2), casadi.SX.sym("point", 2)
    loss = (state[0] * point[0] + state[1] - point[1]) ** 2
    step = casadi.Function("step", [state, point], [state - RATE * casadi.gradient(loss, state)])
    fit = step.mapaccum("fit", EPOCHS * 4)
    points = np.ascontiguousarray(np.tile(np.stack([data["x"], data["y"]], axis=1), (EPOCHS, 1)))
    start, states = np.full(2, data["start"]), np.empty((EPOCHS * 4, 2))
    buffer, run = fit.buffer()
    buffer.set_arg(0, memoryview(start))
    buffer.set_arg(1, memoryview(points))
    buffer.set_res(0, memoryview(states))
    last = states[-1]

    def call() -> Results:
        run()
        return last

    call.owners = (buffer, fit, start, points)
    return call


TASK = Task(
    11,
    "curve fit",
    (
        Variant(
            name="400 steps",
            data=data,
            small=data,
            reference=reference,
            implementations={
                "symgrad": symgrad_loop,
                "numba": numba_loop,
                "jax": jax_loop,
                "torch": torch_loop,
                "casadi": casadi_loop,
            },
        ),
    ),
)
