"""Points to check at: sizes for the named dimensions and values inside the domain of every op.

A node whose operand lies outside of its op's domain is made NaN; a point is good if the result is finite all the
same. So a branch that `where` does not choose may do as it likes, and both branches get points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from symgrad.backends.membership import require
from symgrad.backends.reference import bind_sizes, call_reference, check_requirements, evaluate_reference
from symgrad.core.dims import Dim, element_count, evaluate
from symgrad.core.domain import Domain, Interval
from symgrad.core.expr import Apply, Expr, Input, postorder
from symgrad.diff.tangent import manifold
from symgrad.errors import InvalidValueError, ShapeError, UnknownNameError
from symgrad.verification.manifold import CURVED, Draw, nearest, settle
from symgrad.verification.model import Point

_MARGIN = 0.02  # of the width of an interval (at most 1): near an edge derivatives blow up
_ATTEMPTS = 80
_HUGE = {"float64": 1e60, "float32": 1e12}
_WORST_CONDITION = 1e3
_WRITTEN = 80
_MOST_ELEMENTS = 20_000_000  # of one array; a check holds some twenty copies

# Different from each other, so that a transposed or swapped axis cannot go unnoticed; tall first.
_SIZE_PLANS = ((4, 3, 2), (2, 3, 4), (5, 2, 3), (7, 5, 6), (11, 9, 10))


def random_source(seed: int) -> np.random.Generator:
    """Return what draws for a seed. InvalidValueError for one that is negative or no whole number."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidValueError(f"a seed is a whole number, 0 or more, not {seed!r}")
    return np.random.default_rng(seed)


def draw_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape)


def draw_positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.3, 2.5, size=shape)


