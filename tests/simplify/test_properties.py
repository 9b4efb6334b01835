"""What rewriting must keep, on random expressions and their derivatives."""

from __future__ import annotations

import mpmath
import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from strategies import defined, expressions, values_of

import symgrad as sg
from symgrad.core.expr import Expr, postorder
from symgrad.diff.jacobian import jacobian
from symgrad.errors import OperandError
from symgrad.simplify import simplify, textbook
from symgrad.syntax import parse, to_text

TOLERANCE = mpmath.mpf(10) ** -30
MOST_GROWTH, ALLOWANCE = 1.5, 10
some = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def same_value(before: Expr, after: Expr) -> None:
    assert after.shape == before.shape
    for seed in (0, 1):
        values = values_of(before, seed)
        wanted = defined([before], values)
        if wanted is None:
            continue
        found = defined([after], values)
        assert found is not None, f"{after} is not defined where {before} is"
        with mpmath.workdps(50):
            for a, b in zip(np.ravel(found[0]), np.ravel(wanted[0]), strict=True):
                assert abs(a - b) <= TOLERANCE * (1 + abs(b)), f"{after} is not {before}"


def gradient(expr: Expr) -> Expr:
    """Return the gradient of the sum of the entries by one of the inputs: the expressions that rewriting is for."""
    try:
        return jacobian(sg.sum(expr), [next(reversed(expr.inputs.values()))])[0]
    except OperandError:
        assume(False)
        raise


@some
@given(expressions())
def test_simplify_keeps_the_value(expr: Expr) -> None:
    same_value(expr, simplify([expr])[0])


@some
@given(expressions())
def test_textbook_keeps_the_value_of_a_gradient(expr: Expr) -> None:
    slope = gradient(expr)
    (short,) = simplify([slope])
    same_value(slope, short)
    same_value(slope, textbook([short])[0])


@some
@given(expressions())
def test_simplify_is_idempotent_and_shrinks(expr: Expr) -> None:
    for each in (expr, gradient(expr)):
        (once,) = simplify([each])
        (twice,) = simplify([once])
        assert twice is once, f"{each} becomes {once}, and that {twice}"
        assert len(postorder(once)) <= MOST_GROWTH * len(postorder(each)) + ALLOWANCE


@some
@given(expressions())
def test_what_is_written_reads_back(expr: Expr) -> None:
    (written,) = textbook(simplify([gradient(expr)]))
    assert parse(to_text(written)) is written
