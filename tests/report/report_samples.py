"""Reports to write: from real verifications, and made up where a real one is hard to come by."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import symgrad as sg
from symgrad.verification.model import Planted, Verdict

HOSTILE = '<script>alert("1")</script>&\'"'


@cache
def ridge() -> sg.Report:
    return sg.verify("sum((X @ w - y)**2) + lam*sum(w**2)", wrt=["w", "lam"], points=2)


@cache
def evidence() -> sg.Report:
    at = {"S": [[2.0, 0.5], [0.5, 1.0]], "x": [1.0, -2.0]}
    return sg.verify("f(S[n,n]: spd, x[n]) = logdet(S) + x @ inv(S) @ x", points=1, at=at)


@cache
def wide() -> sg.Report:
    """A formula far wider than a telephone, with long names."""
    name = "a_name_of_an_input_that_goes_on_and_on_without_any_end"
    terms = " + ".join(f"sin({number}*{name})*exp(-{name}**2/{number})" for number in range(2, 8))
    return sg.verify(f"sum({terms})", points=1, sizes={"n": 3})


def planted() -> sg.Report:
    return replace(ridge(), planted=(Planted("sign", 12, 12), Planted(f"factor 1 + 1e-06 {HOSTILE}", 12, 11)))


def failed() -> sg.Report:
    checks = ridge().checks
    bad = replace(checks[-1], verdict=Verdict.FAIL, error=0.5, detail=HOSTILE)
    reasons = (f"the derivative with respect to w: {HOSTILE} " + "x" * 300,)
    return replace(ridge(), verdict=Verdict.FAIL, checks=(*checks[:-1], bad), reasons=reasons)


def unknown() -> sg.Report:
    return sg.verify("sqrt(x)*y", points=0, at={"x": -1.0, "y": 2.0})


@cache
def second() -> sg.Report:
    """Second derivatives too, of kernels in single precision."""
    return sg.verify("x @ A @ x + c*x[0]", ["x", "c"], points=1, order=2, products=True, batch=True, dtype="float32")
