"""Bad input: every case is refused with its kind, a span inside the text and a caret, and nothing is executed."""

from __future__ import annotations

import pytest

from symgrad.errors import SymgradError
from symgrad.syntax import Limits, parse

# (text, kind, the part of the text the span covers)
CASES = [
    # not a formula
    ("", "syntax", ""),
    ("   ", "syntax", "   "),
    (";;;", "syntax", ";;;"),
    ("# only a comment", "syntax", "# only a comment"),
    ("\n\n", "syntax", "\n\n"),
    ("x +", "syntax", "+"),
    ("x + * y", "syntax", "*"),
    ("* x", "syntax", "*"),
    ("x y", "syntax", "y"),
    ("2x", "syntax", "2"),
    ("2(x + 1)", "syntax", "2("),
    ("0x10", "syntax", "0"),
    ("1_000", "syntax", "1"),
    ("1e", "syntax", "1"),
    ("1.2.3", "syntax", ".3"),
    ("(x", "syntax", "("),
    ("x)", "syntax", ")"),
    ("(x]", "syntax", "(x]"),
    ("x[0", "syntax", "["),
    ("()", "syntax", "()"),
    ("(x, y)", "syntax", "(x, y)"),
    ("[x, y]", "syntax", "["),
    ("sin(x", "syntax", "("),
    ("sin x", "syntax", "x"),
    ("sin(,)", "syntax", ","),
    ("(x + 1)(y)", "syntax", "(x + 1)("),
    ("a < b < c", "syntax", "<"),
    ("a = = b", "syntax", "="),
    ("a + b = c", "syntax", "="),
    ("1 = x", "syntax", "="),
    ("x.", "syntax", ""),
    ("x.5", "syntax", ".5"),
    ("x // 2", "syntax", "//"),
    ("x[]; y[", "syntax", "["),
    ("sum(x, axis=0, axis=1)", "syntax", "axis"),
    ("sum(axis=0, x)", "syntax", "x"),
    ("f(x) = x; g(y) = y", "syntax", "f"),
    ("f(x, x) = x", "syntax", "x"),
    ("f(x[]) = x", "syntax", "["),
    ("f(2) = x", "syntax", "2"),
    ("v = 1; v = 2; v", "syntax", "v"),
    ("u = v + 1; v = 2; u", "syntax", "v"),
    ("x = 1; f(x[n]) = sum(x)", "syntax", "x"),
    ("n = 1; f(x[n]) = sum(x)*n", "syntax", "n"),
    ("True = 2", "syntax", "True"),
    # operands in brackets, subscripts
    ("concatenate(A, B)", "type", "concatenate(A, B)"),
    ("concatenate(())", "type", "concatenate(())"),
    ("concatenate((A, B), 0, 1)", "type", "concatenate((A, B), 0, 1)"),
    ("block([[A, B], C])", "type", "block([[A, B], C])"),
    ("block([[A], [B]], rows=(1, 1))", "syntax", "block([[A], [B]], rows=(1, 1))"),
    ("f(x[n], y[m]) = concatenate((x, y), axis=3)", "shape", "concatenate((x, y), axis=3)"),
    ("f(A[m,n]) = tensordot(A, A, axes=3)", "shape", "tensordot(A, A, axes=3)"),
    ("f(x) = hstack((x, x))", "shape", "hstack((x, x))"),
    ("sin((x, y))", "syntax", "(x, y)"),
    ('x = "ij"', "syntax", '"ij"'),
    ('sin("ij")', "syntax", '"ij"'),
    ('x + "ij"', "syntax", '"'),
    ("einsum(A, B)", "type", "A"),
    ('einsum("ij,jk", A)', "type", 'einsum("ij,jk", A)'),
    ('einsum("i...->i", A)', "type", 'einsum("i...->i", A)'),
    ('einsum("i->ii", x)', "type", 'einsum("i->ii", x)'),
    ('einsum("i->j", x)', "type", 'einsum("i->j", x)'),
    ('f(A[m,n], B[k,n]) = einsum("ij,jk", A, B)', "shape", 'einsum("ij,jk", A, B)'),
    ("tensordot(A, B, axes=(0, 1, 2))", "type", "(0, 1, 2)"),
    # other languages
    ("x^2", "syntax", "^"),
    ("x'", "syntax", "'"),
    ("x .* y", "syntax", ".*"),
    ("a && b", "syntax", "&"),
    ("a | b", "syntax", "|"),
    ("!a", "syntax", "!"),
    ("x % 2", "syntax", "%"),
    ("{x}", "syntax", "{"),
    (r"\frac{x}{2}", "syntax", "\\"),
    ("x if y else z", "syntax", "if"),
    ("not x", "syntax", "not"),
    ("x and y", "syntax", "and"),
    ("lambda x: x", "syntax", "lambda"),
    ("import os", "syntax", "import"),
    ("x := 3", "syntax", ":"),
    ("f'{x}'", "syntax", "'"),
    ('"x"', "syntax", '"'),
    ("`x`", "syntax", "`"),
    ("x @", "syntax", "@"),
    ("$x$", "syntax", "$"),
    # names
    ("ln(x)", "name", "ln"),
    ("Sum(x)", "name", "Sum"),
    ("foo(x)", "name", "foo"),
    ("__import__(x)", "name", "__import__"),
    ("eval(x)", "name", "eval"),
    ("exec(x)", "name", "exec"),
    ("open(x)", "name", "open"),
    ("x.__class__", "name", "x.__class__"),
    ("x.__class__.__bases__[0].__subclasses__()", "name", "x.__class__"),
    ("().__class__", "name", "().__class__"),
    ("x.sum()", "name", "x.sum"),
    ("np.exp(x)", "name", "np.exp"),
    ("x.T.shape", "name", "x.T.shape"),
    ("sum(x, axes=0)", "name", "axes"),
    ("sin(x, out=y)", "name", "out"),
    ("f(x) = x + y", "name", "y"),
    ("f(x, y) = x", "name", "y"),
    ("x[i]", "name", "i"),
    ("None + 1", "name", "None"),
    # shapes
    ("f(x[3], y[4]) = x + y", "shape", "x + y"),
    ("f(X[m,n], w[m]) = X @ w", "shape", "X @ w"),
    ("f(A[3,4]) = det(A)", "shape", "det(A)"),
    ("f(x[n]) = x[0, 1]", "shape", "x[0, 1]"),
    ("f(x[3]) = x[7]", "shape", "x[7]"),
    ("f(x[n]) = sum(x, axis=1)", "shape", "sum(x, axis=1)"),
    ("f(x[6]) = reshape(x, (4, 2))", "shape", "reshape(x, (4, 2))"),
    ("f(X[m,n,k]) = transpose(X, (0, 0, 1))", "shape", "transpose(X, (0, 0, 1))"),
    ("f(x) = x @ x", "shape", "x @ x"),
    ("sum(x*y)", "shape", "sum(x*y)"),
    ("sum((y - b1*(1 - exp(-b2*x)))**2)", "shape", "sum((y - b1*(1 - exp(-b2*x)))**2)"),
    # types
    ("sin()", "type", "sin()"),
    ("sin(x, y)", "type", "sin(x, y)"),
    ("where(x)", "type", "where(x)"),
    ("sum(x, axis=1.5)", "type", "1.5"),
    ("sum(x, axis=y)", "type", "y"),
    ("sum(x, keepdims=1)", "type", "1"),
    ("x[1.5]", "type", "1.5"),
    ("x[::n]", "type", "n"),
    ("f(x[n*1.5]) = x", "type", "1.5"),
    ("f(x[-3]) = x", "type", "-3"),
    ("f(x[n**2]) = x", "type", "n**2"),
    ("f(x[n//0]) = x", "shape", "n//0"),
    ("zeros((1.5,))", "type", "1.5"),
    ("scatter(x, 1, (n,))", "type", "1"),
    # values
    ("1/0", "value", "1/0"),
    ("log(0)", "value", "log(0)"),
    ("sqrt(-1)", "value", "sqrt(-1)"),
    ("x + log(2 - 3)", "value", "log(2 - 3)"),
    ("9**9**9**9", "value", "9**9**9"),
    ("1e999", "value", "1e999"),
    ("9" * 350, "value", "9" * 350),
    ("exp(1e6)*x", "value", "exp(1e6)"),
    ("0**-1", "value", "0**-1"),
    # limits
    ("9" * 401, "limit", "9" * 401),
    ("f(X[100000,100000]) = sum(X)", "limit", "X"),
    ("zeros((1000000000,))", "limit", "zeros((1000000000,))"),
    ("(" * 101 + "x" + ")" * 101, "limit", "("),
    ("-" * 6000 + "x", "limit", None),
    ("+".join(["x"] * 4000), "limit", None),
    ("**".join(["x"] * 4000), "limit", None),
    ("f(x[" + "*".join(f"(a{i}+b{i})" for i in range(40)) + "]) = x", "limit", None),
    # characters
    ("x\0y", "syntax", "\0"),
    ("x\x07", "syntax", "\x07"),
    ("x\x1b[31m", "syntax", "\x1b"),
    ("\u0445 + 1", "syntax", "\u0445"),  # Cyrillic ha
    ("x \u2212 1", "syntax", "\u2212"),  # minus sign
    ("x\u00b2", "syntax", "\u00b2"),
    ("\u03bb*x", "syntax", "\u03bb"),
    ("\uff53in(x)", "syntax", "\uff53"),  # full-width s
    ("x\u200b", "syntax", "\u200b"),  # zero-width space
    ("x\u202e", "syntax", "\u202e"),  # right-to-left override
    ("\U0001d465", "syntax", "\U0001d465"),  # mathematical italic x
    ("\u0661 + x", "syntax", "\u0661"),  # Arabic digit one
]


