"""A formula of six scalars with exp, sin, log and sqrt: value and gradient at one point and at a million points."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .. import ours, peers
from ..task import Call, Data, Results, Task, Variant
from ..vector_math import cos, exp, log, njit, sin

FORMULA = "exp(-(x - x1)**2/(2*s**2))/(sqrt(2*pi)*s)*sin(w*t + phi) + log(1 + x**2*t**2)"
NAMES = ("x", "x1", "s", "w", "t", "phi")


def one_point() -> Data:
    return dict(zip(NAMES, map(float, np.random.default_rng(1).uniform(0.5, 2.0, 6)), strict=True))


def points(count: int) -> Data:
    return dict(zip(NAMES, np.random.default_rng(1).uniform(0.5, 2.0, (6, count)), strict=True))


def reference(x: Any, x1: Any, s: Any, w: Any, t: Any, phi: Any) -> Results:
    """Value and six partial derivatives, at one point or elementwise at many."""
    d = (x - x1) / s**2
    g = np.exp(-d * (x - x1) / 2) / (math.sqrt(2 * math.pi) * s)
    wave, slope = g * np.sin(w * t + phi), g * np.cos(w * t + phi)
    q = 1 + x**2 * t**2
    partials = (
        -d * wave + 2 * x * t**2 / q,
        d * wave,
        wave * (d**2 * s - 1 / s),
        slope * t,
        slope * w + 2 * x**2 * t / q,
        slope,
    )
    return [wave + np.log(q), *partials]


def by_hand(x, x1, s, w, t, phi, f, fx, fx1, fs, fw, ft, fphi):
    for i in range(x.shape[0]):
        r = 1.0 / s[i]
        d = (x[i] - x1[i]) * r
        g = exp(-0.5 * d * d) * r * 0.3989422804014327
        angle = w[i] * t[i] + phi[i]
        wave = g * sin(angle)
        slope = g * cos(angle)
        xt = x[i] * t[i]
        q = 1.0 + xt * xt
        p = 2.0 * xt / q
        f[i] = wave + log(q)
        fx1[i] = d * r * wave
        fx[i] = p * t[i] - d * r * wave
        fs[i] = wave * (d * d - 1.0) * r
        fw[i] = slope * t[i]
        ft[i] = slope * w[i] + p * x[i]
        fphi[i] = slope


def by_hand_once(x, x1, s, w, t, phi):
    r = 1.0 / s
    d = (x - x1) * r
    g = math.exp(-0.5 * d * d) * r * 0.3989422804014327
    angle = w * t + phi
    wave = g * math.sin(angle)
    slope = g * math.cos(angle)
    q = 1.0 + x * x * t * t
    p = 2.0 * x * t / q
    return (
        wave + math.log(q),
        p * t - d * r * wave,
        d * r * wave,
        wave * (d * d - 1.0) * r,
        slope * t,
        slope * w + p * x,
        slope,
    )


def numba_points(data: Data) -> Call:
    kernel, results = njit(by_hand), [np.empty_like(data["x"]) for _ in range(7)]

    def call() -> Results:
        kernel(*data.values(), *results)
        return results

    return call


def numba_one(data: Data) -> Call:
    return partial(njit(by_hand_once), *data.values())


def loss(np: Any, x: Any, x1: Any, s: Any, w: Any, t: Any, phi: Any) -> Any:
    bell = np.exp(-((x - x1) ** 2) / (2 * s**2)) / (math.sqrt(2 * math.pi) * s)
    return bell * np.sin(w * t + phi) + np.log(1 + x**2 * t**2)


def jax_points(data: Data) -> Call:
    import jax

    jax.config.update("jax_enable_x64", True)
    arrays = [jax.numpy.asarray(value) for value in data.values()]

    def objective(*inputs: Any) -> Any:
        return loss(jax.numpy, *inputs)

    step = jax.jit(jax.vmap(jax.value_and_grad(objective, argnums=tuple(range(6)))))
    return lambda: jax.block_until_ready(step(*arrays))


def torch_points(data: Data, compiled: bool = False) -> Call:
    import torch

    inputs = [torch.as_tensor(value).requires_grad_() for value in data.values()]
    ones = torch.ones_like(inputs[0])

    def objective(*inputs: Any) -> Any:
        return loss(torch, *inputs)

    forward = torch.compile(objective) if compiled else objective

    def call() -> Results:
        value = forward(*inputs)
        return value, torch.autograd.grad(value, inputs, ones)

    return call


def casadi_points(data: Data) -> Call:
    import casadi

    symbols = casadi.SX.sym("v", 6)
    value = loss(casadi, *casadi.vertsplit(symbols))
    count = len(data["x"])
    function = casadi.Function("f", [symbols], [casadi.vertcat(value, casadi.gradient(value, symbols))]).map(count)
    points, results = np.stack(list(data.values()), axis=1), np.empty((count, 7))  # columns in CasADi's order
    buffer, run = function.buffer()
    buffer.set_arg(0, memoryview(points))
    buffer.set_res(0, memoryview(results))

    def call() -> Results:
        run()
        return results.T

    call.owners = (buffer, function, points)
    return call


def pytensor_points(data: Data) -> Call:
    import pytensor
    import pytensor.tensor as pt

    symbols = pt.dvectors(*NAMES)
    value = loss(pt, *symbols)
    function = pytensor.function(symbols, [value, *pytensor.grad(pt.sum(value), symbols)])
    function.trust_input = True
    return partial(function, *data.values())


def heyoka_points(data: Data) -> Call:
    import heyoka

    symbols = heyoka.make_vars(*NAMES)
    value = loss(heyoka, *symbols)
    function = heyoka.cfunc([value, *(heyoka.diff(value, symbol) for symbol in symbols)], symbols)
    points = np.stack([np.asarray(value, dtype=float) for value in data.values()])
    results = np.empty((7, *points.shape[1:]))

    def call() -> Results:
        function(points, outputs=results)
        return results

    return call


TASK = Task(
    1,
    "scalar formula",
    (
        Variant(
            name="1",
            data=one_point,
            small=one_point,
            reference=reference,
            implementations={
                "symgrad": ours.numbers(FORMULA, NAMES),
                "numba": numba_one,
                "jax": peers.with_jax(loss, NAMES),
                "torch": peers.with_torch(loss, NAMES),
                "torch.compile": peers.with_torch(loss, NAMES, compiled=True),
                "casadi": peers.with_casadi(loss, NAMES, scalar_graph=True),
                "pytensor": peers.with_pytensor(loss, NAMES),
                "heyoka": heyoka_points,
            },
        ),
        Variant(
            name="1e6",
            data=partial(points, 1_000_000),
            small=partial(points, 37),
            reference=reference,
            implementations={
                "symgrad": ours.batch(FORMULA, NAMES),
                "numba": numba_points,
                "jax": jax_points,
                "torch": torch_points,
                "torch.compile": partial(torch_points, compiled=True),
                "casadi": casadi_points,
                "pytensor": pytensor_points,
                "heyoka": heyoka_points,
            },
        ),
    ),
)
