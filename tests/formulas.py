"""Random matrix formulas over the whole registry of ops, and points to evaluate them at.

A formula grows node by node. The operands of a node are mostly results that nothing uses yet, so most of what is made
ends up in the formula; the others are inputs and results used before, which makes it a DAG. Nothing here knows an op
by its name. The choices are made by a function: the `choice` of a seeded generator where speed and a reproducible
number matter, hypothesis where a failure should be shrunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from strategies import CONDITION, LARGEST_RANK, OPS, choices, constant_operands, into, k, m, n, special

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import element_count, evaluate
from symgrad.core.domain import Domain, MatrixDomain
from symgrad.core.expr import REQUIRED, Apply, Expr, Flat, Input, Literal, OpDef, postorder
from symgrad.core.notation import Infix
from symgrad.core.properties import read_properties
from symgrad.errors import SymgradError
from symgrad.verification.manifold import settle
from symgrad.verification.sampling import violations

T = TypeVar("T")

# All different, so that a transposed axis cannot go unnoticed.
SIZES = {"m": 4, "n": 3, "k": 2, "b": 5}
INPUTS = (
    Input("s"),
    Input("x", (n,)),
    Input("y", (n,)),
    Input("z", (m,)),
    Input("u", (k,)),
    Input("v", (3,)),
    Input("X", (m, n)),
    Input("Y", (n, k)),
    Input("A", (n, n)),
    Input("B", (n, n)),
    Input("C", (k, k)),
    Input("row", (1, n)),
    Input("column", (m, 1)),
    Input("S", (k, n, n)),
    Input("W", (k, m, n)),
    Input("p", (n,), read_properties("positive")),
    Input("G", (n, n), read_properties("symmetric")),
    Input("P", (n, n), read_properties("spd")),
    Input("L", (n, n), read_properties("lower invertible")),
    Input("U", (n, n), read_properties("upper")),
    Input("D", (n, n), read_properties("diagonal")),
    Input("K", (k, k), read_properties("skew")),  # of odd size it would be singular
    Input("T", (k, n, n), read_properties("symmetric")),
)
NUMBERS = (Literal(2), Literal(3), Literal(-0.5), Literal(1.5))
FEWEST_NODES, MOST_NODES = 5, 26
LARGEST_ARRAY = 60  # elements of a result on the way
LARGEST_OUTPUT = 24  # elements of the formula: its Jacobian has many times more
LARGEST_VALUE = 1e4
MARGIN = 0.02  # how far from the edge of a domain the points lie
ATTEMPTS = 12  # operands tried for an op
POINTS = 8  # points tried for a formula
MANY = 1000  # formulas tried for one that is defined somewhere


class Choose(Protocol):
    """Picks one of several options."""

    def __call__(self, options: Sequence[T], /) -> T: ...


@dataclass(frozen=True, eq=False)
class Case:
    """A formula and a point where it is defined; `sizes` are those of the inputs and of arrays without any."""

    formula: Expr
    values: Mapping[str, np.ndarray]
    sizes: Mapping[str, int]

    def __str__(self) -> str:
        return f"{self.formula}  ({len(postorder(self.formula))} nodes)"


def case(seed: int) -> Case:
    """Return the formula of a seed. The same seed gives the same one as long as the registry is the same."""
    for number in range(MANY):
        drawn = formula(Random(f"{seed} {number}").choice)
        found = None if drawn is None else at_a_point(drawn, seed)
        if found is not None:
            return found
    raise AssertionError(f"no formula of {MANY} was defined anywhere")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a formula and a point for it, to be shrunk when something is wrong with it."""

    def choose(options: Sequence[T], /) -> T:
        return draw(st.sampled_from(options))

    drawn = formula(choose)
    found = None if drawn is None else at_a_point(drawn, 0)
    assume(found is not None)
    assert found is not None
    return found


def at_a_point(formula: Expr, seed: int) -> Case | None:
    """Return the formula with values well inside of its domain; None if none are found."""
    for number in range(POINTS):
        rng = np.random.default_rng([seed, number])
        values = {name: _drawn(x, rng) for name, x in sorted(formula.inputs.items())}
        try:
            if not violations(formula, values, MARGIN, LARGEST_VALUE):
                evaluate_reference([formula], values)  # a comparison hides that what is compared has no value
                return Case(formula, values, SIZES)
        except np.linalg.LinAlgError:
            continue
        except SymgradError:  # an axis is too short for a slice, or a size is that of no input
            return None
    return None


def _drawn(x: Input, rng: np.random.Generator) -> np.ndarray:
    """Return numbers of few digits: all positive, or of both signs."""
    return settle(x, _numbers)(rng, tuple(evaluate(size, SIZES) for size in x.shape))


def _numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    signs = rng.choice([-1, 1], shape) if rng.integers(2) else 1
    return np.asarray(np.round(signs * rng.uniform(0.2, 1.6, shape), 3))


# --- growing ---------------------------------------------------------------------------------------------------------

