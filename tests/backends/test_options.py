"""Options are checked once, where a kernel is made."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.options import Options, make_options
from symgrad.errors import InvalidValueError


def test_a_dtype_is_given_by_name_or_as_numpys():
    assert make_options("float32") == make_options(np.float32) == make_options(np.dtype("f4")) == Options("float32")
    assert make_options() == Options("float64", reproducible=False)


@pytest.mark.parametrize("dtype", ["float16", "int64", "complex128", "real", None, 3])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(InvalidValueError, match="dtype is float64 or float32"):
        make_options(dtype)


def test_reproducible_is_yes_or_no():
    with pytest.raises(InvalidValueError, match="reproducible is True or False, not 'yes'"):
        sg.compile("sum(x)", reproducible="yes")


def test_a_kernel_knows_its_options():
    assert sg.compile("sum(x)", dtype="float32", reproducible=True).options == Options("float32", reproducible=True)
