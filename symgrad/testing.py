"""For tests: assertions whose message is the report of a verification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.report import plain
from symgrad.verification import Report, Verdict
from symgrad.verification.blackbox import check_gradient

__all__ = ["assert_gradient"]


def assert_gradient(
    fun: Callable[..., Any],
    grad: Callable[..., Any] | bool,
    x: Any,
    *,
    allow_inconclusive: bool = False,
    **options: Any,
) -> Report:
    """Assert that `grad` is the gradient of `fun` at x, and return the report.

    `options` are those of `symgrad.check_gradient`, which says what functions may take and return.
    Errors: AssertionError, whose message is the report, where the gradient is wrong, and where nothing can be said
    unless `allow_inconclusive`; those of `check_gradient` for functions that cannot be checked.

    >>> assert_gradient(lambda x: x**2, lambda x: 2 * x, 3.0).verdict.value
    'PASS'
    >>> assert_gradient(lambda x: x**2, lambda x: 3 * x, 3.0)
    Traceback (most recent call last):
    ...
    AssertionError: the gradient is wrong: the derivative of fun by x is 9.0, but differences say 6 ...
    """
    __tracebackhide__ = True  # pytest points at the test, not here
    report = check_gradient(fun, grad, x, **options)
    if report.passed or (allow_inconclusive and report.verdict is Verdict.INCONCLUSIVE):
        return report
    what = "the gradient is wrong" if report.verdict is Verdict.FAIL else "the gradient could not be checked"
    reason = report.reasons[0] if report.reasons else report.summary()
    raise AssertionError(f"{what}: {reason}\n\n{plain(report)}")
