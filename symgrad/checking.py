"""The verbs that check: a formula with its derivative and kernels, and a derivative that was written by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.api import jvp, vjp
from symgrad.arguments import (
    Formula,
    Name,
    Wrt,
    as_formula,
    derive,
    need_scalar,
    new_tangents,
    resolve,
)
from symgrad.backends.kernel import Kernel
from symgrad.backends.options import DType
from symgrad.backends.partition import fresh
from symgrad.core.expr import Expr, Input
from symgrad.diff.layout import Layout, read_layout
from symgrad.diff.tangent import Convention, check_flat, read_convention
from symgrad.errors import InvalidValueError, OperandError, ShapeError, UnknownNameError
from symgrad.verification import GradientKernel, MoreRoutes, Report
from symgrad.verification import verify as _verify
from symgrad.verification.claim_text import read_beside, read_claim, with_inputs_of
from symgrad.verification.claims import Claim, check_claims
from symgrad.verification.products import Batched, Pulled, Pushed, Some
from symgrad.verification.provenance import describe, describe_second, request_of
from symgrad.verification.sampling import size_names
from symgrad.verification.second import Second, with_second


def verify(
    formula: Formula,
    wrt: Wrt | None = None,
    *,
    seed: int = 0,
    points: int = 3,
    at: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    sizes: Mapping[str, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
    order: int = 1,
    products: bool = False,
    batch: bool = False,
    dtype: DType = "float64",
) -> Report:
    """Check value and derivative of a formula against 50-digit arithmetic and against differences of the kernel.

    The bound every error is judged by is an estimated error, see docs/design.md. Points are drawn from the domain
    (`seed` fixes them); `at` gives values of inputs for one more point, or a list of such for several. With `order=2`
    the Hessian of a scalar is checked as well, as the derivative of the checked gradient and for its symmetry; with
    `products` the kernels of `jvp` and `vjp`; with `batch` the kernel for many points. `dtype` is that of the kernels.
    Errors: ShapeError for `order=2` of a formula that is not a scalar, InvalidValueError for another order and for
    a negative seed or number of points, OperandError where there is nothing to differentiate by.

    >>> verify("sum(exp(x))").passed
    True
    >>> verify("x @ A @ x", "x", order=2, products=True, batch=True, dtype="float32").passed
    True
    """
    output = as_formula(formula)
    nodes = resolve(output, wrt)
    if order not in (1, 2):
        raise InvalidValueError(f"derivatives of order 1 or 2 are checked, not {order}")
    if seed < 0 or points < 0:
        raise InvalidValueError(f"seed and points have to be 0 or more, not {seed} and {points}")
    known = size_names(output.inputs.values())
    strange = [name for name in sizes or {} if name not in known]
    if strange:
        raise UnknownNameError(f"there is no size {strange[0]}; the formula has {', '.join(known) or 'none'}")
    if not nodes:
        raise OperandError("there is nothing to differentiate by")
    if order == 2:
        check_flat(nodes)
        need_scalar(output, "a Hessian")
    gradients = dict(zip((node.name for node in nodes), derive(output, nodes), strict=True))
    kernel = Kernel(output, nodes, dtype)
    routes = [
        *([Batched(kernel.batch)] if batch else []),
        *(_product_routes(output, nodes, dtype) if products else []),
    ]
    given = [] if at is None else [at] if isinstance(at, Mapping) else list(at)
    unknown = [name for point in given for name in point if name not in output.inputs]
    if unknown:
        raise UnknownNameError(f"there is no input {unknown[0]}; the formula has {', '.join(sorted(output.inputs))}")
    asked = _Asked(seed, points, given, sizes, progress)
    request = request_of(
        output,
        nodes,
        seed=seed,
        points=points,
        given=tuple(dict.fromkeys(name for point in given for name in point)),
        sizes=dict(sizes or {}),
        order=order,
        products=products,
        batch=batch,
        dtype=dtype,
    )
    first = describe(asked.verify(output, nodes, gradients, kernel, routes), request, output, gradients, kernel.ir)
    if order == 1:
        return first
    parts = [_second(gradients[node.name], node, nodes, dtype) for node in nodes]

    def verify_gradient(gradient: Expr, blocks: Mapping[str, Expr], kernel: GradientKernel) -> Report:
        return asked.verify(gradient, [node for node in nodes if node.name in blocks], blocks, kernel)

    second = {(part.node.name, by): expr for part in parts for by, expr in part.blocks.items()}
    return describe_second(with_second(first, parts, verify_gradient), second)


@dataclass(frozen=True)
class _Asked:
    """What a user asks of a verification, for the formula and for its gradient."""

    seed: int
    points: int
    at: Sequence[Mapping[str, Any]]
    sizes: Mapping[str, int] | None
    progress: Callable[[int, int], None] | None

    def verify(
        self,
        output: Expr,
        wrt: list[Input],
        gradients: Mapping[str, Expr],
        kernel: GradientKernel,
        routes: Sequence[MoreRoutes] = (),
    ) -> Report:
        known = {**output.inputs, **{node.name: node for node in wrt}}
        at = [{name: value for name, value in point.items() if name in known} for point in self.at]
        return _verify(
            output,
            wrt,
            gradients,
            kernel,
            seed=self.seed,
            points=self.points,
            at=at,
            sizes=self.sizes,
            progress=self.progress,
            routes=routes,
        )


def _second(gradient: Expr, node: Input, nodes: list[Input], dtype: DType) -> Second:
    used = [by for by in nodes if by.name in gradient.inputs]
    blocks = dict(zip((by.name for by in used), derive(gradient, used), strict=True))
    return Second(node, gradient, blocks, Kernel(gradient, used, dtype))


def _product_routes(output: Expr, nodes: list[Input], dtype: DType) -> list[MoreRoutes]:
    pushed = jvp(output, nodes)
    seeds = new_tangents(output, nodes).values()
    tangents = {
        node.name: name
        for node, seed in zip(nodes, seeds, strict=True)
        for name in seed.inputs
        if name in pushed.inputs
    }
    name = fresh("y_bar", output.inputs)
    pulled = vjp(output, nodes, Input(name, output.shape))
    kernels = {node.name: _alone(each, dtype) for node, each in zip(nodes, pulled.values(), strict=True)}
    return [Pushed(_alone(pushed, dtype), tangents), Pulled(kernels, name)]


def _alone(output: Expr, dtype: DType) -> Some:
    return Some(Kernel(output, (), dtype), tuple(output.inputs))


def check_expression(
    formula: Formula,
    claimed: Formula | Mapping[str, Formula],
    wrt: Name | None = None,
    *,
    layout: Layout | str = Layout.DEFAULT,
    convention: Convention | str = Convention.TANGENT,
    seed: int = 0,
    points: int = 3,
    at: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Report:
    """Check a derivative that was written by hand, by 50-digit differences of the formula and by symgrad's own.

    `claimed` is a text or an expression, the derivative by `wrt` (which may be missing if the formula has one input),
    or a mapping from names to them. The texts are read together: a formula that settles no shapes takes those of the
    claim.
    `layout` and `convention` say how the claim is meant, as for `jacobian`.

    The report of a wrong claim has a counter-example, and names the mistake if it is a usual one that explains
    everything: the sign, a factor, a transpose or another layout.
    Errors: those of `parse`, with a place in the text of the claim; UnknownNameError for a claim with other inputs.

    >>> check_expression("sum((X @ w - y)**2)", "2*X.T @ (X @ w - y)", "w").passed
    True
    >>> for reason in check_expression("x.T @ A @ x", "2*A @ x", "x").reasons:
    ...     print(reason.partition(" at ")[0])
    df/dx is wrong
    counter-example
    >>> print(check_expression("logdet(X)", "inv(X)", "X").reasons[0])
    df/dX is right up to a transpose: it is the derivative in the layout 'numerator'
    """
    output, read = _read_claims(formula, claimed, wrt)
    nodes = [output.inputs[name] for name in read]
    chosen = layout if isinstance(layout, Layout) else read_layout(layout)
    meant = read_convention(convention)
    derivatives = derive(output, nodes, convention=meant)
    others = derive(output, nodes, convention=next(each for each in Convention if each is not meant))
    claims = [
        Claim(node, derivative, read[node.name], other if other is not derivative else None)
        for node, derivative, other in zip(nodes, derivatives, others, strict=True)
    ]
    return check_claims(output, claims, chosen, seed=seed, points=points, at=at, sizes=sizes)


def _read_claims(
    formula: Formula, claimed: Formula | Mapping[str, Formula], wrt: Name | None
) -> tuple[Expr, dict[str, Expr]]:
    """Return the formula and the claims by name; a text that settles no shapes takes them from the claims."""
    try:
        output = as_formula(formula)
        return output, _claims_about(output, claimed, wrt)
    except ShapeError:
        texts = claimed.values() if isinstance(claimed, Mapping) else [claimed]
        other = read_beside(formula, texts) if isinstance(formula, str) else None
        if other is None:
            raise
        return other, _claims_about(other, claimed, wrt)


def _claims_about(output: Expr, claimed: Formula | Mapping[str, Formula], wrt: Name | None) -> dict[str, Expr]:
    if isinstance(claimed, Mapping):
        if wrt is not None:
            raise OperandError("a mapping of claims says itself what they are derivatives by; leave wrt out")
        given = {node.name: claimed[node.name] for node in resolve(output, list(claimed))}
    elif wrt is None and len(output.inputs) != 1:
        raise OperandError(f"say which derivative is claimed, wrt= one of {', '.join(output.inputs) or 'no inputs'}")
    else:
        (node,) = resolve(output, [*output.inputs] if wrt is None else [wrt])
        given = {node.name: claimed}
    return {
        name: read_claim(each, output) if isinstance(each, str) else with_inputs_of(as_formula(each), output)
        for name, each in given.items()
    }
