"""Derivatives of the losses and likelihoods of statistics and machine learning."""

from __future__ import annotations

from identities.identity import Identity

GAUSSIAN = "f(x[n], mu[n], S[n,n]) = -logdet(S)/2 - (x - mu) @ solve(S, x - mu)/2 - size(n)*log(2*pi)/2"
DATA_GAUSSIAN = "f(X[m,n], mu[n], S[n,n]) = -size(m)*logdet(S)/2 - trace((X - mu) @ inv(S) @ (X - mu).T)/2"
LAYER_NORM = "f(x[n], g[n], b[n], v[n]) = v @ (g*(x - mean(x))/sqrt(mean((x - mean(x))**2) + 0.001) + b)"
ATTENTION = "f(Q[m,k], K[n,k], V[n,p], G[m,p]) = sum(G*(softmax(Q @ K.T, axis=1) @ V))"
EVIDENCE = "f(K[n,n], y[n], s) = -y @ solve(K + s*eye(n), y)/2 - logdet(K + s*eye(n))/2"
IDENTITIES = [
    Identity(
        "Hastie, Tibshirani & Friedman (2009), (3.5)",
        "f(X[m,n], b[n], y[m]) = (y - X @ b) @ (y - X @ b)",
        "b",
        "-2*X.T @ (y - X @ b)",
    ),
    Identity(
        "Ridge: Hastie, Tibshirani & Friedman (2009), (3.43)",
        "f(X[m,n], b[n], y[m], lam) = (y - X @ b) @ (y - X @ b) + lam*(b @ b)",
        "b",
        "-2*X.T @ (y - X @ b) + 2*lam*b",
    ),
    Identity(
        "Lasso: Hastie, Tibshirani & Friedman (2009), (3.52)",
        "f(X[m,n], b[n], y[m], lam) = norm(y - X @ b)**2/2 + lam*norm1(b)",
        "b",
        "-X.T @ (y - X @ b) + lam*sign(b)",
    ),
    Identity(
        "Elastic net: Zou & Hastie (2005)",
        "f(X[m,n], b[n], y[m], l1, l2) = norm(y - X @ b)**2 + l2*norm(b)**2 + l1*sum(abs(b))",
        "b",
        "-2*X.T @ (y - X @ b) + 2*l2*b + l1*sign(b)",
    ),
    Identity(
        "Huber (1964)",
        "f(X[m,n], b[n], y[m]) = sum(where(abs(y - X @ b) <= 1, (y - X @ b)**2/2, abs(y - X @ b) - 1/2))",
        "b",
        "-(X.T @ where(abs(y - X @ b) <= 1, y - X @ b, sign(y - X @ b)))",
    ),
    Identity(
        "Pseudo-Huber: Hartley & Zisserman (2003), A6.8",
        "f(X[m,n], b[n], y[m]) = sum(sqrt(1 + (X @ b - y)**2) - 1)",
        "b",
        "X.T @ ((X @ b - y)/sqrt(1 + (X @ b - y)**2))",
    ),
    Identity(
        "Hinge: Cortes & Vapnik (1995)",
        "f(X[m,n], w[n], y[m]) = sum(maximum(0, 1 - y*(X @ w)))",
        "w",
        "-(X.T @ (y*(y*(X @ w) < 1)))",
    ),
    Identity(
        "Squared hinge: Cortes & Vapnik (1995)",
        "f(X[m,n], w[n], y[m]) = sum(relu(1 - y*(X @ w))**2)",
        "w",
        "-2*X.T @ (y*relu(1 - y*(X @ w)))",
    ),
    Identity(
        "Quantile loss: Koenker & Bassett (1978)",
        "f(X[m,n], b[n], y[m], t) = sum(maximum(t*(y - X @ b), (t - 1)*(y - X @ b)))",
        "b",
        "-(X.T @ (t - (X @ b > y)))",
    ),
    Identity(
        "Logistic regression: Bishop, PRML (2006), (4.91)",
        "f(X[m,n], w[n], t[m]) = -sum(t*log(sigmoid(X @ w)) + (1 - t)*log(1 - sigmoid(X @ w)))",
        "w",
        "X.T @ (sigmoid(X @ w) - t)",
    ),
    Identity(
        "Logistic regression: Hastie, Tibshirani & Friedman (2009), (4.21)",
        "f(X[m,n], b[n], y[m]) = sum(y*(X @ b) - log(1 + exp(X @ b)))",
        "b",
        "X.T @ (y - exp(X @ b)/(1 + exp(X @ b)))",
    ),
    Identity(
        "Poisson regression: McCullagh & Nelder (1989), ch. 6",
        "f(X[m,n], b[n], y[m]) = sum(exp(X @ b) - y*(X @ b))",
        "b",
        "X.T @ (exp(X @ b) - y)",
    ),
    Identity(
        "Probit regression: McCullagh & Nelder (1989), ch. 4",
        "f(X[m,n], b[n], y[m]) = sum(log((1 + erf(y*(X @ b)/sqrt(2)))/2))",
        "b",
        "X.T @ (y*sqrt(2/pi)*exp(-(y*(X @ b))**2/2)/(1 + erf(y*(X @ b)/sqrt(2))))",
    ),
    Identity(
        "Gamma regression: McCullagh & Nelder (1989), ch. 8",
        "f(X[m,n], b[n], y[m]) = sum(y*exp(-X @ b) + X @ b)",
        "b",
        "X.T @ (1 - y*exp(-X @ b))",
    ),
    Identity(
        "Exponential loss: Hastie, Tibshirani & Friedman (2009), 10.4",
        "f(X[m,n], b[n], y[m]) = sum(exp(-y*(X @ b)))",
        "b",
        "-(X.T @ (y*exp(-y*(X @ b))))",
    ),
    Identity(
        "Softmax cross-entropy: Bishop, PRML (2006), (4.109)",
        "f(W[k,n], x[n], t[k]) = logsumexp(W @ x) - t @ W @ x",
        "W",
        "outer(softmax(W @ x) - t, x)",
    ),
    Identity(
        "Softmax cross-entropy: Bishop, PRML (2006), (4.109)",
        "f(X[m,n], W[n,k], T[m,k]) = sum(logsumexp(X @ W, axis=1)) - sum(T*(X @ W))",
        "W",
        "X.T @ (softmax(X @ W, axis=1) - T)",
    ),
    Identity(
        "Softmax cross-entropy: Goodfellow, Bengio & Courville (2016), 6.2.2",
        "f(z[n], t[n]) = -t @ log(softmax(z))",
        "z",
        "sum(t)*softmax(z) - t",
    ),
    Identity("Entropy of a softmax: Boyd & Vandenberghe (2004), 3.1.5", "f(p[n]) = -sum(p*log(p))", "p", "-log(p) - 1"),
    Identity(
        "Relative entropy: Boyd & Vandenberghe (2004), 3.2.6", "f(p[n], q[n]) = sum(p*log(p/q))", "p", "log(p/q) + 1"
    ),
    Identity("Relative entropy: Boyd & Vandenberghe (2004), 3.2.6", "f(p[n], q[n]) = sum(p*log(p/q))", "q", "-p/q"),
    Identity(
        "Geometric mean: Boyd & Vandenberghe (2004), 3.1.5",
        "f(x[n]) = exp(mean(log(x)))",
        "x",
        "exp(mean(log(x)))/size(n)/x",
    ),
    Identity("Gaussian log-likelihood: Matrix Cookbook, 8.1", GAUSSIAN, "mu", "(inv(S) + inv(S).T) @ (x - mu)/2"),
    Identity(
        "Gaussian log-likelihood: Matrix Cookbook, 8.1",
        GAUSSIAN,
        "S",
        "-(inv(S).T - inv(S).T @ outer(x - mu, x - mu) @ inv(S).T)/2",
    ),
    Identity(
        "Gaussian log-likelihood of data: Bishop, PRML (2006), (2.118)",
        DATA_GAUSSIAN,
        "S",
        "-size(m)*inv(S).T/2 + inv(S).T @ (X - mu).T @ (X - mu) @ inv(S).T/2",
    ),
    Identity(
        "Gaussian log-likelihood of data: Bishop, PRML (2006), (2.120)",
        DATA_GAUSSIAN,
        "mu",
        "(inv(S) + inv(S).T) @ sum(X - mu, axis=0)/2",
    ),
    Identity(
        "Gaussian in its precision: Boyd & Vandenberghe (2004), 7.1.1",
        "f(P[n,n], S[n,n]) = logdet(P) - trace(P @ S)",
        "P",
        "inv(P).T - S.T",
    ),
    Identity(
        "Gaussian density: Matrix Cookbook, 8.2",
        "f(x[n], mu[n]) = exp(-norm(x - mu)**2/2)",
        "x",
        "-exp(-norm(x - mu)**2/2)*(x - mu)",
    ),
    Identity(
        "RBF kernel: Rasmussen & Williams (2006), (4.9)",
        "f(x[n], y[n], l) = exp(-norm(x - y)**2/(2*l**2))",
        "x",
        "-exp(-norm(x - y)**2/(2*l**2))*(x - y)/l**2",
    ),
    Identity(
        "RBF kernel: Rasmussen & Williams (2006), (4.9)",
        "f(x[n], y[n], l) = exp(-norm(x - y)**2/(2*l**2))",
        "l",
        "exp(-norm(x - y)**2/(2*l**2))*norm(x - y)**2/l**3",
    ),
    Identity(
        "Student t: Bishop, PRML (2006), (2.162)",
        "f(x[n], mu[n], L[n,n], nu) = -(nu + size(n))/2*log(1 + (x - mu) @ L @ (x - mu)/nu)",
        "mu",
        "(nu + size(n))/2*(L + L.T) @ (x - mu)/(nu + (x - mu) @ L @ (x - mu))",
    ),
    Identity(
        "Gaussian process evidence: Rasmussen & Williams (2006), (5.9)",
        EVIDENCE,
        "K",
        "outer(inv(K + s*eye(n)).T @ y, inv(K + s*eye(n)) @ y)/2 - inv(K + s*eye(n)).T/2",
    ),
    Identity(
        "Gaussian process evidence: Rasmussen & Williams (2006), (5.9)",
        EVIDENCE,
        "s",
        "y @ inv(K + s*eye(n)) @ inv(K + s*eye(n)) @ y/2 - trace(inv(K + s*eye(n)))/2",
    ),
    Identity(
        "Gaussian mixture in its logits: Bishop, PRML (2006), 9.2",
        "f(a[k], x[n], M[k,n]) = logsumexp(a - sum((x - M)**2, axis=1)/2) - logsumexp(a)",
        "a",
        "softmax(a - sum((x - M)**2, axis=1)/2) - softmax(a)",
    ),
    Identity(
        "Gaussian mixture in its means: Bishop, PRML (2006), (9.16)",
        "f(a[k], x[n], M[k,n]) = logsumexp(a - sum((x - M)**2, axis=1)/2)",
        "M",
        "diag(softmax(a - sum((x - M)**2, axis=1)/2)) @ (outer(ones(k), x) - M)",
    ),
    Identity(
        "k-means objective: Bishop, PRML (2006), (9.1)",
        "f(R[m,k], X[m,n], M[k,n]) = sum(R*(sum(X**2, axis=1)[:, None] - 2*X @ M.T + sum(M**2, axis=1)))",
        "M",
        "2*diag(sum(R, axis=0)) @ M - 2*R.T @ X",
    ),
    Identity(
        "One layer: Goodfellow, Bengio & Courville (2016), 6.5",
        "f(W[m,n], x[n], b[m], t[m]) = norm(sigmoid(W @ x + b) - t)**2/2",
        "W",
        "outer((sigmoid(W @ x + b) - t)*sigmoid(W @ x + b)*(1 - sigmoid(W @ x + b)), x)",
    ),
    Identity(
        "One layer: Goodfellow, Bengio & Courville (2016), 6.5",
        "f(W[m,n], x[n], b[m], t[m]) = norm(tanh(W @ x + b) - t)**2/2",
        "b",
        "(tanh(W @ x + b) - t)*(1 - tanh(W @ x + b)**2)",
    ),
    Identity(
        "Two layers: Goodfellow, Bengio & Courville (2016), 6.5",
        "f(v[m], W[m,n], x[n], b[m]) = v @ relu(W @ x + b)",
        "W",
        "outer(v*(W @ x + b > 0), x)",
    ),
    Identity(
        "Two layers: Goodfellow, Bengio & Courville (2016), 6.5",
        "f(v[m], W[m,n], x[n], b[m]) = v @ tanh(W @ x + b)",
        "x",
        "W.T @ diag(1 - tanh(W @ x + b)**2) @ v",
    ),
    Identity("Attention: Vaswani et al. (2017), (1)", ATTENTION, "V", "softmax(Q @ K.T, axis=1).T @ G"),
    Identity(
        "Attention: Vaswani et al. (2017), (1)",
        ATTENTION,
        "Q",
        "(softmax(Q @ K.T, axis=1)*(G @ V.T - sum(softmax(Q @ K.T, axis=1)*(G @ V.T), axis=1)[:, None])) @ K",
    ),
    Identity(
        "Attention: Vaswani et al. (2017), (1)",
        ATTENTION,
        "K",
        "(softmax(Q @ K.T, axis=1)*(G @ V.T - sum(softmax(Q @ K.T, axis=1)*(G @ V.T), axis=1)[:, None])).T @ Q",
    ),
    Identity(
        "Layer normalisation: Ba, Kiros & Hinton (2016)",
        LAYER_NORM,
        "g",
        "v*(x - mean(x))/sqrt(mean((x - mean(x))**2) + 0.001)",
    ),
    Identity(
        "Layer normalisation: Ba, Kiros & Hinton (2016)",
        LAYER_NORM,
        "x",
        "(g*v - mean(g*v))/sqrt(mean((x - mean(x))**2) + 0.001) - (x - mean(x))*mean(g*v*(x - mean(x)))/(mean((x - mean(x))**2) + 0.001)**1.5",
    ),
    Identity(
        "Variance: Bishop, PRML (2006), (1.40)", "f(x[n]) = mean((x - mean(x))**2)", "x", "2*(x - mean(x))/size(n)"
    ),
    Identity(
        "Noise-contrastive score: Gutmann & Hyvarinen (2010)",
        "f(u[n], v[n], W[k,n]) = log(sigmoid(u @ v)) + sum(log(sigmoid(-(W @ u))))",
        "u",
        "sigmoid(-(u @ v))*v - W.T @ sigmoid(W @ u)",
    ),
    Identity(
        "Bradley-Terry: Bradley & Terry (1952)",
        "f(s[n], A[m,n]) = sum(log(sigmoid(A @ s)))",
        "s",
        "A.T @ sigmoid(-(A @ s))",
    ),
    Identity(
        "Factorisation machine: Rendle (2010), (5)",
        "f(w[n], x[n], V[n,k]) = w @ x + (norm(V.T @ x)**2 - sum((V*V).T @ (x*x)))/2",
        "V",
        "outer(x, V.T @ x) - diag(x*x) @ V",
    ),
    Identity(
        "Cox partial likelihood: Cox (1972)",
        "f(b[n], x[n], Z[m,n]) = x @ b - log(sum(exp(Z @ b)))",
        "b",
        "x - Z.T @ softmax(Z @ b)",
    ),
    Identity(
        "Ising pseudo-likelihood: Besag (1975)",
        "f(J[n,n], s[n]) = -sum(log(1 + exp(-2*s*(J @ s))))",
        "J",
        "2*outer(s*sigmoid(-2*s*(J @ s)), s)",
    ),
    Identity(
        "Canonical correlation: Hotelling (1936)",
        "f(a[m], C[m,n], b[n], A[m,m]) = (a @ C @ b)/sqrt(a @ A @ a)",
        "a",
        "C @ b/sqrt(a @ A @ a) - (a @ C @ b)*(A + A.T) @ a/(2*(a @ A @ a)**1.5)",
    ),
]
