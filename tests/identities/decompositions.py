"""Derivatives through Cholesky factors, eigenvalues, singular values and pseudoinverses."""

from __future__ import annotations

from identities.identity import Identity

IDENTITIES = [
    Identity("Matrix Cookbook (65)", "f(X[n,n]) = sum(eigvalsh(X))", "X", "eye(n)", "eye(n)"),
    Identity(
        "Matrix Cookbook (66)",
        "f(X[n,n]) = prod(eigvalsh(X))",
        "X",
        "det((X + X.T)/2)*inv((X + X.T)/2)",
        "eigenvectors(X) @ diag(prod_others(eigvalsh(X))) @ eigenvectors(X).T",
    ),
    Identity(
        "Matrix Cookbook (67)", "f(X[n,n]) = eigvalsh(X)[0]", "X", "outer(eigenvectors(X)[:, 0], eigenvectors(X)[:, 0])"
    ),
    Identity(
        "Spectral functions: Lewis (1996)",
        "f(X[n,n]) = sum(eigvalsh(X)**2)",
        "X",
        "X + X.T",
        "2*eigenvectors(X) @ diag(eigvalsh(X)) @ eigenvectors(X).T",
    ),
    Identity(
        "Spectral functions: Lewis (1996)",
        "f(X[n,n]) = sum(eigvalsh(X)**3)",
        "X",
        "3*((X + X.T)/2) @ ((X + X.T)/2)",
        "3*eigenvectors(X) @ diag(eigvalsh(X)**2) @ eigenvectors(X).T",
    ),
    Identity("Singular values: Golub & Van Loan (2013), 2.4", "f(X[m,n]) = sum(svdvals(X)**2)", "X", "2*X"),
    Identity(
        "Nuclear norm: Watson (1992)",
        "f(X[m,n]) = nuclear_norm(X)**2",
        "X",
        (
            "2*nuclear_norm(X)*pinv(X).T @ eigenvectors(X.T @ X) @ diag(sqrt(eigvalsh(X.T @ X))) @ "
            "eigenvectors(X.T @ X).T"
        ),
    ),
    Identity(
        "Giles (2008), 2.3.2 and Smith (1995)", "f(A[n,n]) = sum(log(diagonal(cholesky(A))))", "A", "inv((A + A.T)/2)/2"
    ),
    Identity(
        "Murray (2016)",
        "f(A[n,n], b[n]) = norm(solve(cholesky(A), b))**2",
        "A",
        "-outer(inv((A + A.T)/2) @ b, inv((A + A.T)/2) @ b)",
    ),
    Identity(
        "Golub & Pereyra (1973)",
        "f(X[4,2], a[2], b[4]) = a @ pinv(X) @ b",
        "X",
        "-outer(pinv(X).T @ a, pinv(X) @ b) + outer(b - X @ pinv(X) @ b, inv(X.T @ X) @ a)",
        "outer(b - X @ pinv(X) @ b, pinv(X) @ pinv(X).T @ a) - outer(pinv(X).T @ a, pinv(X) @ b)",
    ),
    Identity(
        "Golub & Pereyra (1973)",
        "f(X[4,2], y[4]) = norm(y - X @ pinv(X) @ y)**2",
        "X",
        "-2*outer(y - X @ pinv(X) @ y, pinv(X) @ y)",
    ),
    Identity(
        "Matrix Cookbook (121)",
        "f(X[n,n], a[n]) = a @ matrix_power(X, 2) @ a",
        "X",
        "outer(a, X @ a) + outer(X.T @ a, a)",
        "outer(X.T @ a, a) + outer(a, X @ a)",
    ),
]