_PLAIN = [op for op in OPS if op.elementwise and not special(op) and not isinstance(op.derivative, Flat)]
_SPECIAL = [op for op in OPS if special(op)]
_STEPS = [op for op in OPS if op.elementwise and isinstance(op.derivative, Flat)]
_ARRAY = [op for op in OPS if not op.elementwise]
_MATRIX = [op for op in _ARRAY if op.signature]
_OPERATORS = [op for op in OPS if isinstance(op.notation, Infix) and not isinstance(op.derivative, Flat)]
_BINARY = [
    op
    for op in (*_OPERATORS, *_OPERATORS, *_PLAIN, *_MATRIX)
    if len(op.operand_names) == 2 and not constant_operands(op)
]
FAMILIES = (*(_MATRIX,) * 7, *(_ARRAY,) * 6, *(_OPERATORS,) * 5, *(_PLAIN,) * 4, _SPECIAL, _STEPS)


@dataclass(frozen=True)
class _Pool:
    """What operands are taken from: inputs, results, and those of the results that nothing uses yet."""

    inputs: Sequence[Expr]
    made: list[Expr]
    unused: list[Expr]

    def candidates(self, choose: Choose) -> Sequence[Expr]:
        return choose((self.inputs, self.inputs, self.unused or self.inputs, self.made or self.inputs))

    def add(self, node: Expr) -> None:
        below = set(postorder(node))
        self.unused[:] = [each for each in self.unused if each not in below] + [node]
        if node not in self.made:
            self.made.append(node)


def formula(choose: Choose) -> Expr | None:
    """Return a formula of a few inputs, a number in two cases of three; None where the choices lead nowhere."""
    inputs = [choose(INPUTS) for _ in range(choose((2, 3, 4, 5)))]
    pool = _Pool([*inputs, *inputs, choose(NUMBERS)], [], [])
    for _ in range(choose(range(4, 13))):
        node = _grown(choose(choose(FAMILIES)), pool, choose)
        if node is not None and _fits(node, LARGEST_ARRAY):
            pool.add(node)
    while len(pool.unused) > 1:
        pool.add(_joined(pool.unused[0], pool.unused[1], choose))
    if not pool.unused:
        return None
    result = pool.unused[0]
    if choose((True, True, False)) or not _fits(result, LARGEST_OUTPUT):
        result = _as_number(result, choose)
    return result if result.inputs and FEWEST_NODES <= len(postorder(result)) <= MOST_NODES else None


def _fits(node: Expr, elements: int) -> bool:
    count = evaluate(element_count(node.shape), SIZES)
    return node.ndim <= LARGEST_RANK and 0 < count <= elements


def _grown(op: OpDef, pool: _Pool, choose: Choose) -> Expr | None:
    """Return a node of the op whose operands lie in its domain; None if no operands fit."""
    for _ in range(ATTEMPTS):
        operands = [_operand(op, position, pool, choose) for position in range(len(op.operand_names))]
        rank = operands[0].ndim
        given = {p.name: choose(choices(p, rank) or (0,)) for p in op.parameters}
        if len(operands) > 1 and len(set(operands)) == 1 and choose((True, True, False)):
            continue
        node = _applied(op, operands, given, choose)
        if node is not None and not isinstance(node, Input | Literal) and node.inputs:
            return node
    return None


def _operand(op: OpDef, position: int, pool: _Pool, choose: Choose) -> Expr:
    if position in constant_operands(op):
        return Literal(2)
    operand = choose(pool.candidates(choose))
    return operand > choose(NUMBERS) if op.operand_names[position] == CONDITION else operand


def _applied(op: OpDef, operands: Sequence[Expr], given: Mapping[str, Any], choose: Choose) -> Expr | None:
    try:
        node = op(*operands, **given)
        if not isinstance(node, Apply) or node.op is not op:
            return node
        domains = op.domains(node)
        moved = [_moved(x, domain, op, choose) for x, domain in zip(node.operands, domains, strict=True)]
        return op(*moved, **given)
    except SymgradError:
        return None


def _moved(x: Expr, domain: Domain, op: OpDef, choose: Choose) -> Expr:
    """Return an operand in the domain: as it is where that is likely enough to be inside."""
    if isinstance(domain, MatrixDomain):
        square = x.shape[-1] == x.shape[-2]
        likely = domain.condition != "spd" and (not square or choose((True, False)))
        return x if likely else into(x, domain)
    return into(x, domain, special(op)) if special(op) or choose((True, False)) else x


def _joined(first: Expr, second: Expr, choose: Choose) -> Expr:
    """Return a node of both: of a binary op if one takes them as they are, else of two numbers made of them."""
    for _ in range(ATTEMPTS):
        node = _applied(choose(_BINARY), [first, second], {}, choose)
        if node is not None and _fits(node, LARGEST_ARRAY):
            return node
    return _as_number(first, choose) * _as_number(second, choose)


def _as_number(x: Expr, choose: Choose) -> Expr:
    """Return a number made of an array, by an op that gives one or by a weighted sum."""
    if not x.ndim:
        return x
    numbers = [node for node in _reductions(x, choose) if not node.ndim]
    return choose(numbers) if numbers and choose((True, False)) else sg.sum(x * choose((x, *NUMBERS)))


def _reductions(x: Expr, choose: Choose) -> Iterator[Expr]:
    for op in _ARRAY:
        if len(op.operand_names) == 1 and all(p.default is not REQUIRED for p in op.parameters):
            node = _applied(op, [x], {}, choose)
            if node is not None:
                yield node
