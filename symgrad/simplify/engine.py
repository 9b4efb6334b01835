"""The rewriting engine: rules fire bottom-up until none applies, with everything shared.

A rule is a named function from a node (its operands already rewritten) to an equal node, or None where it has nothing
to say. Rules make the expression right in more places, cheaper or shorter, in a normal form that they leave alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TypeAlias

from symgrad.core.collector import collector_paused
from symgrad.core.expr import Apply, Expr, OpDef, postorder
from symgrad.core.traversal import expand
from symgrad.errors import ShapeError
from symgrad.simplify.pieces import cut, join

LARGEST_WHOLE = 300  # nodes; beyond it nobody reads the result, and what is shared has to stay shared

Rule: TypeAlias = Callable[[Apply], Expr | None]
Trace: TypeAlias = Callable[[Rule, Apply, Expr], None]  # a rule, the node it was applied to, what it made of it

_rules: defaultdict[OpDef, list[Rule]] = defaultdict(list)
_elementwise_rules: list[Rule] = []


def rule(*ops: OpDef) -> Callable[[Rule], Rule]:
    """Register a rule for the nodes of some ops."""

    def enter(function: Rule) -> Rule:
        for op in ops:
            _rules[op].append(function)
        return function

    return enter


def elementwise_rule(function: Rule) -> Rule:
    """Register a rule that reads traits, for the nodes of every elementwise op."""
    _elementwise_rules.append(function)
    return function


def rewrite_once(node: Apply, trace: Trace | None = None) -> Expr | None:
    """Return what the first rule that applies makes of `node`; None when none does. `trace` hears of it."""
    for function in _rules_for(node.op):
        result = function(node)
        if result is None or result is node:
            continue
        if result.shape != node.shape:
            raise ShapeError(f"the rule {function.__name__} changed the shape {node.shape} to {result.shape}: a bug")
        if trace is not None:
            trace(function, node, result)
        return result
    return None


@cache
def _rules_for(op: OpDef) -> tuple[Rule, ...]:
    specific = tuple(_rules.get(op, ()))
    return (*_elementwise_rules, *specific) if op.elementwise else specific


def simplify(roots: Sequence[Expr], trace: Trace | None = None, settled: Sequence[Expr] = ()) -> list[Expr]:
    """Return equal expressions in normal form. What roots share stays shared. `trace` hears of every rule that fires.

    `settled` are results of an earlier call: in a large formula, what they are made of is not looked at again.

    >>> import symgrad as sg
    >>> x = sg.scalar("x")
    >>> print(*simplify([x * 2 * x, sg.log(1 + sg.exp(x))]), sep="; ")
    2*x**2; softplus(x)
    """
    rewrite = rewrite_once if trace is None else partial(rewrite_once, trace=trace)
    if len(postorder(*roots)) <= LARGEST_WHOLE:
        return expand(roots, rewrite)
    with collector_paused():
        result = _simplify_pieces(roots, rewrite, set(postorder(*settled)))
    return result if len(postorder(*result)) > LARGEST_WHOLE else expand(result, rewrite)


def _simplify_pieces(roots: Sequence[Expr], rewrite: Rule, settled: set[Expr]) -> list[Expr]:
    """Rewrite piece by piece, operands first; a piece that became a number or an input stands for itself from then."""
    pieces, stand_ins, nodes = cut(roots)
    done: dict[Expr, Expr] = {}
    rewritten: list[Expr] = []
    for piece, stand_in, node in zip(pieces, stand_ins, nodes, strict=False):
        if node in settled:
            done[piece] = piece
        (result,) = expand([piece], rewrite, done)
        if not result.operands:
            done[stand_in] = result
        rewritten.append(result)
    return join([*rewritten, *expand(pieces[len(nodes) :], rewrite, done)], stand_ins)


def registered_rules() -> dict[str, Rule]:
    """Return every rule by its name, for the tests."""
    every = [*_elementwise_rules, *(function for rules in _rules.values() for function in rules)]
    return {function.__name__: function for function in every}