def draw_negative(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return -rng.uniform(0.3, 2.5, size=shape)


def draw_unit(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-0.9, 0.9, size=shape)


def draw_fraction(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.1, 0.9, size=shape)


def draw_above_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(1.2, 3.0, size=shape)


def draw_small(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 0.1 * rng.normal(size=shape)


def draw_large(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(5.0, 15.0, size=shape)


def draw_well_conditioned(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-0.5, 0.5, size=shape) + rng.uniform(0.7, 1.3) * shape[-1] / 2 * np.eye(shape[-1])


def draw_spd(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    root = rng.normal(size=shape)
    return root @ np.swapaxes(root, -1, -2) / shape[-1] + 0.5 * np.eye(shape[-1])


_ANY_SHAPE: tuple[Draw, ...] = (
    draw_normal,
    draw_positive,
    draw_unit,
    draw_fraction,
    draw_above_one,
    draw_small,
    draw_large,
    draw_negative,
)
_SQUARE: tuple[Draw, ...] = (draw_normal, draw_spd, draw_well_conditioned, draw_positive)


@dataclass(frozen=True)
class Sampler:
    """Draws points for an expression. It remembers for each input the kind of values that worked."""

    output: Expr
    inputs: tuple[Input, ...]
    rng: np.random.Generator
    dtype: str = "float64"
    sizes: Mapping[str, int] = field(default_factory=dict)
    _worked: dict[str, Draw] = field(default_factory=dict)

    def draw(self, number: int = 0, at: Mapping[str, Any] | None = None) -> Point:
        """Return a point; `number` varies the sizes. Inputs named in `at` keep the values given there.

        Errors: InvalidValueError, naming the node whose domain could not be met; ShapeError and UnknownNameError
        for an `at` that does not fit.
        """
        fixed = self._given(at or {})
        known = {**self.sizes, **bind_sizes([x for x in self.inputs if x.name in fixed], fixed)}
        if len(fixed) == len(self.inputs):
            return Point(bind_sizes(self.inputs, fixed), fixed, given=True)
        failure: Exception | None = None
        for plan in range(len(_SIZE_PLANS)):
            sizes = self._sizes(known, (number + plan) % len(_SIZE_PLANS))
            try:
                check_requirements([self.output], sizes)
                self._refuse_large(sizes)
                return self._draw_values(sizes, fixed)
            except (ShapeError, InvalidValueError) as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def scaled(self, point: Point, factor: float) -> Point | None:
        """Return a drawn point times `factor`; None where that leaves the domain, or nothing of it may be scaled."""
        free = [x for x in self.inputs if manifold(x) not in CURVED]
        if point.given or not free:
            return None
        moved = {x.name: self._round(factor * np.asarray(point.values[x.name], float)) for x in free}
        values = {**point.values, **moved}
        if violations(self.output, values, huge=_HUGE[self.dtype], sizes=point.sizes):
            return None
        return Point(point.sizes, values)

    def _given(self, at: Mapping[str, Any]) -> dict[str, np.ndarray]:
        names = {node.name for node in self.inputs}
        for name in at:
            if name not in names:
                raise UnknownNameError(f"there is no input {name}; the formula has {', '.join(sorted(names))}")
        given = {name: self._numbers(name, value) for name, value in at.items()}
        for node in self.inputs:
            if node.name in given and given[node.name].ndim == node.ndim:
                require(node, given[node.name], thorough=True)
                given[node.name] = nearest(node, given[node.name])
        return given

    def _numbers(self, name: str, value: Any) -> np.ndarray:
        try:
            return np.asarray(value, self.dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidValueError(f"the value of {name} is no array of real numbers: {error}") from None

    def _refuse_large(self, sizes: Mapping[str, int]) -> None:
        for node in postorder(self.output):
            elements = evaluate(element_count(node.shape), sizes)
            if elements > _MOST_ELEMENTS:
                raise InvalidValueError(
                    f"{written(node)} has {elements} entries, and arrays of more than {_MOST_ELEMENTS} are not checked"
                )

    def _sizes(self, known: Mapping[str, int], plan: int) -> dict[str, int]:
        names = dict.fromkeys(name for name in size_names(self.inputs) if name not in known)
        numbers = iter(_SIZE_PLANS[plan])
        first = max(_SIZE_PLANS[plan]) + 1
        return {**known, **{name: next(numbers, first + i) for i, name in enumerate(names)}}

    def _draw_values(self, sizes: Mapping[str, int], fixed: Mapping[str, np.ndarray]) -> Point:
        shapes = {x.name: tuple(evaluate(size, sizes) for size in x.shape) for x in self.inputs}
        nodes = {x.name: x for x in self.inputs}
        kinds = {name: self._worked.get(name, draw_normal) for name in shapes if name not in fixed}
        blamed: Expr = self.output
        for attempt in range(_ATTEMPTS):
            margin = _MARGIN if attempt < _ATTEMPTS // 2 else 0.0
            drawn = {
                name: self._round(settle(nodes[name], kind)(self.rng, shapes[name])) for name, kind in kinds.items()
            }
            values = {name: fixed[name] if name in fixed else drawn[name] for name in shapes}
            culprits = violations(self.output, values, margin, _HUGE[self.dtype], sizes)
            if not culprits:
                self._worked.update(kinds)
                return Point(sizes, values, given=bool(fixed))
            blamed = culprits[int(self.rng.integers(len(culprits)))]
            self._try_another_kind(kinds, shapes, blamed)
        raise InvalidValueError(f"no point was found where {written(blamed)} is defined; give one with `at`")

    def _try_another_kind(self, kinds: dict[str, Draw], shapes: Mapping[str, tuple[int, ...]], blamed: Expr) -> None:
        below = [name for name in blamed.inputs if name in kinds] or list(kinds)
        for name in below:
            if self.rng.uniform() < max(0.4, 1 / len(below)):
                shape = shapes[name]
                square = len(shape) >= 2 and shape[-1] == shape[-2]
                choices = _SQUARE + _ANY_SHAPE if square else _ANY_SHAPE
                kinds[name] = choices[int(self.rng.integers(len(choices)))]

    def _round(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(values, self.dtype)


def size_names(inputs: Iterable[Input]) -> list[str]:
    """Return the names of sizes in the shapes of the inputs, in order of first use."""
    found: dict[str, None] = {}
    for node in inputs:
        for size in node.shape:
            if isinstance(size, Dim):
                found.update(dict.fromkeys(size.names()))
    return list(found)


def violations(
    output: Expr,
    values: Mapping[str, np.ndarray],
    margin: float = 0.0,
    huge: float = np.inf,
    sizes: Mapping[str, int] | None = None,
) -> list[Expr]:
    """Return the nodes that make the result undefined at a point, empty if it is defined.

    A node counts as undefined where an operand is nearer than `margin` to the edge of its op's domain. `sizes` are
    those that no input has.
    """
    suspects: list[Expr] = []

    def guarded(node: Apply, sizes: Mapping[str, int], operands: list[np.ndarray]) -> np.ndarray:
        good = _inside(node, operands, margin)
        if not good.all():
            suspects.append(node)
        if not good.any():
            return np.full(tuple(evaluate(size, sizes) for size in node.shape), np.nan)
        try:
            result = call_reference(node, sizes, operands)
        except (np.linalg.LinAlgError, ArithmeticError, ValueError):
            suspects.append(node)
            return np.full(tuple(evaluate(size, sizes) for size in node.shape), np.nan)
        if not np.isfinite(result).all() and all(np.isfinite(x).all() for x in operands):
            suspects.append(node)
        return result if good.all() else np.where(good, result, np.nan)

    (result,) = evaluate_reference([output], values, call=guarded, sizes=sizes)
    if np.isfinite(result).all() and np.max(np.abs(result), initial=0.0) < huge:
        return []
    return suspects or [output]


def blame(output: Expr, values: Mapping[str, np.ndarray], sizes: Mapping[str, int] | None = None) -> str:
    """Return which operation makes the result undefined, and where: "log(x) at x[1] = -2"; empty if it is defined.

    >>> from symgrad.syntax import parse
    >>> blame(parse("sum(log(x))"), {"x": np.array([1.0, -2.0])})
    'log(x) at x[1] = -2'
    """
    culprits = violations(output, values, sizes=sizes)
    if not culprits:
        return ""
    node = culprits[0]
    operands = node.operands if isinstance(node, Apply) else ()
    places = zip(operands, evaluate_reference(operands, values, sizes=sizes), strict=True) if operands else ()
    domains = node.op.domains(node) if isinstance(node, Apply) else ()
    for (operand, value), domain in zip(places, domains, strict=True):
        bad = np.argwhere(~inside(domain, value)) if isinstance(domain, Interval) else np.zeros((0, value.ndim))
        if len(bad):
            return f"{written(node)} at {_valued(operand, value, tuple(int(i) for i in bad[0]))}"
    known = [_valued(x, np.asarray(values[name]), ()) for name, x in node.inputs.items() if np.ndim(values[name]) == 0]
    return written(node) + (f" at {', '.join(known)}" if known else "")


def _valued(node: Expr, value: np.ndarray, entry: tuple[int, ...]) -> str:
    place = f"[{', '.join(map(str, entry))}]" if entry else ""
    name = written(node) if isinstance(node, Input) or not place else f"({written(node)})"
    return f"{name}{place} = {float(value[entry]):.6g}"


def _inside(node: Apply, operands: Sequence[np.ndarray], margin: float) -> np.ndarray:
    """Return where the operands lie in the domain: entry by entry for an elementwise op, else one answer."""
    good = np.asarray(True)
    for domain, operand in zip(node.op.domains(node), operands, strict=True):
        here = inside(domain, operand, margin)
        good = good & (here if node.op.elementwise else here.all())
    return good


def inside(domain: Domain, x: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Return whether the entries of x (or x itself, for a condition on matrices) lie in the domain.

    >>> inside(Interval(low=0.0), np.array([-1.0, 0.0, 2.0]))
    array([False, False,  True])
    """
    if isinstance(domain, Interval):
        return _inside_interval(domain, x, margin)
    if not np.isfinite(x).all():
        return np.asarray(False)
    if domain.condition == "spd":
        eigenvalues = np.linalg.eigvalsh((x + np.swapaxes(x, -1, -2)) / 2)
        return np.asarray((eigenvalues[..., 0] > margin * eigenvalues[..., -1]).all())
    if domain.condition == "symmetric part":
        return np.asarray(True)
    if domain.condition == "nonzero diagonal":
        pivots = np.abs(np.diagonal(x, axis1=-2, axis2=-1))
        return np.asarray((pivots > margin * np.max(pivots, axis=-1, initial=0.0, keepdims=True)).all())
    condition = np.linalg.cond(np.asarray(x, float))
    return np.asarray((condition < (_WORST_CONDITION if margin else 1e12)).all())


def _inside_interval(domain: Interval, x: np.ndarray, margin: float) -> np.ndarray:
    width = domain.high - domain.low
    away = margin * (min(1.0, width) if isfinite(width) else 1.0)
    below = x < domain.low if domain.closed_low and not margin else x <= domain.low
    above = x > domain.high if domain.closed_high and not margin else x >= domain.high
    near = (x - domain.low < away) | (domain.high - x < away)
    return np.asarray(~(below | above | near))  # NaN is inside: it was blamed on the node that made it


def written(node: Expr) -> str:
    """Return the text of a node, shortened."""
    if len(postorder(node)) > _WRITTEN:
        return f"{node.op.name}(...)" if isinstance(node, Apply) else "the result"
    text = node.formula()
    return text if len(text) <= _WRITTEN else f"{text[:_WRITTEN]}..."
