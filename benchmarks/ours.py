"""Our side of a task: the text of its formula, compiled and called as a user would who calls it often.

Inputs are given in order, and results go into arrays that are kept from the first call.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import symgrad as sg

from .task import Build, Call, Data


def value_and_grad(formula: str | sg.Expr, wrt: Sequence[str]) -> Build:
    """Value and derivatives of a scalar formula by one kernel."""

    def build(data: Data) -> Call:
        kernel = sg.compile(formula, wrt=list(wrt))
        inputs = [data[name] for name in kernel.inputs]
        _, derivatives = kernel.value_and_grad(*inputs)
        out = {name: array for name, array in derivatives.items() if kernel.inputs[name].shape} or None
        if len(inputs) == 1:  # as it would be written; a star costs as much as a small kernel
            (x,) = inputs
            return lambda: kernel.value_and_grad(x, out=out)
        return lambda: kernel.value_and_grad(*inputs, out=out)

    return build


def numbers(formula: str, wrt: Sequence[str]) -> Build:
    """Value and derivatives of a formula of numbers, by the function that `kernel.njit` has for compiled code."""

    def build(data: Data) -> Call:
        kernel = sg.compile(formula, wrt=list(wrt))
        inputs = [data[name] for name in kernel.inputs]
        return partial(kernel.njit.value_and_grad, *inputs)

    return build


def hessian(formula: str, wrt: str) -> Build:
    """The Hessian alone."""

    def build(data: Data) -> Call:
        kernel = sg.compile(sg.hessian(formula, wrt))
        inputs = [data[name] for name in kernel.inputs]
        out = kernel(*inputs)
        return lambda: [kernel(*inputs, out=out)]

    return build


def batch(formula: str, wrt: Sequence[str]) -> Build:
    """Values and derivatives of a formula at many points, into arrays that are kept."""

    def build(data: Data) -> Call:
        kernel = sg.compile(formula, wrt=list(wrt))
        inputs = [data[name] for name in kernel.inputs]
        values, derivatives = kernel.batch.value_and_grad(*inputs)
        return partial(kernel.batch.value_and_grad, *inputs, out={"value": values, **derivatives})

    return build
