"""The literals of --at and --shape: what is read, and where mistakes are."""

import doctest

import numpy as np
import pytest
from symgrad_cli import literals
from symgrad_cli.literals import read_shape, read_values

from symgrad import SymgradError


def test_numbers_and_lists_are_read():
    values = read_values(" x = 1, y=-2.5e-3 ; w=[1, 2,3], A=[[1,2],[3,4.5]],e=[],")
    assert {name: value.tolist() for name, value in values.items()} == {
        "x": 1.0,
        "y": -2.5e-3,
        "w": [1, 2, 3],
        "A": [[1, 2], [3, 4.5]],
        "e": [],
    }
    assert all(value.dtype == np.float64 for value in values.values())


def test_values_that_are_not_finite_are_read():
    values = read_values("a=inf, b=-inf, c=nan, infinite=1")
    assert values["a"] == np.inf and values["b"] == -np.inf and np.isnan(values["c"]) and values["infinite"] == 1


@pytest.mark.parametrize(
    ("text", "kind", "start"),
    [
        ("", "syntax", 0),
        ("x", "syntax", 1),
        ("x=", "syntax", 2),
        ("x=1 y=2", "syntax", 4),
        ("x=1, x=2", "syntax", 5),
        ("=1", "syntax", 0),
        ("x=[1, 2", "syntax", 7),
        ("x=[1 2]", "syntax", 5),
        ("x=1]", "syntax", 3),
        ("x=[[1, 2], [3]]", "shape", 2),
        ("x=__import__('os')", "syntax", 12),
        ("x=y", "syntax", 2),
        ("x=1e", "syntax", 3),
        ("x=" + "[" * 40, "limit", 34),
        ("x=1+1", "syntax", 3),
    ],
)
def test_mistakes_have_a_place(text, kind, start):
    with pytest.raises(SymgradError) as caught:
        read_values(text)
    assert (caught.value.kind, caught.value.span.start) == (kind, start)
    assert caught.value.message.startswith("--at: ")


def test_shapes_are_read():
    assert read_shape("X=m,3") == ("X", ("m", 3))
    assert read_shape(" w = n ") == ("w", ("n",))
    assert read_shape("lam=") == ("lam", ())


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("X", 0, 1), ("=m", 0, 2), ("X=m,,n", 4, 5), ("X=m,-1", 4, 6), ("X=(m,n)", 2, 4), ("X=m,n,", 6, 7), ("9=m", 0, 3)],
)
def test_a_mistake_in_a_shape_has_a_place(text, start, end):
    with pytest.raises(SymgradError) as caught:
        read_shape(text)
    assert (caught.value.span.start, caught.value.span.end) == (start, end)


def test_the_examples_in_the_docstrings_run():
    result = doctest.testmod(literals)
    assert result.attempted and not result.failed
