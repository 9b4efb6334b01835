"""Names for shared subterms: which are given, and that the text with them is the expression without."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from strategies import expressions

import symgrad as sg
from symgrad.core.expr import op_names
from symgrad.core.traversal import substitute
from symgrad.syntax import formula, named_subterms, parse

LOGISTIC = "sum(log(1 + exp(-y*(X @ w))))"
GAUSSIAN = "f(x[n], mu[n], S[n,n]) = -0.5*(x - mu) @ solve(S, x - mu) - 0.5*logdet(S)"
RAYLEIGH = "(x.T @ A @ x)/(x.T @ x)"
CROSS_ENTROPY = "f(W[n,k], x[n], y[k]) = -sum(y*log(softmax(x @ W)))"
NETWORK = "sum(sigmoid(W2 @ tanh(W1 @ x + b1) + b2))"
RIDGE = "sum((X @ w - y)**2) + lam*sum(w**2)"


def derivatives(text: str, names: list[str] | None = None, second: bool = False) -> list[sg.Expr]:
    f = sg.parse(text)
    wrt = names or list(f.inputs)
    found = list(sg.jacobian(f, wrt).values())
    if second:
        blocks = sg.hessian(f, wrt)
        found += [blocks[a][b] for i, a in enumerate(wrt) for b in wrt[i:]]
    return found


@pytest.mark.parametrize(
    ("text", "wrt", "second", "definitions", "results"),
    [
        (
            LOGISTIC,
            ["w"],
            True,
            {"r": "sigmoid(-y*(X @ w))"},
            ["-(X.T @ (y*r))", "X.T @ diag(y**2*r*(1 - r)) @ X"],
        ),
        (
            GAUSSIAN,
            None,
            False,
            {"r": "solve(S.T, x - mu)", "s": "solve(S, x - mu)"},
            ["-0.5*r - 0.5*s", "0.5*(r + s)", "0.5*outer(r, s) - 0.5*inv(S).T"],
        ),
        (
            RIDGE,
            ["X", "w", "y"],
            False,
            {"r": "X @ w - y"},
            ["2*outer(r, w)", "2*X.T @ r + 2*lam*w", "-2*r"],
        ),
        (
            CROSS_ENTROPY,
            ["W", "x"],
            False,
            {"r": "sum(y)*softmax(W.T @ x) - y"},
            ["outer(x, r)", "W @ r"],
        ),
        (
            NETWORK,
            ["b1", "b2", "W1", "W2"],
            False,
            {
                "r": "tanh(W1 @ x + b1)",
                "s": "sigmoid(W2 @ r + b2)",
                "t": "W2.T @ (s*(1 - s))",
            },
            ["t*(1 - r**2)", "s*(1 - s)", "outer(t*(1 - r**2), x)", "outer(s*(1 - s), r)"],
        ),
        (
            "trace(inv(X.T @ X) @ S)",
            ["X"],
            False,
            {},
            ["-(X @ inv(X.T @ X) @ (S + S.T) @ inv(X.T @ X))"],
        ),
        (RIDGE, ["w"], True, {}, ["2*X.T @ (X @ w - y) + 2*lam*w", "2*X.T @ X + 2*lam*eye(n)"]),
        ("softmax(x)", ["x"], False, {}, ["diag(softmax(x)) - outer(softmax(x), softmax(x))"]),
        ("f(X[n,n]) = logdet(X)", ["X"], False, {}, ["inv(X).T"]),
    ],
)
def test_what_has_a_name(
    text: str, wrt: list[str] | None, second: bool, definitions: dict[str, str], results: list[str]
) -> None:
    named = named_subterms(derivatives(text, wrt, second))
    assert {name: formula(expr) for name, expr in named.definitions.items()} == definitions
    assert list(map(formula, named.exprs)) == results


def test_the_rayleigh_quotient_and_its_hessian_share_the_two_products() -> None:
    named = named_subterms(derivatives(RAYLEIGH, ["x"], second=True))
    assert sorted(formula(expr) for expr in named.definitions.values()) == ["(A + A.T) @ x", "x @ A @ x"]
    assert formula(named.exprs[0]) == "(r - 2*s*x/(x @ x))/(x @ x)"


@pytest.mark.parametrize("text", [LOGISTIC, GAUSSIAN, RAYLEIGH, CROSS_ENTROPY, NETWORK, RIDGE])
def test_text_with_names_reads_as_the_expression_without(text: str) -> None:
    f = sg.parse(text)
    exprs = derivatives(text, second="x - mu" not in text and "W2" not in text)
    named = sg.named_subterms(exprs, taken=f.inputs)
    assert named.definitions
    for position, expr in enumerate(exprs):
        shapes = {name: node.shape for name, node in expr.inputs.items()}
        assert parse(named.text(position), shapes=shapes) is expr
    longer = sum(map(len, map(formula, exprs)))
    shorter = sum(map(len, map(formula, [*named.exprs, *named.definitions.values()])))
    assert shorter + 4 * len(named.definitions) <= longer - 12


def test_names_are_free() -> None:
    """r and s are inputs, t is taken, u is a size."""
    f = sg.parse("f(X[u,n], r[n], s[u]) = sum(log(1 + exp(-s*(X @ r))))")
    gradient, hessian = sg.grad(f, "r"), sg.hessian(f, "r")
    named = sg.named_subterms([gradient, hessian], taken=["t"])
    assert list(named.definitions) == ["v"]
    assert not set(named.definitions) & set(op_names())


def test_results_keep_their_own_line() -> None:
    """A result that another one holds is no definition: `df/db = r` would say nothing."""
    inner = sg.parse("sigmoid(X @ w - y) + 1")
    named = sg.named_subterms([inner, sg.sin(inner), sg.cos(inner), sg.exp(inner)])
    assert list(map(formula, named.definitions.values())) == ["sigmoid(X @ w - y)"]
    assert list(map(formula, named.exprs)) == ["r + 1", "sin(r + 1)", "cos(r + 1)", "exp(r + 1)"]


def test_nothing_and_too_much_stay_as_they_are() -> None:
    assert sg.named_subterms([]).exprs == ()
    x = node = sg.scalar("x")
    for _ in range(400):
        node = sg.sin(node) * node + x
    assert sg.named_subterms([node]).exprs == (node,)


@settings(max_examples=40, deadline=None)
@given(expressions())
def test_putting_the_definitions_in_gives_the_expression(expr: sg.Expr) -> None:
    exprs = [expr, sg.exp(expr), expr * 2 + sg.sin(expr)]
    named = named_subterms(exprs)
    result = list(named.exprs)
    for name, definition in reversed(named.definitions.items()):
        result = substitute(result, {sg.Input(name, definition.shape): definition})
    assert result == exprs
