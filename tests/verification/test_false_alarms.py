"""No right gradient is rejected: a fixed tenth of benchmarks/false_alarms.py, of its smaller formulas."""

from itertools import product

import numpy as np
import pytest

from benchmarks.corpus import Problem
from benchmarks.false_alarms import Tally, judge, problems
from symgrad.backends.kernel import Kernel
from symgrad.diff.jacobian import jacobian
from symgrad.syntax import parse
from symgrad.verification import Verdict, verify

GRADIENTS = 1000
MOST_OPERATIONS = 60
COMPILED = ("sum((X @ w - y)**2) + lam*sum(w**2)", "logsumexp(x)", "f(x[n], y[n]) = sum(exp(x)*y)/sum(y)")


@pytest.fixture(scope="module")
def tally():
    small = [problem for problem in problems(0) if problem.is_small(MOST_OPERATIONS)]
    total = Tally()
    with np.errstate(all="ignore"):
        for number, problem in product(range(GRADIENTS), small):
            total.add(judge(problem, number, 0))
            if total.gradients >= GRADIENTS:
                return total
    return total


def test_no_right_gradient_is_rejected(tally):
    assert tally.gradients >= GRADIENTS
    assert tally.alarms == []


def test_few_are_left_open(tally):
    assert tally.verdicts[Verdict.INCONCLUSIVE] <= GRADIENTS // 100


@pytest.mark.parametrize("text", COMPILED)
def test_no_compiled_gradient_is_rejected(text):
    output = parse(text)
    inputs = tuple(output.inputs.values())
    gradients = dict(zip(output.inputs, jacobian(output, inputs), strict=True))
    report = verify(output, inputs, gradients, Kernel(output, inputs), points=4)
    assert report.passed, str(report)


def test_a_wrong_gradient_is_an_alarm(monkeypatch):
    problem = next(problem for problem in problems(0) if problem.output.shape == () and problem.wrt[0].shape)
    subject = problem.subject()
    monkeypatch.setattr(subject.kernel, "change", lambda found: {name: 2 * g + 1 for name, g in found.items()})
    monkeypatch.setattr(Problem, "subject", lambda self: subject)
    assert judge(problem, 0, 0).alarms
