"""A gradient that is NaN from the first step, traced to the column of the data that has no spread."""

import numpy as np

import symgrad as sg

FORMULA = """
centred = X - mean(X, axis=0)
scale = sqrt(mean(centred**2, axis=0))
f(X[m,n], w[n], y[m]) = sum(((centred/scale) @ w - y)**2)"""
X = np.array([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0]])
y = np.array([1.0, 2.0, 3.0])

kernel = sg.compile(FORMULA, wrt=["w"])
value, slopes = kernel.value_and_grad(X=X, w=np.zeros(2), y=y)
print(f"loss {value}, gradient {slopes['w']}")

explanation = kernel.explain(X=X, w=np.zeros(2), y=y)
print(explanation)
