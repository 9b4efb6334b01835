"""Derivatives of norms and distances."""

from __future__ import annotations

from identities.identity import Identity

IDENTITIES = [
    Identity("Matrix Cookbook (129)", "f(x[n], a[n]) = norm(x - a)", "x", "(x - a)/norm(x - a)"),
    Identity("Matrix Cookbook (131)", "f(x[n]) = norm(x)**2", "x", "2*x"),
    Identity("Matrix Cookbook (132)", "f(X[m,n]) = norm(X)**2", "X", "2*X"),
    Identity(
        "Matrix Cookbook (130)",
        "f(x[n], a[n]) = (x - a)/norm(x - a)",
        "x",
        "eye(n)/norm(x - a) - outer(x - a, x - a)/norm(x - a)**3",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), A.4.1",
        "f(A[m,n], x[n], b[m]) = norm(A @ x - b)",
        "x",
        "A.T @ (A @ x - b)/norm(A @ x - b)",
    ),
    Identity(
        "Weiszfeld (1937), geometric median",
        "f(x[n], a[n], b[n]) = norm(x - a) + norm(x - b)",
        "x",
        "(x - a)/norm(x - a) + (x - b)/norm(x - b)",
    ),
    Identity(
        "Cosine similarity: Manning, Raghavan & Schutze (2008), 6.3",
        "f(x[n], y[n]) = (x @ y)/(norm(x)*norm(y))",
        "x",
        "y/(norm(x)*norm(y)) - (x @ y)*x/(norm(x)**3*norm(y))",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), 6.1.1", "f(A[m,n], x[n], b[m]) = norm1(A @ x - b)", "x", "A.T @ sign(A @ x - b)"
    ),
    Identity(
        "Lp norm: Boyd & Vandenberghe (2004), A.1.2",
        "f(x[n]) = sum(abs(x)**3)**(1/3)",
        "x",
        "x*abs(x)/sum(abs(x)**3)**(2/3)",
    ),
    Identity("Frobenius distance: Matrix Cookbook (132)", "f(X[m,n], Y[m,n]) = norm(X - Y)**2", "Y", "2*(Y - X)"),
    Identity(
        "Frobenius distance: Matrix Cookbook (119)",
        "f(A[k,m], X[m,n], B[n,p], C[k,p]) = norm(A @ X @ B - C)",
        "X",
        "A.T @ (A @ X @ B - C) @ B.T/norm(A @ X @ B - C)",
    ),
    Identity(
        "Matrix factorisation: Lee & Seung (2000)",
        "f(W[m,k], H[k,n], V[m,n]) = norm(V - W @ H)**2",
        "W",
        "-2*(V - W @ H) @ H.T",
    ),
    Identity(
        "Matrix factorisation: Lee & Seung (2000)",
        "f(W[m,k], H[k,n], V[m,n]) = norm(V - W @ H)**2",
        "H",
        "2*(W.T @ W @ H - W.T @ V)",
    ),
    Identity(
        "Weighted factorisation: Srebro & Jaakkola (2003)",
        "f(U[m,k], V[n,k], M[m,n], R[m,n], lam) = sum((M*(R - U @ V.T))**2) + lam*norm(U)**2",
        "U",
        "-2*(M*M*(R - U @ V.T)) @ V + 2*lam*U",
    ),
    Identity(
        "Rank-one approximation: Golub & Van Loan (2013), 2.4",
        "f(A[m,n], u[m], v[n]) = norm(A - outer(u, v))**2",
        "u",
        "2*(v @ v)*u - 2*A @ v",
    ),
    Identity(
        "Orthogonality penalty: Dattorro (2005)",
        "f(X[m,n]) = norm(X.T @ X - eye(n))**2",
        "X",
        "4*X @ (X.T @ X - eye(n))",
    ),
    Identity(
        "Symmetric factorisation: Dattorro (2005)",
        "f(X[m,n], S[m,m]) = norm(S - X @ X.T)**2",
        "X",
        "-2*(S + S.T - 2*X @ X.T) @ X",
    ),
    Identity(
        "PCA reconstruction error: Bishop, PRML (2006), 12.1.2",
        "f(X[m,n], W[n,k]) = norm(X - X @ W @ W.T)**2",
        "W",
        "-2*(X.T @ (X - X @ W @ W.T) + (X - X @ W @ W.T).T @ X) @ W",
    ),
    Identity(
        "PCA variance: Bishop, PRML (2006), 12.1.1",
        "f(u[n], S[n,n], lam) = u @ S @ u + lam*(1 - u @ u)",
        "u",
        "(S + S.T) @ u - 2*lam*u",
    ),
    Identity(
        "Procrustes: Schonemann (1966)",
        "f(A[m,n], X[n,n], B[m,n]) = norm(A @ X - B)**2",
        "X",
        "2*A.T @ A @ X - 2*A.T @ B",
    ),
    Identity(
        "Sylvester residual: Golub & Van Loan (2013), 7.6.3",
        "f(A[m,m], X[m,n], B[n,n], C[m,n]) = norm(A @ X + X @ B - C)**2",
        "X",
        "2*A.T @ (A @ X + X @ B - C) + 2*(A @ X + X @ B - C) @ B.T",
    ),
    Identity(
        "Dictionary learning: Mairal et al. (2010)",
        "f(D[m,k], A[k,n], X[m,n], lam) = norm(X - D @ A)**2/2 + lam*sum(abs(A))",
        "A",
        "D.T @ (D @ A - X) + lam*sign(A)",
    ),
    Identity(
        "Autoencoder: Bishop, PRML (2006), 12.4.2",
        "f(A[n,k], B[k,n], X[m,n]) = norm(X - tanh(X @ A) @ B)**2",
        "A",
        "-2*X.T @ (((X - tanh(X @ A) @ B) @ B.T)*(1 - tanh(X @ A)**2))",
    ),
]
