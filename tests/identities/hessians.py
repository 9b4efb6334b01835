"""Second derivatives of scalars: Hessians and their mixed blocks."""

from __future__ import annotations

from identities.identity import Identity

SIGMOID = "sigmoid(X @ w)*(1 - sigmoid(X @ w))"
IDENTITIES = [
    Identity("Matrix Cookbook (98)", "x @ A @ x + b @ x", "x", "A + A.T", then="x"),
    Identity(
        "Magnus & Neudecker (2019), ch. 10", "f(a[n], x[n]) = exp(a @ x)", "x", "exp(a @ x)*outer(a, a)", then="x"
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 10", "f(x[n]) = (x @ x)**2", "x", "8*outer(x, x) + 4*(x @ x)*eye(n)", then="x"
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 10",
        "f(a[n], x[n], b[n]) = (a @ x)*(b @ x)",
        "x",
        "outer(a, b) + outer(b, a)",
        then="x",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 10",
        "f(x[n], A[n,n]) = (x @ A @ x)**2",
        "x",
        "2*outer((A + A.T) @ x, (A + A.T) @ x) + 2*(x @ A @ x)*(A + A.T)",
        then="x",
    ),
    Identity(
        "Rayleigh quotient: Horn & Johnson (2013), 4.2",
        "f(x[n], A[n,n]) = (x @ A @ x)/(x @ x)",
        "x",
        "(A + A.T - 2*(x @ A @ x)/(x @ x)*eye(n))/(x @ x) - 2*(outer((A + A.T) @ x, x) + outer(x, (A + A.T) @ x))/(x @ x)**2 + 8*(x @ A @ x)*outer(x, x)/(x @ x)**3",
        then="x",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), 3.1.5, log-sum-exp",
        "f(x[n]) = log(sum(exp(x)))",
        "x",
        "diag(softmax(x)) - outer(softmax(x), softmax(x))",
        then="x",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), A.4.4",
        "f(A[m,n], x[n], b[m]) = logsumexp(A @ x + b)",
        "x",
        "A.T @ (diag(softmax(A @ x + b)) - outer(softmax(A @ x + b), softmax(A @ x + b))) @ A",
        then="x",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), 9.6.1, analytic centre",
        "f(A[m,n], x[n], b[m]) = -sum(log(b - A @ x))",
        "x",
        "A.T @ diag(1/(b - A @ x)**2) @ A",
        then="x",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), 3.1.5, quadratic over linear",
        "f(x[n], t) = (x @ x)/t",
        "x",
        "2*eye(n)/t",
        then="x",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), 3.1.5, quadratic over linear", "f(x[n], t) = (x @ x)/t", "x", "-2*x/t**2", then="t"
    ),
    Identity(
        "Boyd & Vandenberghe (2004), 3.1.5, geometric mean",
        "f(x[n]) = exp(mean(log(x)))",
        "x",
        "exp(mean(log(x)))*(outer(1/x, 1/x)/size(n)**2 - diag(1/x**2)/size(n))",
        then="x",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), A.4.4, norm",
        "f(x[n], a[n]) = norm(x - a)",
        "x",
        "eye(n)/norm(x - a) - outer(x - a, x - a)/norm(x - a)**3",
        then="x",
    ),
    Identity(
        "Hypersurface: Boyd & Vandenberghe (2004), A.4.4",
        "f(x[n]) = sqrt(1 + x @ x)",
        "x",
        "eye(n)/sqrt(1 + x @ x) - outer(x, x)/(1 + x @ x)**1.5",
        then="x",
    ),
    Identity(
        "Least squares: Hastie, Tibshirani & Friedman (2009), (3.4)",
        "f(X[m,n], b[n], y[m]) = norm(y - X @ b)**2",
        "b",
        "2*X.T @ X",
        then="b",
    ),
    Identity(
        "Ridge: Hastie, Tibshirani & Friedman (2009), (3.43)",
        "f(X[m,n], b[n], y[m], lam) = norm(y - X @ b)**2 + lam*norm(b)**2",
        "b",
        "2*X.T @ X + 2*lam*eye(n)",
        then="b",
    ),
    Identity(
        "Weighted least squares",
        "f(A[m,n], x[n], b[m], w[m]) = sum(w*(A @ x - b)**2)",
        "x",
        "2*A.T @ diag(w) @ A",
        then="x",
    ),
    Identity(
        "Logistic regression: Bishop, PRML (2006), (4.97)",
        "f(X[m,n], w[n], t[m]) = sum(log(1 + exp(X @ w)) - t*(X @ w))",
        "w",
        f"X.T @ diag({SIGMOID}) @ X",
        then="w",
    ),
    Identity(
        "Regularised logistic regression: Bishop, PRML (2006), 4.3.3",
        "f(X[m,n], w[n], t[m], lam) = sum(softplus(X @ w) - t*(X @ w)) + lam*(w @ w)/2",
        "w",
        f"X.T @ diag({SIGMOID}) @ X + lam*eye(n)",
        then="w",
    ),
    Identity(
        "Poisson regression: McCullagh & Nelder (1989), ch. 6",
        "f(X[m,n], b[n], y[m]) = sum(exp(X @ b) - y*(X @ b))",
        "b",
        "X.T @ diag(exp(X @ b)) @ X",
        then="b",
    ),
    Identity(
        "Gamma regression: McCullagh & Nelder (1989), ch. 8",
        "f(X[m,n], b[n], y[m]) = sum(y*exp(-X @ b) + X @ b)",
        "b",
        "X.T @ diag(y*exp(-X @ b)) @ X",
        then="b",
    ),
    Identity("Entropy: Boyd & Vandenberghe (2004), 3.1.5", "f(p[n]) = sum(p*log(p))", "p", "diag(1/p)", then="p"),
    Identity(
        "Gaussian density: Matrix Cookbook, 8.2",
        "f(x[n], mu[n]) = exp(-norm(x - mu)**2/2)",
        "x",
        "exp(-norm(x - mu)**2/2)*(outer(x - mu, x - mu) - eye(n))",
        then="x",
    ),
    Identity(
        "Gaussian log-density: Matrix Cookbook, 8.1",
        "f(x[n], mu[n], S[n,n]) = -logdet(S)/2 - (x - mu) @ inv(S) @ (x - mu)/2",
        "mu",
        "-(inv(S) + inv(S).T)/2",
        then="mu",
    ),
    Identity(
        "RBF kernel, mixed: Rasmussen & Williams (2006), 9.4",
        "f(x[n], y[n], l) = exp(-norm(x - y)**2/(2*l**2))",
        "x",
        "exp(-norm(x - y)**2/(2*l**2))*(eye(n)/l**2 - outer(x - y, x - y)/l**4)",
        then="y",
    ),
    Identity(
        "Bilinear form: Magnus & Neudecker (2019), ch. 10", "f(x[m], A[m,n], y[n]) = x @ A @ y", "x", "A", then="y"
    ),
    Identity(
        "Squared bilinear form: Magnus & Neudecker (2019), ch. 10",
        "f(x[m], A[m,n], y[n]) = (x @ A @ y)**2",
        "x",
        "2*outer(A @ y, A.T @ x) + 2*(x @ A @ y)*A",
        then="y",
    ),
    Identity(
        "Student t: Bishop, PRML (2006), (2.159)",
        "f(x[n], nu) = log(1 + x @ x/nu)",
        "x",
        "2*eye(n)/(nu + x @ x) - 4*outer(x, x)/(nu + x @ x)**2",
        then="x",
    ),
    Identity(
        "Separable: Boyd & Vandenberghe (2004), A.4", "f(x[n], a[n]) = sum(a*cosh(x))", "x", "diag(a*cosh(x))", then="x"
    ),
    Identity(
        "Chain rule: Boyd & Vandenberghe (2004), A.4.4",
        "f(A[m,n], x[n], b[m]) = sum(sqrt(1 + (A @ x - b)**2))",
        "x",
        "A.T @ diag((1 + (A @ x - b)**2)**(-1.5)) @ A",
        then="x",
    ),
    Identity(
        "Product: Magnus & Neudecker (2019), ch. 10",
        "f(x[n], A[n,n], b[n]) = (b @ x)*(x @ A @ x)",
        "x",
        "outer(b, (A + A.T) @ x) + outer((A + A.T) @ x, b) + (b @ x)*(A + A.T)",
        then="x",
    ),
    Identity(
        "Cubic: Nesterov & Polyak (2006)",
        "f(x[n]) = norm(x)**3/3",
        "x",
        "norm(x)*eye(n) + outer(x, x)/norm(x)",
        then="x",
    ),
    Identity(
        "Sum of squares of a map: Nocedal & Wright (2006), (10.5)",
        "f(A[m,n], x[n], y[m]) = norm(sin(A @ x) - y)**2/2",
        "x",
        "A.T @ diag(cos(A @ x)**2 - (sin(A @ x) - y)*sin(A @ x)) @ A",
        then="x",
    ),
    Identity(
        "Variance: Magnus & Neudecker (2019), ch. 10",
        "f(x[n]) = sum((x - mean(x))**2)",
        "x",
        "2*(eye(n) - ones((n, n))/size(n))",
        then="x",
    ),
    Identity(
        "Lagrangian, mixed: Nocedal & Wright (2006), 16.1",
        "f(x[n], P[n,n], A[m,n], b[m], nu[m]) = x @ P @ x/2 + nu @ (A @ x - b)",
        "x",
        "A.T",
        then="nu",
    ),
    Identity(
        "Matrix factorisation, in one row", "f(v[n], H[k,n], w[k]) = norm(v - H.T @ w)**2", "w", "2*H @ H.T", then="w"
    ),
    # order 3 and 4
    Identity(
        "Magnus & Neudecker (2019), ch. 10",
        "f(X[m,n]) = trace(X.T @ X)",
        "X",
        "2*eye(m)[:, None, :, None]*eye(n)[:, None, :]",
        then="X",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 10",
        "f(X[n,n]) = trace(X @ X)",
        "X",
        "2*eye(n)[:, None, None, :]*eye(n)[:, :, None]",
        then="X",
    ),
    Identity(
        "Magnus & Neudecker (2019), ch. 10",
        "f(X[m,n], A[n,n], B[m,m]) = trace(A @ X.T @ B @ X)",
        "X",
        "B[:, None, :, None]*A.T[:, None, :] + B.T[:, None, :, None]*A[:, None, :]",
        then="X",
    ),
    Identity(
        "Boyd & Vandenberghe (2004), A.4.3",
        "logdet(X)",
        "X",
        "-inv(X).T[:, None, None, :]*inv(X)[:, :, None]",
        then="X",
    ),
    Identity("Bilinear form, mixed", "a @ X @ b", "X", "eye(m)[:, None, :]*b[:, None]", then="a"),
]
