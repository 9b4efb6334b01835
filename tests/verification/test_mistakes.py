import numpy as np
import pytest

from symgrad.diff.layout import Layout
from symgrad.verification.mistakes import Comparison, diagnose

D = np.array([[1.0, 2.0, -0.5], [0.3, 4.0, 2.5]])


def told(claimed, derivative=D, rank=0, layout=Layout.DEFAULT, sizes=None):
    return diagnose([Comparison(derivative, claimed, sizes or {})], rank, layout)


@pytest.mark.parametrize(
    ("claimed", "words"),
    [
        (-D, "has the wrong sign"),
        (2 * D, "off by the factor 2: it is twice"),
        (D.T, "right up to a transpose"),
        (-3.5 * D.T, "is off by the factor -3.5; apart from that"),
        (D.ravel(), "flattened"),
        (D + 1e-3, ""),
        (np.full_like(D, np.nan), ""),
        (D * np.where(D > 3, 2, 1), ""),
        (np.zeros_like(D), ""),
    ],
)
def test_a_mistake_is_named_only_if_it_explains_everything(claimed, words):
    found = told(claimed)
    assert words in found and bool(words) is bool(found)


def test_a_factor_has_to_be_the_same_at_every_point():
    assert diagnose([Comparison(D, 2 * D, {}), Comparison(D, 3 * D, {})], 0, Layout.DEFAULT) == ""


def test_a_factor_that_is_a_size():
    pairs = [Comparison(D, k * D, {"m": k, "n": 7}) for k in (4, 2, 5)]
    assert "it is m times the derivative" in diagnose(pairs, 0, Layout.DEFAULT)
    pairs = [Comparison(D, D / k, {"m": k, "n": 7}) for k in (4, 2, 5)]
    assert "it is 1/m times the derivative" in diagnose(pairs, 0, Layout.DEFAULT)


def test_the_layout_that_was_asked_for_is_not_called_a_transpose():
    assert told(D.T, layout=Layout.NUMERATOR) == ""
    assert "layout 'default'" in told(D, layout=Layout.NUMERATOR)