@pytest.mark.parametrize(("text", "kind", "part"), CASES, ids=[repr(text[:30]) for text, _, _ in CASES])
def test_refused(text: str, kind: str, part: str | None) -> None:
    with pytest.raises(SymgradError) as caught:
        parse(text)
    error = caught.value
    assert error.kind == kind
    assert error.span is not None
    assert 0 <= error.span.start <= error.span.end <= len(text)
    if part is not None:
        assert text[error.span.start : error.span.end] == part
    assert error.source == text
    assert "^" in str(error)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("ln(x)", "log"),
        ("x^2", "**"),
        ("Sum(x)", "sum"),
        ("x'", ".T"),
        ("np.exp(x)", "write exp"),
        ("x .* y", "write *"),
        ("softmx(x)", "softmax"),
        ("x.sum()", "sum(x)"),
        ("f(alpha) = alpa*2", "alpha"),
        ("x \u2212 1", "write -"),
        ("\u03bb*x", "write lam"),
        ("a < b < c", "(a < b)*(b < c)"),
        ("sum(x, axes=0)", "axis, keepdims"),
        ("sum((y - b1*(1 - exp(-b2*x)))**2)", "f(y[n], b1, b2, x[n]) = ..."),
    ],
)
def test_says_what_to_do(text: str, hint: str) -> None:
    with pytest.raises(SymgradError) as caught:
        parse(text)
    assert hint in caught.value.message


