from __future__ import annotations

import pytest

from symgrad.errors import ShapeError
from symgrad.syntax import parse, signature

TABLE = [
    ("sum((X @ w - y)**2) + lam*sum(w**2)", "f(X[m,n], w[n], y[m], lam)"),
    ("2*X.T @ (X @ w - y) + 2*lam*w", "f(X[m,n], w[n], y[m], lam)"),
    ("y*(X @ w)", "f(y[m], X[m,n], w[n])"),
    ("sum(log(1 + exp(-y*(X @ w)))) + lam/2*sum(w**2)", "f(y[m], X[m,n], w[n], lam)"),
    ("x.T @ A @ x", "f(x[n], A[n,n])"),
    ("w @ X", "f(w[m], X[m,n])"),
    ("X @ W", "f(X[m,n], W[n,k])"),
    ("W2 @ tanh(W1 @ x + b1) + b2", "f(W2[m,n], W1[n,k], x[k], b1[n], b2[m])"),
    ("(w + x)*(w + 1)", "f(w, x)"),
    ("A*exp(-E/(R*T))", "f(A, E, R, T)"),
    ("v = b*c; u = a + v; J = 3*u", "f(a, b, c)"),
    ("norm(x)", "f(x[n])"),
    ("norm(X)", "f(X[m,n])"),
    ("softmax(W @ x + b)", "f(W[m,n], x[n], b[m])"),
    ("sum(x - y)", "f(x[n], y[n])"),
    ("sum(X + Y)", "f(X[m,n], Y[m,n])"),
    ("sum(where(x > y, x, 0))", "f(x[n], y[n])"),
    ("sum((x - mu)**2/sigma**2)", "f(x[n], mu, sigma)"),
    ("sum(lam*x)", "f(lam, x[n])"),
    ("sum(s*x) + s*norm(x)", "f(s, x[n])"),
    ("x*sum(x)", "f(x[n])"),
    ("sum((X @ w - y)**2)/m", "f(X[n,k], w[k], y[n], m)"),
    ("x[1:] - x[:-1]", "f(x[n])"),
    ("x[1:]*y", "f(x[n], y[n - 1])"),
    ("x[3]", "f(x[n])"),
    ("x[3, 1]", "f(x[m,n])"),
    ("x[None]", "f(x[n])"),
    ("X[:, 0] @ v", "f(X[m,n], v[m])"),
    ("sum(X, axis=0)", "f(X[m,n])"),
    ("sum(x, axis=1)", "f(x[m,n])"),
    ("det(a)", "f(a[n,n])"),
    ("logdet(A) + x @ solve(A, x)", "f(A[n,n], x[n])"),
    ("trace(A @ B)", "f(A[m,n], B[n,m])"),
    ("outer(x, y)", "f(x[n], y[m])"),
    ("diag(x) @ y", "f(x[n], y[n])"),
    ("reshape(x, (2, n))", "f(x[2*n])"),
    ("broadcast_to(x, (m, n))", "f(x[n])"),
    ("zeros((n,)) + x", "f(x[n])"),
    ("X.T", "f(X[m,n])"),
    ("concatenate((A, B), axis=1)", "f(A[m,n], B[m,k])"),
    ("concatenate([x, y])", "f(x[n], y[m])"),
    ("concatenate((X @ w, y)) - z", "f(X[m,n], w[n], y[k], z[k + m])"),
    ("stack((x, y), axis=1)", "f(x[n], y[n])"),
    ("hstack((A, B)) @ x", "f(A[m,n], B[m,k], x[k + n])"),
    ("block([[A, B], [C, D]])", "f(A[m,n], B[m,k], C[p,n], D[p,k])"),
    ('einsum("bij,bjk->bik", S, T)', "f(S[n,m,k], T[n,k,p])"),
    ('einsum("ii,i", A, b)', "f(A[n,n], b[n])"),
    ("tensordot(A, B, axes=1)", "f(A[m,n], B[n,k])"),
    ("1 + 2", "f()"),
]


@pytest.mark.parametrize(("text", "expected"), TABLE, ids=[text for text, _ in TABLE])
def test_inferred_signature(text: str, expected: str) -> None:
    assert signature(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "shapes", "expected"),
    [
        ("X @ w - y", {"X": ("m", 3)}, "f(X[m,3], w[3], y[m])"),
        ("X @ w - y", {"y": (5,)}, "f(X[5,n], w[n], y[5])"),
        ("x*y", {"x": ("k",)}, "f(x[k], y[k])"),
        ("sum(x*y)", {"y": ()}, "f(x[n], y)"),
        ("x[1:] - y", {"y": (4,)}, "f(x[5], y[4])"),
        ("x + X @ w", {"x": ("n",)}, "f(x[n], X[n,m], w[m])"),
    ],
)
def test_given_shapes_spread(text: str, shapes: dict[str, tuple[object, ...]], expected: str) -> None:
    assert signature(parse(text, shapes=shapes)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["sum(x*y)", "-sum(y*log(p))", "sum(X - y)", "X @ w - a*b", "norm(a*b)"])
def test_ambiguity_is_an_error_that_shows_how_to_declare(text: str) -> None:
    with pytest.raises(ShapeError, match=r"declare the inputs, as in f\("):
        parse(text)


@pytest.mark.parametrize("length", [20, 600])
def test_evidence_travels_from_name_to_name_or_is_refused(length: int) -> None:
    chain = ";".join(f"v{i} = a{i}*a{i + 1}" for i in range(length)) + f"; v0 + v{length - 1}*(X @ a{length})"
    if length < 60:
        assert set(map(str, parse(chain).inputs["a0"].shape)) == {"n"}
        return
    with pytest.raises(ShapeError):
        parse(chain)
