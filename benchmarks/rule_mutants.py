"""Mutants of the rule table: the derivative of one op spoiled, in this process, while a few formulas are checked.

A case is a sample of the op; it kills a mutant if the evidence that was gathered with the right rule refuses the
derivative that the wrong rule gives, or if that derivative cannot be built or evaluated at all. Where the two
derivatives agree to 40 digits the case says nothing; a mutant that no case can tell from the right rule is called
equivalent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

import mpmath
import numpy as np

from benchmarks.corpus import Problem, samples_of
from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import (
    Apply,
    Derivative,
    Expr,
    Flat,
    NotDifferentiable,
    OpDef,
    Partials,
    Structured,
    Transposed,
    Via,
    all_ops,
)
from symgrad.diff.jacobian import jacobian
from symgrad.errors import SymgradError
from symgrad.ops.arithmetic import ONE
from symgrad.ops.shaping import swap
from symgrad.verification import precise
from symgrad.verification.checks import Examination
from symgrad.verification.model import Point, Route, Verdict
from symgrad.verification.precise import NotPreciseError

KILLS = 2  # cases that have to kill a mutant
AGREE = 40  # digits


@dataclass(frozen=True, eq=False)
class Mutant:
    """A wrong rule."""

    op: OpDef
    kind: str
    derivative: Derivative


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: how many cases killed it, and how many could tell it from the right rule."""

    op: str
    kind: str
    kills: int
    different: int

    @property
    def survived(self) -> bool:
        """Whether fewer cases killed it than have to, though there were some that could."""
        return self.kills < min(KILLS, self.different) or (self.different > 0 and not self.kills)


@dataclass(frozen=True, eq=False)
class Case:
    """A formula, and what the routes said of its right derivatives."""

    problem: Problem
    point: Point
    examination: Examination
    right: dict[str, np.ndarray]


def cases(op: OpDef, seed: int = 0) -> Iterator[Case]:
    """Yield samples of an op with their evidence; those whose right derivative does not pass are left out.

    The squares of the first ones are formulas in which the op's derivative meets another cotangent.
    """
    for problem in chain(samples_of(op), map(Problem.squared, islice(samples_of(op), KILLS))):
        examined = problem.examine(0, seed) if problem.is_small() else None
        if examined is None or not examined[1].findings:
            continue
        point, examination = examined
        if all(check.verdict is not Verdict.FAIL for check in examination.checks):
            yield Case(problem, point, examination, _found(problem, point, examination.exact))


def _found(problem: Problem, point: Point, exact: bool) -> dict[str, np.ndarray]:
    """Return the derivatives as the engine derives them now."""
    gradients = jacobian(problem.output, problem.wrt)
    if exact:
        arrays = precise.evaluate(gradients, point.values, precise.MORE_DIGITS, point.sizes)
    else:
        arrays = evaluate_reference(gradients, point.values, sizes=point.sizes)
    return dict(zip((x.name for x in problem.wrt), arrays, strict=True))


def judge(mutant: Mutant, case: Case) -> tuple[bool, bool]:
    """Return whether a case tells the mutant from the right rule, and whether it kills it."""
    try:
        with planted(mutant), np.errstate(all="ignore"):
            found = _found(case.problem, case.point, case.examination.exact)
    except (SymgradError, NotPreciseError, ArithmeticError, ValueError, np.linalg.LinAlgError):
        return True, True
    different = [name for name, array in found.items() if not _agree(array, case.right[name])]
    return bool(different), any(_is_refused(case.examination, name, found[name]) for name in different)


def _agree(found: np.ndarray, right: np.ndarray) -> bool:
    if found.shape != right.shape:
        return False
    with mpmath.workdps(precise.MORE_DIGITS):
        digits = AGREE if found.dtype == object else 10
        allowed = mpmath.mpf(10) ** -digits * max(map(abs, right.flat), default=0)
        return all(abs(a - b) <= allowed for a, b in zip(found.flat, right.flat, strict=True))


def _is_refused(examination: Examination, name: str, found: np.ndarray) -> bool:
    """Whether a route that looks at the whole refuses a derivative."""
    routes = (Route.FORMULA,) if examination.exact else (Route.DIFFERENCES,)
    findings = [x for x in examination.findings[name] if x.evidence.route in routes]
    return any(x.evidence.judge(found).verdict is Verdict.FAIL for x in findings)


