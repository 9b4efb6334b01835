"""A fixed sample of the mutants and planted errors of benchmarks: wrong rules, programs and numbers are seen."""

import numpy as np
import pytest

from benchmarks import kernel_mutants, planted_errors, rule_mutants
from benchmarks.corpus import Problem, lists
from benchmarks.mutants import of_program, of_rule
from symgrad.core.expr import Partials, Structured, Transposed, lookup
from symgrad.syntax import parse

OPS = ("tanh", "multiply", "atan2", "sum", "matmul")
PROGRAMS = ("x**3*sin(y) - x/y", "f(x[n], y[n]) = sum(exp(x)*y)/sum(y)")


@pytest.mark.parametrize("name", OPS)
def test_every_mutant_of_a_rule_is_killed_by_two_formulas(name):
    found = of_rule(name)
    different = [outcome for outcome in found if outcome.different]
    assert different and all(outcome.kills >= min(rule_mutants.KILLS, outcome.different) > 0 for outcome in different)


@pytest.mark.parametrize("text", PROGRAMS)
def test_every_mutant_of_a_program_is_killed(text):
    found = of_program(text)
    assert [outcome for outcome in found if outcome.fate == "survived"] == []
    assert sum(outcome.fate == "killed" for outcome in found) > 10


@pytest.mark.parametrize("name", ["tanh", "matmul", "sum"])
def test_a_planted_rule_is_taken_out_again(name):
    op = lookup(name)
    right = op.derivative
    assert isinstance(right, Partials | Transposed | Structured)
    for mutant in rule_mutants.mutants(op):
        with rule_mutants.planted(mutant):
            assert op.derivative is mutant.derivative is not right
        assert op.derivative is right


@pytest.mark.parametrize("text", kernel_mutants.FORMULAS)
def test_the_right_program_as_source_passes(text):
    output = parse(text)
    found = kernel_mutants.passed_at(Problem(text, output, tuple(output.inputs.values())))
    assert found >= kernel_mutants.POINTS


@pytest.mark.parametrize("scale", planted_errors.SCALES)
@pytest.mark.parametrize("text", ["sum((X @ w - y)**2)", "softmax(x)", "x*y + y/x"])
def test_wrong_versions_are_rejected_at_every_scale(text, scale):
    problem = next(each for each in lists() if each.name == text)
    tally = planted_errors.judge(problem, scale, 0)
    assert tally.survivors == [] and planted_errors.misses(tally) == []
    assert tally.share("factor 1 + 1e-06", "torch", [scale]) < 1  # what this is about


def test_a_share_below_its_target_is_a_miss():
    tally = planted_errors.Tally()
    tally.count(1.0, "sign", planted_errors.FORMULA, False)
    tally.count(1.0, "factor 1 + 1e-09", planted_errors.FORMULA, True)
    assert planted_errors.misses(tally) == ["sign (formula and kernel): 0.000 % of 100 %"]


def test_scaled_problems_have_scaled_derivatives():
    problem = next(each for each in lists() if each.name == "x**3 - 2*x + 1")
    small, right = (p.examine(0, 0)[1].findings["x"][1].found for p in (problem.scaled(1e-6), problem))
    assert np.isclose(small, 1e-6 * right, rtol=1e-12, atol=0)
    assert isinstance(problem.scaled(2.0), Problem)
