"""A kernel for tests: the NumPy interpreter behind the interface of a compiled kernel, and formulas to check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Expr, Input
from symgrad.diff.jacobian import jacobian
from symgrad.syntax import parse
from symgrad.verification import Report, verify

Change = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


def unchanged(gradients: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return gradients


class InterpretedKernel:
    """Evaluates expressions with NumPy. `change` may spoil the gradients, `spoil_backward` those of `backward`."""

    dtype = "float64"

    def __init__(
        self,
        output: Expr,
        gradients: Mapping[str, Expr],
        change: Change = unchanged,
        spoil_backward: Change = unchanged,
        value_factor: float = 1.0,
    ) -> None:
        self.output, self.gradients = output, dict(gradients)
        self.change, self.spoil_backward, self.value_factor = change, spoil_backward, value_factor

    def __call__(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        return evaluate_reference([self.output], {**(inputs or {}), **named})[0] * self.value_factor

    def value_and_grad(
        self, inputs: Mapping[str, Any] | None = None, /, **named: Any
    ) -> tuple[Any, dict[str, np.ndarray]]:
        value, *found = evaluate_reference([self.output, *self.gradients.values()], {**(inputs or {}), **named})
        return value, self.change(dict(zip(self.gradients, found, strict=True)))

    def forward(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> tuple[Any, Any]:
        values = {**(inputs or {}), **named}
        return evaluate_reference([self.output], values)[0], values

    def backward(self, residuals: Any, cotangent: Any = 1.0) -> dict[str, np.ndarray]:
        _, *arrays = evaluate_reference([self.output, *self.gradients.values()], residuals)
        found = dict(zip(self.gradients, arrays, strict=True))
        u = np.asarray(cotangent)
        return self.spoil_backward({name: np.tensordot(u, g, axes=u.ndim) for name, g in found.items()})


def derivatives(output: Expr) -> tuple[tuple[Input, ...], dict[str, Expr]]:
    """Return the inputs and, by name, the derivatives."""
    inputs = tuple(output.inputs.values())
    return inputs, dict(zip(output.inputs, jacobian(output, inputs), strict=True))


def check(
    text: str | Expr,
    *,
    formula: Callable[[dict[str, Expr]], dict[str, Expr]] | None = None,
    change: Change = unchanged,
    spoil_backward: Change = unchanged,
    value_factor: float = 1.0,
    **options: Any,
) -> Report:
    """Verify a formula with the interpreted kernel; `formula` spoils the derivative expressions."""
    output = parse(text) if isinstance(text, str) else text
    inputs, gradients = derivatives(output)
    if formula is not None:
        gradients = formula(gradients)
    kernel = InterpretedKernel(output, gradients, change, spoil_backward, value_factor)
    return verify(output, inputs, gradients, kernel, **options)


FORMULAS = (
    "x**2",
    "x**3 - 2*x + 1",
    "x*y + y/x",
    "(w + x)*(w + 1)",
    "exp(-x**2)",
    "exp(exp(x)/3)",
    "log(x)",
    "log(x - 5)",
    "log(3 - x)",
    "log(x)*log(1 - x)",
    "log1p(x)",
    "expm1(x)/x",
    "sqrt(x)",
    "sqrt(1 - x**2)",
    "sqrt(x + 1) - sqrt(x)",
    "sin(x)*cos(y)",
    "tan(x)",
    "asin(x)",
    "acos(x)",
    "atan(x/y)",
    "atan2(y, x)",
    "sinh(x)/cosh(x)",
    "tanh(3*x)",
    "x**y",
    "2**x",
    "x**0.5 + x**-1.5",
    "hypot(x, y)",
    "sigmoid(x)",
    "softplus(x)",
    "1/(1 + exp(-x))",
    "log(1 + exp(x))",
    "(1 - cos(x))/x**2",
    "abs(x)",
    "relu(x)*x",
    "maximum(x, y)",
    "minimum(x, y**2)",
    "clip(x, -0.5, 0.5)",
    "where(x > 0, log(x), x)",
    "where(x > y, x*y, x/y)",
    "sign(x)*x**2",
    "sum(x > 0) + sum(x)",
    "sum(x**2)",
    "mean(x)",
    "prod(x)",
    "max(x)",
    "min(x, axis=0)",
    "sum(X, axis=1) + 0*sum(X[0, :])",
    "norm(x)",
    "norm1(x)",
    "logsumexp(x)",
    "softmax(x)",
    "sum(softmax(X, axis=1)**2)",
    "x @ y",
    "x @ A @ x",
    "A @ B",
    "sum((X @ w - y)**2)",
    "sum((X @ w - y)**2) + lam*sum(w**2)",
    "mean(log(1 + exp(-y*(X @ w))))",
    "norm(X @ w - y)",
    "trace(A @ B)",
    "trace(A.T @ A)",
    "diag(x) @ A @ diag(x)",
    "outer(x, y)",
    "det(A)",
    "logdet(A)",
    "inv(A)",
    "solve(A, b)",
    "b @ solve(A, b)",
    "sum(cholesky(A))",
    "logdet(X.T @ X)",
    "log(det(A @ A.T))",
    "x[0]*x[1] + x[-1]",
    "sum(x[1:]*x[:-1])",
    "reshape(x, (2, 3)) @ y",
    "exp(x.T @ A @ x)",
    "f(b1, b2, x[n]) = sum(b1*(1 - exp(-b2*x)))",
    "f(y[n], b1, x[n], b2, b3) = sum((y - b1*x**b2/(b3 + x))**2)",
    "erf(x)",
    "gamma(x)",
    "loggamma(x)",
)
