"""Further routes at a point: compiled products with the Jacobian, and the kernel for many points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from symgrad.core.expr import Input
from symgrad.errors import ShapeError
from symgrad.verification import precise, rounding
from symgrad.verification.evidence import TINY, Evidence
from symgrad.verification.manifold import tangent_step
from symgrad.verification.model import Check, Route, Verdict
from symgrad.verification.subject import At


class Values(Protocol):
    """Anything that computes a value from inputs by name, such as a kernel."""

    def __call__(self, inputs: Mapping[str, Any], /) -> Any:
        """Return the value."""


class BatchValues(Protocol):
    """The values and derivatives at many points: `symgrad.backends.batch.Batch`."""

    def value_and_grad(self, inputs: Mapping[str, Any], /) -> tuple[Any, Mapping[str, Any]]:
        """Return the values and the derivatives, with the axis of points in front."""


@dataclass(frozen=True)
class Some:
    """A kernel that is given only those of the values that are inputs of its formula."""

    kernel: Values
    names: tuple[str, ...]

    def __call__(self, inputs: Mapping[str, Any], /) -> Any:
        """Return the value."""
        return self.kernel({name: inputs[name] for name in self.names})


@dataclass(frozen=True)
class Pushed:
    """The compiled jvp against the Jacobian, which the other routes check, times the tangents.

    `tangents` names the inputs of `kernel` that are tangents, by the inputs of the formula they belong to.
    """

    kernel: Values
    tangents: Mapping[str, str]

    def __call__(self, at: At, /) -> list[Check]:
        """Return the check of one random tangent of all inputs."""
        expected, subject = at.expected, at.subject
        moves = {x.name: tangent_step(x, _random(at, at.x(x))) for x in subject.wrt}
        named = {self.tangents[name]: v for name, v in moves.items() if name in self.tangents}
        try:
            found = self.kernel({**at.point.values, **named})
        except ShapeError as error:
            return [_not_run(at, Route.JVP, None, error)]
        shape = expected.value.value.shape
        total, size, bound = (np.zeros(expected.value.value.size) for _ in range(3))
        for name, v in moves.items():
            jacobian = precise.as_float(expected.gradients[name].value).reshape(total.size, v.size)
            total += jacobian @ v.ravel()
            size += np.abs(jacobian) @ np.abs(v).ravel()
            bound += expected.gradient_rounding[name].reshape(total.size, v.size) @ np.abs(v).ravel()
        bound += _summing(at, sum(v.size for v in moves.values())) * size
        return [_judge(at, Route.JVP, None, found, total.reshape(shape), bound.reshape(shape), float(np.max(size)))]


@dataclass(frozen=True)
class Pulled:
    """The compiled vjp, one kernel for each input, against a cotangent times the Jacobian."""

    kernels: Mapping[str, Values]
    cotangent: str  # the name of the cotangent among the inputs of the kernels

    def __call__(self, at: At, /) -> list[Check]:
        """Return one check for each input, with one random cotangent."""
        expected = at.expected
        u = np.asarray(at.rng.normal(size=expected.value.value.shape), at.subject.kernel.dtype).astype(float)
        weights = u.ravel()
        checks = []
        for name, kernel in self.kernels.items():
            shape = np.shape(at.point.values[name])
            rows = precise.as_float(expected.gradients[name].value).reshape(weights.size, -1)
            roundings = expected.gradient_rounding[name].reshape(weights.size, -1)
            size = np.abs(weights) @ np.abs(rows)
            bound = np.abs(weights) @ roundings + _summing(at, weights.size) * size
            try:
                found = kernel({**at.point.values, self.cotangent: u})
            except ShapeError as error:
                checks.append(_not_run(at, Route.VJP, name, error))
                continue
            total, largest = (weights @ rows).reshape(shape), float(np.max(size))
            checks.append(_judge(at, Route.VJP, name, found, total, bound.reshape(shape), largest))
        return checks


@dataclass(frozen=True)
class Batched:
    """The kernel for many points at once: the point, a neighbour, and the point again have to come out in their places.

    The outer two are judged by what is expected at the point. The neighbour is judged as what lies between them must
    not spoil them; an index that is off by a point shows in all three.
    """

    batch: BatchValues

    def __call__(self, at: At, /) -> list[Check]:
        """Return one check for each input: the worst of the places."""
        expected, checks = at.expected, []
        stacked = {name: np.stack([x, self._neighbour(at, name, x), x]) for name, x in at.point.values.items()}
        values, gradients = self.batch.value_and_grad(stacked)
        for name in (x.name for x in at.subject.wrt):
            found = np.asarray(gradients[name], float)
            truth = precise.as_float(expected.gradients[name].value)
            twice, bound = np.stack([truth, truth]), expected.gradient_rounding[name]
            checks.append(_judge(at, Route.BATCH, name, found[[0, 2]], twice, np.stack([bound, bound])))
        truth = precise.as_float(expected.value.value)
        outer = np.asarray(values, float)[[0, 2]]
        checks.append(_judge(at, Route.BATCH, None, outer, np.stack([truth, truth]), _twice(expected.value_rounding)))
        return checks

    def _neighbour(self, at: At, name: str, x: np.ndarray) -> np.ndarray:
        known: Mapping[str, Input] = {**at.subject.output.inputs, **{x.name: x for x in at.subject.wrt}}
        return np.asarray(x if known[name].properties else x * 1.01)


def _twice(bound: np.ndarray) -> np.ndarray:
    return np.stack([bound, bound])


def _random(at: At, x: np.ndarray) -> np.ndarray:
    unit = np.max(np.abs(x), initial=0.0) or 1.0
    return np.asarray(unit * at.rng.normal(size=x.shape), at.subject.kernel.dtype).astype(float)


def _summing(at: At, terms: int) -> float:
    """The relative rounding of a sum of products of this many terms."""
    return rounding.INFLATION * (terms + 4) * at.subject.eps


def _not_run(at: At, route: Route, name: str | None, error: ShapeError) -> Check:
    """The check of a product that cannot be a kernel of its own, such as ones(n)*y_bar: nothing tells n."""
    nan, inf = float("nan"), float("inf")
    return Check(
        route,
        at.number,
        name,
        Verdict.INCONCLUSIVE,
        nan,
        inf,
        inf,
        0.0,
        0,
        detail=f"not run: {error.message}",
        decisive=False,
    )


def _judge(
    at: At, route: Route, name: str | None, found: Any, truth: np.ndarray, bound: np.ndarray, terms: float = 0.0
) -> Check:
    evidence = Evidence(
        route, at.number, name, truth, truth, bound + TINY, None, at.expected.natural, terms, at.subject.coarsest
    )
    return evidence.judge(np.asarray(found, float))
