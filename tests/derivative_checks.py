"""Every derivative of a formula against differences of the formula itself, and against each other.

Two kinds of claims are checked. A slope: an expression for the derivative of others, against their differences along
a random direction, in which a wrong entry cannot hide. An equation: two expressions have the same value. Floats
decide where the estimated error of the difference, or of rounding, is small enough; otherwise 50 digits do.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import combinations_with_replacement
from types import FrameType
from typing import Any

import mpmath
import numpy as np
from formulas import Case

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import Shape
from symgrad.core.expr import Expr, Input, postorder
from symgrad.errors import InvalidValueError, SymgradError
from symgrad.simplify import simplify
from symgrad.verification import precise, rounding
from symgrad.verification.differences import differentiate
from symgrad.verification.manifold import retract
from symgrad.verification.model import Point
from symgrad.verification.precise import NotPreciseError
from symgrad.verification.subject import operation_count

EPS = float(np.finfo(float).eps)
SHARPEST = 450 * EPS  # of the derivative: what a difference table is trusted to at best
COARSEST = 1e-5  # a float comparison that would not see a relative error of this size decides nothing
TOLERANCE = mpmath.mpf(10) ** -14  # at 50 digits: simplification folds numbers in floats
MOST_PRECISE_OPERATIONS = 30_000
KERNEL_ALLOWANCE = 4.0  # a kernel computes an equal expression in another order than the interpreter
CHEAP = 1_000  # operations of a formula whose second differences are always taken at 65 digits
SECONDS_TO_DERIVE = 20.0
SECONDS_OF_DIGITS = 10.0
STEP = mpmath.mpf(10) ** -14  # of a second difference at 65 digits


class Verdict(Enum):
    """What became of a formula: the worst of its claims."""

    RIGHT = "right"
    REFUSED = "refused"
    UNDECIDED = "undecided"
    SLOW = "slow"
    CRASHED = "crashed"
    WRONG = "wrong"


BAD = (Verdict.SLOW, Verdict.CRASHED, Verdict.WRONG)
_SEVERITY = list(Verdict)


@dataclass(frozen=True)
class Finding:
    """A claim that was checked. `ratio` is the error over its bound, `detail` what a person needs to see."""

    claim: str
    verdict: Verdict
    ratio: float = 0.0
    detail: str = ""
    digits: bool = False


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Return the worst verdict."""
    return max((each.verdict for each in findings), key=_SEVERITY.index, default=Verdict.RIGHT)


def check(case: Case, hessian: bool = True) -> list[Finding]:
    """Derive everything that can be derived of a formula and check it at its point; `hessian`: to second order."""
    findings: list[Finding] = []
    try:
        for claim in _claims(case, hessian):
            findings.append(claim)
    except SymgradError as error:
        findings.append(Finding("derivation", Verdict.REFUSED, detail=f"{error.kind}: {error.message}"))
    except _TooLongError:
        findings.append(Finding("derivation", Verdict.SLOW, detail=f"more than {SECONDS_TO_DERIVE:g} s"))
    except Exception as error:
        findings.append(Finding("derivation", Verdict.CRASHED, detail=f"{type(error).__name__}: {error}"))
    return findings


def check_kernel(case: Case) -> list[Finding]:
    """Compare the value and the derivatives of a compiled kernel with those of the reference interpreter."""
    formula, checker = case.formula, _Checker(case)
    try:
        value, found = sg.compile(formula).value_and_grad(case.values)
        first = sg.jacobian(formula)
        claims = [checker.kernel("kernel", np.asarray(value), formula)]
        return [*claims, *(checker.kernel(f"kernel {name}", np.asarray(found[name]), first[name]) for name in first)]
    except SymgradError as error:
        return [Finding("kernel", Verdict.REFUSED, detail=f"{error.kind}: {error.message}")]
    except Exception as error:
        return [Finding("kernel", Verdict.CRASHED, detail=f"{type(error).__name__}: {error}")]