@pytest.mark.parametrize("text", ["x" * 10_000_000, "(" * 100_000 + ")" * 100_000, "1+" * 50_000 + "1"])
def test_huge_texts_are_refused_by_their_length(text: str) -> None:
    with pytest.raises(SymgradError) as caught:
        parse(text)
    assert caught.value.kind == "limit"
    assert caught.value.span == (caught.value.span and type(caught.value.span)(20_000, 20_001))
    assert len(str(caught.value)) < 1_000


def test_deep_nesting_is_refused_by_its_depth_when_long_texts_are_allowed() -> None:
    with pytest.raises(SymgradError) as caught:
        parse("(" * 100_000 + "x" + ")" * 100_000, limits=Limits(characters=10**6))
    assert caught.value.kind == "limit"
    assert caught.value.span is not None
    assert caught.value.span.start == 100


def test_raised_limits_need_no_recursion() -> None:
    limits = Limits(characters=10**6, depth=10**5, nodes=10**6)
    assert parse("(" * 20_000 + "x" + ")" * 20_000, limits=limits) is parse("x")
    assert parse("-" * 20_000 + "x", limits=limits).shape == ()
    assert parse("**".join(["x"] * 20_000), limits=limits).shape == ()


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
def test_only_text_is_parsed(text: object) -> None:
    with pytest.raises(SymgradError) as caught:
        parse(text)  # type: ignore[arg-type]
    assert caught.value.kind == "type"


@pytest.mark.parametrize(
    ("shapes", "kind"),
    [
        ({"z": ("n",)}, "name"),
        ({"x": ("n +",)}, "syntax"),
        ({"x": (1.5,)}, "type"),
        ({"x": (True,)}, "type"),
        ({"x": (-1,)}, "shape"),
        ({"x": ("__import__('os')",)}, "syntax"),
        ({"x": (10**9,)}, "limit"),
    ],
)
def test_bad_shapes(shapes: dict[str, object], kind: str) -> None:
    with pytest.raises(SymgradError) as caught:
        parse("x + 1", shapes=shapes)  # type: ignore[arg-type]
    assert caught.value.kind == kind
