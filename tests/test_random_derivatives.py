"""Derivatives of 500 random matrix formulas, Hessians of some, and a few kernels.

`benchmarks/random_derivatives.py` runs as many as one likes, all of them to second order.
The formulas are those of fixed seeds. A failure names the seed: `derivative_checks.check(formulas.case(seed))`.
"""

from __future__ import annotations

from collections import Counter

import pytest
from derivative_checks import BAD, Verdict, check, check_kernel, describe, verdict_of
from formulas import Case, case, cases
from hypothesis import HealthCheck, given, settings

GROUPS = 10
IN_GROUP = 50
KERNELS = range(6)
EXAMPLES = 30
HESSIANS = 5  # of every fifth
MOST_UNDECIDED = 4  # in a group: repeated singular values and the like, which no digits decide


@pytest.mark.parametrize("group", range(GROUPS))
def test_derivatives_agree_with_differences(group: int) -> None:
    verdicts: Counter[Verdict] = Counter()
    for seed in range(group * IN_GROUP, (group + 1) * IN_GROUP):
        drawn = case(seed)
        findings = check(drawn, hessian=seed % HESSIANS == 0)
        verdict = verdict_of(findings)
        verdicts[verdict] += 1
        assert verdict not in BAD, describe(seed, drawn, findings)
    assert verdicts[Verdict.UNDECIDED] + verdicts[Verdict.REFUSED] <= MOST_UNDECIDED, verdicts


@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_derivatives_of_drawn_formulas(drawn: Case) -> None:
    """The same generator, driven by hypothesis, which shrinks a formula that is derived wrongly."""
    findings = check(drawn, hessian=False)
    assert verdict_of(findings) not in BAD, describe(0, drawn, findings)


def test_kernels_agree_with_the_interpreter() -> None:
    """A few special functions have no kernel, which is said."""
    verdicts: Counter[Verdict] = Counter()
    for seed in KERNELS:
        drawn = case(seed)
        findings = check_kernel(drawn)
        verdicts[verdict_of(findings)] += 1
        assert verdict_of(findings) not in BAD, describe(seed, drawn, findings)
    assert verdicts[Verdict.RIGHT] > len(KERNELS) / 2, verdicts