def _claims(case: Case, hessian: bool = True) -> Iterator[Finding]:
    formula = case.formula
    inputs = list(formula.inputs.values())
    with _time_limit(SECONDS_TO_DERIVE):
        (short,) = simplify([formula])
        first: dict[str, Expr] = sg.jacobian(formula) if formula.shape else sg.grad(formula)
        pushed, pulled = sg.jvp(formula, inputs), sg.vjp(formula, inputs)
    tangents = [_new(f"{x.name}_dot", x.shape, formula) for x in inputs]
    cotangent = _new("y_bar", formula.shape, formula)
    equations = [
        ("simplify", short, formula),
        ("jvp", pushed, _pushed(first, inputs, tangents)),
        *((f"vjp {x.name}", pulled[x.name], _pulled(first[x.name], cotangent)) for x in inputs),
    ]
    checker = _Checker(case)
    checker.evaluate([each for _, *pair in equations for each in pair] + list(first.values()))
    yield from checker.slopes("d", [formula], [[first[x.name]] for x in inputs], inputs)
    yield from checker.equations(equations)
    if hessian and not formula.shape:
        yield from _second_order(checker, formula, inputs, tangents, list(first.values()))


def _second_order(
    checker: _Checker, formula: Expr, inputs: Sequence[Input], tangents: Sequence[Input], first: Sequence[Expr]
) -> Iterator[Finding]:
    with _time_limit(SECONDS_TO_DERIVE):
        second: dict[str, dict[str, Expr]] = sg.hessian(formula)
        product: dict[str, Expr] = sg.hvp(formula, list(inputs))
    rows = [_pushed(second[x.name], inputs, tangents) for x in inputs]
    equations = [(f"hvp {x.name}", product[x.name], row) for x, row in zip(inputs, rows, strict=True)]
    for x, y in combinations_with_replacement(inputs, 2):
        swapped = sg.transpose(second[y.name][x.name], axes=(*range(y.ndim, y.ndim + x.ndim), *range(y.ndim)))
        equations.append((f"symmetry {x.name} {y.name}", second[x.name][y.name], swapped))
    curvature = _total([sg.sum(t * row) for t, row in zip(tangents, rows, strict=True)])
    checker.evaluate([each for _, *pair in equations for each in pair] + [curvature])
    yield from checker.slopes("d2", first, [[second[x.name][y.name] for x in inputs] for y in inputs], inputs)
    yield from checker.equations(equations)
    yield checker.curvature(formula, inputs, curvature)


# --- expressions for what is claimed ---------------------------------------------------------------------------------


def _new(name: str, shape: Shape, formula: Expr) -> Input:
    assert name not in formula.inputs
    return Input(name, shape)


def _pushed(jacobians: Mapping[str, Expr], inputs: Sequence[Input], tangents: Sequence[Input]) -> Expr:
    """Return the sum of Jacobians times tangents."""
    return _total([_trailing(jacobians[x.name] * t, x.ndim) for x, t in zip(inputs, tangents, strict=True)])


def _trailing(x: Expr, count: int) -> Expr:
    return sg.sum(x, axis=tuple(range(x.ndim - count, x.ndim))) if count else x


def _pulled(jacobian: Expr, cotangent: Input) -> Expr:
    rank = cotangent.ndim
    places = (*(slice(None),) * rank, *(None,) * (jacobian.ndim - rank))
    product = (cotangent[places] if jacobian.ndim > rank else cotangent) * jacobian
    return sg.sum(product, axis=tuple(range(rank))) if rank else product


def _total(terms: Sequence[Expr]) -> Expr:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


# --- deciding --------------------------------------------------------------------------------------------------------


