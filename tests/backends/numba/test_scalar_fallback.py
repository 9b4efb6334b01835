"""Without a vector math library - macOS, Windows, musl; here by SYMGRAD_SCALAR_MATH - kernels give the same numbers."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from symgrad.backends.numba.vector_math import SCALAR_ONLY

PROGRAM = """
import json, sys
import numpy as np
import symgrad as sg

FORMULAS = {
    "regression": "f(X[m,n], w[n], y[m]) = sum(softplus(-y*(X @ w))) + sum(logsumexp(X*w, axis=1)) + sum(abs(w)**2.5)",
    "angles": "f(X[m,n], w[n], y[m]) = sum(atan2(sin(y), 2 + cos(y))*tanh(y)) + sum(hypot(X, exp2(w))) + sum(cbrt(X))",
}
rng = np.random.default_rng(0)
given = {"X": rng.standard_normal((33, 7)), "w": rng.standard_normal(7), "y": rng.standard_normal(33)}
results = {}
for name, formula in FORMULAS.items():
    for dtype in ("float64", "float32"):
        f = sg.parse(formula)
        value, gradients = sg.compile(f, dtype=dtype).value_and_grad({k: given[k] for k in f.inputs})
        results[name, dtype] = [float(value), *(g.ravel().tolist() for g in gradients.values())]
print(json.dumps([[*key, value] for key, value in results.items()]))
"""
KERNELS = 2 * 2  # formulas, dtypes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


def run(folder, scalar):
    environment = {**os.environ, "SYMGRAD_CACHE_DIR": str(folder)}
    environment.pop(SCALAR_ONLY, None)
    if scalar:
        environment[SCALAR_ONLY] = "1"
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment)
    return {(name, dtype): value for name, dtype, value in json.loads(done.stdout)}


def test_scalar_calls_give_the_same_numbers_from_a_cache_of_their_own(folder):
    vector = run(folder, scalar=False)
    assert len(list(folder.glob("*.kernel"))) == KERNELS
    scalar = run(folder, scalar=True)
    assert len(list(folder.glob("*.kernel"))) == 2 * KERNELS
    for (name, dtype), value in vector.items():
        ulp = np.finfo(dtype).eps
        for one, other in zip(value, scalar[name, dtype], strict=True):
            scale = np.max(np.abs(one))
            np.testing.assert_allclose(other, one, rtol=20 * ulp, atol=20 * ulp * scale, err_msg=f"{name} {dtype}")
