"""How a derivative came about: the rules that were applied, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from symgrad.core.expr import Apply, Expr, Input, OpDef, Partials, Structured, Transposed, Via
from symgrad.core.properties import properties_text
from symgrad.diff.jacobian import identity_seed
from symgrad.diff.pullback import derivative_of, pull_back
from symgrad.diff.tangent import constrain, project
from symgrad.simplify import simplify, textbook
from symgrad.simplify.engine import Rule
from symgrad.syntax import formula as formula_text

_LONGEST_TEXT = 100  # of an expression in the text of a step


class Stage(Enum):
    """What a step is a part of, in this order."""

    FORMULA = "the formula is rewritten"
    SWEEP = "the reverse sweep, from the result to the inputs"
    REWRITING = "the derivatives are rewritten"
    NOTATION = "the derivatives in matrix notation"


@dataclass(frozen=True, slots=True)
class Step:
    """One application of a rule.

    `before` is the expression it was applied to. A rewriting rule makes `after` of it, which is equal. In the sweep
    `rule` is the name of an op: `cotangent` arrived at `before`, and `shares` are the pairs of an operand and what was
    passed to it.
    """

    stage: Stage
    rule: str
    reason: str
    before: Expr
    after: Expr | None = None
    cotangent: Expr | None = None
    shares: tuple[tuple[Expr, Expr], ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.rule}: {self.reason}", *(f"    {line}" for line in self._details())])

    def _details(self) -> list[str]:
        if self.cotangent is None:
            if self.after is None or self.after is self.before:
                return [_shortened(self.before)]
            return [_shortened(self.before), f"-> {_shortened(self.after)}"]
        passed = [f"to {_shortened(operand)}: {_shortened(share)}" for operand, share in self.shares]
        return [f"at {_shortened(self.before)}, cotangent {_shortened(self.cotangent)}", *passed]


@dataclass(slots=True)
class _Record:
    """Collects steps, each once: a rule fires again where its result is used again. `stage` is the current one."""

    stage: Stage = Stage.FORMULA
    steps: dict[Step, None] = field(default_factory=dict)

    def enter(self, step: Step) -> None:
        self.steps.setdefault(step)

    def rewritten(self, rule: Rule, before: Apply, after: Expr) -> None:
        reason = _first_line(rule.__doc__) or "an equal expression"
        self.enter(Step(self.stage, rule.__name__, reason, before, after))

    def swept(self, node: Apply, cotangent: Expr, shares: Sequence[tuple[Expr, Expr]]) -> None:
        self.enter(Step(Stage.SWEEP, node.op.name, _reason(node), node, cotangent=cotangent, shares=tuple(shares)))


def derivation_steps(output: Expr, nodes: Sequence[Input]) -> list[Step]:
    """Return the steps to the derivatives of `output` by some nodes, in the order in which they were made."""
    record = _Record()
    (stable,) = simplify([output], record.rewritten)
    free = pull_back(stable, identity_seed(stable.shape), nodes, trace=record.swept)
    for node, derivative in zip(nodes, free, strict=True):
        record.enter(Step(Stage.SWEEP, "input", "what arrives is the derivative", node, cotangent=derivative))
    raw = [constrain(node, derivative) for node, derivative in zip(nodes, free, strict=True)]
    for node, before, after in zip(nodes, free, raw, strict=True):
        if before is not after:
            reason = f"{node.name} is {properties_text(node.properties)}: the derivative is projected on its tangents"
            record.enter(Step(Stage.SWEEP, project.__name__, reason, before, after))
    record.stage = Stage.REWRITING
    simple = simplify(raw, record.rewritten)
    for before, after in zip(simple, textbook(simple), strict=True):
        reason = "in matrix notation" if before is not after else "nothing to change"
        record.enter(Step(Stage.NOTATION, textbook.__name__, reason, before, after))
    return list(record.steps)


def _reason(node: Apply) -> str:
    match derivative_of(node):
        case Partials():
            return "the cotangent times the partial derivative by each operand"
        case Transposed():
            return "linear, so the transposed map of the cotangent"
        case Structured():
            return f"its own rule{_source(node.op)}"
        case Via(form):
            return f"differentiated as {_shortened(form(node))}"
        case _:
            return "nothing: the op is constant between its jumps"


def _source(op: OpDef) -> str:
    return f" ({op.references[0]})" if op.references else ""


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0]


def _shortened(expr: Expr) -> str:
    text = formula_text(expr)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3]}..."
