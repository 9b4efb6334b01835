"""Run expressions through lowering and the compiled kernel, beside the reference interpreter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

import symgrad.ops  # noqa: F401
from symgrad.backends.numba import compile_program
from symgrad.backends.reference import bind_sizes, evaluate_reference
from symgrad.core.expr import Expr, Input
from symgrad.lowering import check, lower


@dataclass(frozen=True)
class Compared:
    """Results of the kernel and of the reference interpreter."""

    kernel: list[np.ndarray]
    reference: list[np.ndarray]

    def agree(self, rtol: float, atol: float = 0.0) -> None:
        for found, expected in zip(self.kernel, self.reference, strict=True):
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def run(outputs: Sequence[Expr], values: Mapping[str, object], dtype: str = "float64") -> Compared:
    inputs: dict[str, Input] = {}
    for output in outputs:
        inputs.update(output.inputs)
    ordered = list(inputs.values())
    program = lower(outputs, ordered)
    check(program)
    kernel = compile_program(program, dtype, cache=False)
    arrays = [np.require(values[node.name], dtype, "C") for node in ordered]
    results = kernel(arrays, bind_sizes(ordered, values))
    return Compared(results, evaluate_reference(outputs, values, dtype))


@pytest.fixture
def compare() -> Callable[..., Compared]:
    return run
