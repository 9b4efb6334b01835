"""Mutants of the code generator: one statement of a kernel's program spoiled, and the program run as Python source.

The source is that of an exported module, with the loops as they are and Numba left out, so that an index out of bounds
is an error rather than a crash. A mutant is killed by an error, or if the evidence for value and gradient refuses what
it computes. One that computes the same numbers as the right program at every point is called equivalent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.corpus import InterpretedKernel, Problem
from symgrad.backends.export.arguments import sizes_read
from symgrad.backends.export.loops import LoopWriter
from symgrad.core.dims import Dim
from symgrad.core.expr import Expr
from symgrad.core.numeric import Instruction
from symgrad.diff.jacobian import jacobian
from symgrad.errors import OperandError
from symgrad.lowering import lower
from symgrad.lowering.kernel_ir import Access, Accumulate, Compute, Fill, Load, Loop, Matmul, Program, Statement, Store
from symgrad.simplify import simplify
from symgrad.syntax.python_source import Scope
from symgrad.verification.checks import Examination, examine
from symgrad.verification.model import Point, Route, Verdict
from symgrad.verification.subject import GradientKernel, Subject

POINTS = 2
FAR = 1000.0  # added to the inputs; exp and the like overflow there unless the program takes care
_ORDERED = (Instruction.SUB, Instruction.DIV)

FORMULAS = (
    "sum((X @ w - y)**2) + lam*sum(w**2)",
    "sum(log(1 + exp(-y*(X @ w))))",
    "f(x[n]) = sum(x[1:]*x[:-1])",
    "f(x[n], y[n]) = sum(exp(x)*y)/sum(y)",
    "f(X[m,n], Y[m,n]) = trace(X.T @ Y)",
    "x @ A @ x",
    "f(A[m,n], B[n,k]) = sum((A @ B)**2)",
    "logsumexp(x)",
    "softmax(x)",
    "f(x[n]) = x/norm(x)",
    "sum(softmax(X, axis=1)**2)",
    "f(X[m,n], x[n]) = sum((X - x)**2, axis=0)",
    "f(X[m,n], v[m]) = sum(diag(v) @ X)",
    "outer(x, y)",
    "f(x[n], y[m]) = sum(tanh(outer(x, y)))",
    "f(b1, b2, x[n]) = sum(b1*(1 - exp(-b2*x)))",
    "x**3*sin(y) - x/y",
    "max(X)",
    "f(x[n]) = prod(x)",
    "mean((X - mean(X, axis=0))**2)",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong program."""

    kind: str
    program: Program


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: killed, survived or equivalent."""

    formula: str
    kind: str
    fate: str
    statement: str = ""


class ProgramKernel(InterpretedKernel):
    """Value and gradient by the source of a program; all else by the interpreter."""

    def __init__(self, problem: Problem, gradients: Mapping[str, Expr], outputs: list[Expr], program: Program) -> None:
        super().__init__(problem.output, gradients)
        self.problem, self.run = problem, _function(problem, outputs, program)

    def value_and_grad(
        self, inputs: Mapping[str, Any] | None = None, /, **named: Any
    ) -> tuple[Any, dict[str, np.ndarray]]:
        """Return the value and the derivatives."""
        given = {**(inputs or {}), **named}
        arrays = [np.array(given[name], float) for name in self.problem.output.inputs]
        value, *found = self.run(*[x if x.ndim else float(x) for x in arrays])
        return value, {x.name: np.asarray(g) for x, g in zip(self.problem.wrt, found, strict=True)}


def _function(problem: Problem, outputs: list[Expr], program: Program) -> Any:
    """Return the program as a function of the inputs in order."""
    scope = Scope.of([problem.output, *outputs], problem.output.inputs.values(), reserved=("run",))
    names = [scope.identifiers.claim(f"out{k}") for k in range(len(outputs))]
    writer = LoopWriter(program, scope, names)
    body = writer.write()
    lines = [*sizes_read(scope, list(writer.needed)), *body, f"return {', '.join(names)}"]
    source = "".join(f"    {line}\n" for line in lines)
    definitions = [f"{definition}\n" for definition in writer.functions]
    if writer.specials:
        raise OperandError("special functions need Numba")
    text = "\n".join([*definitions, f"def run({', '.join(scope.variables.values())}):\n{source}"])
    text = text.replace("np.empty(", "of_garbage(")  # else memory may still hold what the right program left there
    scope_of_names: dict[str, Any] = {"np": np, "math": math, "njit": _as_it_is, "of_garbage": _of_garbage}
    exec(compile(text, "<kernel>", "exec"), scope_of_names)  # our own source, of a formula above
    return scope_of_names["run"]


def _as_it_is(*arguments: Any, **_options: Any) -> Any:
    """Stand for numba.njit, with options or without."""
    return arguments[0] if arguments and callable(arguments[0]) else _as_it_is


def _of_garbage(shape: Any) -> np.ndarray:
    return np.full(shape, 1234.5)


@dataclass(frozen=True, eq=False)
class Right:
    """The right program of a formula, and what is computed by it."""

    problem: Problem
    outputs: list[Expr]
    program: Program
    subject: Subject

    @classmethod
    def of(cls, problem: Problem) -> Right:
        """Lower the formula with its derivatives."""
        gradients = dict(zip((x.name for x in problem.wrt), jacobian(problem.output, problem.wrt), strict=True))
        (stable,) = simplify([problem.output])
        outputs = list(simplify([stable, *jacobian(stable, problem.wrt)]))
        program = lower(outputs, list(problem.output.inputs.values()), tuned=False, factored=False)
        kernel = ProgramKernel(problem, gradients, outputs, program)
        return cls(problem, outputs, program, Subject.of(problem.output, problem.wrt, gradients, kernel))

    def spoiled(self, program: Program) -> Subject:
        """Return the subject with a kernel of another program."""
        kernel = ProgramKernel(self.problem, self.subject.gradients, self.outputs, program)
        return replace(self.subject, kernel=kernel)


def passed_at(problem: Problem, seed: int = 0) -> int:
    """Return the number of points where the right program passes."""
    return len(list(_places(problem, Right.of(problem).subject, seed)))


def outcomes(text: str, problem: Problem, seed: int = 0) -> Iterator[Outcome]:
    """Yield what becomes of each mutant of a formula's program."""
    right = Right.of(problem)
    places = list(_places(problem, right.subject, seed))
    for mutant in mutants(right.program):
        difference = _difference(right.program, mutant)
        try:
            fate = _fate(right.spoiled(mutant.program), right.subject.kernel, places)
        except (OperandError, SyntaxError, KeyError, IndexError, ValueError):  # it cannot even be written
            fate = "killed"
        yield Outcome(text, mutant.kind, fate, difference)


