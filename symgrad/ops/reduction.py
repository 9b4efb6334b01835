"""Reductions other than the sum, softmax and norms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symgrad.core.dims import Size, element_count
from symgrad.core.expr import Apply, Expr, OpDef, Parameter, ParameterKind, Structured, Via
from symgrad.core.indexing import FULL, NewAxis
from symgrad.core.numeric import ArrayKernel, Instruction, Reduce
from symgrad.core.pitfalls import ANYTHING, Pitfall
from symgrad.core.properties import NONE, Properties, Property
from symgrad.core.traits import Kink
from symgrad.ops.broadcasting import (
    REDUCTION_PARAMETERS,
    Axes,
    normalise_axes,
    prepare_reduction,
    reduced_shape,
    restore_axes,
    scalar_operand,
    spread,
    sum,
)
from symgrad.ops.constants import eye, size
from symgrad.ops.define import array_op
from symgrad.ops.exponential import exp, log, sqrt
from symgrad.ops.infer import NONNEGATIVE_RESULT, of_total
from symgrad.ops.piecewise import absolute, equal, sign, where
from symgrad.ops.shaping import Sizes, append_axes, reshape, transpose


def first(tangents: tuple[Expr | None, ...]) -> Expr:
    """Return the tangent of an op with one operand."""
    (x_dot,) = tangents
    assert x_dot is not None  # the engine calls no pushforward when all tangents are zero
    return x_dot


def mean_expand(node: Apply) -> Expr:
    (x,) = node.operands
    params = node.parameters(Axes)
    count: Size = element_count(tuple(x.shape[axis] for axis in params.reduced(x.ndim)))
    return sum(x, axis=params.axis, keepdims=params.keepdims) / size(count)


def mean_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    params = node.parameters(Axes)
    return np.asarray(np.mean(x, axis=params.reduced(x.ndim), keepdims=params.keepdims))


mean = array_op(
    "mean",
    doc="The mean over the axes, over all of them by default.",
    properties=of_total,
    aliases=("average",),
    latex=r"\operatorname{mean}",
    shape=reduced_shape,
    parameters=REDUCTION_PARAMETERS,
    prepare=prepare_reduction,
    canonical=scalar_operand,
    expand=mean_expand,
    reference=mean_reference,
)


# --- largest and smallest --------------------------------------------------------------------------------------------


def extreme_share(node: Apply, x: Expr) -> Expr:
    """Return the weights of the derivative: 1 at the extreme entry, shared equally between ties."""
    at_extreme = equal(x, restore_axes(node, node))
    ties = sum(at_extreme, axis=node.parameters(Axes).axis, keepdims=True)
    return at_extreme / ties


def extreme_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (x,) = node.operands
    params = node.parameters(Axes)
    return sum(extreme_share(node, x) * first(tangents), axis=params.axis, keepdims=params.keepdims)


def extreme_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (x,) = node.operands
    return (spread(node, cotangent) * extreme_share(node, x),)


def extreme(name: str, alias: str, instruction: Instruction, what: str, numpy_function: Callable[..., Any]) -> OpDef:
    """Define the largest or the smallest element."""

    def numeric(node: Apply) -> ArrayKernel:
        params = node.parameters(Axes)
        return Reduce(instruction, params.reduced(node.operands[0].ndim), params.keepdims)

    def reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
        params = node.parameters(Axes)
        return np.asarray(numpy_function(x, axis=params.reduced(x.ndim), keepdims=params.keepdims))

    return array_op(
        name,
        doc=f"The {what} entry over the axes, over all of them by default.",
        aliases=(alias,),
        latex=rf"\{name}",
        shape=reduced_shape,
        parameters=REDUCTION_PARAMETERS,
        prepare=prepare_reduction,
        canonical=scalar_operand,
        derivative=Structured(extreme_pushforward, extreme_pullback),
        numeric=numeric,
        reference=reference,
        kinks=(Kink("two entries tie", "shared equally between the tied entries"),),
    )


max = extreme("max", "amax", Instruction.MAXIMUM, "largest", np.max)
min = extreme("min", "amin", Instruction.MINIMUM, "smallest", np.min)


# --- the product -----------------------------------------------------------------------------------------------------


def prod_numeric(node: Apply) -> ArrayKernel:
    params = node.parameters(Axes)
    return Reduce(Instruction.MUL, params.reduced(node.operands[0].ndim), params.keepdims)


def prod_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    params = node.parameters(Axes)
    return np.asarray(np.prod(x, axis=params.reduced(x.ndim), keepdims=params.keepdims))


def prod_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (x,) = node.operands
    params = node.parameters(Axes)
    others = prod_others(x, axis=params.axis)
    return sum(others * first(tangents), axis=params.axis, keepdims=params.keepdims)


def prod_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (x,) = node.operands
    return (spread(node, cotangent) * prod_others(x, axis=node.parameters(Axes).axis),)


def same_as_operand(shapes: tuple[tuple[Size, ...], ...], _params: object) -> tuple[Size, ...]:
    return shapes[0]


def prepare_axis(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Axes:
    return Axes(normalise_axes(given.get("axis"), operands[0].ndim), keepdims=True)


def prod_others_via(node: Apply) -> Expr:
    """The same as products of rows with a one on the diagonal: quadratic, but right at zeros to every order."""
    (x,) = node.operands
    axes = node.parameters(Axes).reduced(x.ndim)
    order = (*(axis for axis in range(x.ndim) if axis not in axes), *axes)
    kept = tuple(x.shape[axis] for axis in order[: x.ndim - len(axes)])
    count = element_count(tuple(x.shape[axis] for axis in axes))
    rows = reshape(transpose(x, axes=order), (*kept, count))
    each = where(eye(count), 1, rows[(*[FULL] * len(kept), NewAxis())])
    products = reshape(prod(each, axis=-1), tuple(x.shape[axis] for axis in order))
    return transpose(products, axes=tuple(sorted(range(x.ndim), key=order.__getitem__)))


def prod_others_expand(node: Apply) -> Expr:
    """In linear time: divide where no entry is zero; where one is, only its own entry has a nonzero product."""
    (x,) = node.operands
    axis = node.parameters(Axes).axis
    is_zero = equal(x, 0)
    zero_count = sum(is_zero, axis=axis, keepdims=True)
    nonzero = where(is_zero, 1, x)
    product = prod(nonzero, axis=axis, keepdims=True)
    with_one_zero = where(equal(zero_count, 1) * is_zero, product, 0)
    return where(equal(zero_count, 0), product / nonzero, with_one_zero)


def prod_others_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    axes = node.parameters(Axes).reduced(x.ndim)
    result = np.empty_like(x)
    for position in np.ndindex(x.shape):
        line = tuple(slice(None) if axis in axes else i for axis, i in enumerate(position))
        others = np.array(x, copy=True)
        others[position] = 1
        result[position] = np.prod(others[line])
    return result


prod = array_op(
    "prod",
    doc="The product over the axes, over all of them by default.",
    properties=of_total,
    aliases=("product",),
    latex=r"\prod",
    shape=reduced_shape,
    parameters=REDUCTION_PARAMETERS,
    prepare=prepare_reduction,
    canonical=scalar_operand,
    derivative=Structured(prod_pushforward, prod_pullback),
    numeric=prod_numeric,
    reference=prod_reference,
    pitfalls=(
        Pitfall((ANYTHING,), "the product overflows {dtype}", "sum logarithms, sum(log(x)), or scale the factors"),
    ),
)
prod_others = array_op(
    "prod_others",
    doc="For each entry, the product of the other entries over the axes: the derivative of prod, right at zeros too.",
    latex=r"\operatorname{prodothers}",
    shape=same_as_operand,
    parameters=(Parameter("axis", ParameterKind.AXIS, None),),
    prepare=prepare_axis,
    derivative=Via(prod_others_via),
    expand=prod_others_expand,
    reference=prod_others_reference,
)


# --- softmax ---------------------------------------------------------------------------------------------------------


def shifted(x: Expr, axis: object) -> tuple[Expr, Expr]:
    """Return the largest entry (0 where it is infinite) and exp(x - it), which cannot overflow."""
    top = max(x, axis=axis, keepdims=True)
    finite = where(absolute(top) < 1.7e308, top, 0) if top is not x else x
    return finite, exp(x - finite)


def logsumexp_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (x,) = node.operands
    params = node.parameters(Axes)
    return sum(softmax(x, axis=params.axis) * first(tangents), axis=params.axis, keepdims=params.keepdims)


def logsumexp_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (x,) = node.operands
    return (spread(node, cotangent) * softmax(x, axis=node.parameters(Axes).axis),)


def logsumexp_expand(node: Apply) -> Expr:
    (x,) = node.operands
    axis = node.parameters(Axes).axis
    top, powers = shifted(x, axis)
    return reshape(log(sum(powers, axis=axis, keepdims=True)) + top, node.shape)


def logsumexp_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    from scipy.special import logsumexp as scipy_logsumexp

    params = node.parameters(Axes)
    return np.asarray(scipy_logsumexp(x, axis=params.reduced(x.ndim), keepdims=params.keepdims))


def mp_exp(x: np.ndarray) -> np.ndarray:
    import mpmath

    return np.asarray(np.frompyfunc(mpmath.exp, 1, 1)(x), dtype=object)


def logsumexp_mp(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    import mpmath

    params = node.parameters(Axes)
    total = np.sum(mp_exp(x), axis=params.reduced(x.ndim), keepdims=params.keepdims)
    return np.asarray(np.frompyfunc(mpmath.log, 1, 1)(total), dtype=object)


def softmax_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    x_dot = first(tangents)
    return node * (x_dot - sum(node * x_dot, axis=node.parameters(Axes).axis, keepdims=True))


def softmax_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    batch = cotangent.ndim - node.ndim
    axes = tuple(batch + axis for axis in node.parameters(Axes).reduced(node.ndim))
    return (node * (cotangent - sum(node * cotangent, axis=axes, keepdims=True)),)


def softmax_expand(node: Apply) -> Expr:
    (x,) = node.operands
    axis = node.parameters(Axes).axis
    _, powers = shifted(x, axis)
    return powers / sum(powers, axis=axis, keepdims=True)


def softmax_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    from scipy.special import softmax as scipy_softmax

    return np.asarray(scipy_softmax(x, axis=node.parameters(Axes).reduced(x.ndim)))


def softmax_mp(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    powers = mp_exp(x)
    return np.asarray(powers / np.sum(powers, axis=node.parameters(Axes).reduced(x.ndim), keepdims=True))


logsumexp = array_op(
    "logsumexp",
    doc="log(sum(exp(x))) over the axes, without overflow.",
    latex=r"\operatorname{logsumexp}",
    shape=reduced_shape,
    parameters=REDUCTION_PARAMETERS,
    prepare=prepare_reduction,
    canonical=scalar_operand,
    derivative=Structured(logsumexp_pushforward, logsumexp_pullback),
    expand=logsumexp_expand,
    reference=logsumexp_reference,
    mp=logsumexp_mp,
    sympy="symgrad.ops.sympy_forms:logsumexp",
    references=("Blanchard, Higham & Higham, Accurately computing the log-sum-exp and softmax functions (2021)",),
)


def softmax_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    (x,) = operands
    return frozenset({Property.POSITIVE}) | ({Property.SIMPLEX} if x.ndim == 1 else NONE)


softmax = array_op(
    "softmax",
    doc="exp(x)/sum(exp(x)) over the axes (all of them by default, as in SciPy), without overflow.",
    properties=softmax_properties,
    latex=r"\operatorname{softmax}",
    shape=same_as_operand,
    parameters=(Parameter("axis", ParameterKind.AXIS, None),),
    prepare=prepare_axis,
    derivative=Structured(softmax_pushforward, softmax_pullback),
    expand=softmax_expand,
    reference=softmax_reference,
    mp=softmax_mp,
    references=("Blanchard, Higham & Higham, Accurately computing the log-sum-exp and softmax functions (2021)",),
)


# --- norms -----------------------------------------------------------------------------------------------------------


def norm_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    return sum(unit(node.operands[0]) * first(tangents))


def norm_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (x,) = node.operands
    return (append_axes(cotangent, x.ndim) * unit(x),)


def norm_expand(node: Apply) -> Expr:
    return sqrt(sum(node.operands[0] ** 2))


def norm_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.sum(x * x)))


def norm_mp(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    import mpmath

    return np.asarray(mpmath.sqrt(np.sum(x * x)), dtype=object)


def unit_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    x_dot = first(tangents)
    return (x_dot - node * sum(node * x_dot)) / norm(node.operands[0])


def unit_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    axes = tuple(range(cotangent.ndim - node.ndim, cotangent.ndim))
    return ((cotangent - node * sum(node * cotangent, axis=axes, keepdims=True)) / norm(node.operands[0]),)


def unit_expand(node: Apply) -> Expr:
    (x,) = node.operands
    length = norm(x)
    return x / where(equal(length, 0), 1, length)


def unit_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.sum(x * x))
    return x / (length if length else 1.0)


def unit_mp(node: Apply, sizes: Sizes, x: np.ndarray) -> np.ndarray:
    length = norm_mp(node, sizes, x).item()
    return np.asarray(x / (length if length else 1))


def norm1_expand(node: Apply) -> Expr:
    return sum(absolute(node.operands[0]))


def norm1_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    return sum(sign(node.operands[0]) * first(tangents))


def norm1_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(abs(x)))


def norm1_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (x,) = node.operands
    return (append_axes(cotangent, x.ndim) * sign(x),)


def to_number(_shapes: tuple[tuple[Size, ...], ...], _params: object) -> tuple[Size, ...]:
    return ()


norm = array_op(
    "norm",
    doc="The Euclidean norm of a vector, the Frobenius norm of a matrix.",
    properties=NONNEGATIVE_RESULT,
    aliases=("norm2",),
    latex=r"\left\lVert {0} \right\rVert",
    shape=to_number,
    derivative=Structured(norm_pushforward, norm_pullback),
    expand=norm_expand,
    reference=norm_reference,
    mp=norm_mp,
    kinks=(Kink("x = 0", "0, the shortest subgradient"),),
    sympy="symgrad.ops.sympy_forms:norm",
    references=("Petersen & Pedersen, The Matrix Cookbook (2012), sections 2.6 and 2.7",),
    pitfalls=(Pitfall((ANYTHING,), "the sum of squares overflows {dtype}", "scale x"),),
)
unit = array_op(
    "unit",
    doc="x/norm(x), the unit vector along x; 0 at x = 0.",
    aliases=("normalize",),
    latex=r"\operatorname{unit}",
    shape=same_as_operand,
    derivative=Structured(unit_pushforward, unit_pullback),
    expand=unit_expand,
    reference=unit_reference,
    mp=unit_mp,
    references=("Petersen & Pedersen, The Matrix Cookbook (2012), sections 2.6 and 2.7",),
    pitfalls=(
        Pitfall(
            (ANYTHING,),
            "the derivative of x/norm(x) divides by a norm of 0",
            "guard the norm, or x/sqrt(sum(x**2) + 1e-12)",
            slope=True,
        ),
    ),
)
norm1 = array_op(
    "norm1",
    doc="The sum of the absolute values of all entries; for the largest column sum of a matrix: operator_norm1.",
    properties=NONNEGATIVE_RESULT,
    latex=r"\left\lVert {0} \right\rVert_1",
    shape=to_number,
    derivative=Structured(norm1_pushforward, norm1_pullback),
    expand=norm1_expand,
    reference=norm1_reference,
    kinks=(Kink("an entry is 0", "0 for that entry"),),
    references=("Petersen & Pedersen, The Matrix Cookbook (2012), section 10.3",),
)
