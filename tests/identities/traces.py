"""Derivatives of traces."""

from __future__ import annotations

from identities.identity import Identity

IDENTITIES = [
    Identity("Matrix Cookbook (99)", "f(X[n,n]) = trace(X)", "X", "eye(n)", "eye(n)"),
    Identity("Matrix Cookbook (100)", "f(X[m,n], A[n,m]) = trace(X @ A)", "X", "A.T", "A.T"),
    Identity("Matrix Cookbook (101)", "f(A[k,m], X[m,n], B[n,k]) = trace(A @ X @ B)", "X", "A.T @ B.T", "A.T @ B.T"),
    Identity("Matrix Cookbook (102)", "f(A[k,n], X[m,n], B[m,k]) = trace(A @ X.T @ B)", "X", "B @ A", "B @ A"),
    Identity("Matrix Cookbook (103)", "f(X[m,n], A[m,n]) = trace(X.T @ A)", "X", "A", "A"),
    Identity("Matrix Cookbook (104)", "f(X[m,n], A[m,n]) = trace(A @ X.T)", "X", "A", "A"),
    Identity("Matrix Cookbook (106)", "trace(X @ X)", "X", "2*X.T", "2*X.T"),
    Identity("Matrix Cookbook (107)", "trace(X @ X @ B)", "X", "(X @ B + B @ X).T", "(B @ X + X @ B).T"),
    Identity(
        "Matrix Cookbook (108)", "f(X[n,k], B[n,n]) = trace(X.T @ B @ X)", "X", "B @ X + B.T @ X", "(B + B.T) @ X"
    ),
    Identity(
        "Matrix Cookbook (109)", "f(X[n,k], B[n,n]) = trace(B @ X @ X.T)", "X", "B @ X + B.T @ X", "(B + B.T) @ X"
    ),
    Identity(
        "Matrix Cookbook (110)", "f(X[n,k], B[n,n]) = trace(X @ X.T @ B)", "X", "B @ X + B.T @ X", "(B + B.T) @ X"
    ),
    Identity(
        "Matrix Cookbook (111)", "f(X[m,n], B[n,n]) = trace(X @ B @ X.T)", "X", "X @ B.T + X @ B", "X @ (B + B.T)"
    ),
    Identity(
        "Matrix Cookbook (112)", "f(X[m,n], B[n,n]) = trace(B @ X.T @ X)", "X", "X @ B.T + X @ B", "X @ (B + B.T)"
    ),
    Identity(
        "Matrix Cookbook (113)", "f(X[m,n], B[n,n]) = trace(X.T @ X @ B)", "X", "X @ B.T + X @ B", "X @ (B + B.T)"
    ),
    Identity(
        "Matrix Cookbook (114)",
        "f(A[n,m], X[m,n], B[n,m]) = trace(A @ X @ B @ X)",
        "X",
        "A.T @ X.T @ B.T + B.T @ X.T @ A.T",
        "(B @ X @ A + A @ X @ B).T",
    ),
    Identity("Matrix Cookbook (115)", "f(X[m,n]) = trace(X.T @ X)", "X", "2*X", "2*X"),
    Identity(
        "Matrix Cookbook (116)",
        "f(B[n,n], X[m,n], C[m,m]) = trace(B.T @ X.T @ C @ X @ B)",
        "X",
        "C.T @ X @ B @ B.T + C @ X @ B @ B.T",
        "(C + C.T) @ X @ B @ B.T",
    ),
    Identity(
        "Matrix Cookbook (117)",
        "f(X[m,n], B[m,m], C[n,n]) = trace(X.T @ B @ X @ C)",
        "X",
        "B @ X @ C + B.T @ X @ C.T",
        "B @ X @ C + B.T @ X @ C.T",
    ),
    Identity(
        "Matrix Cookbook (118)",
        "f(A[k,m], X[m,n], B[n,n], C[m,k]) = trace(A @ X @ B @ X.T @ C)",
        "X",
        "A.T @ C.T @ X @ B.T + C @ A @ X @ B",
        "A.T @ C.T @ X @ B.T + C @ A @ X @ B",
    ),
    Identity(
        "Matrix Cookbook (119)",
        "f(A[k,m], X[m,n], B[n,p], C[k,p]) = trace((A @ X @ B + C) @ (A @ X @ B + C).T)",
        "X",
        "2*A.T @ (A @ X @ B + C) @ B.T",
        "2*A.T @ (A @ X @ B + C) @ B.T",
    ),
    Identity("Matrix Cookbook (120)", "f(X[n,n]) = trace(kron(X, X))", "X", "2*trace(X)*eye(n)", "2*trace(X)*eye(n)"),
    Identity(
        "Matrix Cookbook (121)", "trace(matrix_power(X, 4))", "X", "4*matrix_power(X, 3).T", "4*matrix_power(X, 3).T"
    ),
    Identity(
        "Matrix Cookbook (121)", "trace(matrix_power(X, 5))", "X", "5*matrix_power(X, 4).T", "5*matrix_power(X, 4).T"
    ),
    Identity(
        "Matrix Cookbook (122)",
        "trace(A @ matrix_power(X, 3))",
        "X",
        "(A @ X @ X + X @ A @ X + X @ X @ A).T",
        "(X @ A @ X + X @ X @ A + A @ X @ X).T",
    ),
    Identity(
        "Matrix Cookbook (123)",
        "f(B[n,k], X[m,n], C[m,m]) = trace(B.T @ X.T @ C @ X @ X.T @ C @ X @ B)",
        "X",
        (
            "C @ X @ X.T @ C @ X @ B @ B.T + C.T @ X @ B @ B.T @ X.T @ C.T @ X + C @ X @ B @ B.T @ X.T @ "
            "C @ X + C.T @ X @ X.T @ C.T @ X @ B @ B.T"
        ),
        (
            "C @ X @ X.T @ C @ X @ B @ B.T + C @ X @ B @ B.T @ X.T @ C @ X + C.T @ X @ B @ B.T @ X.T @ "
            "C.T @ X + C.T @ X @ X.T @ C.T @ X @ B @ B.T"
        ),
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, traces",
        "f(X[m,n], A[m,n]) = trace(X.T @ A @ A.T @ X)",
        "X",
        "2*A @ A.T @ X",
        "2*A @ A.T @ X",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, traces",
        "f(X[m,n]) = trace(X.T @ X @ X.T @ X)",
        "X",
        "4*X @ X.T @ X",
        "4*X @ X.T @ X",
    ),
    Identity(
        "Minka (2000), table of matrix derivatives",
        "f(X[m,n], A[m,n]) = trace((X - A).T @ (X - A))",
        "X",
        "2*(X - A)",
        "2*(X - A)",
    ),
    Identity(
        "Minka (2000), table of matrix derivatives", "f(A[m,n], X[m,n]) = trace(A.T @ (X*X))", "X", "2*A*X", "2*A*X"
    ),
    Identity("Bishop, PRML (2006), (C.26)", "f(A[n,m], B[m,n]) = trace(A @ B)", "A", "B.T", "B.T"),
    Identity("Bishop, PRML (2006), (C.27)", "f(A[n,m], B[n,m]) = trace(A.T @ B)", "A", "B", "B"),
    Identity("Lutkepohl, Handbook of Matrices (1996), 10.3.2", "f(X[m,n]) = trace(X @ X.T)", "X", "2*X", "2*X"),
    Identity(
        "Matrix Cookbook (36)",
        "f(A[n,n], B[n,n], x) = trace((A + x*B) @ (A + x*B))",
        "x",
        "2*trace((A + x*B) @ B)",
        "2*trace((A + x*B) @ B)",
    ),
    Identity(
        "Dattorro (2005), appendix D",
        "f(X[m,n], Y[m,n]) = trace(X.T @ Y)**2",
        "X",
        "2*trace(X.T @ Y)*Y",
        "2*sum(X*Y)*Y",
    ),
]