@dataclass(frozen=True, eq=False)
class Place:
    """A point, and what the routes say there of the right program."""

    point: Point
    examination: Examination


def _places(problem: Problem, subject: Subject, seed: int) -> Iterator[Place]:
    """Yield points where the right program passes, one of them far out."""
    found = [problem.point(number, np.random.default_rng([seed, number])) for number in range(POINTS)]
    near = [point for point in found if point is not None]
    far = [replace(point, values={name: x + FAR for name, x in point.values.items()}) for point in near[:1]]
    for point in near + far:
        with np.errstate(all="ignore"):
            examination = examine(subject, point, 0, np.random.default_rng(0))
        if all(check.verdict is Verdict.PASS or not check.decisive for check in examination.checks):
            yield Place(point, examination)


def _fate(subject: Subject, right: GradientKernel, places: list[Place]) -> str:
    fates = set()
    for place in places:
        fates.add(_fate_at(subject, right, place))
        if "killed" in fates:
            return "killed"
    return "survived" if "survived" in fates else "equivalent"


def _fate_at(subject: Subject, right: GradientKernel, place: Place) -> str:
    """Judge a wrong program at a point; the same numbers need no judge, and a value alone needs all routes."""
    values = place.point.values
    try:
        with np.errstate(all="ignore"):
            found, wanted = subject.kernel.value_and_grad(values), right.value_and_grad(values)
    except (ArithmeticError, IndexError, NameError, ValueError, TypeError):
        return "killed"
    pairs = [(found[0], wanted[0]), *((found[1][name], wanted[1][name]) for name in wanted[1])]
    if all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
        return "equivalent"
    with np.errstate(all="ignore"):
        for name, findings in place.examination.findings.items():
            evidence = next(finding.evidence for finding in findings if finding.evidence.route is Route.GRADIENT)
            if evidence.judge(np.asarray(found[1][name], float)).verdict is Verdict.FAIL:
                return "killed"
        checks = examine(subject, place.point, 0, np.random.default_rng(0)).checks
    return "killed" if any(check.verdict is Verdict.FAIL for check in checks) else "survived"


