"""Derivatives of linear, bilinear and quadratic forms."""

from __future__ import annotations

from identities.identity import Identity

IDENTITIES = [
    Identity("Matrix Cookbook (69)", "x @ a", "x", "a"),
    Identity("Matrix Cookbook (70)", "a @ X @ b", "X", "outer(a, b)"),
    Identity("Matrix Cookbook (71)", "a @ X.T @ b", "X", "outer(b, a)"),
    Identity("Matrix Cookbook (72)", "a @ X @ a", "X", "outer(a, a)"),
    Identity("Matrix Cookbook (76)", "f(X[m,n]) = sum(X)**2", "X", "2*sum(X)*ones((m, n))"),
    Identity("Matrix Cookbook (77)", "f(b[n], X[m,n], c[n]) = b @ X.T @ X @ c", "X", "X @ (outer(b, c) + outer(c, b))"),
    Identity(
        "Matrix Cookbook (78)",
        "f(B[m,n], x[n], b[m], C[m,k], D[k,n], d[k]) = (B @ x + b) @ C @ (D @ x + d)",
        "x",
        "B.T @ C @ (D @ x + d) + D.T @ C.T @ (B @ x + b)",
    ),
    Identity(
        "Matrix Cookbook (82)",
        "f(b[n], X[m,n], D[m,m], c[n]) = b @ X.T @ D @ X @ c",
        "X",
        "D.T @ X @ outer(b, c) + D @ X @ outer(c, b)",
    ),
    Identity(
        "Matrix Cookbook (83)",
        "f(X[m,n], b[n], c[m], D[m,m]) = (X @ b + c) @ D @ (X @ b + c)",
        "X",
        "(D + D.T) @ outer(X @ b + c, b)",
    ),
    Identity(
        "Matrix Cookbook (84)",
        "f(x[m], A[m,n], s[n], W[m,m]) = (x - A @ s) @ W @ (x - A @ s)",
        "s",
        "-A.T @ (W + W.T) @ (x - A @ s)",
    ),
    Identity("Matrix Cookbook (85)", "f(x[n], s[n], W[n,n]) = (x - s) @ W @ (x - s)", "x", "(W + W.T) @ (x - s)"),
    Identity("Matrix Cookbook (86)", "f(x[n], s[n], W[n,n]) = (x - s) @ W @ (x - s)", "s", "-((W + W.T) @ (x - s))"),
    Identity(
        "Matrix Cookbook (88)",
        "f(x[m], A[m,n], s[n], W[m,m]) = (x - A @ s) @ W @ (x - A @ s)",
        "A",
        "-((W + W.T) @ outer(x - A @ s, s))",
    ),
    Identity(
        "Matrix Cookbook (88)",
        "f(x[m], A[m,n], s[n], W[m,m]) = (x - A @ s) @ W @ (x - A @ s)",
        "W",
        "outer(x - A @ s, x - A @ s)",
    ),
    Identity(
        "Matrix Cookbook (91)",
        "f(a[n], X[n,n], b[n]) = a @ matrix_power(X, 3) @ b",
        "X",
        "outer(a, X @ X @ b) + outer(X.T @ a, X @ b) + outer(X.T @ X.T @ a, b)",
    ),
    Identity("Matrix Cookbook (92)", "f(a[n], X[n,n], b[n]) = a @ X.T @ X @ b", "X", "X @ (outer(a, b) + outer(b, a))"),
    Identity("Matrix Cookbook (97)", "x @ A @ x + b @ x", "x", "(A + A.T) @ x + b"),
    Identity("Boyd & Vandenberghe (2004), A.4.1", "x @ P @ x/2 + q @ x + r", "x", "(P + P.T) @ x/2 + q"),
    Identity(
        "Weighted least squares: Boyd & Vandenberghe (2004), 1.2.1",
        "f(A[m,n], x[n], b[m], w[m]) = sum(w*(A @ x - b)**2)",
        "x",
        "2*A.T @ diag(w) @ (A @ x - b)",
    ),
    Identity(
        "Weighted least squares: Boyd & Vandenberghe (2004), 1.2.1",
        "f(A[m,n], x[n], b[m], w[m]) = (A @ x - b) @ diag(w) @ (A @ x - b)",
        "x",
        "2*A.T @ diag(w) @ (A @ x - b)",
    ),
    Identity(
        "Tikhonov: Boyd & Vandenberghe (2004), 6.3.2",
        "f(A[m,n], x[n], b[m], D[k,n], g) = norm(A @ x - b)**2 + g*norm(D @ x)**2",
        "x",
        "2*(A.T @ A + g*D.T @ D) @ x - 2*A.T @ b",
    ),
    Identity(
        "Sum of quadratic forms: Magnus & Neudecker (2019), ch. 9",
        "x @ A @ x + y @ B @ y + x @ C @ y",
        "x",
        "(A + A.T) @ x + C @ y",
    ),
    Identity(
        "Sum of quadratic forms: Magnus & Neudecker (2019), ch. 9",
        "x @ A @ x + y @ B @ y + x @ C @ y",
        "y",
        "(B + B.T) @ y + C.T @ x",
    ),
    Identity("Magnus & Neudecker (2019), ch. 9", "f(x[n], A[m,n]) = x @ A.T @ A @ x", "x", "2*A.T @ A @ x"),
    Identity(
        "Magnus & Neudecker (2019), ch. 9", "f(x[n], A[n,n]) = (x @ A @ x)**2", "x", "2*(x @ A @ x)*(A + A.T) @ x"
    ),
    Identity(
        "Rayleigh quotient: Horn & Johnson (2013), 4.2",
        "f(x[n], A[n,n], B[n,n]) = (x @ A @ x)/(x @ B @ x)",
        "x",
        "((A + A.T) @ x - (x @ A @ x)/(x @ B @ x)*(B + B.T) @ x)/(x @ B @ x)",
    ),
    Identity(
        "Rayleigh quotient of a trace: Kokiopoulou et al. (2011)",
        "f(X[m,n], A[m,m]) = trace(X.T @ A @ X)/trace(X.T @ X)",
        "X",
        "(A + A.T) @ X/trace(X.T @ X) - 2*trace(X.T @ A @ X)/trace(X.T @ X)**2*X",
    ),
    Identity(
        "Fisher's linear discriminant: Bishop, PRML (2006), (4.26)",
        "f(w[n], B[n,n], W[n,n]) = (w @ B @ w)/(w @ W @ w)",
        "w",
        "((w @ W @ w)*(B + B.T) @ w - (w @ B @ w)*(W + W.T) @ w)/(w @ W @ w)**2",
    ),
    Identity("Minka (2000), table of matrix derivatives", "f(x[m], A[m,n], y[n]) = x @ A @ y", "A", "outer(x, y)"),
    Identity("Quartic: Dattorro (2005), appendix D", "f(x[n]) = (x @ x)**2", "x", "4*(x @ x)*x"),
    Identity(
        "Dattorro (2005), appendix D", "f(a[n], x[n], b[n]) = (a @ x)*(b @ x)", "x", "outer(a, b) @ x + outer(b, a) @ x"
    ),
    Identity(
        "Mahalanobis distance: Bishop, PRML (2006), (2.44)",
        "f(x[n], mu[n], S[n,n]) = sqrt((x - mu) @ solve(S, x - mu))",
        "x",
        "(inv(S) + inv(S).T) @ (x - mu)/(2*sqrt((x - mu) @ solve(S, x - mu)))",
    ),
    Identity(
        "Mahalanobis distance: Bishop, PRML (2006), (2.44)",
        "f(x[n], mu[n], S[n,n]) = (x - mu) @ inv(S) @ (x - mu)",
        "mu",
        "-((inv(S) + inv(S).T) @ (x - mu))",
    ),
    Identity(
        "Mahalanobis distance: Bishop, PRML (2006), (2.44)",
        "f(x[n], mu[n], S[n,n]) = (x - mu) @ inv(S) @ (x - mu)",
        "S",
        "-(inv(S).T @ outer(x - mu, x - mu) @ inv(S).T)",
    ),
    Identity(
        "Equality-constrained Lagrangian: Boyd & Vandenberghe (2004), 5.1",
        "f(x[n], P[n,n], q[n], A[m,n], b[m], nu[m]) = x @ P @ x/2 + q @ x + nu @ (A @ x - b)",
        "x",
        "(P + P.T) @ x/2 + q + A.T @ nu",
    ),
]
