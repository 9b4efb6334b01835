from __future__ import annotations

import pytest
from op_samples import samples

from symgrad.core.expr import Expr, Input, OpDef, all_ops, lookup
from symgrad.syntax import parse, to_latex
from symgrad.syntax.latex import name_latex

SNAPSHOTS = [
    ("2*X.T @ (X @ w - y) + 2*lam*w", r"2 X^{\top} \left(X w - y\right) + 2 \lambda w"),
    ("x.T @ A @ x", r"x^{\top} A x"),
    ("w @ x", r"w^{\top} x"),
    ("exp(-x**2/2)", r"e^{\frac{-x^{2}}{2}}"),
    ("exp(x)**2", r"\left(e^{x}\right)^{2}"),
    ("a - (b - c) + -d", r"a - \left(b - c\right) + \left(-d\right)"),
    ("x*2 + x*-3", r"x \cdot 2 + x \cdot \left(-3\right)"),
    ("sin(x)**2", r"\sin\left(x\right)^{2}"),
    ("2.5e-7*x", r"2.5 \cdot 10^{-7} x"),
    ("norm(x)**2", r"\left\lVert x \right\rVert^{2}"),
    ("abs(x - 1)", r"\left|x - 1\right|"),
    ("inv(A) @ B", r"A^{-1} B"),
    ("inv(A + B)", r"\left(A + B\right)^{-1}"),
    ("logdet(A + B)", r"\log\left|\det \left(A + B\right)\right|"),
    ("f(x[n], y[n]) = x*y", r"x \odot y"),
    ("y*(X @ w)", r"y \odot \left(X w\right)"),
    ("(a/b)**2*c", r"\left(\frac{a}{b}\right)^{2} c"),
    ("x_1[0] + x[1:]", r"{x_{1}}_{0} + {x}_{1:}"),
    ("f(x[n]) = sum(x)/n", r"\frac{\sum\left(x\right)}{n}"),
    ("sum(X, axis=0)", r"\sum_{\mathrm{axis}=0}\left(X\right)"),
    ("eye(n)", r"I_{n}"),
    ("zeros((m, n))", r"\mathbf{0}_{m \times n}"),
    ("x <= 1", r"x \le 1"),
    ("pi*e", r"\pi e"),
]


@pytest.mark.parametrize(("text", "latex"), SNAPSHOTS, ids=[text for text, _ in SNAPSHOTS])
def test_snapshot(text: str, latex: str) -> None:
    assert to_latex(parse(text)) == latex


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("lam", r"\lambda"),
        ("alpha2", r"\alpha_{2}"),
        ("w_out", r"w_{\mathrm{out}}"),
        ("w_out_3", r"w_{\mathrm{out},3}"),
        ("b12", "b_{12}"),
        ("rate", r"\mathrm{rate}"),
        ("_", r"\mathrm{\_}"),
    ],
)
def test_names(name: str, latex: str) -> None:
    assert name_latex(name) == latex


@pytest.mark.parametrize("op", all_ops(), ids=lambda op: op.name)
def test_every_op_has_balanced_latex(op: OpDef) -> None:
    for node in samples(op):
        latex = to_latex(node * 2 + 1)
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\left") == latex.count(r"\right")


def test_a_large_expression_is_set_as_lines() -> None:
    node: Expr = Input("s")
    for _ in range(60):
        node = lookup("sin")(node * node)
    latex = to_latex(node)
    assert latex.startswith(r"\begin{aligned}v_{1} &= ")
    assert len(latex) < 10_000
