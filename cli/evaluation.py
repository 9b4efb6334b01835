"""Values of a formula and its derivatives at a point, computed by the compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.diff.layout import arrange, matters

from .literals import Array
from .problem import Problem


@dataclass(frozen=True, slots=True)
class Derivation:
    """A formula with its derivatives by name, and second derivatives by pair of names when they were asked for.

    `derivatives` have the default layout and `arranged`, those to show, that of `layout`.
    """

    formula: sg.Expr
    derivatives: Mapping[str, sg.Expr]
    arranged: Mapping[str, sg.Expr]
    second: Mapping[tuple[str, str], sg.Expr] = field(default_factory=dict)
    layout: sg.Layout = sg.Layout.DEFAULT

    def layout_matters(self) -> bool:
        """Whether a derivative has to be read with the layout in mind."""
        inputs = self.formula.inputs
        return any(matters(self.formula.shape, inputs[name].shape, self.layout) for name in self.derivatives)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The numbers that belong to a derivation at some point."""

    value: Array
    derivatives: Mapping[str, Array]
    second: Mapping[tuple[str, str], Array]


def derive(problem: Problem, hessian: bool, layout: sg.Layout = sg.Layout.DEFAULT) -> Derivation:
    """Differentiate. ShapeError for the Hessian of a formula that is not a scalar."""
    names = list(problem.wrt)
    second: dict[tuple[str, str], sg.Expr] = {}
    if hessian:
        blocks = sg.hessian(problem.formula, names)
        second = {(a, b): blocks[a][b] for i, a in enumerate(names) for b in names[i:]}
    derivatives = sg.jacobian(problem.formula, names)
    arranged = derivatives if layout is sg.Layout.DEFAULT else sg.jacobian(problem.formula, names, layout)
    return Derivation(problem.formula, derivatives, arranged, second, layout)


def evaluate(derivation: Derivation, values: Mapping[str, Array]) -> Evaluation:
    """Run the kernels on `values`. ShapeError when they do not fit the formula or each other."""
    kernel = sg.compile(derivation.formula, wrt=list(derivation.derivatives))
    value, derivatives = kernel.value_and_grad(values)
    second = {pair: _evaluate_one(block, values) for pair, block in derivation.second.items()}
    rank, layout = derivation.formula.ndim, derivation.layout
    arranged = {name: _arrange(np.asarray(array), rank, layout) for name, array in derivatives.items()}
    return Evaluation(np.asarray(value), arranged, second)


def _arrange(array: Array, rank: int, layout: sg.Layout) -> Array:
    form = arrange(sg.tensor("J", *array.shape), rank, layout)
    return evaluate_reference([form], {"J": array})[0]


def _evaluate_one(expr: sg.Expr, values: Mapping[str, Array]) -> Array:
    own: dict[str, Any] = {name: values[name] for name in expr.inputs}
    return np.asarray(sg.compile(expr, wrt=[])(own))
