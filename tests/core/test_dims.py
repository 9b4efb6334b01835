"""Symbolic sizes against integer arithmetic."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.core.dims import Dim, Size, element_count, evaluate, named, shape_text
from symgrad.errors import ShapeError

m, n = named("m"), named("n")
SIZES = {"m": 5, "n": 12}
LEAVES = st.one_of(st.sampled_from([m, n]), st.integers(-3, 7))


@st.composite
def sums(draw: st.DrawFn) -> tuple[Size, int]:
    """Draw a size and its value by plain arithmetic."""
    size: Size = draw(LEAVES)
    value = evaluate(size, SIZES)
    for _ in range(draw(st.integers(0, 6))):
        other = draw(LEAVES)
        step = draw(st.sampled_from([operator.add, operator.sub, operator.mul, operator.floordiv]))
        if step is operator.floordiv:
            other = draw(st.integers(1, 4))
        size, value = step(size, other), step(value, evaluate(other, SIZES))
    return size, value


@settings(max_examples=150, derandomize=True, deadline=None)
@given(sums())
def test_sizes_compute_like_integers(drawn: tuple[Size, int]) -> None:
    size, value = drawn
    assert evaluate(size, SIZES) == value


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (n - 1, "n - 1"),
        (1 + n * 2 - n, "n + 1"),
        (m * n + n * m, "2*m*n"),
        (-n, "-n"),
        (3 - n, "-n + 3"),
        ((n + 1) // 2, "(n + 1)//2"),
        ((2 * n + 4) // 2, "n + 2"),
        ((n + 1) // 2 * 3, "3*((n + 1)//2)"),
        (n * n, "n*n"),
    ],
)
def test_normal_form(size: Size, text: str) -> None:
    assert str(size) == text


def test_equal_sizes_are_equal() -> None:
    assert (n + 1) * (n - 1) == n * n - 1
    assert hash(m + n) == hash(n + m)
    assert n - n == 0 and isinstance(n - n, int)
    assert n != m and n != 3


def test_names() -> None:
    size = m * ((n + 1) // 2)
    assert isinstance(size, Dim) and set(size.names()) == {"m", "n"}
    assert n.name == "n" and size.name is None
    with pytest.raises(KeyError):
        n.evaluate({})


def test_counts_and_texts() -> None:
    assert element_count(()) == 1 and element_count((m, 2, n)) == 2 * m * n
    assert shape_text(()) == "()" and shape_text((n,)) == "(n,)" and shape_text((m, 3)) == "(m, 3)"


@pytest.mark.parametrize("divisor", [0, -2])
def test_only_positive_divisors(divisor: int) -> None:
    with pytest.raises(ShapeError, match=f"not by {divisor}"):
        n // divisor
