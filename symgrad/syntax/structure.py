"""Expressions as plain data, for JSON."""

from __future__ import annotations

from typing import Any

from symgrad.core.dims import shape_text
from symgrad.core.expr import Apply, Expr, Input, Literal, postorder
from symgrad.syntax.text import parameter_text, to_text


def to_json(expr: Expr) -> dict[str, Any]:
    """Return the expression as dicts, lists, strings and numbers.

    `nodes` is in postorder, so operands (positions in the list) come before their users and the last node is the
    result.

    >>> from symgrad.syntax import parse
    >>> to_json(parse("x + 1"))["nodes"][-1]
    {'kind': 'apply', 'op': 'add', 'operands': [0, 1], 'parameters': {}, 'shape': '()'}
    """
    position: dict[Expr, int] = {}
    nodes: list[dict[str, Any]] = []
    for node in postorder(expr):
        position[node] = len(nodes)
        nodes.append({**_node(node, position), "shape": shape_text(node.shape)})
    inputs = {name: list(map(str, node.shape)) for name, node in expr.inputs.items()}
    return {"text": to_text(expr), "shape": list(map(str, expr.shape)), "inputs": inputs, "nodes": nodes}


def _node(node: Expr, position: dict[Expr, int]) -> dict[str, Any]:
    match node:
        case Input():
            return {"kind": "input", "name": node.name}
        case Literal():
            return {"kind": "literal", "value": node.value}
        case Apply():
            kinds = {parameter.name: parameter.kind for parameter in node.op.parameters}
            written = {name: parameter_text(kinds[name], value) for name, value in node.op.arguments(node).items()}
            operands = [position[operand] for operand in node.operands]
            return {"kind": "apply", "op": node.op.name, "operands": operands, "parameters": written}
    raise TypeError(f"{type(node).__name__} is not a kind of node")
