"""Values of a formula and its derivatives at a point, computed by the compiled kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

import symgrad as sg
from symgrad.backends.kernel import Program
from symgrad.backends.options import Options
from symgrad.backends.reference import bind_sizes, evaluate_reference
from symgrad.diff.layout import arrange, matters, matters_for_second
from symgrad.diff.tangent import by_entries
from symgrad.simplify import simplify

from .literals import Array
from .problem import Problem


@dataclass(frozen=True, slots=True)
class Derivation:
    """A formula with its derivatives by name, and second derivatives by pair of names when they were asked for.

    `derivatives` have the default layout and convention; `arranged`, those to show, and `second` have `layout`, which
    is stated where it matters or when `state_layout` says so, and `convention`. `named` are those to show with names
    for what they share.
    """

    formula: sg.Expr
    derivatives: Mapping[str, sg.Expr]
    arranged: Mapping[str, sg.Expr]
    second: Mapping[tuple[str, str], sg.Expr] = field(default_factory=dict)
    layout: sg.Layout = sg.Layout.DEFAULT
    convention: sg.Convention = sg.Convention.TANGENT
    state_layout: bool = False
    named: sg.NamedSubterms | None = None

    def results(self) -> list[sg.Expr]:
        """Return the derivatives to show, first and second ones."""
        return [*self.arranged.values(), *self.second.values()]

    @property
    def wrt(self) -> list[sg.Input]:
        """The inputs to differentiate by."""
        return [self.formula.inputs[name] for name in self.derivatives]

    def layout_matters(self) -> bool:
        """Whether the layout is to be stated: a derivative has to be read with it in mind, or it was asked for."""
        inputs = self.formula.inputs
        first = any(matters(self.formula.shape, inputs[name].shape, self.layout) for name in self.derivatives)
        return self.state_layout or first or self.layout_of_second_matters()

    def layout_of_second_matters(self) -> bool:
        """Whether a second derivative has to be read with the layout in mind."""
        inputs = self.formula.inputs
        return any(matters_for_second(inputs[a], inputs[b], self.layout) for a, b in self.second)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The numbers that belong to a derivation at some point."""

    value: Array
    derivatives: Mapping[str, Array]
    second: Mapping[tuple[str, str], Array]


def derive(
    problem: Problem,
    hessian: bool,
    layout: sg.Layout = sg.Layout.DEFAULT,
    convention: sg.Convention = sg.Convention.TANGENT,
    state_layout: bool = False,
    names_subterms: bool = True,
) -> Derivation:
    """Differentiate. ShapeError for the Hessian of a formula that is not a scalar."""
    names = list(problem.wrt)
    second: dict[tuple[str, str], sg.Expr] = {}
    if hessian:
        blocks = sg.hessian(problem.formula, names, layout, convention)
        second = {(a, b): blocks[a][b] for i, a in enumerate(names) for b in names[i:]}
    derivatives = sg.jacobian(problem.formula, names)
    plain = layout is sg.Layout.DEFAULT and convention is sg.Convention.TANGENT
    arranged = derivatives if plain else sg.jacobian(problem.formula, names, layout, convention)
    derivation = Derivation(problem.formula, derivatives, arranged, second, layout, convention, state_layout)
    if not names_subterms:
        return derivation
    return replace(derivation, named=sg.named_subterms(derivation.results(), taken=problem.formula.inputs))


def evaluate(derivation: Derivation, values: Mapping[str, Array]) -> Evaluation:
    """Run the kernels on `values`. ShapeError when they do not fit the formula or each other."""
    kernel = sg.compile(derivation.formula, wrt=list(derivation.derivatives))
    value, derivatives = kernel.value_and_grad(values)
    blocks = derivation.second.values()
    second = _evaluate_together(blocks, derivation.formula, values) if blocks else []
    arranged = {node.name: _arrange(np.asarray(derivatives[node.name]), node, derivation) for node in derivation.wrt}
    return Evaluation(np.asarray(value), arranged, dict(zip(derivation.second, second, strict=True)))


def _arrange(array: Array, node: sg.Input, derivation: Derivation) -> Array:
    """Return the numbers of a derivative in the convention and the layout that is shown."""
    form = sg.tensor("J", *array.shape)
    if derivation.convention is sg.Convention.ENTRIES:
        form = by_entries(node, form)
    return evaluate_reference([arrange(form, derivation.formula.ndim, derivation.layout)], {"J": array})[0]


def _evaluate_together(exprs: Iterable[sg.Expr], formula: sg.Expr, values: Mapping[str, Array]) -> list[Array]:
    """Run one kernel of several expressions. It takes all inputs of the formula: a constant needs their sizes."""
    inputs = list(formula.inputs.values())
    arrays = [np.require(values[node.name], "float64", "C") for node in inputs]
    return Program(simplify(list(exprs)), inputs, Options())(arrays, bind_sizes(inputs, values))
