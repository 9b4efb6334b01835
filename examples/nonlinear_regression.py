"""Nonlinear regression: Misra1a of the NIST StRD data sets, y = b1 (1 - exp(-b2 x)), with SciPy's least squares.

NIST certifies b1 = 238.94212918, b2 = 5.5015643181e-4 and a residual sum of squares of 0.12455138894.
"""

import numpy as np
from scipy.optimize import least_squares

import symgrad as sg

x = np.array([77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0])
y = np.array([10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78])

residuals = sg.parse("f(b1, b2, x[n], y[n]) = y - b1*(1 - exp(-b2*x))")
for name, slope in sg.jacobian(residuals, ["b1", "b2"]).items():
    print(f"dr/d{name} = {slope.formula()}")
kernel = sg.compile(residuals, wrt=["b1", "b2"])


def values(b: np.ndarray) -> np.ndarray:
    """Return the residuals."""
    return kernel(x=x, y=y, b1=b[0], b2=b[1])


def slopes(b: np.ndarray) -> np.ndarray:
    """Return the Jacobian of the residuals, one column for each parameter."""
    _, by_name = kernel.value_and_grad(x=x, y=y, b1=b[0], b2=b[1])
    return np.stack([by_name["b1"], by_name["b2"]], axis=1)


found = least_squares(values, [250.0, 5e-4], jac=slopes, x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
print(f"b1 = {found.x[0]:.6f}, b2 = {found.x[1]:.10f}, residual sum of squares {2 * found.cost:.10f}")
