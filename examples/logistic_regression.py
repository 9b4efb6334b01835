"""L2-regularised logistic regression: SciPy's L-BFGS with value and gradient from one compiled kernel."""

import numpy as np
from scipy.optimize import minimize

import symgrad as sg

loss = sg.parse("f(X[m,n], w[n], b, y[m], lam) = sum(softplus(-y*(X @ w + b))) + lam/2*sum(w**2)")
for name, gradient in sg.grad(loss, ["w", "b"]).items():
    print(f"df/d{name} = {gradient.formula()}")
print(sg.verify(loss, wrt=["w", "b"]).summary())

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 5))
y = np.sign(X @ [1.0, -2.0, 0.5, 0.0, 3.0] + 0.5 + rng.logistic(size=200))
kernel = sg.compile(loss, wrt=["w", "b"])


def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the loss and its gradient at w and b, stacked."""
    value, gradient = kernel.value_and_grad(X=X, y=y, w=parameters[:-1], b=parameters[-1], lam=1.0)
    return float(value), np.append(gradient["w"], gradient["b"])


found = minimize(objective, np.zeros(6), jac=True, method="L-BFGS-B")
print(f"{found.nit} iterations, loss {found.fun:.6f}, largest slope {np.abs(found.jac).max():.1e}")
print("w =", found.x[:-1].round(3), " b =", found.x[-1].round(3))