def run(mutant: Mutant, of_its_op: list[Case]) -> Outcome:
    """Judge a mutant by one case after the other, until enough have killed it."""
    kills = different = 0
    for case in of_its_op:
        told, killed = judge(mutant, case)
        kills, different = kills + killed, different + told
        if kills == KILLS:
            break
    return Outcome(mutant.op.name, mutant.kind, kills, different)


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Spoil the rule of the op for a while. Definitions are frozen, and shared by all nodes of the op."""
    right = mutant.op.derivative
    object.__setattr__(mutant.op, "derivative", mutant.derivative)
    try:
        yield
    finally:
        object.__setattr__(mutant.op, "derivative", right)


def ops_with_rules() -> list[OpDef]:
    """Return the ops that have a derivative of their own; others have that of the expression they expand to."""
    return [op for op in all_ops() if not isinstance(op.derivative, Flat | NotDifferentiable | None)]


# --- wrong rules -----------------------------------------------------------------------------------------------------


def mutants(op: OpDef) -> list[Mutant]:
    """Return the structural mutants of an op's derivative."""
    match op.derivative:
        case Partials(functions):
            found = list(chain.from_iterable(_of_partials(functions, k) for k in range(len(functions))))
        case Transposed(function):
            found = [(kind, Transposed(partial(_after, change, function))) for kind, change in CHANGES.items()]
        case Structured(_, pullback):
            found = list(_of_structured(op.derivative, pullback, len(op.operand_names), op.variadic is not None))
        case Via(function):
            found = [(kind, Via(partial(_after, change, function))) for kind, change in CHANGES.items()]
        case _:
            found = []
    return [Mutant(op, kind, derivative) for kind, derivative in found]


def negated(x: Expr) -> Expr:
    return -x


def doubled(x: Expr) -> Expr:
    return 2 * x


def halved(x: Expr) -> Expr:
    return 0.5 * x


def dropped(x: Expr) -> Expr:
    return 0 * x


def transposed(x: Expr) -> Expr:
    """Return the transpose of matrices, where that has the right shape."""
    return swap(x) if x.ndim > 1 and x.shape[-1] == x.shape[-2] else x


CHANGES = {"negated": negated, "doubled": doubled, "halved": halved, "dropped": dropped, "transposed": transposed}


def _after(change, function, *arguments):
    return change(function(*arguments))


def _of_partials(functions, position):
    """Yield the ways to get the partial derivative by one operand wrong; transposing is the engine's, not theirs."""
    changed = {
        f"{kind} in operand {position}": partial(_after, change, functions[position])
        for kind, change in CHANGES.items()
        if kind != "transposed"
    }
    changed[f"forgotten in operand {position}"] = _forgotten
    if len(functions) == 2:
        changed[f"operands swapped in operand {position}"] = partial(_with_operands_swapped, functions[position])
        changed[f"the other's partial in operand {position}"] = functions[1 - position]
    for kind, function in changed.items():
        yield kind, Partials((*functions[:position], function, *functions[position + 1 :]))


def _forgotten(_result: Expr, *_operands: Expr) -> Expr:
    return ONE


def _with_operands_swapped(function, result: Expr, first: Expr, second: Expr) -> Expr:
    return function(result, second, first)


def _of_structured(rule, pullback, count, variadic):
    for position in range(1 if variadic else count):
        for kind, change in CHANGES.items():
            yield (
                f"{kind} in operand {position}",
                Structured(rule.pushforward, partial(_one_share, pullback, position, change)),
            )
    if count > 1 or variadic:
        yield "shares swapped", Structured(rule.pushforward, partial(_swapped_shares, pullback))


def _one_share(pullback, position, change, node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    shares = list(pullback(node, cotangent))
    shares[position] = change(shares[position])
    return tuple(shares)


def _swapped_shares(pullback, node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    """Return the shares of the first and the last operand exchanged, where their shapes allow it."""
    shares = pullback(node, cotangent)
    if len(shares) < 2 or shares[0].shape != shares[-1].shape:
        return tuple(shares)
    return (shares[-1], *shares[1:-1], shares[0])
