"""Subscripts against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import named
from symgrad.core.indexing import as_index, index_text, resolve
from symgrad.errors import OperandError, ShapeError, SymgradError

n = named("n")
BOUNDS = st.one_of(st.none(), st.integers(-9, 9))
STEPS = st.one_of(st.none(), st.sampled_from([1, 2, 3, -1, -2]))
ITEMS = st.one_of(st.integers(-5, 4), st.none(), st.builds(slice, BOUNDS, BOUNDS, STEPS))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(ITEMS, min_size=1, max_size=3))
def test_selections_of_known_sizes_are_numpys(items: list[Any]) -> None:
    x, values = sg.tensor("x", 5, 4), np.arange(20.0).reshape(5, 4)
    try:
        expected = values[tuple(items)]
    except IndexError:
        with pytest.raises(SymgradError):
            x[tuple(items)]
        return
    node = x[tuple(items)]
    assert node.shape == expected.shape
    np.testing.assert_array_equal(evaluate_reference([node], {"x": values})[0], expected)
    assert sg.parse(str(node)) is node


@pytest.mark.parametrize("size", [4, 5, 8])
@pytest.mark.parametrize("item", [slice(1, None), slice(None, -1), slice(None, None, 2), slice(None, None, -1),
                                  slice(-2, None), slice(1, -1, 2), slice(-1, 0, -3), 0, -1, 3], ids=str)  # fmt: skip
def test_selections_of_symbolic_sizes_are_numpys(item: Any, size: int) -> None:
    values = np.arange(float(size))
    (found,) = evaluate_reference([sg.vector("x", "n")[item]], {"x": values})
    np.testing.assert_array_equal(found, values[item])


def test_equal_selections_are_one_node() -> None:
    x = sg.vector("x", "n")
    assert x[:] is x and x[0:] is x and x[:n] is x
    assert x[n - 1] is x[-1] and x[: n - 1] is x[:-1] and x[::1][::1] is x
    assert sg.tensor("y", 5)[1:5] is sg.tensor("y", 5)[1:]


def test_what_the_sizes_must_allow() -> None:
    found = resolve((n,), as_index(slice(2, None)))
    assert found.shape == (n - 2,) and {str(size) for size, _ in found.requirements} == {"n - 2"}
    with pytest.raises(ShapeError, match="index 3 is outside of an axis of size n"):
        evaluate_reference([sg.vector("x", "n")[3]], {"x": np.ones(3)})


@pytest.mark.parametrize("index", [True, 1.5, "a", [0, 1], np.array([0]) > 0], ids=repr)
def test_what_is_no_index(index: Any) -> None:
    with pytest.raises(OperandError):
        sg.vector("x", "n")[index]


def test_text() -> None:
    assert index_text(as_index((0, slice(1, None), None, slice(None, None, -1)))) == "0, 1:, None, ::-1"
    with pytest.raises(ShapeError, match="step of a slice"):
        sg.vector("x", "n")[::0]
    with pytest.raises(ShapeError, match="2 indices for an array with 1 axes"):
        sg.vector("x", "n")[0, 0]