def _difference(program: Program, mutant: Mutant) -> str:
    """Return the first line in which two programs differ."""
    lines = zip(str(program).splitlines(), str(mutant.program).splitlines(), strict=False)
    return next((f"{a.strip()} became {b.strip()}" for a, b in lines if a != b), "the last statement")


# --- wrong programs --------------------------------------------------------------------------------------------------


def mutants(program: Program) -> Iterator[Mutant]:
    """Yield the mutants of a program, one change each."""
    for position, statement in enumerate(program.statements):
        yield Mutant("dropped statement", _with(program, position))
        for kind, changed in of_statement(statement):
            if changed != statement:
                yield Mutant(kind, _with(program, position, changed))


def _with(program: Program, position: int, *changed: Statement) -> Program:
    statements = program.statements
    return replace(program, statements=(*statements[:position], *changed, *statements[position + 1 :]))


def of_statement(statement: Statement) -> Iterator[tuple[str, Statement]]:
    """Yield kinds of mutants of a statement, and the statement changed."""
    match statement:
        case Loop():
            yield from _of_loop(statement)
        case Fill():
            yield "wrong fill", replace(statement, value=statement.value + 1.0)
        case Matmul():
            yield "accumulate and assign exchanged", replace(statement, accumulate=not statement.accumulate)
            yield "wrong loop bound", replace(statement, inner=statement.inner - 1)
            yield "swapped index", replace(statement, a=_swapped(statement.a))
            yield "swapped index", replace(statement, b=_swapped(statement.b))
            yield "swapped index", replace(statement, c=_swapped(statement.c))


def _of_loop(loop: Loop) -> Iterator[tuple[str, Loop]]:
    for axis, extent in enumerate(loop.extents):
        if isinstance(extent, Dim):
            yield "wrong loop bound", replace(loop, extents=_replaced(loop.extents, axis, extent - 1))
    for place, item in enumerate(loop.body):
        for kind, changed in _of_item(item):
            yield kind, replace(loop, body=_replaced(loop.body, place, changed))
    for place, effect in enumerate(loop.effects):
        for kind, changed_effect in _of_effect(effect):
            yield kind, replace(loop, effects=_replaced(loop.effects, place, changed_effect))


def _of_item(item: Any) -> Iterator[tuple[str, Any]]:
    match item:
        case Load(source):
            yield "swapped index", Load(_swapped(source))
            if source.at.strides:
                yield "wrong index", Load(replace(source, at=replace(source.at, offset=source.at.offset + 1)))
        case Compute(code, operands):
            for position, operand in enumerate(operands):
                if operand > 0:
                    yield "stale value", Compute(code, _replaced(operands, position, operand - 1))
            if code in _ORDERED:
                yield "swapped operands", Compute(code, operands[::-1])


def _of_effect(effect: Any) -> Iterator[tuple[str, Any]]:
    match effect:
        case Accumulate(target, _, value):
            yield "assign for accumulate", Store(target, value)
        case Store(target, value):
            yield "accumulate for assign", Accumulate(target, Instruction.ADD, value)
    if effect.value > 0:
        yield "stale value", replace(effect, value=effect.value - 1)
    yield "swapped index", replace(effect, target=_swapped(effect.target))


def _swapped(access: Access) -> Access:
    """Return an access with the last two strides exchanged."""
    strides = access.at.strides
    if len(strides) < 2:
        return access
    return replace(access, at=replace(access.at, strides=(*strides[:-2], strides[-1], strides[-2])))


def _replaced(items: tuple[Any, ...], position: int, item: Any) -> tuple[Any, ...]:
    return (*items[:position], item, *items[position + 1 :])
