"""Derivatives of determinants and their logarithms."""

from __future__ import annotations

from identities.identity import Identity

IDENTITIES = [
    Identity(
        "Matrix Cookbook (46)",
        "f(A[n,n], B[n,n], x) = det(A + x*B)",
        "x",
        "det(A + x*B)*trace(inv(A + x*B) @ B)",
        "det(A + x*B)*trace(inv(A + x*B) @ B)",
    ),
    Identity(
        "Matrix Cookbook (43)",
        "f(A[n,n], B[n,n], x) = logdet(A + x*B)",
        "x",
        "trace(inv(A + x*B) @ B)",
        "trace(inv(A + x*B) @ B)",
    ),
    Identity(
        "Matrix Cookbook (51)",
        "f(A[n,n], X[n,n], B[n,n]) = det(A @ X @ B)",
        "X",
        "det(A @ X @ B)*inv(X).T",
        "det(B)*det(A)*det(X)*inv(X).T",
    ),
    Identity(
        "Matrix Cookbook (54)",
        "f(A[m,m], X[m,n]) = det(X.T @ A @ X)",
        "X",
        "det(X.T @ A @ X)*(A @ X @ inv(X.T @ A @ X) + A.T @ X @ inv(X.T @ A.T @ X))",
        "det(X.T @ A @ X)*(A @ X @ inv(X.T @ A @ X) + A.T @ X @ inv(X.T @ A @ X).T)",
    ),
    Identity(
        "Matrix Cookbook (52)",
        "f(A[n,n], X[n,n]) = det(X.T @ A @ X)",
        "X",
        "2*det(X.T @ A @ X)*inv(X).T",
        "2*det(A)*det(X)**2*inv(X).T",
    ),
    Identity("Matrix Cookbook (55)", "f(X[m,n]) = logdet(X.T @ X)", "X", "2*pinv(X).T", "2*X @ inv(X.T @ X)"),
    Identity("Matrix Cookbook (57)", "f(X[n,n]) = log(abs(det(X)))", "X", "inv(X).T", "inv(X).T"),
    Identity(
        "Matrix Cookbook (58)",
        "det(matrix_power(X, 3))",
        "X",
        "3*det(matrix_power(X, 3))*inv(X).T",
        "3*det(X)**3*inv(X).T",
    ),
    Identity("Matrix Cookbook (62)", "det(inv(X))", "X", "-det(inv(X))*inv(X).T", "-inv(X).T/det(X)"),
    Identity("Matrix Cookbook (49)", "det(X)**2", "X", "2*det(X)**2*inv(X).T", "2*det(X)**2*inv(X).T"),
    Identity("Matrix Cookbook (49)", "f(X[n,n]) = det(2*X)", "X", "det(2*X)*inv(X).T", "det(2*X)*inv(X).T"),
    Identity("Matrix Cookbook (49)", "det(X.T)", "X", "det(X)*inv(X).T", "det(X)*inv(X).T"),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, determinants",
        "f(X[m,n]) = det(X.T @ X)",
        "X",
        "2*det(X.T @ X)*X @ inv(X.T @ X)",
        "2*det(X.T @ X)*X @ inv(X.T @ X)",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, determinants",
        "f(X[n,m]) = det(X @ X.T)",
        "X",
        "2*det(X @ X.T)*inv(X @ X.T) @ X",
        "2*det(X @ X.T)*inv(X @ X.T) @ X",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, determinants",
        "f(X[n,m]) = logdet(X @ X.T)",
        "X",
        "2*inv(X @ X.T) @ X",
        "2*inv(X @ X.T) @ X",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, determinants", "f(X[n,n]) = logdet(X @ X)", "X", "2*inv(X).T", "2*inv(X).T"
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, determinants",
        "f(A[k,m], X[m,n], B[n,k]) = logdet(A @ X @ B)",
        "X",
        "A.T @ inv(A @ X @ B).T @ B.T",
        "A.T @ inv(A @ X @ B).T @ B.T",
    ),
    Identity("Minka (2000), table of matrix derivatives", "logdet(inv(X))", "X", "-inv(X).T", "-inv(X).T"),
    Identity(
        "Boyd & Vandenberghe (2004), A.4.1", "f(X[n,n], A[n,n]) = logdet(X + A)", "X", "inv(X + A).T", "inv(X + A).T"
    ),
    Identity("Bishop, PRML (2006), (C.28)", "f(A[n,n]) = log(det(A))", "A", "inv(A).T", "inv(A).T"),
    Identity(
        "Boyd & Vandenberghe (2004), 11.2 (analytic centre)",
        "f(x[n], A[m,n], b[m]) = -sum(log(b - A @ x))",
        "x",
        "A.T @ (1/(b - A @ x))",
        "A.T @ (1/(b - A @ x))",
    ),
    Identity(
        "Rasmussen & Williams (2006), (5.9)",
        "f(K[n,n], s) = logdet(K + s**2*eye(n))/2",
        "s",
        "s*trace(inv(K + s**2*eye(n)))",
        "s*trace(inv(K + s**2*eye(n)))",
    ),
    Identity(
        "Kronecker: Magnus & Neudecker (2019), ch. 2",
        "f(A[n,n], X[m,m]) = logdet(kron(A, X))",
        "X",
        "size(n)*inv(X).T",
        "n*inv(X).T",
    ),
    Identity(
        "Matrix determinant lemma: Matrix Cookbook (24)",
        "f(u[n], v[n]) = logdet(eye(n) + outer(u, v))",
        "u",
        "v/(1 + u @ v)",
        "solve(eye(n) + outer(v, u), v)",
    ),
    Identity(
        "Giles (2008), 2.2.4",
        "f(A[n,n], x[n]) = logdet(A + outer(x, x))",
        "x",
        "(inv(A + outer(x, x)) + inv(A + outer(x, x)).T) @ x",
        "solve(A + outer(x, x), x) + solve(A.T + outer(x, x), x)",
    ),
    Identity(
        "D-optimal design: Boyd & Vandenberghe (2004), 7.5",
        "f(V[m,n], l[m]) = logdet(V.T @ diag(l) @ V)",
        "l",
        "diagonal(V @ inv(V.T @ diag(l) @ V) @ V.T)",
        "diagonal(V @ (V @ inv(V.T @ diag(l) @ V)).T)",
    ),
]
