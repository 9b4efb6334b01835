"""The C function of a kernel, called through its address by ctypes, also where the code comes from the cache."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends import cachefolder as disk
from symgrad.backends.numba import CompiledKernel, compile_program
from symgrad.backends.numba.layout import Region
from symgrad.lowering import lower

CASES = {
    "scalars": ("f(x, y) = exp(x)*y + cosh(y)", {"x": 0.5, "y": 2.0}),
    "matrices": ("f(X[m,n], w[n], y[m]) = X.T @ (X @ w - y)", {"X": np.arange(6.0).reshape(3, 2), "w": [1.0, -1.0]}),
    "a routine": ("f(A[n,n], b[n]) = cholesky(A) @ exp(b)", {"A": [[4.0, 2.0], [2.0, 5.0]], "b": [0.0, 1.0]}),
}


def compiled(name: str) -> CompiledKernel:
    f = sg.parse(CASES[name][0])
    return compile_program(lower([f], list(f.inputs.values())))


def call_in_c(kernel: CompiledKernel, inputs: list[np.ndarray], sizes: dict[str, int]) -> list[np.ndarray]:
    """Lay out the pointers as the C function wants them."""
    layout, plan = kernel.layout, kernel.plan(sizes)
    results = [np.full(shape, np.nan) for shape in plan.shapes]
    scalars, work = np.full(layout.scalars + 1, np.nan), np.empty(plan.work + 1)
    scalars[: len(layout.scalar_inputs)] = [inputs[k] for k in layout.scalar_inputs]
    arrays = [*(inputs[k] for k in layout.array_inputs), *results, scalars, work]
    pointers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(kernel.address)
    assert function(pointers, plan.dims.ctypes.data) == 0
    first = len(layout.array_inputs)
    return [scalars[p.element] if p.region is Region.SCALARS else results[p.member - first] for p in layout.outputs]


def c_value(name: str) -> np.ndarray:
    values = {"y": [1.0, 2.0, 3.0], **CASES[name][1]}
    kernel = compiled(name)
    inputs = [np.array(values[b.name], float) for b in kernel.program.buffers if b.kind.value == "input"]
    return call_in_c(kernel, inputs, {"m": 3, "n": 2})[0]


@pytest.mark.parametrize("name", CASES)
def test_the_c_function_computes_the_formula(name, tmp_path, monkeypatch):
    monkeypatch.setenv(disk.FOLDER_VARIABLE, str(tmp_path / "kernels"))
    f, values = CASES[name]
    values = {"y": [1.0, 2.0, 3.0], **values} if "y" in sg.parse(f).inputs else values
    expected = sg.compile(f)(**values)
    np.testing.assert_allclose(c_value(name), expected, rtol=1e-14)  # compiled here, or found in the folder
    script = f"import test_entry; print(*test_entry.c_value({name!r}).ravel().tolist())"
    script += "; import sys; assert 'symgrad.backends.numba.emission' not in sys.modules"
    path = f"import sys; sys.path.insert(0, {__file__.rpartition('/')[0]!r}); "
    done = subprocess.run([sys.executable, "-c", path + script], capture_output=True, text=True, check=True)
    np.testing.assert_array_equal([float(word) for word in done.stdout.split()], np.ravel(c_value(name)))
