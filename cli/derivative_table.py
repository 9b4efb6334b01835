"""Derivatives and domains of ops in words, found by building each op on inputs and differentiating it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import symgrad as sg
from symgrad.core.dims import Shape, named
from symgrad.core.domain import REALS, Domain, Interval
from symgrad.core.expr import REQUIRED, Apply, Flat, Input, NotDifferentiable, OpDef
from symgrad.core.shapes import Alternative, read_signature
from symgrad.errors import SymgradError
from symgrad.syntax import formula

_n = named("n")
_TRIED: tuple[Shape, ...] = ((_n,), (_n, _n), ())
_COTANGENT = "y_bar"


def derivative_text(op: OpDef) -> list[str]:
    """Return the derivative by each operand, or why there is none."""
    if not op.operand_names:
        return ["a constant"]
    if isinstance(op.derivative, Flat):
        return ["0"]
    if isinstance(op.derivative, NotDifferentiable):
        return [f"none: {op.derivative.why}"]
    node = example(op)
    if node is None:
        return ["by its rule; depends on the parameters"]
    if op.elementwise:
        return [f"d/d{name}: {expr}" for name, expr in _shown(sg.jacobian(node, list(op.operand_names)))]
    cotangent = Input(_COTANGENT, node.shape)
    pulled = sg.vjp(node, list(op.operand_names), cotangent)
    return [f"{name}_bar: {expr}" for name, expr in _shown(pulled)]


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
    """Return the op on inputs called like its operands; None when it needs parameters or keeps no node."""
    if any(parameter.default is REQUIRED for parameter in op.parameters):
        return None
    for shapes in _shapes_to_try(op):
        inputs = [Input(name, shape) for name, shape in zip(op.operand_names, shapes, strict=True)]
        try:
            node = op(*inputs)
        except SymgradError:
            continue
        if isinstance(node, Apply) and set(node.inputs) == set(op.operand_names):
            return node
    return None


def _shapes_to_try(op: OpDef) -> Iterable[Sequence[Shape]]:
    if op.elementwise:
        return [((),) * len(op.operand_names)]
    if op.signature:
        alternatives = sorted(read_signature(op.signature), key=_rank, reverse=True)
        return [[tuple(map(named, core)) for core in alternative.operands] for alternative in alternatives]
    return [(shape,) * len(op.operand_names) for shape in _TRIED]


def _rank(alternative: Alternative) -> int:
    return sum(map(len, alternative.operands))


def _shown(derivatives: dict[str, sg.Expr]) -> list[tuple[str, str]]:
    return [(name, formula(expr)) for name, expr in derivatives.items()]


def _in_words(name: str, domain: Domain) -> str:
    if domain == REALS:
        return ""
    if isinstance(domain, Interval):
        return str(domain).replace("x", name)
    return f"{name} {domain}"
