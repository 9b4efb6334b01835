"""The forward sweep: tangents flow from the inputs to the results."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

from symgrad.core.dims import shape_text
from symgrad.core.expr import Apply, Expr, Flat, Input, Partials, Structured, Transposed, Via, postorder
from symgrad.diff.pullback import derivative_of, own_terms, put_back, zero
from symgrad.errors import ShapeError
from symgrad.ops.arithmetic import MINUS_ONE, ONE
from symgrad.ops.broadcasting import broadcast_to
from symgrad.ops.piecewise import ZERO


def push_forward(output: Expr, tangents: Mapping[Expr, Expr], *, stop: Container[Expr] = ()) -> Expr:
    """Return the tangent of `output` for given tangents of some nodes; all others are constant.

    The sweep does not go below the nodes in `stop`.

    Shapes: a tangent has the shape of its node, the result that of `output`. ShapeError when one does not.
    """
    for node, tangent in tangents.items():
        if node.shape != tangent.shape:
            name = node.name if isinstance(node, Input) else str(node)
            raise ShapeError(
                f"the tangent of {name} has shape {shape_text(tangent.shape)}, not {shape_text(node.shape)}"
            )
    dots: dict[Expr, Expr] = dict(tangents)
    for node in postorder(output, stop=stop):
        if node in dots or node in stop or not isinstance(node, Apply):
            continue
        incoming = tuple(dots.get(operand) for operand in node.operands)
        if any(dot is not None for dot in incoming):
            dot = _push(node, incoming)
            if dot is not None:
                dots[node] = dot if dot.shape == node.shape else broadcast_to(dot, node.shape)
    return dots.get(output, zero(output.shape))


def _push(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr | None:
    match derivative_of(node):
        case Partials(functions):
            return _sum_of_products(node, functions, tangents)
        case Transposed():
            (x_dot,) = tangents
            assert x_dot is not None
            return node.op.make((x_dot,), node.params)
        case Structured(pushforward, _):
            return pushforward(node, tangents)
        case Via(form):
            known = {x: dot for x, dot in zip(node.operands, tangents, strict=True) if dot is not None}
            expression, stand_ins = own_terms(node, form, tuple(known.values()))
            inner = {stand_ins[x]: dot for x, dot in known.items()}
            pushed = push_forward(expression, inner, stop=tuple(stand_ins.values()))
            return put_back([pushed], stand_ins)[0]
        case Flat():
            return None


def _sum_of_products(
    node: Apply, functions: tuple[Callable[..., Expr], ...], tangents: tuple[Expr | None, ...]
) -> Expr | None:
    total: Expr | None = None
    for partial, dot in zip(functions, tangents, strict=True):
        if dot is None:
            continue
        slope = partial(node, *node.operands)
        if slope is ZERO:
            continue
        term = dot if slope is ONE else -dot if slope is MINUS_ONE else slope * dot
        total = term if total is None else total + term
    return total
