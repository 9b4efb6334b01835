from __future__ import annotations

import pytest

from symgrad.core.dims import named
from symgrad.core.expr import Expr, Input, Literal, lookup
from symgrad.syntax import Limits, parse
from symgrad.syntax.parser import parse_program

a, b, c = Input("a"), Input("b"), Input("c")
n = named("n")
x = Input("x", (n,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b*c", a + b * c),
        ("a - b - c", (a - b) - c),
        ("a/b*c", (a / b) * c),
        ("a**b**c", a ** (b**c)),
        ("-a**2", -(a**2)),
        ("(-a)**2", (-a) ** 2),
        ("2**-a", 2 ** (-a)),
        ("a*-b", a * (-b)),
        ("--a", (-a).__neg__()),
        ("+a", a),
        ("-a*b", (-a) * b),
        ("a < b + 1", a < b + 1),
        ("(a < b)*(b != c)", (a < b) * lookup("not_equal")(b, c)),
        ("a == b", lookup("equal")(a, b)),
        (".5 + 1e-3 + 2. + 1E+2", (Literal(0.5) + 1e-3) + 2.0 + 100.0),
        ("atan2(a, b)", lookup("atan2")(a, b)),
        ("arcsin(a)", lookup("asin")(a)),
        ("pi*e", lookup("pi")() * lookup("e")()),
        ("pi()", lookup("pi")()),
        ("pi = a; 2*pi", 2 * a),
        ("f(e) = 2*e", 2 * Input("e")),
        ("gamma*gamma(a)", Input("gamma") * lookup("gamma")(a)),
        ("v = b*c; u = a + v; J = 3*u", 3 * (a + b * c)),
        ("v = b*c\n\nu = a + v # comment\n3*u\n", 3 * (a + b * c)),
        ("(a\n + b)", a + b),
        ("f(x[n]) = x[1:] - x[:-1]", x[1:] - x[:-1]),
        ("f(x[n]) = x[None, ::2]", x[None, ::2]),
        ("f(x[n]) = x[::-1]", x[::-1]),
        ("f(x[n]) = x[n - 1]", x[-1]),
        ("f(x[n]) = sum(x)/n", lookup("sum")(x) / lookup("size")(n)),
        ("f(n[n]) = n/size(n)", Input("n", (n,)) / lookup("size")(n)),
        ("f(x[n]) = sum(x, 0)", lookup("sum")(x, axis=0)),
        ("f(x[n]) = sum(x, axis=(0,), keepdims=True)", lookup("sum")(x, axis=0, keepdims=True)),
        ("f(x[n]) = scatter(x, [1:], (n + 1,))", lookup("scatter")(x, index=slice(1, None), shape=(n + 1,))),
        ("zeros((2, 3))", lookup("zeros")(shape=(2, 3))),
        ("zeros(())", lookup("zeros")(shape=())),
        ("ones(m)", lookup("ones")(shape=(named("m"),))),
        ("f(X[2*n - 1,(n + 1)//2]) = X.T", Input("X", (2 * n - 1, (n + 1) // 2)).T),
        ("f(x[3*(n//2)]) = x + 1", Input("x", ((n // 2) * 3,)) + 1),
    ],
)
def test_meaning(text: str, expected: Expr) -> None:
    assert parse(text) is expected


def test_a_sign_is_part_of_a_literal_only_where_it_touches_it() -> None:
    assert parse("-2") is Literal(-2)
    assert parse("-2**2") is -(Literal(2) ** 2)
    assert parse("(-2)**2") is Literal(-2) ** 2


def test_shapes_argument_takes_numbers_and_texts() -> None:
    assert parse("x", shapes={"x": ("n - 1", 3)}).shape == (n - 1, 3)
    assert parse("x", shapes={"x": "n"}).shape == (n,)
    assert parse("x*size(k)", shapes={"x": ()}).shape == ()


def test_spans_cover_brackets() -> None:
    program = parse_program("2*(a + b)", Limits())
    product = program.statements[0].value
    assert (product.span.start, product.span.end) == (0, 9)


def test_long_chains_are_parsed_without_recursion() -> None:
    limits = Limits(characters=10**6, nodes=10**6)
    assert parse("+".join(["a"] * 50_000), limits=limits).shape == ()
