"""The value and the derivatives of one formula, computed by symgrad and by what else is installed.

A contestant takes a `Subject` and returns a function without arguments; its results are the value and the derivatives
in order, or the value alone. NumPy and JAX run the NumPy source of the formula, which `Expr.python` writes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TypeAlias

import symgrad as sg
from symgrad.backends.reference import evaluate_reference

from .literals import Array

Call: TypeAlias = Callable[[], Sequence[Any]]

OURS = "symgrad"
_JAX_IMPORTS = {
    "import numpy as np": "import jax.numpy as np",
    "import scipy.": "import jax.scipy as scipy, jax.scipy.",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A formula, the inputs to differentiate by, and a value for each input."""

    formula: sg.Expr
    wrt: tuple[str, ...]
    values: Mapping[str, Array]


def symgrad(subject: Subject) -> Call:
    """Our kernel of value and derivatives."""
    kernel = sg.compile(subject.formula, wrt=list(subject.wrt))

    def call() -> list[Any]:
        value, derivatives = kernel.value_and_grad(subject.values)
        return [value, *derivatives.values()]

    return call


def numpy(subject: Subject) -> Call:
    """The value alone: NumPy has no derivatives."""
    function = _imported(subject.formula.python())
    arguments = [subject.values[name] for name in subject.formula.inputs]
    return lambda: [function(*arguments)]


def jax(subject: Subject) -> Call:
    """`jax.jit` of value and derivative, in float64: reverse mode, as for a loss."""
    module = import_module("jax")
    module.config.update("jax_enable_x64", True)
    source = subject.formula.python()
    for theirs, ours in _JAX_IMPORTS.items():
        source = source.replace(theirs, ours)
    function = _imported(source)
    inputs = {name: module.numpy.asarray(array, dtype=float) for name, array in subject.values.items()}
    active = {name: inputs[name] for name in subject.wrt}

    def objective(variables: dict[str, Any], others: dict[str, Any]) -> tuple[Any, Any]:
        value = function(*[variables.get(name, others[name]) for name in subject.formula.inputs])
        return value, value

    step = module.jit(module.jacrev(objective, has_aux=True))

    def call() -> list[Any]:
        derivatives, value = module.block_until_ready(step(active, inputs))
        return [value, *(derivatives[name] for name in subject.wrt)]

    return call


CONTESTANTS: Mapping[str, Callable[[Subject], Call]] = {OURS: symgrad, "numpy": numpy, "jax": jax}
WITHOUT_DERIVATIVES = ("numpy",)


def installed() -> list[str]:
    """Return the names of the contestants that can run here."""
    return [name for name in CONTESTANTS if find_spec(name) is not None]


def expected(subject: Subject) -> list[Any]:
    """Return the value and the derivatives as NumPy evaluates them, node by node."""
    derivatives = sg.jacobian(subject.formula, list(subject.wrt))
    return evaluate_reference([subject.formula, *derivatives.values()], dict(subject.values))


def _imported(source: str) -> Callable[..., Any]:
    """Return the function `f` of a module that `Expr.python` wrote, imported from a file as an exported one is."""
    with tempfile.TemporaryDirectory(prefix="symgrad-bench-") as folder:
        path = Path(folder, "formula.py")
        path.write_text(source, encoding="utf-8")
        spec = spec_from_file_location("symgrad_bench_formula", path)
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    function: Callable[..., Any] = module.f
    return function
