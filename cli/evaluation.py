"""Values of a formula and its derivatives at a point, computed by the compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import symgrad as sg

from .literals import Array
from .problem import Problem


@dataclass(frozen=True, slots=True)
class Derivation:
    """A formula with its derivatives by name, and second derivatives by pair of names when they were asked for."""

    formula: sg.Expr
    derivatives: Mapping[str, sg.Expr]
    second: Mapping[tuple[str, str], sg.Expr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The numbers that belong to a derivation at some point."""

    value: Array
    derivatives: Mapping[str, Array]
    second: Mapping[tuple[str, str], Array]


def derive(problem: Problem, hessian: bool) -> Derivation:
    """Differentiate. ShapeError for the Hessian of a formula that is not a scalar."""
    names = list(problem.wrt)
    second: dict[tuple[str, str], sg.Expr] = {}
    if hessian:
        blocks = sg.hessian(problem.formula, names)
        second = {(a, b): blocks[a][b] for i, a in enumerate(names) for b in names[i:]}
    return Derivation(problem.formula, sg.jacobian(problem.formula, names), second)


def evaluate(derivation: Derivation, values: Mapping[str, Array]) -> Evaluation:
    """Run the kernels on `values`. ShapeError when they do not fit the formula or each other."""
    kernel = sg.compile(derivation.formula, wrt=list(derivation.derivatives))
    value, derivatives = kernel.value_and_grad(values)
    second = {pair: _evaluate_one(block, values) for pair, block in derivation.second.items()}
    return Evaluation(np.asarray(value), derivatives, second)


def _evaluate_one(expr: sg.Expr, values: Mapping[str, Array]) -> Array:
    own: dict[str, Any] = {name: values[name] for name in expr.inputs}
    return np.asarray(sg.compile(expr, wrt=[])(own))
