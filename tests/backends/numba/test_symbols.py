"""C functions by name."""

import pytest

from symgrad.backends.numba.symbols import Symbol, register
from symgrad.errors import OperandError


@pytest.mark.parametrize(
    "symbol",
    [Symbol("libm", "expf"), Symbol("blas", "dgemm"), Symbol("lapack", "spotrf"), Symbol("special", "jv", 2)],
)
def test_known_functions_are_registered_under_our_own_name(symbol):
    assert register(symbol) == f"symgrad_{symbol.library}_{symbol.function}"
    assert register(symbol) == symbol.name


@pytest.mark.parametrize(
    "symbol", [Symbol("libm", "nothing"), Symbol("blas", "dnothing"), Symbol("special", "gammainc", 5)]
)
def test_an_unknown_function_is_named_in_the_error(symbol):
    with pytest.raises(OperandError, match=symbol.function):
        register(symbol)
