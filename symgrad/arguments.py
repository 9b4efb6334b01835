"""What the verbs take: formulas, names to differentiate by and tangents, as users write them; and what they derive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from symgrad import syntax
from symgrad.backends.partition import fresh
from symgrad.core.dims import shape_text
from symgrad.core.expr import Expr, Input, as_expr
from symgrad.diff import jacobian as derivative
from symgrad.diff.layout import Layout, arrange, unstacked
from symgrad.diff.tangent import Convention, project, tangent
from symgrad.errors import OperandError, ShapeError, UnknownNameError
from symgrad.ops import sympy_bridge
from symgrad.simplify import simplify, textbook

Formula: TypeAlias = "Expr | str | Any"  # Any: a SymPy expression, whose types SymPy does not declare
Name: TypeAlias = "str | Expr | Any"  # Any: a SymPy symbol
Wrt: TypeAlias = "Name | Iterable[Name]"

_INSTEAD = {
    "a gradient": "use jacobian, or sum it",
    "a Hessian": "sum it, or pick an entry; jacobian(jacobian(f, x), x) has the second derivatives of every entry",
}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def as_formula(formula: Formula) -> Expr:
    """Return the expression that `formula` is: an expression, a text, a number or a SymPy expression."""
    if isinstance(formula, Expr):
        return formula
    if isinstance(formula, str):
        return syntax.parse(formula)
    if is_sympy(formula):
        return sympy_bridge.from_sympy(formula)
    return as_expr(formula)


def is_sympy(value: object) -> bool:
    """Return whether a value is one of SymPy's, without importing it."""
    return type(value).__module__.partition(".")[0] == "sympy"


def need_scalar(output: Expr, what: str = "a gradient") -> Expr:
    if output.shape:
        raise ShapeError(
            f"{what} needs a scalar formula, this one has shape {shape_text(output.shape)}; {_INSTEAD[what]}"
        )
    return output


def resolve(output: Expr, wrt: Wrt | None) -> list[Input]:
    """Return the inputs that `wrt` means."""
    inputs = output.inputs
    if wrt is None:
        return list(inputs.values())
    given = [wrt] if is_single(wrt) else list(wrt)
    return [_resolve_one(name, inputs) for name in given]


def is_single(wrt: Wrt) -> bool:
    return isinstance(wrt, str | Expr) or not isinstance(wrt, Iterable)


def _resolve_one(name: Name, inputs: Mapping[str, Input]) -> Input:
    node = name if isinstance(name, str | Input) else _as_input(name)
    if isinstance(node, str):
        if node not in inputs:
            raise UnknownNameError(f"{node} is not an input; the inputs are {', '.join(inputs) or 'none'}")
        return inputs[node]
    own = inputs.get(node.name, node)
    if own.shape != node.shape:
        shapes = shape_text(own.shape), shape_text(node.shape)
        raise ShapeError(f"the formula's input {node.name} has shape {shapes[0]}, not {shapes[1]}")
    return own


def _as_input(name: Any) -> Input:
    """Read a SymPy symbol as an input."""
    node = as_formula(name) if is_sympy(name) else None
    if not isinstance(node, Input):
        raise OperandError(f"differentiate by the name of an input or by an input, not by {name!r}")
    return node


def directions(
    output: Expr, wrt: Wrt | None, nodes: list[Input], direction: Mapping[Name, Formula] | Formula | None
) -> dict[Expr, Expr]:
    if direction is None:
        return new_tangents(output, nodes)
    if not isinstance(direction, Mapping):
        if wrt is None or not is_single(wrt):
            raise OperandError("for several inputs the direction is a mapping from names to expressions")
        direction = {nodes[0].name: direction}
    tangents = given_tangents(output, direction)
    beside = [node.name for node in tangents if isinstance(node, Input) and node not in nodes]
    if beside:
        raise UnknownNameError(f"a direction of {beside[0]} is given, but it is not differentiated by")
    return tangents


def given_tangents(output: Expr, tangents: Mapping[Name, Formula]) -> dict[Expr, Expr]:
    nodes = resolve(output, list(tangents))
    given = {node: _as_tangent(each, node, output) for node, each in zip(nodes, tangents.values(), strict=True)}
    return {node: project(node, each) if each.shape == node.shape else each for node, each in given.items()}


def _as_tangent(tangent: Formula, node: Input, output: Expr) -> Expr:
    """Return a tangent of `node`. In a text, inputs keep their shapes; a lone new name has the node's."""
    if not isinstance(tangent, str):
        return as_formula(tangent)
    known = {name: each for name, each in output.inputs.items() if name in _WORD.findall(tangent)}
    shapes = {tangent.strip(): node.shape, **{name: each.shape for name, each in known.items()}}
    return syntax.parse(
        tangent,
        shapes={name: shape for name, shape in shapes.items() if _WORD.fullmatch(name)},
        assume={name: each.properties for name, each in known.items() if each.properties},
    )


def new_tangents(output: Expr, nodes: list[Input]) -> dict[Expr, Expr]:
    taken = set(output.inputs)
    return {node: tangent(node, fresh(f"{node.name}_dot", taken))[1] for node in nodes}


def derive(
    output: Expr,
    nodes: list[Input],
    layout: Layout = Layout.DEFAULT,
    convention: Convention = Convention.TANGENT,
) -> list[Expr]:
    """Return the derivatives in textbook form: of the stable form of the output, so that they are stable too."""
    (stable,) = simplify([output])
    if layout is Layout.VEC:
        stable = unstacked(stable)
    results = simplify(derivative.jacobian(stable, nodes, convention))
    if layout is not Layout.DEFAULT:
        results = simplify([arrange(each, stable.ndim, layout) for each in results])
    return textbook(results)


def label(wrt: Wrt | None, nodes: list[Input], results: list[Expr]) -> Any:
    """Return the one result for a single name, a dict by name otherwise."""
    if wrt is not None and is_single(wrt):
        return results[0]
    return {node.name: result for node, result in zip(nodes, results, strict=True)}
