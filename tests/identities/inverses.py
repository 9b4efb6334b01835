"""Derivatives of inverses and solutions of linear systems."""

from __future__ import annotations

from identities.identity import Identity

IDENTITIES = [
    Identity(
        "Matrix Cookbook (61)", "f(a[n], X[n,n], b[n]) = a @ inv(X) @ b", "X", "-inv(X).T @ outer(a, b) @ inv(X).T"
    ),
    Identity(
        "Matrix Cookbook (63), (124)",
        "f(A[m,n], X[n,n], B[n,m]) = trace(A @ inv(X) @ B)",
        "X",
        "-(inv(X) @ B @ A @ inv(X)).T",
    ),
    Identity("Matrix Cookbook (64)", "f(X[n,n], A[n,n]) = trace(inv(X + A))", "X", "-(inv(X + A) @ inv(X + A)).T"),
    Identity("Matrix Cookbook (124)", "trace(inv(X))", "X", "-(inv(X) @ inv(X)).T"),
    Identity("Matrix Cookbook (59)", "f(A[n,n], B[n,n], x) = inv(A + x*B)", "x", "-inv(A + x*B) @ B @ inv(A + x*B)"),
    Identity(
        "Matrix Cookbook (125)",
        "f(X[m,n], A[n,n]) = trace(inv(X.T @ X) @ A)",
        "X",
        "-X @ inv(X.T @ X) @ (A + A.T) @ inv(X.T @ X)",
    ),
    Identity(
        "Matrix Cookbook (126)",
        "f(X[m,n], B[m,m]) = trace(inv(X.T @ X) @ (X.T @ B @ X))",
        "X",
        "-X @ inv(X.T @ X) @ X.T @ (B + B.T) @ X @ inv(X.T @ X) + (B + B.T) @ X @ inv(X.T @ X)",
    ),
    Identity("Giles (2008), 2.3.1", "f(a[n], A[n,n], b[n]) = a @ solve(A, b)", "b", "solve(A.T, a)"),
    Identity(
        "Giles (2008), 2.3.1", "f(a[n], A[n,n], b[n]) = a @ solve(A, b)", "A", "-outer(solve(A.T, a), solve(A, b))"
    ),
    Identity("Giles (2008), 2.3.1", "f(A[n,n], B[n,k], C[n,k]) = trace(C.T @ solve(A, B))", "B", "solve(A.T, C)"),
    Identity(
        "Giles (2008), 2.3.1",
        "f(A[n,n], B[n,k], C[n,k]) = trace(C.T @ solve(A, B))",
        "A",
        "-solve(A.T, C) @ solve(A, B).T",
    ),
    Identity("Giles (2008), 2.2.3", "f(A[n,n], C[n,n]) = sum(C*inv(A))", "A", "-inv(A).T @ C @ inv(A).T"),
    Identity(
        "Boyd & Vandenberghe (2004), 3.1.7 (matrix fractional function)",
        "f(x[n], P[n,n]) = x @ solve(P, x)",
        "x",
        "inv(P) @ x + inv(P).T @ x",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), 3.1.7 (matrix fractional function)",
        "f(x[n], P[n,n]) = x @ solve(P, x)",
        "P",
        "-outer(inv(P).T @ x, inv(P) @ x)",
    ),
    Identity(
        "Minka (2000), table of matrix derivatives",
        "trace(A @ inv(X) @ B @ inv(X))",
        "X",
        "-(inv(X) @ B @ inv(X) @ A @ inv(X) + inv(X) @ A @ inv(X) @ B @ inv(X)).T",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9",
        "trace(A @ matrix_power(X, -2))",
        "X",
        "-(inv(X) @ inv(X) @ A @ inv(X) + inv(X) @ A @ inv(X) @ inv(X)).T",
    ),
    Identity(
        "Ridge regression in closed form: Hastie, Tibshirani & Friedman (2009), (3.44)",
        "f(X[m,n], y[m], lam) = solve(X.T @ X + lam*eye(n), X.T @ y)",
        "lam",
        "-solve(X.T @ X + lam*eye(n), solve(X.T @ X + lam*eye(n), X.T @ y))",
    ),
    Identity(
        "Least squares: Golub & Pereyra (1973)",
        "f(X[m,n], y[m]) = y @ X @ solve(X.T @ X, X.T @ y)",
        "y",
        "2*X @ solve(X.T @ X, X.T @ y)",
    ),
    Identity(
        "Sherman-Morrison: Matrix Cookbook (160)",
        "f(A[n,n], u[n], v[n], b[n]) = sum(b*solve(A + outer(u, v), b))",
        "u",
        "-(v @ solve(A + outer(u, v), b))*solve((A + outer(u, v)).T, b)",
    ),
    Identity("Matrix Cookbook (60), vec form", "inv(X)", "X", "-kron(inv(X).T, inv(X))", layout="vec"),
    Identity(
        "Kalman gain: Simon, Optimal State Estimation (2006), ch. 5",
        "f(P[n,n], H[m,n], R[m,m], K[n,m]) = trace((eye(n) - K @ H) @ P @ (eye(n) - K @ H).T + K @ R @ K.T)",
        "K",
        "-((eye(n) - K @ H) @ (P + P.T) @ H.T) + K @ (R + R.T)",
    ),
]
