"""Derivatives and domains of ops in words, found by building each op on inputs and differentiating it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import symgrad as sg
from symgrad.core.dims import Shape, named
from symgrad.core.domain import REALS, Domain, Interval
from symgrad.core.expr import REQUIRED, Apply, Flat, Input, Literal, NotDifferentiable, OpDef
from symgrad.core.shapes import Alternative, read_signature
from symgrad.errors import SymgradError
from symgrad.syntax import formula

_n = named("n")
_TRIED: tuple[Shape, ...] = ((_n,), (_n, _n), ())
_COTANGENT = "out_bar"


def derivative_text(op: OpDef, brief: bool = False) -> list[str]:
    """Return the derivative by each operand, or that there is none, and why unless it is to be brief."""
    if not op.operand_names:
        return ["a constant"]
    if isinstance(op.derivative, Flat):
        return ["0"]
    if isinstance(op.derivative, NotDifferentiable):
        return ["none" if brief else f"none: {op.derivative.why}"]
    node = example(op)
    if node is None:
        return ["depends on the parameters"]
    return [_by_operand(op, node, name, brief) for name in op.labels(len(node.operands)) if name in node.inputs]


def _by_operand(op: OpDef, node: Apply, name: str, brief: bool) -> str:
    label = f"d/d{name}" if op.elementwise else f"{name}_bar"
    try:
        if op.elementwise:
            return f"{label}: {formula(sg.jacobian(node, name))}"
        return f"{label}: {formula(sg.vjp(node, name, Input(_COTANGENT, node.shape)))}"
    except SymgradError as error:
        return f"{label}: none" if brief else f"{label}: none ({error.message})"


def domain_text(op: OpDef) -> str:
    """Return where the op is defined: `x > 0`, `A invertible`, `all`."""
    node = example(op)
    if isinstance(op.domain, tuple):
        domains = op.domain
    elif op.domain is None or node is None:
        return "all" if op.domain is None else "depends on the parameters"
    else:
        domains = op.domains(node)
    texts = [_in_words(name, domain) for name, domain in zip(op.operand_names, domains, strict=False)]
    return ", ".join(filter(None, texts)) or "all"


def example(op: OpDef) -> Apply | None:
    """Return the op on inputs called like its operands; None when it needs parameters or keeps no node.

    Where the first operand has to be a constant (the order of a function), it is 2.
    """
    if any(parameter.default is REQUIRED for parameter in op.parameters):
        return None
    for shapes in _shapes_to_try(op):
        names = op.labels(len(shapes))
        inputs: list[sg.Expr] = [Input(name, shape) for name, shape in zip(names, shapes, strict=True)]
        for operands in (inputs, [Literal(2), *inputs[1:]]):
            node = _built(op, operands)
            if node is not None:
                return node
    return None


def _built(op: OpDef, operands: Sequence[sg.Expr]) -> Apply | None:
    try:
        node = op.apply(operands, {})
    except SymgradError:
        return None
    return node if isinstance(node, Apply) and node.inputs else None


def _shapes_to_try(op: OpDef) -> Iterable[Sequence[Shape]]:
    if op.elementwise:
        return [((),) * len(op.operand_names)]
    if isinstance(op.signature, str) and op.signature:
        alternatives = sorted(read_signature(op.signature), key=_rank, reverse=True)
        return [[tuple(map(named, core)) for core in alternative.operands] for alternative in alternatives]
    return [(shape,) * (len(op.operand_names) if op.variadic is None else 2) for shape in _TRIED]


def _rank(alternative: Alternative) -> int:
    return sum(map(len, alternative.operands))


def _in_words(name: str, domain: Domain) -> str:
    if domain == REALS:
        return ""
    if isinstance(domain, Interval):
        return str(domain).replace("x", name)
    return f"{name} {domain}"
