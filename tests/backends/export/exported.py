"""Running exported modules: in a process of their own, or here, where njit does nothing and loops are plain Python."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import evaluate
from symgrad.core.expr import Expr
from symgrad.diff.jacobian import jacobian
from symgrad.simplify import simplify

SIZES = {"m": 4, "n": 3, "k": 2, "p": 5, "q": 3, "b": 2}
SCRIPT = """
import importlib.util, pathlib, sys
import numpy as np
sys.modules["symgrad"] = None  # an import of it fails
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    given = np.load(path.with_suffix(".npz"))
    arrays = [given[name] for name in given.files]
    value, derivatives = module.value_and_grad(*arrays)
    slopes = {f"d{name}": slope for name, slope in derivatives.items()}
    np.savez(path.with_suffix(".out.npz"), alone=module.value(*arrays), value=value, **slopes)
assert not [name for name in sys.modules if name.startswith("symgrad.")]
"""


def load(source: str) -> dict[str, Any]:
    """Return the names of an exported module whose loops Python runs itself."""
    stand_in = ModuleType("numba")
    stand_in.njit = lambda **_options: lambda function: function  # type: ignore[attr-defined]
    namespace: dict[str, Any] = {}
    before = sys.modules.get("numba")
    import numba.extending  # for functions of scipy.special

    sys.modules["numba"] = stand_in
    try:
        exec(compile(source, "exported", "exec"), namespace)
    finally:
        sys.modules["numba"] = before or numba
    return namespace


def run_alone(folder: Path) -> None:
    """Run every module of a folder on the arrays beside it, in a process that cannot import symgrad."""
    command = [sys.executable, "-I", "-c", SCRIPT, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr


def point(formula: Expr, seed: int = 0) -> dict[str, np.ndarray]:
    """Return values of the inputs: positive, and square matrices positive definite."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, node in formula.inputs.items():
        x = rng.uniform(0.2, 0.9, tuple(evaluate(size, SIZES) for size in node.shape))
        square = x.ndim > 1 and x.shape[-1] == x.shape[-2]
        found[name] = x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-1]) if square else x
    return found


def expected(formula: Expr, values: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the value and the derivatives, by the reference interpreter."""
    (stable,) = simplify([formula])
    return evaluate_reference(simplify([stable, *jacobian(stable, list(formula.inputs.values()))]), values)


def assert_same(found: Any, wanted: np.ndarray, scale: float = 1.0) -> None:
    """Compare to rounding; `scale` is the size of what the numbers came from."""
    assert np.shape(found) == wanted.shape and np.asarray(found).dtype == np.float64
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11 * scale)
