"""Every example runs and prints what it promises."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
LAST_WORDS = {
    "line_fit.py": "y = 5 x + 3",
    "logistic_regression.py": "iterations, loss ",
    "nan_hunting.py": "instead: guard the divisor, x/where(y == 0, 1, y), or add a small number to it",
    "nonlinear_regression.py": "b1 = 238.942129, b2 = 0.0005501564, residual sum of squares 0.1245513889",
}


def test_every_example_is_run_here():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(LAST_WORDS)


@pytest.mark.parametrize("name", LAST_WORDS)
def test_an_example_runs(name):
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert LAST_WORDS[name] in done.stdout
