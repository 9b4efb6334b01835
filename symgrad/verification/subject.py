"""What is verified at a point, and what its value and derivatives should be there, to 50 digits where that goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import element_count, evaluate
from symgrad.core.expr import Expr, Input, postorder
from symgrad.diff.pushforward import push_forward
from symgrad.diff.tangent import project
from symgrad.verification import precise, rounding
from symgrad.verification.complexstep import analytic_form
from symgrad.verification.evidence import COARSEST, TINY
from symgrad.verification.manifold import sharpen
from symgrad.verification.model import Check, Point
from symgrad.verification.precise import NotPreciseError, Precise

MOST_PRECISE_OPERATIONS = 20_000  # of an evaluation at 50 digits; about 0.1 s, and a point takes some ten of them


class GradientKernel(Protocol):
    """What is verified: `symgrad.backends.kernel.Kernel`, or anything that computes a value and its derivatives."""

    @property
    def dtype(self) -> str:
        """float64 or float32."""

    def __call__(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """Return the value."""

    def value_and_grad(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> tuple[Any, Mapping[str, Any]]:
        """Return the value and the derivatives, of shape output.shape + input.shape."""

    def forward(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> tuple[Any, Any]:
        """Return the value and what `backward` needs."""

    def backward(self, residuals: Any, cotangent: Any = 1.0) -> Mapping[str, Any]:
        """Return what a cotangent of the output pulls back to."""


class MoreRoutes(Protocol):
    """A check at a point beyond those that are always made: of products, of the batch kernel, ..."""

    def __call__(self, at: At, /) -> Sequence[Check]:
        """Return what was found."""


@dataclass(frozen=True)
class Subject:
    """What is verified, and the tangents of the forward sweep, which are built once."""

    output: Expr
    wrt: tuple[Input, ...]
    gradients: Mapping[str, Expr]
    kernel: GradientKernel
    tangents: Mapping[str, tuple[str, Expr]]  # for each input, the name of its tangent and that of the output
    routes: tuple[MoreRoutes, ...] = ()
    analytic: Expr | None = None  # the formula where a complex step may be taken

    @classmethod
    def of(
        cls,
        output: Expr,
        wrt: Sequence[Input],
        gradients: Mapping[str, Expr],
        kernel: GradientKernel,
        routes: Sequence[MoreRoutes] = (),
    ) -> Subject:
        """Return the subject of a verification."""
        name = "x_dot"
        while name in output.inputs:
            name += "_"
        tangents = {x.name: (name, push_forward(output, {x: project(x, Input(name, x.shape))})) for x in wrt}
        return cls(output, tuple(wrt), gradients, kernel, tangents, tuple(routes), analytic_form(output))

    def input(self, name: str) -> Input:
        """Return the input of this name that is differentiated by."""
        return next(x for x in self.wrt if x.name == name)

    @property
    def eps(self) -> float:
        """The rounding unit of the kernel."""
        return float(np.finfo(self.kernel.dtype).eps)

    @property
    def coarsest(self) -> float:
        """The largest relative bound that still means something at this precision."""
        return COARSEST * float(np.sqrt(self.eps / np.finfo(float).eps))


@dataclass(frozen=True, eq=False)
class Expected:
    """What the value and the derivatives should be at a point, and how much a kernel's may differ by rounding.

    `values` are those of the inputs, with more digits where floats cannot hold what is assumed of them.
    """

    values: Mapping[str, np.ndarray]
    value: Precise
    gradients: Mapping[str, Precise]
    value_rounding: np.ndarray
    gradient_rounding: Mapping[str, np.ndarray]
    exact: bool  # at 50 digits; otherwise from the NumPy interpreter
    note: str = ""

    @property
    def natural(self) -> float:
        """The scale of a derivative in units of its input, for one that is zero: the value itself."""
        return float(np.max(np.abs(precise.as_float(self.value.value)), initial=0.0))


@dataclass(frozen=True, slots=True, eq=False)
class At:
    """What the routes share at one point."""

    subject: Subject
    point: Point
    number: int
    expected: Expected
    rng: np.random.Generator

    @property
    def ulp(self) -> float | None:
        """What errors of the kernel are counted in: its rounding unit, where the truth is known better."""
        return self.subject.eps if self.expected.exact else None

    def x(self, node: Input) -> np.ndarray:
        """The value of an input as an array of floats."""
        return np.asarray(self.point.values[node.name], float)


def expect(subject: Subject, point: Point, rng: np.random.Generator) -> Expected:
    """Return the value and the derivatives at a point, and how far those of a kernel may be off by rounding."""
    names = [x.name for x in subject.wrt]
    exprs = [subject.output, *(subject.gradients[name] for name in names)]
    inputs = {**subject.output.inputs, **{x.name: x for x in subject.wrt}}
    sharp = {name: sharpen(inputs[name], x, precise.MORE_DIGITS + 5) for name, x in point.values.items()}
    inexact = [name for name, x in sharp.items() if x is not point.values[name]]
    values, note = _truth(exprs, replace(point, values=sharp))
    centres = [precise.as_float(truth.value) for truth in values]
    spreads = rounding.spreads(exprs, point.values, centres, rng, subject.eps, point.sizes, inexact)
    bounds = [
        rounding.INFLATION * spread + precise.as_float(truth.uncertainty) + TINY
        for spread, truth in zip(spreads, values, strict=True)
    ]
    return Expected(
        values=sharp if not note else point.values,
        value=values[0],
        gradients=dict(zip(names, values[1:], strict=True)),
        value_rounding=bounds[0],
        gradient_rounding=dict(zip(names, bounds[1:], strict=True)),
        exact=not note,
        note=note,
    )


def _truth(exprs: Sequence[Expr], point: Point) -> tuple[list[Precise], str]:
    """Return the values at 50 digits, or those of the NumPy interpreter and why."""
    try:
        if operation_count(exprs, point) > MOST_PRECISE_OPERATIONS:
            raise NotPreciseError("the arrays are too large for 50-digit arithmetic")
        return precise.evaluate_twice(exprs, point.values, point.sizes), ""
    except NotPreciseError as reason:
        found = evaluate_reference(exprs, point.values, sizes=point.sizes)
        return [Precise(value, np.zeros(value.shape)) for value in found], f"50-digit reference: {reason}"


def operation_count(exprs: Sequence[Expr], point: Point) -> int:
    """Return about how many operations on numbers an evaluation takes."""
    counts: dict[Expr, int] = {}
    for node in postorder(*exprs):
        elements = evaluate(element_count(node.shape), point.sizes)
        counts[node] = max([elements, *(evaluate(element_count(x.shape), point.sizes) for x in node.operands)])
    return sum(counts.values())
