"""How the peers are used: each function turns a loss in a peer's own notation into an implementation of a task.

The loss takes the peer's array module and the inputs by name. Peers are imported when they are built, since most
runs lack some of them. A timed call is the peer's own and returns what that one does: it is taken apart elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from .task import Build, Call, Data, Results

Loss: TypeAlias = Callable[..., Any]  # (module, **inputs) -> scalar


def with_jax(loss: Loss, wrt: Sequence[str]) -> Build:
    """`jax.jit` of `jax.value_and_grad`, in float64."""

    def build(data: Data) -> Call:
        import jax

        jax.config.update("jax_enable_x64", True)
        inputs = {name: jax.numpy.asarray(value, dtype=float) for name, value in data.items()}
        others = [name for name in inputs if name not in wrt]

        def objective(variables: tuple[Any, ...], *rest: Any) -> Any:
            return loss(jax.numpy, **dict(zip(wrt, variables, strict=True)), **dict(zip(others, rest, strict=True)))

        step, ready = jax.jit(jax.value_and_grad(objective)), jax.block_until_ready
        arguments = tuple(inputs[name] for name in wrt), *(inputs[name] for name in others)
        return lambda: ready(step(*arguments))

    return build


def with_torch(loss: Loss, wrt: Sequence[str], compiled: bool = False) -> Build:
    """Torch's autograd, eager or through `torch.compile`."""

    def build(data: Data) -> Call:
        import torch

        inputs = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in data.items()}
        for name in wrt:
            inputs[name] = inputs[name].clone().requires_grad_()
        active = [inputs[name] for name in wrt]

        def objective(inputs: dict[str, Any]) -> Any:
            return loss(torch, **inputs)

        torch.compiler.reset()  # all tasks share the code of `objective`, and compilations of one code are limited
        forward, gradient = torch.compile(objective) if compiled else objective, torch.autograd.grad

        def call() -> Results:
            value = forward(inputs)
            return value, gradient(value, active)

        return call

    return build


def with_pytensor(loss: Loss, wrt: Sequence[str]) -> Build:
    """A PyTensor function of value and gradient."""

    def build(data: Data) -> Call:
        import pytensor
        import pytensor.tensor as pt

        arrays = {name: np.asarray(value, dtype=float) for name, value in data.items()}
        symbols = {name: pt.tensor(name, dtype="float64", shape=(None,) * array.ndim) for name, array in arrays.items()}
        value = loss(pt, **symbols)
        gradient = pytensor.grad(value, [symbols[name] for name in wrt])
        function = pytensor.function(list(symbols.values()), [value, *gradient], on_unused_input="ignore")
        function.trust_input = True  # the arrays are as declared: no checks in a call
        return partial(function, *arrays.values())

    return build


def with_casadi(loss: Loss, wrt: Sequence[str], scalar_graph: bool = False) -> Build:
    """A CasADi function of value and gradient, with its arguments in CasADi's own buffers.

    `scalar_graph` takes SX, a graph of scalars, else MX, a graph of matrices. Arrays have at most two axes.
    """

    def build(data: Data) -> Call:
        import casadi

        kind = casadi.SX if scalar_graph else casadi.MX
        arrays = {name: np.asarray(value, dtype=float, order="F") for name, value in data.items()}
        symbols = {name: kind.sym(name, *(array.shape or (1, 1))) for name, array in arrays.items()}
        value = loss(casadi, **symbols)
        gradient = [casadi.gradient(value, symbols[name]) for name in wrt]
        function = casadi.Function("f", list(symbols.values()), [value, *map(casadi.densify, gradient)])
        results = [np.zeros((), float), *(np.zeros_like(arrays[name]) for name in wrt)]
        buffer, run = function.buffer()
        for k, array in enumerate(arrays.values()):
            buffer.set_arg(k, memoryview(array.T))
        for k, result in enumerate(results):
            buffer.set_res(k, memoryview(result.T))

        def call() -> Results:
            run()
            return results

        call.owners = (buffer, function, arrays)  # `run` does not keep them alive
        return call

    return build
