"""The Numba backend: kernel IR to machine code through LLVM, kept on disk between processes."""

from __future__ import annotations

from symgrad.backends.numba.cache import cached_compilation
from symgrad.backends.numba.kernel import CompiledKernel
from symgrad.backends.numba.layout import make_layout
from symgrad.backends.options import DType, Options, make_options
from symgrad.lowering import Program


def compile_program(program: Program, options: Options | DType = "float64", cache: bool = True) -> CompiledKernel:
    """Compile a kernel program once for all shapes; a dtype stands for the options that have it.

    The kernel takes the inputs in order (C-contiguous, of the kernel's dtype, 0-d for scalars; their shapes are not
    checked) and the values of the named sizes; it returns fresh output arrays in order. With `cache` the machine
    code is kept on disk and found again by later processes.

    >>> import numpy as np, symgrad as sg
    >>> from symgrad.lowering import lower
    >>> x = sg.vector("x", "n")
    >>> kernel = compile_program(lower([sg.sum(x * x), 2 * x], [x]))
    >>> kernel([np.array([1.0, 2.0])], {"n": 2})
    [array(5.), array([2., 4.])]

    Raises ShapeError (the kernel) for a maximum over no elements, OperandError for a C function that this platform
    does not have.
    """
    layout = make_layout(program)
    chosen = make_options(options) if isinstance(options, str) else options
    return CompiledKernel(program, layout, chosen, cached_compilation(program, layout, chosen, use_disk=cache))


__all__ = ["CompiledKernel", "compile_program"]
