"""Our side of a task: the text of its formula, compiled as a user would."""

from __future__ import annotations

from collections.abc import Sequence

import symgrad as sg

from .task import Build, Call, Data


def value_and_grad(formula: str | sg.Expr, wrt: Sequence[str]) -> Build:
    """Value and derivatives by one kernel."""

    def build(data: Data) -> Call:
        kernel = sg.compile(formula, wrt=list(wrt))

        def call() -> list[object]:
            value, derivatives = kernel.value_and_grad(data)
            return [value, *derivatives.values()]

        return call

    return build


def hessian(formula: str, wrt: str) -> Build:
    """The Hessian alone."""

    def build(data: Data) -> Call:
        kernel = sg.compile(sg.hessian(formula, wrt))
        needed = {name: data[name] for name in kernel.inputs}
        return lambda: [kernel(needed)]

    return build


def batch(formula: str, wrt: Sequence[str]) -> Build:
    """Values and derivatives of a formula at many points, into arrays that are kept."""

    def build(data: Data) -> Call:
        kernel = sg.compile(formula, wrt=list(wrt))
        inputs = [data[name] for name in kernel.inputs]
        values, derivatives = kernel.batch.value_and_grad(*inputs)
        out = {"value": values, **derivatives}

        def call() -> list[object]:
            values, derivatives = kernel.batch.value_and_grad(*inputs, out=out)
            return [values, *derivatives.values()]

        return call

    return build
