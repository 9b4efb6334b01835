"""Right gradients to try checks on: samples of every op, lists of the tests, identities of books, random formulas."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "verification")]

from formulas import SIZES as RANDOM_SIZES  # noqa: E402
from formulas import case  # noqa: E402
from identities import determinants, elementwise, inverses, learning, norms, quadratic_forms, traces  # noqa: E402
from interpreted import FORMULAS, InterpretedKernel  # noqa: E402
from strategies import SIZES, samples, scalarised  # noqa: E402

import symgrad as sg  # noqa: E402
from symgrad.core.dims import Dim, element_count, evaluate  # noqa: E402
from symgrad.core.expr import Expr, Flat, Input, NotDifferentiable, OpDef, all_ops, postorder  # noqa: E402
from symgrad.diff.jacobian import jacobian  # noqa: E402
from symgrad.errors import InvalidValueError, ShapeError  # noqa: E402
from symgrad.syntax import parse  # noqa: E402
from symgrad.verification.checks import Examination, examine  # noqa: E402
from symgrad.verification.model import Point  # noqa: E402
from symgrad.verification.sampling import Sampler, size_names  # noqa: E402
from symgrad.verification.subject import Subject, operation_count  # noqa: E402

PER_OP = 3
LARGEST_JACOBIAN = 150  # elements; of larger ones the 50-digit evaluation takes seconds
MOST_OPERATIONS = 1500  # of an evaluation of the formula and its derivatives, likewise
SIZE = 4  # of named sizes, for counting operations
THEMES = (traces, determinants, inverses, quadratic_forms, norms, elementwise, learning)


@dataclass(frozen=True, eq=False)
class Problem:
    """A formula to differentiate. `values` are those of the inputs; None: points are drawn."""

    name: str
    output: Expr
    wrt: tuple[Input, ...]
    values: Mapping[str, np.ndarray] | None = None
    sizes: Mapping[str, int] | None = None

    def scaled(self, factor: float) -> Problem:
        """Return the problem with an objective that is `factor` times as large."""
        if factor == 1:
            return self
        return Problem(f"{factor:g} * {self.name}", self.output * factor, self.wrt, self.values, self.sizes)

    def squared(self) -> Problem:
        """Return the problem of the sum of squares."""
        return replace(self, name=f"the square of {self.name}", output=sg.sum(self.output * self.output))

    def moved(self, number: int) -> Problem:
        """Return the problem at another point: the first has the given values, others are drawn."""
        return self if number == 0 else replace(self, values=None, sizes=None)

    def is_small(self, operations: int = MOST_OPERATIONS) -> bool:
        """Whether an evaluation of formula and derivatives takes no more operations."""
        sizes = dict.fromkeys(_dim_names(self.output), SIZE) if self.sizes is None else self.sizes
        return operation_count([self.output, *jacobian(self.output, self.wrt)], Point(sizes, {})) <= operations

    def subject(self) -> Subject:
        """Return what is verified: the derivatives by the engine, the kernel by the interpreter."""
        gradients = dict(zip((x.name for x in self.wrt), jacobian(self.output, self.wrt), strict=True))
        return Subject.of(self.output, self.wrt, gradients, InterpretedKernel(self.output, gradients))

    def point(self, number: int, rng: np.random.Generator) -> Point | None:
        """Return the given point, or one that is drawn; None where there is none."""
        if self.values is not None:
            return Point(dict(self.sizes or {}), self.values)
        inputs = tuple({**self.output.inputs, **{x.name: x for x in self.wrt}}.values())
        try:
            return Sampler(self.output, inputs, rng).draw(number)
        except (InvalidValueError, ShapeError):
            return None

    def examine(self, number: int, seed: int) -> tuple[Point, Examination] | None:
        """Return a point and what the routes find there; None where the formula has no point."""
        rng = np.random.default_rng([seed, number])
        point = self.point(number, rng)
        return None if point is None else (point, examine(self.subject(), point, 0, rng))


def is_defined(examination: Examination, name: str) -> bool:
    """Whether there is a derivative by an input: singular vectors have none where values are equal."""
    return all(np.isfinite(finding.evidence.bound.astype(float)).all() for finding in examination.findings[name])


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError when this thread's process has computed for so long; matrix functions at 65 digits may."""
    signal.signal(signal.SIGPROF, _give_up)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _give_up(_signal: int, _frame: object) -> None:
    raise TimeoutError


def registry(per_op: int = PER_OP) -> Iterator[Problem]:
    """Yield samples of every op that has a derivative, contracted to a number and as they are."""
    for op in all_ops():
        if isinstance(op.derivative, Flat | NotDifferentiable):
            continue
        yield from islice((problem for problem in samples_of(op) if problem.is_small()), per_op)


def samples_of(op: OpDef) -> Iterator[Problem]:
    """Yield samples of an op: every other one contracted to a number."""
    for number, sample in enumerate(samples(op)):
        if not sample.wrt or not _dim_names(sample.node) <= set(size_names(sample.node.inputs.values())):
            continue
        whole, values = (sample.node, dict(sample.values)) if number % 2 else scalarised(sample)
        if evaluate(element_count(whole.shape), SIZES) * max(np.size(x) for x in values.values()) <= LARGEST_JACOBIAN:
            yield Problem(f"{op.name}: {sample}", whole, sample.wrt, values, SIZES)


def _dim_names(output: Expr) -> set[str]:
    sizes = (size for node in postorder(output) for size in node.shape if isinstance(size, Dim))
    return {name for size in sizes for name in size.names()}


def lists() -> Iterator[Problem]:
    """Yield the formulas of the verification tests and of the books."""
    texts = [*FORMULAS, *(identity.formula for theme in THEMES for identity in theme.IDENTITIES)]
    for text in dict.fromkeys(texts):
        output = parse(text)
        yield Problem(text, output, tuple(output.inputs.values()))


def random(seed: int = 0) -> Iterator[Problem]:
    """Yield random matrix formulas, without end."""
    while True:
        drawn = case(seed)
        inputs = tuple(drawn.formula.inputs.values())
        if evaluate(element_count(drawn.formula.shape), RANDOM_SIZES) == 1:
            yield Problem(f"{drawn.formula} (seed {seed})", drawn.formula, inputs, drawn.values, drawn.sizes)
        seed += 1


def formulas(count: int, seed: int = 0) -> list[Problem]:
    """Return `count` formulas that are no samples of ops: half of the lists, as far as they go, and random ones."""
    known = list(lists())
    chosen = np.random.default_rng(seed).permutation(len(known))[: max(count * 2 // 3, 1)]
    everything = chain((known[k] for k in sorted(chosen)), random(seed))
    return list(islice((problem for problem in everything if problem.is_small()), count))
