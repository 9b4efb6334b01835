"""A formula as a function of positional arrays that broadcasts like a NumPy gufunc."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.backends.batch import Array, Batch
from symgrad.core.dims import Shape
from symgrad.core.expr import Expr, Input
from symgrad.errors import OperandError


class GeneralizedFunction:
    """Looks like a NumPy gufunc: `nin`, `nout`, `signature`, `out=`, axes in front that broadcast.

    It is not an instance of `np.ufunc`: it has no `where`, `axes` or `casting`. Made by `Kernel.gufunc`.
    Errors: OperandError for a wrong number of arguments, and those of `Kernel.batch`.
    """

    nout = 1

    def __init__(self, batch: Batch, inputs: Sequence[Input], output: Expr) -> None:
        self._batch = batch
        self._names = tuple(node.name for node in inputs)
        self.nin = len(inputs)
        self.signature = f"{','.join(_core(node.shape) for node in inputs)}->{_core(output.shape)}"
        self.__doc__ = f"({', '.join(self._names)}) -> {output}"

    def __call__(self, *arrays: Any, out: Array | None = None, parallel: bool = False) -> Any:
        """Return the values for all points."""
        if len(arrays) != self.nin:
            raise OperandError(f"{self.nin} arguments are needed ({', '.join(self._names)}), not {len(arrays)}")
        return self._batch(dict(zip(self._names, arrays, strict=True)), out=out, parallel=parallel)

    def __repr__(self) -> str:
        return f"<gufunc {self.signature} of {', '.join(self._names)}>"


def _core(shape: Shape) -> str:
    return f"({','.join(str(size).replace(' ', '') for size in shape)})"
