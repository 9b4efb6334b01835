"""`symgrad.testing`: the assertion as a user's tests see it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import symgrad as sg
from symgrad.testing import assert_gradient

X = np.array([1.0, 2.0, -0.5])


def test_a_right_gradient_gives_the_report():
    report = assert_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2, X, points=1, seed=4)
    assert report.passed and len(report.points) == 2


def test_the_message_is_the_report():
    with pytest.raises(AssertionError) as caught:
        assert_gradient(lambda x: np.sum(x**3), lambda x: x**2 * [3, 3, 2], X)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("the gradient is wrong: the derivative of fun by x[2] is 0.5, but differences say 0.75")
    assert any("gradient against differences of the function" in line for line in lines)


def test_what_cannot_be_said_is_no_pass():
    hidden = (lambda x: np.sum((x + 1e9) - 1e9), np.ones_like, X)
    with pytest.raises(AssertionError, match="could not be checked: the derivative by x: rounding"):
        assert_gradient(*hidden)
    assert not assert_gradient(*hidden, allow_inconclusive=True).passed


def test_a_wrong_gradient_is_never_allowed():
    with pytest.raises(AssertionError, match="wrong"):
        assert_gradient(np.sum, lambda x: 2 + 0 * x, X, allow_inconclusive=True)


def test_functions_that_cannot_be_checked_are_errors():
    with pytest.raises(sg.ShapeError):
        assert_gradient(np.sum, lambda x: x[:2], X)


def test_pytest_points_at_the_line_of_the_test(tmp_path):
    test = tmp_path / "test_mine.py"
    test.write_text(
        "import numpy as np\n"
        "from symgrad.testing import assert_gradient\n"
        "def test_my_gradient():\n"
        "    assert_gradient(lambda x: np.sum(x**2), lambda x: x, np.ones(2))\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert "the gradient is wrong: the derivative of fun by x[0] is 1.0, but differences say 2" in result.stdout
    assert "test_mine.py:4: AssertionError" in result.stdout and "raise AssertionError" not in result.stdout
