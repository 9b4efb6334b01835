"""A kernel is optimised once, as a module, and comes out vectorised."""

import numpy as np

from symgrad.backends.numba import compile_program
from symgrad.backends.numba.pipeline import KernelLibrary
from symgrad.lowering import lower
from symgrad.syntax import parse


def test_the_module_is_a_kernel_library_with_vector_code() -> None:
    f = parse("f(x[n], y[n]) = sqrt(x*x + y*y)")
    kernel = compile_program(lower([f], list(f.inputs.values())), cache=False)
    library = kernel._code.result.library
    assert isinstance(library, KernelLibrary)
    assert "x double>" in library.get_llvm_str()
    (result,) = kernel([np.array([3.0, 5.0]), np.array([4.0, 12.0])], {"n": 2})
    np.testing.assert_array_equal(result, [5.0, 13.0])
