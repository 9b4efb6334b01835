"""Nodes of every op, for the tests of the printers."""

from __future__ import annotations

from typing import Any

import symgrad.ops  # noqa: F401  # fills the registry
from symgrad.core.dims import named
from symgrad.core.expr import REQUIRED, Expr, Input, Literal, OpDef, ParameterKind
from symgrad.errors import SymgradError

m, n = named("m"), named("n")
X, A, x, y, s = Input("X", (m, n)), Input("A", (n, n)), Input("x", (n,)), Input("y", (n,)), Input("s")

ARGUMENTS: dict[ParameterKind, Any] = {
    ParameterKind.AXIS: 0,
    ParameterKind.AXES: (1, 0),
    ParameterKind.FLAG: True,
    ParameterKind.SHAPE: (n,),
    ParameterKind.INDEX: (slice(None), None),
    ParameterKind.SIZE: n,
    ParameterKind.INTEGER: 1,
    ParameterKind.SUBSCRIPTS: "ij,j->i",
    ParameterKind.PAIRING: 1,
    ParameterKind.ROWS: (1, 1),
}


def samples(op: OpDef) -> list[Expr]:
    """Return nodes of the op for several operands and parameters, as far as it takes them."""
    found: list[Expr] = []
    half, one, column = Literal(0.5), Literal(1), Input("c", (n, 1))
    choices: list[tuple[Expr, ...]] = [
        *((s,), (x,), (X,), (A,), (column,), (half,), (one, s), (s, one)),
        *((A, x), (x, A), (x, y), (Literal(-2), s), (x, s), (Input("u", (3,)), Input("v", (3,)))),
    ]
    for operands in choices:
        nodes = (operands * 3)[: len(op.operand_names) if op.variadic is None else 2]
        for chosen in ({p.name for p in op.parameters}, set()):
            values = {p.name: ARGUMENTS[p.kind] for p in op.parameters if p.name in chosen or p.default is REQUIRED}
            try:
                node = op.apply(nodes, values)
            except SymgradError:
                continue
            if node.inputs or not node.operands:  # a constant may have no value: log(-2)
                found.append(node)
    return found
