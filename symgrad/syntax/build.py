"""From steps and shapes to nodes. Every error of a builder gets its place in the text."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import numpy as np

from symgrad.core.dims import Shape, shape_text
from symgrad.core.expr import Apply, Expr, Foreign, Input, Literal, OpDef
from symgrad.core.notation import Constant
from symgrad.core.properties import NONE, Properties
from symgrad.errors import InvalidValueError, LimitError, SymgradError
from symgrad.syntax.limits import Limits
from symgrad.syntax.program import Read, Resolved, Step, Use, Value

_LONGEST_QUOTE = 40


def build(resolved: Resolved, shapes: Mapping[str, Shape], limits: Limits) -> Expr:
    """Return the node of the program's result; see `build_steps`."""
    return build_steps(resolved, shapes, limits)[resolved.result]


def build_steps(resolved: Resolved, shapes: Mapping[str, Shape], limits: Limits) -> list[Expr]:
    """Return the node of every step; `shapes` has every input.

    ShapeError, OperandError, ... from the ops; InvalidValueError for a constant that is not finite; LimitError for
    an array of more elements than the limit.
    """
    nodes: list[Expr] = []
    constants: list[float | None] = []
    for step in resolved.steps:
        try:
            node = _node(step, nodes, shapes, resolved.assumed)
            _check_elements(node, limits)
            constants.append(_constant(step, node, constants, resolved.source))
        except SymgradError as error:
            raise error.locate(step.span, resolved.source) from None
        nodes.append(node)
    return nodes


def _node(step: Step, nodes: list[Expr], shapes: Mapping[str, Shape], assumed: Mapping[str, Properties]) -> Expr:
    match step:
        case Read(name=name):
            return Input(name, shapes[name], assumed.get(name, NONE))
        case Value(value=value):
            return Literal(value)
        case Use(op=op, operands=operands, parameters=parameters):
            return op.apply([nodes[operand] for operand in operands], parameters)


def _check_elements(node: Expr, limits: Limits) -> None:
    count = 1
    for size in node.shape:
        count *= size if isinstance(size, int) else 1
    if count > limits.elements:
        raise LimitError(f"an array of shape {shape_text(node.shape)} has more than {limits.elements:,} elements")


def _constant(step: Step, node: Expr, constants: list[float | None], source: str) -> float | None:
    """Return the value of a step that depends on no input and no size, in floats: `9**9**9**9` is never computed."""
    match step:
        case Value(value=value):
            return float(value)
        case Use(operands=()) if isinstance(node, Apply) and isinstance(node.op.notation, Constant):
            return None if not callable(node.op.reference) else float(node.op.reference(node, {}))
        case Use(op=op, operands=operands) if op.elementwise:
            values = [constant for operand in operands if (constant := constants[operand]) is not None]
            if len(values) < len(operands):
                return None
            result = _evaluate(op, values)
            if result is None or not isfinite(result):
                quoted = source[step.span.start : step.span.end]
                quoted = quoted if len(quoted) <= _LONGEST_QUOTE else quoted[:_LONGEST_QUOTE] + "..."
                raise InvalidValueError(f"{quoted} is not a finite real number")
            return result
    return None


def _evaluate(op: OpDef, values: list[float]) -> float | None:
    """Return the op's value in floats; None where it has none."""
    function = op.reference.load() if isinstance(op.reference, Foreign) else op.reference
    if function is None:
        return 0.0  # the op is known by its expansion only: nothing to say against it
    try:
        with np.errstate(all="ignore"):
            return float(function(*map(np.float64, values)))
    except (ArithmeticError, TypeError, ValueError):  # a complex or missing value
        return None
