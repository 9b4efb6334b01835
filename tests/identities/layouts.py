"""Derivatives in the layouts of the books: d vec(F)/d vec(X), and numerator layout."""

from __future__ import annotations

from identities.identity import Identity

COMMUTATION = "reshape(transpose(reshape(eye(m*n), (n, m, n, m)), axes=(1, 0, 2, 3)), (m*n, m*n))"
IDENTITIES = [
    Identity("Magnus & Neudecker (2019), ch. 9, matrix functions", "f(X[m,n]) = X", "X", "eye(m*n)", layout="vec"),
    Identity("Magnus & Neudecker (2019), ch. 9, matrix functions", "f(X[m,n]) = X.T", "X", COMMUTATION, layout="vec"),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, matrix functions",
        "f(A[k,m], X[m,n]) = A @ X",
        "X",
        "kron(eye(n), A)",
        layout="vec",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, matrix functions",
        "f(X[m,n], B[n,k]) = X @ B",
        "X",
        "kron(B.T, eye(m))",
        layout="vec",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, matrix functions",
        "f(A[k,m], X[m,n], B[n,p]) = A @ X @ B",
        "X",
        "kron(B.T, A)",
        layout="vec",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, matrix functions",
        "f(X[n,n]) = X @ X",
        "X",
        "kron(X.T, eye(n)) + kron(eye(n), X)",
        layout="vec",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, matrix functions",
        "f(A[n,n], X[n,n]) = A @ inv(X)",
        "X",
        "-kron(inv(X).T, A @ inv(X))",
        layout="vec",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, matrix functions",
        "f(A[m,n], X[m,n]) = A*X",
        "X",
        "diag(reshape(A.T, m*n))",
        layout="vec",
    ),
    Identity(
        "Sylvester operator: Horn & Johnson (1991), 4.4",
        "f(A[m,m], X[m,n], B[n,n]) = A @ X + X @ B",
        "X",
        "kron(eye(n), A) + kron(B.T, eye(m))",
        layout="vec",
    ),
    Identity(
        "Stein operator: Horn & Johnson (1991), 4.3",
        "f(A[m,m], X[m,n], B[n,n]) = X - A @ X @ B",
        "X",
        "eye(m*n) - kron(B.T, A)",
        layout="vec",
    ),
    Identity(
        "Vector by matrix: Magnus & Neudecker (2019), ch. 9",
        "f(X[m,n], a[n]) = X @ a",
        "X",
        "kron(a[None], eye(m))",
        layout="vec",
    ),
    Identity(
        "Vector by matrix: Magnus & Neudecker (2019), ch. 9",
        "f(A[n,n], b[n]) = solve(A, b)",
        "A",
        "-kron((inv(A) @ b)[None], inv(A))",
        layout="vec",
    ),
    Identity(
        "Matrix by vector: Magnus & Neudecker (2019), ch. 9",
        "f(x[n]) = outer(x, x)",
        "x",
        "kron(x[:, None], eye(n)) + kron(eye(n), x[:, None])",
        layout="vec",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, determinants",
        "f(X[n,n]) = det(X)",
        "X",
        "det(X)*reshape(inv(X), n*n)[None]",
        layout="vec",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, traces",
        "f(A[n,m], X[m,n]) = trace(A @ X)",
        "X",
        "reshape(A, n*m)[None]",
        layout="vec",
    ),
    Identity("Numerator layout: Matrix Cookbook (69)", "f(a[n], x[n]) = a @ x", "x", "a[None]", layout="numerator"),
    Identity(
        "Numerator layout: Magnus & Neudecker (2019), ch. 9",
        "f(x[n], A[n,n]) = x @ A @ x",
        "x",
        "(x @ (A + A.T))[None]",
        layout="numerator",
    ),
    Identity("Numerator layout: Minka (2000)", "f(A[n,m], X[m,n]) = trace(A @ X)", "X", "A", layout="numerator"),
    Identity("Numerator layout: Minka (2000)", "logdet(X)", "X", "inv(X)", layout="numerator"),
    Identity(
        "Numerator layout: Minka (2000)",
        "f(A[n,n], X[n,n]) = trace(A @ inv(X))",
        "X",
        "-(inv(X) @ A @ inv(X))",
        layout="numerator",
    ),
    Identity(
        "Denominator layout: Wikipedia, Matrix calculus", "f(A[m,n], x[n]) = A @ x", "x", "A.T", layout="denominator"
    ),
    Identity(
        "Denominator layout: Wikipedia, Matrix calculus",
        "f(a[n], x[n]) = a @ x",
        "x",
        "a[:, None]",
        layout="denominator",
    ),
    Identity(
        "Denominator layout: Wikipedia, Matrix calculus",
        "f(A[m,n], x[n]) = tanh(A @ x)",
        "x",
        "A.T @ diag(1 - tanh(A @ x)**2)",
        layout="denominator",
    ),
]
