"""`symgrad verify --claim`: a derivative that was written by hand."""

from pathlib import Path

import pytest

LOSS = "sum((X @ w - y)**2)"


def test_a_right_claim_passes_and_shows_what_was_read(run):
    result = run("verify", LOSS, "--claim", "2*X.T @ (X @ w - y)", "--wrt", "w")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        "f = sum((X @ w - y)**2)    shape ()",
        "df/dw = 2*X.T @ (X @ w - y)    shape (n,)",
        "claimed df/dw = 2*X.T @ (X @ w - y)    shape (n,)",
    ]
    assert "PASS: " in result.stdout and "at 3 points" in result.stdout


def test_a_wrong_claim_fails_with_the_mistake_and_a_point(run):
    result = run("verify", LOSS, "--claim", "2*X.T @ (y - X @ w)", "--wrt", "w", "--points", "1")
    assert result.exit_code == 1
    assert "why: df/dw has the wrong sign" in result.stdout
    assert "why: counter-example at X = [[" in result.stdout


def test_a_claim_for_each_input(run):
    result = run("verify", "x*sin(y)", "--wrt", "x", "--wrt", "y", "--claim", "sin(y)", "--claim", "cos(y)")
    assert result.exit_code == 1 and "why: df/dy is wrong" in result.stdout


def test_the_one_input_needs_no_name(run):
    assert run("verify", "sum(x**2)", "--claim", "2*x").exit_code == 0


def test_the_point_can_be_given(run):
    result = run("verify", "sqrt(x)", "--claim", "0.5/sqrt(x)", "--at", "x=0")
    assert result.exit_code == 3 and "INCONCLUSIVE" in result.stdout


def test_the_layout_of_the_claim(run):
    assert run("verify", "trace(A @ X)", "--wrt", "X", "--claim", "A").exit_code == 1
    assert run("verify", "trace(A @ X)", "--wrt", "X", "--claim", "A", "--layout", "numerator").exit_code == 0


@pytest.mark.parametrize(
    ("claim", "words", "column"),
    [
        ("2*X.T @ (X @ w - y", "--claim: '(' is never closed", 9),
        ("2*X.T @ (X @ w - q)", "--claim: q is not an input of the formula", 18),
    ],
)
def test_bad_text_gets_a_caret(shell, claim, words, column):
    result = shell("verify", LOSS, "--wrt", "w", "--claim", claim)
    assert result.returncode == 2 and words in result.stderr
    place, caret = result.stderr.splitlines()[1:3]
    assert f"column {column}: {claim}" in place
    assert caret.index("^") == place.index(claim) + column - 1


def test_as_many_claims_as_inputs(shell):
    result = shell("verify", LOSS, "--claim", "2*w")
    assert result.returncode == 2 and "one --claim for each --wrt" in result.stderr


def test_a_layout_is_that_of_a_claim(shell):
    result = shell("verify", LOSS, "--layout", "vec")
    assert result.returncode == 2 and "none is given" in result.stderr


def test_the_readme_shows_the_counter_example(run):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    lines = run("verify", "x.T @ A @ x", "--wrt", "x", "--claim", "2*A @ x").stdout.splitlines()
    shown = [line for line in lines if line.startswith("why")]
    assert len(shown) == 2 and all(f"    {line}\n" in readme for line in shown)
