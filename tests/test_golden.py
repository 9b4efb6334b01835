"""What every stage of the pipeline makes of a few formulas, as text kept in tests/golden.

After a change that is meant to show here: SYMGRAD_UPDATE_GOLDEN=1 pytest tests/test_golden.py, and read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import symgrad as sg
from symgrad.core.expr import Expr
from symgrad.diff.jacobian import jacobian
from symgrad.lowering import lower
from symgrad.simplify import simplify, textbook
from symgrad.syntax import formula, signature, to_latex, to_python

GOLDEN = Path(__file__).parent / "golden"
FORMULAS = {
    "ridge": "sum((X @ w - y)**2) + lam*sum(w**2)",
    "logistic": "f(X[m,n], w[n], y[m]) = sum(log(1 + exp(-y*(X @ w))))",
    "gaussian": "v = (x - mu)/s; log(exp(-v**2/2)/(s*sqrt(2*pi)))",
    "rosenbrock": "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)",
    "evidence": "f(K[n,n], y[n]) = y @ solve(K, y)/2 + logdet(K)/2",
}


def stages(text: str) -> str:
    """Return what each stage makes of a formula."""
    parsed = sg.parse(text)
    nodes = list(parsed.inputs.values())
    (stable,) = simplify([parsed])
    raw = jacobian(stable, nodes)
    normal = simplify([stable, *raw])
    shown = textbook(normal[1:])
    names = [node.name for node in nodes]
    sections = {
        "text": text,
        "signature": signature(parsed),
        "parsed": formula(parsed),
        "stable": formula(stable),
        "pulled back": _lines(names, raw),
        "normal form": _lines(names, normal[1:]),
        "textbook": _lines(names, shown),
        "latex": "\n".join(f"{name}: {to_latex(g)}" for name, g in zip(names, shown, strict=True)),
        "python": to_python(shown[0]),
        "kernel": str(lower(normal, nodes)),
    }
    return "\n".join(f"== {title} ==\n{body.rstrip()}\n" for title, body in sections.items())


def _lines(names: list[str], expressions: list[Expr]) -> str:
    return "\n".join(f"{name}: {formula(e)}" for name, e in zip(names, expressions, strict=True))


@pytest.mark.parametrize("name", FORMULAS)
def test_stages(name: str) -> None:
    path = GOLDEN / f"{name}.stages.txt"
    found = stages(FORMULAS[name])
    if os.environ.get("SYMGRAD_UPDATE_GOLDEN"):
        path.write_text(found)
    assert found == path.read_text()