class _Checker:
    """Decides claims at the point of a case: by floats if they can tell, else by 50 digits."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.rng = np.random.default_rng(0)
        formula = case.formula
        self.values = dict(case.values)
        self.known: dict[Expr, tuple[np.ndarray, np.ndarray]] = {}  # values, and bounds of their rounding errors
        self.directions: dict[str, np.ndarray] = {}
        for x in formula.inputs.values():
            along = self.values[x.name] * self._around_one(np.shape(self.values[x.name]))
            self.directions[x.name] = retract(x, 0 * along, along)  # a tangent: what is assumed are subspaces
            self.values[f"{x.name}_dot"] = self.directions[x.name]
        self.values["y_bar"] = self._around_one(evaluate_reference([formula], case.values, sizes=case.sizes)[0].shape)

    def _around_one(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.asarray(np.round(self.rng.uniform(0.5, 1.5, shape) * self.rng.choice([-1.0, 1.0], shape), 3))

    def evaluate(self, exprs: Sequence[Expr]) -> None:
        """Compute values and how far rounding moves them, all in one sweep: they share most of their nodes."""
        new = [each for each in dict.fromkeys(exprs) if each not in self.known]
        with np.errstate(all="ignore"):
            values = evaluate_reference(new, self.values, sizes=self.case.sizes)
            spreads = rounding.spreads(new, self.values, values, self.rng, EPS, self.case.sizes)
        bounds = [rounding.INFLATION * spread for spread in spreads]
        self.known.update(zip(new, zip(values, bounds, strict=True), strict=True))

    def equations(self, equations: Sequence[tuple[str, Expr, Expr]]) -> Iterator[Finding]:
        """Check that pairs of expressions have one value."""
        for claim, found, wanted in equations:
            if found is wanted:
                yield Finding(claim, Verdict.RIGHT)
            elif found.shape != wanted.shape:
                yield Finding(claim, Verdict.WRONG, detail=f"shape {found.shape}, not {wanted.shape}")
            else:
                (a, rounding_a), (b, rounding_b) = self.known[found], self.known[wanted]
                decided = _judge(claim, np.abs(a - b), rounding_a + rounding_b, b)
                yield decided or self._precisely(claim, partial(self._equation_in_digits, found, wanted))

    def kernel(self, claim: str, found: np.ndarray, wanted: Expr) -> Finding:
        """Check an array that a kernel computed."""
        self.evaluate([wanted])
        truth, allowed = self.known[wanted]
        if found.shape != truth.shape:
            return Finding(claim, Verdict.WRONG, detail=f"shape {found.shape}, not {truth.shape}")
        bound = KERNEL_ALLOWANCE * allowed + EPS * np.max(np.abs(truth), initial=0.0)
        decided = _judge(claim, np.abs(found - truth), bound, truth)
        if decided is not None:
            return decided
        least = np.maximum(bound, COARSEST * np.max(np.abs(truth), initial=0.0))
        if np.isfinite(truth).all() and not (np.abs(found - truth) <= least).all():
            return Finding(claim, Verdict.WRONG, detail=f"{found.ravel()} instead of {truth.ravel()}")
        return Finding(claim, Verdict.UNDECIDED, detail="rounding hides the difference")

    def slopes(
        self, claim: str, outputs: Sequence[Expr], derivatives: Sequence[Sequence[Expr]], inputs: Sequence[Input]
    ) -> Iterator[Finding]:
        """Check the derivatives by each input, one for each output, against differences along a direction."""
        self.evaluate([*outputs, *(each for row in derivatives for each in row)])
        for x, row in zip(inputs, derivatives, strict=True):
            tables = self._differences(outputs, x)
            for output, derivative, table in zip(outputs, row, tables, strict=True):
                name = f"{claim} {x.name}" if len(outputs) == 1 else f"{claim} {output.shape} {x.name}"
                yield self._slope(name, output, derivative, x, table)

    def _differences(self, outputs: Sequence[Expr], x: Input) -> list[_Slopes]:
        start, along = self.values[x.name], self.directions[x.name].ravel()
        centres = [self.known[output] for output in outputs]

        def function(flat: np.ndarray) -> np.ndarray:
            try:
                moved = {**self.values, x.name: flat.reshape(start.shape)}
                return _flat(evaluate_reference(outputs, moved, sizes=self.case.sizes))
            except (np.linalg.LinAlgError, InvalidValueError, ArithmeticError, ValueError):
                return np.full(sum(value.size for value, _ in centres), np.nan)

        with np.errstate(all="ignore"):
            floor = _flat([bound for _, bound in centres]) / (rounding.INFLATION * rounding.ULPS)
            found = differentiate(function, start.ravel(), along[None], floor, EPS)
        ends = np.cumsum([value.size for value, _ in centres])[:-1]
        parts = [np.split(each[0], ends) for each in (found.low, found.high, found.uncertainty)]
        return [_Slopes(*each) for each in zip(*parts, strict=True)]

    def _slope(self, claim: str, output: Expr, derivative: Expr, x: Input, table: _Slopes) -> Finding:
        if derivative.shape != output.shape + x.shape:
            return Finding(claim, Verdict.WRONG, detail=f"shape {derivative.shape}")
        value, allowed = self.known[derivative]
        along = self.directions[x.name].ravel()
        with np.errstate(all="ignore"):
            predicted = value.reshape(-1, along.size) @ along
            size = np.maximum(np.abs(table.low), np.abs(table.high))
            floor = SHARPEST * np.max(size, initial=0.0, where=np.isfinite(size))
            bound = table.uncertainty + allowed.reshape(-1, along.size) @ np.abs(along) + floor
            error = np.maximum(np.maximum(table.low - predicted, predicted - table.high), 0.0)
        decided = _judge(claim, error, bound, size)
        return decided or self._precisely(claim, partial(self._slope_in_digits, output, derivative, x))

    def curvature(self, formula: Expr, inputs: Sequence[Input], curvature: Expr) -> Finding:
        """Check the second derivative along a direction against second differences of the formula at 65 digits.

        The blocks have been compared with differences of the gradient before; so where this cannot be had, it is left.
        """
        skipped = Finding("curvature", Verdict.RIGHT)
        if self._operations([formula]) > CHEAP:
            return skipped
        found = self._precisely("curvature", partial(self._curvature_in_digits, formula, inputs, curvature))
        return skipped if found.verdict is Verdict.UNDECIDED else found

    def _operations(self, exprs: Sequence[Expr]) -> int:
        return operation_count(exprs, Point(self.case.sizes, self.values))

    # --- at 50 digits

    def _precisely(self, claim: str, decide: Callable[[], tuple[np.ndarray, np.ndarray, str]]) -> Finding:
        try:
            with _time_limit(SECONDS_OF_DIGITS):
                error, bound, numbers = decide()
        except (NotPreciseError, _TooLongError) as reason:
            return Finding(claim, Verdict.UNDECIDED, detail=str(reason) or "too slow at 50 digits")
        ratios = [float(e / b) for e, b in zip(np.ravel(error), np.ravel(bound), strict=True)]
        worst = int(np.argmax(ratios))
        if ratios[worst] <= 1:
            return Finding(claim, Verdict.RIGHT, ratios[worst], digits=True)
        return Finding(claim, Verdict.WRONG, ratios[worst], f"entry {worst}: {numbers}", digits=True)

    def _affordable(self, exprs: Sequence[Expr]) -> None:
        if self._operations(exprs) > MOST_PRECISE_OPERATIONS:
            raise NotPreciseError("too large for 50 digits")

    def _equation_in_digits(self, found: Expr, wanted: Expr) -> tuple[np.ndarray, np.ndarray, str]:
        self._affordable([found, wanted])
        a, b = precise.evaluate_twice([found, wanted], self.values, self.case.sizes)
        return self._compare(a.value, b.value, b.value, a.uncertainty + b.uncertainty)

    def _slope_in_digits(self, output: Expr, derivative: Expr, x: Input) -> tuple[np.ndarray, np.ndarray, str]:
        self._affordable([output, derivative])
        found, centre = precise.evaluate_twice([derivative, output], self.values, self.case.sizes)
        along = self.directions[x.name]
        slope = precise.directional_derivative(output, self.values, x.name, along, centre, self.case.sizes)
        with mpmath.workdps(precise.MORE_DIGITS):
            exact = np.frompyfunc(mpmath.mpf, 1, 1)(along.ravel())
            flat = (-1, along.size)
            predicted = (found.value.reshape(flat) @ exact).reshape(slope.low.shape)
            uncertain = (found.uncertainty.reshape(flat) @ abs(exact)).reshape(slope.low.shape)
        return self._compare(predicted, slope.low, slope.high, slope.uncertainty + uncertain)

    def _curvature_in_digits(
        self, formula: Expr, inputs: Sequence[Input], wanted: Expr
    ) -> tuple[np.ndarray, np.ndarray, str]:
        value, allowed = self.known[wanted]
        with mpmath.workdps(precise.MORE_DIGITS):
            to_mp = np.frompyfunc(mpmath.mpf, 1, 1)
            starts = {x.name: (to_mp(self.values[x.name]), to_mp(self.directions[x.name])) for x in inputs}

            def at(t: Any) -> np.ndarray:
                moved = {name: np.asarray(start + t * along, object) for name, (start, along) in starts.items()}
                return precise.evaluate([formula], {**self.values, **moved}, precise.MORE_DIGITS, self.case.sizes)[0]

            middle = at(mpmath.mpf(0))
            near, far = ((at(h) - 2 * middle + at(-h)) / h**2 for h in (STEP, 2 * STEP))
            if not (np.isfinite(value) and np.isfinite(allowed)):
                raise NotPreciseError("rounding hides the curvature")
            noise = abs(middle) * mpmath.mpf(10) ** (5 - precise.MORE_DIGITS) / STEP**2
            bound = 10 * abs(near - far) + noise + to_mp(allowed)
            if bound > COARSEST * abs(near):
                raise NotPreciseError("rounding hides the curvature")
        error, bound, numbers = self._compare(to_mp(value), near, near, bound)
        if (error <= bound).all():
            return error, bound, numbers
        self._affordable([wanted])  # the estimate of rounding may be too small: look again without rounding
        (exact,) = precise.evaluate_twice([wanted], self.values, self.case.sizes)
        return self._compare(exact.value, near, near, 10 * abs(near - far) + noise + exact.uncertainty)

    def _compare(
        self, found: np.ndarray, low: np.ndarray, high: np.ndarray, uncertainty: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, str]:
        """Return errors, bounds and the two numbers of the worst entry."""
        with mpmath.workdps(precise.MORE_DIGITS):
            found, low, high = (np.atleast_1d(x).ravel() for x in (found, low, high))
            zero = mpmath.mpf(0)
            error = np.array([max(b - a, a - c, zero) for a, b, c in zip(found, low, high, strict=True)], object)
            scale = max([abs(x) for x in (*low, *high)], default=zero)
            bound = np.atleast_1d(uncertainty).ravel() + TOLERANCE * (scale + mpmath.mpf(10) ** -20)
            worst = int(np.argmax([float(e / b) for e, b in zip(error, bound, strict=True)]))
            numbers = f"{mpmath.nstr(found[worst], 17)}, differences say {mpmath.nstr(low[worst], 17)}"
        return error, bound, numbers


@dataclass(frozen=True)
class _Slopes:
    """Differences of an output, flat: one-sided slopes at a kink, otherwise the same twice."""

    low: np.ndarray
    high: np.ndarray
    uncertainty: np.ndarray


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([each.ravel() for each in arrays])


def _judge(claim: str, error: np.ndarray, bound: np.ndarray, truth: np.ndarray) -> Finding | None:
    """Return RIGHT if floats can tell, None if not: what they call wrong is looked at again with more digits."""
    if not (np.isfinite(error).all() and np.isfinite(bound).all()):
        return None
    scale = float(np.max(np.abs(truth), initial=0.0))
    if not (error <= bound).all() or float(np.max(bound, initial=0.0)) > COARSEST * (scale or 1.0):
        return None
    return Finding(claim, Verdict.RIGHT, float(np.max(error / np.maximum(bound, 1e-300), initial=0.0)))


class _TooLongError(Exception):
    """The time is up."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def describe(seed: int, case: Case, findings: Sequence[Finding]) -> str:
    """Return what a person needs to see and to reproduce what is wrong."""
    shapes = ", ".join(f"{name}{list(np.shape(x))}" for name, x in case.values.items())
    lines = [f"seed {seed}: {case.formula}", f"  at {shapes}, {len(postorder(case.formula))} nodes"]
    lines += [f"  {x.claim}: {x.verdict.value} {x.detail}" for x in findings if x.verdict is not Verdict.RIGHT]
    return "\n".join(lines)
