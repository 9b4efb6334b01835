"""Decide what is computed when: the stage of each node, and which nodes are stored.

A node is inlined into the loops that use it unless it is stored. A stage ends where a whole array must be there
before the next loop can begin: after reductions, products, routines, scatters and concatenations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from symgrad.core.expr import Apply, Expr, Input, Literal, NumericForm, postorder
from symgrad.core.numeric import (
    AddAt,
    Concatenate,
    Constants,
    Contract,
    Fill,
    Gather,
    Instruction,
    IntegerPower,
    Libm,
    Recurrence,
    Reduce,
    Reshape,
    Routine,
    Scatter,
    SizeValue,
    Special,
    Take,
)
from symgrad.errors import OperandError
from symgrad.lowering.addressing import loop_extents, only_moves_ones
from symgrad.lowering.assembly import count_users, placed_term
from symgrad.lowering.contraction import view_base

_CHEAP = 4.0  # an inlined value that costs no more is computed again rather than stored
_DEEPEST = 32  # operations on arrays in one chain; longer chains are stored in between to bound the loops' bodies
_COST_LIMIT = 1e9


class Role(Enum):
    """How a node takes part in the kernels."""

    CONSTANT = auto()  # a number: written where it is used
    INPUT = auto()
    INLINE = auto()  # computed element by element inside a loop
    ALIAS = auto()  # the same memory under another shape
    BARRIER = auto()  # a statement (or loop) of its own; complete only when its stage is over
    TERM = auto()  # added to what is in place already, by the sum it belongs to


@dataclass(slots=True)
class Schedule:
    """Facts about each node, and the stored nodes in order of computation."""

    order: list[Expr]
    forms: dict[Expr, NumericForm]
    roles: dict[Expr, Role]
    stage: dict[Expr, int] = field(default_factory=dict)
    stored: set[Expr] = field(default_factory=set)
    added: dict[Expr, int] = field(default_factory=dict)  # sums made in the memory of one operand: which is the other


def make_schedule(outputs: Sequence[Expr]) -> Schedule:
    """Schedule expanded outputs."""
    order = postorder(*outputs)
    forms: dict[Expr, NumericForm] = {node: _form(node) for node in order if isinstance(node, Apply)}
    schedule = Schedule(order, forms, {node: _role(node, forms) for node in order})
    _find_added(schedule, outputs)
    _Planner(schedule, outputs).run()
    return schedule


def _find_added(schedule: Schedule, outputs: Sequence[Expr]) -> None:
    """Let sums with a term that is put into place be made in the memory of the other term."""
    users = count_users(schedule.order, outputs)
    for node in schedule.order:
        position = placed_term(node, schedule.forms, users)
        if position is None or schedule.roles[node.operands[1 - position]] not in (Role.INLINE, Role.BARRIER):
            continue
        schedule.added[node] = position
        schedule.roles[node] = Role.BARRIER
        schedule.roles[node.operands[position]] = Role.TERM


def _form(node: Apply) -> NumericForm:
    form = node.op.numeric_form(node)
    if form is None:
        raise OperandError(f"{node.op.name} must be expanded before it is scheduled")
    return form


def _role(node: Expr, forms: dict[Expr, NumericForm]) -> Role:
    if isinstance(node, Literal):
        return Role.CONSTANT
    if isinstance(node, Input):
        return Role.INPUT
    match forms[node]:
        case Fill() | SizeValue():
            return Role.CONSTANT
        case Constants():
            return Role.INPUT  # memory that is there from the beginning
        case Reduce() | Contract() | Routine() | Scatter() | AddAt() | Recurrence() | Concatenate():
            return Role.BARRIER
        case Reshape():
            return Role.INLINE if only_moves_ones(node.operands[0].shape, node.shape) else Role.ALIAS
        case _:
            return Role.INLINE


def _own_cost(form: NumericForm) -> float:
    match form:
        case Libm() | Special():
            return 20.0
        case Instruction.DIV | Instruction.SQRT:
            return 5.0
        case Instruction():
            return 1.0
        case IntegerPower(exponent):
            return float(abs(exponent).bit_length())
        case _:
            return 0.0


class _Planner:
    """One pass over the nodes, operands first."""

    def __init__(self, schedule: Schedule, outputs: Sequence[Expr]) -> None:
        self.schedule = schedule
        self.cost: dict[Expr, float] = {}  # of computing the inlined part of a node again
        self.depth: dict[Expr, int] = {}
        self.users = count_users(schedule.order, outputs)
        for output in outputs:
            if schedule.roles[output] in (Role.INLINE, Role.CONSTANT):
                schedule.stored.add(output)

    def run(self) -> None:
        for node in self.schedule.order:
            self._place(node)
        for node in self.schedule.order:
            for operand in node.operands:
                self._keep_across_stages(operand, node)

    def _place(self, node: Expr) -> None:
        role = self.schedule.roles[node]
        self.schedule.stage[node], self.cost[node], self.depth[node] = 0, 0.0, 0
        if role in (Role.CONSTANT, Role.INPUT):
            return
        self.cost[node] = _own_cost(self.schedule.forms[node])
        stages = [self._ready(operand, node) for operand in node.operands]
        self.schedule.stage[node] = max(stages, default=0)
        if role is Role.BARRIER:
            self.schedule.stored.add(node)

    def _ready(self, operand: Expr, user: Expr) -> int:
        """Return the stage from which `user` can have `operand`, storing it if that is decided here."""
        if self._needs_memory(user):
            return self._stored_operand(operand, user)
        role, stage = self.schedule.roles[operand], self.schedule.stage[operand]
        if role is Role.TERM:
            return stage
        if user in self.schedule.added:
            self.schedule.stored.add(operand)
            return stage + 1
        if role in (Role.CONSTANT, Role.INPUT, Role.ALIAS):
            return stage
        if role is Role.BARRIER:
            return stage + 1
        if _rank(operand) < _rank(user) and self.cost[operand] > 0:  # computed once, before the larger loop
            self.schedule.stored.add(operand)
            return stage
        if self._reads_elsewhere(user) and self.users[operand] > 1 and self.cost[operand] > _CHEAP:
            self.schedule.stored.add(operand)
            return stage + 1
        if self.depth[operand] >= _DEEPEST and _rank(operand) > 0:
            self.schedule.stored.add(operand)
            return stage + 1
        self.cost[user] = min(_COST_LIMIT, self.cost[user] + self.cost[operand])
        self.depth[user] = max(self.depth[user], self.depth[operand] + 1)
        return stage

    def _needs_memory(self, user: Expr) -> bool:
        whole = isinstance(self.schedule.forms[user], Contract | Routine | Recurrence | Take | AddAt)
        return whole or self.schedule.roles[user] is Role.ALIAS

    def _reads_elsewhere(self, user: Expr) -> bool:
        return isinstance(self.schedule.forms[user], Gather | Scatter | Concatenate)

    def _stored_operand(self, operand: Expr, user: Expr) -> int:
        whole = not isinstance(self.schedule.forms[user], Contract)
        base = operand if whole else view_base(operand, self.schedule.forms)
        role, stage = self.schedule.roles[base], self.schedule.stage[base]
        if role in (Role.INPUT, Role.ALIAS):
            return stage
        self.schedule.stored.add(base)
        return stage + 1

    def _keep_across_stages(self, operand: Expr, user: Expr) -> None:
        if self.schedule.roles[operand] is not Role.INLINE or self.schedule.stage[user] <= self.schedule.stage[operand]:
            return
        if self.cost[operand] > (_CHEAP if _rank(operand) else 0):
            self.schedule.stored.add(operand)


def _rank(node: Expr) -> int:
    return len(loop_extents(node.shape))
