"""Derivatives of Hadamard products, entrywise functions and sums."""

from __future__ import annotations

from identities.identity import Identity

IDENTITIES = [
    Identity("Magnus & Neudecker (2019), ch. 9", "f(X[m,n]) = sum(X)", "X", "ones((m, n))", "ones((m, n))"),
    Identity("Magnus & Neudecker (2019), ch. 9", "f(A[m,n], X[m,n]) = sum(A*X)", "X", "A", "A"),
    Identity("Minka (2000), section 5", "f(x[n], y[n], z[n]) = sum(x*y*z)", "y", "x*z", "x*z"),
    Identity("Minka (2000), section 5", "f(A[m,n], X[m,n], B[m,n]) = trace(A.T @ (X*B))", "X", "A*B", "A*B"),
    Identity(
        "Hadamard quadratic form: Magnus & Neudecker (2019), ch. 3",
        "f(x[n], A[n,n], B[n,n]) = x @ (A*B) @ x",
        "x",
        "(A*B + (A*B).T) @ x",
        "(A*B + (A*B).T) @ x",
    ),
    Identity(
        "Hadamard quadratic form: Magnus & Neudecker (2019), ch. 3",
        "f(x[n], A[n,n], B[n,n]) = x @ (A*B) @ x",
        "A",
        "outer(x, x)*B",
        "B*outer(x, x)",
    ),
    Identity(
        "Styan (1973): x'(A o B)y is trace(diag(x) A diag(y) B')",
        "f(x[m], A[m,n], y[n], B[m,n]) = trace(diag(x) @ A @ diag(y) @ B.T)",
        "x",
        "(A*B) @ y",
        "(A*B) @ y",
    ),
    Identity(
        "Styan (1973): x'(A o B)y is trace(diag(x) A diag(y) B')",
        "f(x[m], A[m,n], y[n], B[m,n]) = trace(diag(x) @ A @ diag(y) @ B.T)",
        "A",
        "outer(x, y)*B",
        "diag(x) @ (B*y)",
    ),
    Identity("Minka (2000), section 5", "f(a[n], x[n], b[n]) = a @ diag(x) @ b", "x", "a*b", "a*b"),
    Identity(
        "Minka (2000), section 5",
        "f(A[n,m], x[m], B[m,n]) = trace(A @ diag(x) @ B)",
        "x",
        "diagonal(B @ A)",
        "diagonal(B @ A)",
    ),
    Identity("Matrix Cookbook, 2.4", "f(A[m,n], x[n]) = sum(exp(A @ x))", "x", "A.T @ exp(A @ x)", "A.T @ exp(A @ x)"),
    Identity(
        "Boyd & Vandenberghe (2004), A.4.2",
        "f(A[m,n], x[n], b[m]) = log(sum(exp(A @ x + b)))",
        "x",
        "A.T @ exp(A @ x + b)/sum(exp(A @ x + b))",
        "A.T @ softmax(A @ x + b)",
    ),
    Identity(
        "Chain rule: Magnus & Neudecker (2019), ch. 5",
        "f(A[m,n], x[n], b[m]) = sum(sin(A @ x + b)**2)",
        "x",
        "A.T @ (2*sin(A @ x + b)*cos(A @ x + b))",
        "2*A.T @ (sin(A @ x + b)*cos(A @ x + b))",
    ),
    Identity(
        "Chain rule: Magnus & Neudecker (2019), ch. 5",
        "f(A[m,n], X[n,k]) = sum(tanh(A @ X))",
        "X",
        "A.T @ (1 - tanh(A @ X)**2)",
        "A.T @ (1 - tanh(A @ X)**2)",
    ),
    Identity(
        "Chain rule: Magnus & Neudecker (2019), ch. 5",
        "f(X[m,n], Y[m,n]) = sum(log(1 + X*Y))",
        "X",
        "Y/(1 + X*Y)",
        "Y/(1 + X*Y)",
    ),
    Identity(
        "Chain rule: Magnus & Neudecker (2019), ch. 5",
        "f(X[m,n], a[n]) = sum((X @ a)**3)",
        "X",
        "3*outer((X @ a)**2, a)",
        "3*outer((X @ a)**2, a)",
    ),
    Identity(
        "Chain rule: Magnus & Neudecker (2019), ch. 5",
        "f(x[n]) = sum(x)/norm(x)",
        "x",
        "ones(n)/norm(x) - sum(x)*x/norm(x)**3",
        "(1 - sum(x)*unit(x)/norm(x))/norm(x)",
    ),
    Identity(
        "Product rule: Magnus & Neudecker (2019), ch. 5",
        "f(x[n], a[n]) = (a @ x)*exp(-x @ x)",
        "x",
        "exp(-x @ x)*(a - 2*(a @ x)*x)",
        "exp(-(x @ x))*(a - 2*(a @ x)*x)",
    ),
    Identity(
        "Softplus: Dugas et al. (2001)",
        "f(A[m,n], x[n]) = sum(log(1 + exp(A @ x)))",
        "x",
        "A.T @ (1/(1 + exp(-(A @ x))))",
        "A.T @ sigmoid(A @ x)",
    ),
    Identity(
        "Ratio of linear forms: Boyd & Vandenberghe (2004), 3.4",
        "f(a[n], x[n], b, c[n], d) = (a @ x + b)/(c @ x + d)",
        "x",
        "((c @ x + d)*a - (a @ x + b)*c)/(c @ x + d)**2",
        "(a - (a @ x + b)*c/(c @ x + d))/(c @ x + d)",
    ),
    Identity(
        "Product: Boyd & Vandenberghe (2004), 3.1.5", "f(x[n]) = log(prod(x))", "x", "1/x", "prod_others(x)/prod(x)"
    ),
    Identity(
        "Kronecker: Magnus & Neudecker (2019), ch. 9",
        "f(A[m,n], X[k,p]) = sum(kron(A, X))",
        "X",
        "sum(A)*ones((k, p))",
        "sum(A)*ones((k, p))",
    ),
    Identity("Lower triangle: Magnus (1988)", "f(A[n,n], X[n,n]) = sum(A*tril(X))", "X", "tril(A)", "tril(A)"),
    Identity(
        "Diagonal: Magnus & Neudecker (2019), ch. 9",
        "f(X[n,n]) = prod(diagonal(X))",
        "X",
        "prod(diagonal(X))*diag(1/diagonal(X))",
        "diag(prod_others(diagonal(X)))",
    ),
]
