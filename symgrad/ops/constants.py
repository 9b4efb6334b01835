"""Arrays and numbers without operands: zeros, ones, the identity, sizes, pi and e."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.core.dims import Dim, Shape, Size, evaluate
from symgrad.core.expr import Apply, Expr, Flat, Literal, Parameter, ParameterKind
from symgrad.core.notation import Constant, SizeName
from symgrad.core.numeric import ArrayKernel, Fill, SizeValue
from symgrad.core.properties import Property
from symgrad.errors import OperandError, ShapeError
from symgrad.ops.define import array_op
from symgrad.ops.infer import NONNEGATIVE_RESULT, POSITIVE_RESULT, Always
from symgrad.ops.shaping import Sizes, Target, as_shape, concrete, diag, target_shape


def prepare_shape(_operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Target:
    shape = as_shape(given["shape"])
    if -1 in shape:
        raise ShapeError("a size cannot be -1")
    return Target(shape)


def zeros_reference(node: Apply, sizes: Sizes) -> np.ndarray:
    return np.zeros(concrete(node.shape, sizes))


def ones_reference(node: Apply, sizes: Sizes) -> np.ndarray:
    return np.ones(concrete(node.shape, sizes))


zeros = array_op(
    "zeros",
    doc="An array of zeros.",
    properties=NONNEGATIVE_RESULT,
    operands=(),
    latex=r"\mathbf{0}",
    shape=target_shape,
    parameters=(Parameter("shape", ParameterKind.SHAPE),),
    prepare=prepare_shape,
    derivative=Flat(),
    numeric=Fill(0.0),
    reference=zeros_reference,
    sympy="symgrad.ops.sympy_forms:zeros",
)
ones = array_op(
    "ones",
    doc="An array of ones.",
    properties=POSITIVE_RESULT,
    operands=(),
    latex=r"\mathbf{1}",
    shape=target_shape,
    parameters=(Parameter("shape", ParameterKind.SHAPE),),
    prepare=prepare_shape,
    derivative=Flat(),
    numeric=Fill(1.0),
    reference=ones_reference,
    sympy="symgrad.ops.sympy_forms:ones",
)


@dataclass(frozen=True, slots=True)
class Extent:
    """A size."""

    n: Size


def prepare_extent(_operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Extent:
    (n,) = as_shape(given["n"])
    if n == -1:
        raise ShapeError("a size cannot be -1")
    return Extent(n)


def eye_shape(_shapes: tuple[Shape, ...], params: Extent) -> Shape:
    return (params.n, params.n)


def expand_eye(node: Apply) -> Expr:
    return diag(ones(node.shape[:1]))


def eye_reference(node: Apply, sizes: Sizes) -> np.ndarray:
    return np.eye(evaluate(node.shape[0], sizes))


IDENTITY = Always(frozenset({Property.SPD, Property.DIAGONAL, Property.ORTHOGONAL, Property.NONNEGATIVE}))
eye = array_op(
    "eye",
    doc="The identity matrix.",
    properties=IDENTITY,
    operands=(),
    aliases=("identity",),
    latex="I",
    shape=eye_shape,
    parameters=(Parameter("n", ParameterKind.SIZE),),
    prepare=prepare_extent,
    derivative=Flat(),
    expand=expand_eye,
    reference=eye_reference,
    sympy="symgrad.ops.sympy_forms:eye",
)


def scalar_shape(_shapes: tuple[Shape, ...], _params: object) -> Shape:
    return ()


def size_polynomial(_operands: tuple[Expr, ...], params: Extent) -> Expr | None:
    """A size that is not just a name is built from names by arithmetic, so that it prints as it reads."""
    n = params.n
    if isinstance(n, int):
        return Literal(n)
    if n.name is not None:
        return None
    total: Expr | None = None
    for monomial, coefficient in n.terms:
        term: Expr | None = None
        for atom in monomial:
            if not isinstance(atom, str):
                raise OperandError(f"the size {n} cannot stand in a formula as a number")
            factor = size(Dim((((atom,), 1),)))
            term = factor if term is None else term * factor
        magnitude = Literal(abs(coefficient))
        term = magnitude if term is None else term if abs(coefficient) == 1 else magnitude * term
        if total is None:
            total = -term if coefficient < 0 else term
        else:
            total = total - term if coefficient < 0 else total + term
    return total


def size_numeric(node: Apply) -> ArrayKernel:
    return SizeValue(node.parameters(Extent).n)


def size_reference(node: Apply, sizes: Sizes) -> np.ndarray:
    return np.asarray(float(evaluate(node.parameters(Extent).n, sizes)))


def size_mp(node: Apply, sizes: Sizes) -> np.ndarray:
    import mpmath

    return np.asarray(mpmath.mpf(evaluate(node.parameters(Extent).n, sizes)), dtype=object)


size = array_op(
    "size",
    doc="A size as a number: written as its name.",
    properties=NONNEGATIVE_RESULT,
    operands=(),
    notation=SizeName(),
    shape=scalar_shape,
    parameters=(Parameter("n", ParameterKind.SIZE),),
    prepare=prepare_extent,
    canonical=size_polynomial,
    derivative=Flat(),
    numeric=size_numeric,
    reference=size_reference,
    mp=size_mp,
    sympy="symgrad.ops.sympy_forms:size",
)


def pi_reference(_node: Apply, _sizes: Sizes) -> np.ndarray:
    return np.asarray(math.pi)


def pi_mp(_node: Apply, _sizes: Sizes) -> np.ndarray:
    import mpmath

    return np.asarray(+mpmath.pi, dtype=object)


def e_reference(_node: Apply, _sizes: Sizes) -> np.ndarray:
    return np.asarray(math.e)


def e_mp(_node: Apply, _sizes: Sizes) -> np.ndarray:
    import mpmath

    return np.asarray(+mpmath.e, dtype=object)


pi = array_op(
    "pi",
    doc="The number pi, 3.14159...",
    properties=POSITIVE_RESULT,
    operands=(),
    notation=Constant(),
    latex=r"\pi",
    shape=scalar_shape,
    derivative=Flat(),
    numeric=Fill(math.pi),
    reference=pi_reference,
    mp=pi_mp,
    sympy="pi",
)
e = array_op(
    "e",
    doc="Euler's number, 2.71828...",
    properties=POSITIVE_RESULT,
    operands=(),
    notation=Constant(),
    latex="e",
    shape=scalar_shape,
    derivative=Flat(),
    numeric=Fill(math.e),
    reference=e_reference,
    mp=e_mp,
    sympy="E",
)
