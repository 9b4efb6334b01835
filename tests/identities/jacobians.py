"""Jacobians of vectors and matrices."""

from __future__ import annotations

from identities.identity import Identity

IDENTITIES = [
    Identity("Magnus & Neudecker (2019), ch. 9, vector functions", "A @ x + b", "x", "A"),
    Identity("Magnus & Neudecker (2019), ch. 9, vector functions", "f(A[m,n], x[m]) = x @ A", "x", "A.T"),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, vector functions",
        "f(x[n], a[n]) = (a @ x)*x",
        "x",
        "(a @ x)*eye(n) + outer(x, a)",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, vector functions",
        "f(x[n]) = (x @ x)*x",
        "x",
        "(x @ x)*eye(n) + 2*outer(x, x)",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 9, vector functions",
        "f(x[n], A[n,n]) = (x @ A @ x)*x",
        "x",
        "(x @ A @ x)*eye(n) + outer(x, (A + A.T) @ x)",
    ),
    Identity(
        "Normalisation: Matrix Cookbook (130)", "f(x[n]) = x/norm(x)", "x", "eye(n)/norm(x) - outer(x, x)/norm(x)**3"
    ),
    Identity("Normalisation by the sum", "f(x[n]) = x/sum(x)", "x", "eye(n)/sum(x) - outer(x, ones(n))/sum(x)**2"),
    Identity("Hadamard product: Minka (2000), section 5", "f(x[n], y[n]) = x*y", "x", "diag(y)"),
    Identity("Entrywise functions: Magnus & Neudecker (2019), ch. 5", "f(x[n]) = sin(x)", "x", "diag(cos(x))"),
    Identity(
        "Entrywise functions: Magnus & Neudecker (2019), ch. 5",
        "f(A[m,n], x[n]) = exp(A @ x)",
        "x",
        "diag(exp(A @ x)) @ A",
    ),
    Identity(
        "A layer: Goodfellow, Bengio & Courville (2016), 6.5",
        "f(W[m,n], x[n], b[m]) = tanh(W @ x + b)",
        "x",
        "diag(1 - tanh(W @ x + b)**2) @ W",
    ),
    Identity(
        "A layer: Goodfellow, Bengio & Courville (2016), 6.5",
        "f(W[m,n], x[n], b[m]) = relu(W @ x + b)",
        "x",
        "diag(W @ x + b > 0) @ W",
    ),
    Identity(
        "Two layers: Goodfellow, Bengio & Courville (2016), 6.5",
        "f(V[k,m], W[m,n], x[n], b[m]) = V @ sigmoid(W @ x + b)",
        "x",
        "V @ diag(sigmoid(W @ x + b)*(1 - sigmoid(W @ x + b))) @ W",
    ),
    Identity(
        "Residual layer: He et al. (2016)",
        "f(W[n,n], x[n]) = x + tanh(W @ x)",
        "x",
        "eye(n) + diag(1 - tanh(W @ x)**2) @ W",
    ),
    Identity(
        "Softmax of a linear map: Bishop, PRML (2006), (4.106)",
        "f(W[k,n], x[n]) = softmax(W @ x)",
        "x",
        "(diag(softmax(W @ x)) - outer(softmax(W @ x), softmax(W @ x))) @ W",
    ),
    Identity(
        "Log-softmax: Bishop, PRML (2006), 4.3.4",
        "f(x[n]) = log(softmax(x))",
        "x",
        "eye(n) - outer(ones(n), softmax(x))",
    ),
    Identity(
        "Centring: Magnus & Neudecker (2019), ch. 1", "f(x[n]) = x - mean(x)", "x", "eye(n) - ones((n, n))/size(n)"
    ),
    Identity(
        "Projection: Strang (2016), 4.2", "f(A[m,n], b[m]) = A @ solve(A.T @ A, A.T @ b)", "b", "A @ inv(A.T @ A) @ A.T"
    ),
    Identity(
        "Householder reflection: Golub & Van Loan (2013), 5.1",
        "f(x[n], v[n]) = x - 2*v*(v @ x)/(v @ v)",
        "x",
        "eye(n) - 2*outer(v, v)/(v @ v)",
    ),
    Identity("Solve: Giles (2008), 2.3.1", "f(A[n,n], B[n,k], x[k]) = solve(A, B @ x)", "x", "inv(A) @ B"),
    Identity("Matrix by a number: Matrix Cookbook (59)", "f(A[n,n], x) = inv(x*A)", "x", "-inv(A)/x**2"),
    Identity(
        "Matrix by a number: Lutkepohl (1996)",
        "f(A[n,n], B[n,n], t) = (A + t*B) @ (A + t*B)",
        "t",
        "B @ (A + t*B) + (A + t*B) @ B",
    ),
    Identity("Vector by a number", "f(a[n], b[n], t) = exp(t*a)*b", "t", "a*b*exp(t*a)"),
    Identity("Row sums: Magnus & Neudecker (2019), ch. 9", "f(X[m,n], a[n]) = X @ a", "a", "X"),
    Identity(
        "Squared distances: Dattorro (2005), ch. 5",
        "f(X[m,n], y[n]) = sum((X - y)**2, axis=1)",
        "y",
        "2*(outer(ones(m), y) - X)",
    ),
    Identity("Quadratic forms in rows", "f(X[m,n], w[n]) = (X @ w)**2", "w", "2*diag(X @ w) @ X"),
    Identity(
        "Mean of rows: Magnus & Neudecker (2019), ch. 9",
        "f(X[m,n], w[m]) = X.T @ w/sum(w)",
        "w",
        "X.T/sum(w) - outer(X.T @ w, ones(m))/sum(w)**2",
    ),
    Identity(
        "Newton map of a root: Ortega & Rheinboldt (1970)",
        "f(x[n], A[n,n], b[n]) = x*(A @ x) - b",
        "x",
        "diag(A @ x) + diag(x) @ A",
    ),
    Identity(
        "Lotka-Volterra: Murray (2002), 3.3",
        "f(x[n], r[n], A[n,n]) = x*(r + A @ x)",
        "x",
        "diag(r + A @ x) + diag(x) @ A",
    ),
    Identity(
        "Replicator equation: Hofbauer & Sigmund (1998), ch. 7",
        "f(x[n], A[n,n]) = x*(A @ x - x @ A @ x)",
        "x",
        "diag(A @ x - x @ A @ x) + diag(x) @ (A - outer(ones(n), (A + A.T) @ x))",
    ),
    # order 3
    Identity("Vector by matrix: Matrix Cookbook (70)", "f(X[m,n], a[n]) = X @ a", "X", "eye(m)[:, :, None]*a"),
    Identity(
        "Diagonal matrix by vector: Magnus & Neudecker (2019), ch. 9",
        "f(x[n]) = diag(x)",
        "x",
        "eye(n)[:, :, None]*eye(n)[:, None, :]",
    ),
    Identity(
        "Outer square: Magnus & Neudecker (2019), ch. 9",
        "f(x[n]) = outer(x, x)",
        "x",
        "eye(n)[:, None, :]*x[:, None] + x[:, None, None]*eye(n)",
    ),
    Identity(
        "Projector: Magnus & Neudecker (2019), ch. 9",
        "f(x[n]) = outer(x, x)/(x @ x)",
        "x",
        "(eye(n)[:, None, :]*x[:, None] + x[:, None, None]*eye(n))/(x @ x) - 2*outer(x, x)[:, :, None]*x/(x @ x)**2",
    ),
    Identity("Scaled rows", "f(X[m,n], v[m]) = diag(v) @ X", "v", "eye(m)[:, None, :]*X[:, :, None]"),
    Identity(
        "Solution by matrix: Giles (2008), 2.3.1",
        "f(A[n,n], b[n]) = solve(A, b)",
        "A",
        "-inv(A)[:, :, None]*solve(A, b)",
    ),
    # order 4
    Identity("Matrix Cookbook (73)", "f(X[m,n]) = X", "X", "eye(m)[:, None, :, None]*eye(n)[:, None, :]"),
    Identity("Matrix Cookbook (73)", "f(X[m,n]) = X.T", "X", "eye(n)[:, None, None, :]*eye(m)[:, :, None]"),
    Identity(
        "Matrix Cookbook (79)",
        "f(X[m,n], B[m,m]) = X.T @ B @ X",
        "X",
        "eye(n)[:, None, None, :]*(B @ X).T[:, :, None] + (X.T @ B)[:, None, :, None]*eye(n)[:, None, :]",
    ),
    Identity(
        "Matrix Cookbook (90)",
        "f(X[n,n]) = X @ X",
        "X",
        "eye(n)[:, None, :, None]*X.T[:, None, :] + X[:, None, :, None]*eye(n)[:, None, :]",
    ),
    Identity(
        "Matrix Cookbook (38)",
        "f(A[m,n], X[m,n]) = A*X",
        "X",
        "A[:, :, None, None]*eye(m)[:, None, :, None]*eye(n)[:, None, :]",
    ),
    Identity(
        "Entrywise: Magnus & Neudecker (2019), ch. 9",
        "f(X[m,n]) = exp(X)",
        "X",
        "exp(X)[:, :, None, None]*eye(m)[:, None, :, None]*eye(n)[:, None, :]",
    ),
    Identity(
        "Matrix Cookbook (41)",
        "f(X[n,n]) = det(X)*inv(X)",
        "X",
        "det(X)*(inv(X)[:, :, None, None]*inv(X).T - inv(X)[:, None, :, None]*inv(X).T[:, None, :])",
    ),
]
