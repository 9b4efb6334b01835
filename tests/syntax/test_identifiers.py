"""Names and small pieces of written Python."""

from __future__ import annotations

import pytest

from symgrad.core.dims import named
from symgrad.core.indexing import Cut, NewAxis, Pick
from symgrad.syntax.identifiers import (
    Identifiers,
    index_source,
    number_text,
    power_text,
    shape_source,
    size_text,
    slice_text,
)

m, n = named("m"), named("n")


def test_no_name_is_given_twice_and_none_is_a_keyword() -> None:
    names = Identifiers(reserved=("np",))
    assert [names.claim(name) for name in ("x", "x", "lambda", "np", "x_")] == ["x", "x_", "lambda_", "np_", "x__"]
    assert [names.numbered("t"), names.claim("t3"), names.numbered("t"), names.numbered("t")] == [
        "t1",
        "t3",
        "t2",
        "t4",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2, "2"),
        (0.5, "0.5"),
        (1.7e308, "1.7e308"),
        (1e-5, "1e-05"),
        (2**60, "1.152921504606847e18"),
        (float("inf"), "np.inf"),
        (float("-inf"), "-np.inf"),
        (float("nan"), "np.nan"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number_text(value) == text


def test_powers_hug_as_ruff_has_it() -> None:
    assert power_text("x", "2") == "x**2" and power_text("x.T", "-2") == "x.T**-2"
    assert power_text("(a + b)", "2") == "(a + b) ** 2" and power_text("x[0]", "2") == "x[0] ** 2"


def test_sizes() -> None:
    assert size_text(2 * m * n - 1, {}) == "2 * m * n - 1" and size_text((n + 1) // 2, {}) == "(n + 1) // 2"
    assert size_text(m * n, {"m": named("m_")}) in ("m_ * n", "n * m_") and size_text(3, {}) == "3"
    assert shape_source((n,), {}) == "(n,)" and shape_source((), {}) == "()" and shape_source((m, 2), {}) == "(m, 2)"


def test_subscripts_as_ruff_has_them() -> None:
    index = (Pick(0), Cut(1, None), Cut(None, -1, 2), NewAxis(), Cut(n - 2, None), Cut(None, n - 1))
    assert index_source(index, {}) == "0, 1:, :-1:2, None, n - 2 :, : n - 1"
    assert slice_text("n + 1", "2 * n") == "n + 1 : 2 * n" and slice_text("n + 1", "", "2") == "n + 1 :: 2"
