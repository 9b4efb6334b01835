"""`symgrad explain`: what it prints, and its exit status."""

import json

import numpy as np
import pytest


def test_a_cause_is_shown_under_the_text(run):
    result = run("explain", "sum(x*log(x))", "--at", "x=[1, 0, 2]")
    assert result.exit_code == 1, result.output
    assert result.stdout.splitlines()[:5] == [
        "not finite: value (1 entry), derivative by x (1 entry)",
        "log of 0 at x[1]",
        "    line 1, column 7: sum(x*log(x))",
        "                            ^^^^^^",
        "    operands: x[1] = 0.0",
    ]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("log(x)", "--at", "x=1"), 0),
        (("log(x)", "--at", "x=0"), 1),
        (("sqrt(x)", "--at", "x=0"), 1),
        (("x + log(y)", "--at", "x=1, y=-1", "--wrt", "x"), 1),
        (("exp(x)", "--at", "x=100"), 0),
        (("exp(x)", "--at", "x=100", "--dtype", "float32"), 1),
        (("x", "--at", "x=nan"), 1),
        (("f(A[n,n]: symmetric) = det(A)", "--at", "A=[[1, 2], [3, 4]]"), 2),
        (("log(x)",), 2),
        (("log(x)", "--at", "y=1"), 2),
        (("log(x", "--at", "x=1"), 2),
        (("log(x)", "--at", "x=1", "--wrt", "y"), 2),
    ],
)
def test_the_exit_status(run, arguments, status):
    assert run("explain", *arguments).exit_code == status


def test_only_what_is_asked_for_is_differentiated(run):
    point = ("--at", "x=0, y=1")
    assert run("explain", "sqrt(x)*y", *point, "--wrt", "y").exit_code == 0
    assert run("explain", "sqrt(x)*y", *point, "--wrt", "x").exit_code == 1


def test_the_shape_of_the_data_places_the_cause_too(run, tmp_path):
    path = tmp_path / "point.npz"
    np.savez(path, X=[[1.0, 2.0], [0.0, 1.0]])
    result = run("explain", "log(X)", "--data", str(path), "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1 and told["findings"][0]["span"] == [0, 6]
    assert told["findings"][0]["condition"] == "log of 0 at X[1, 0]" and told["finite"] is False


def test_a_file_of_several_lines(run, tmp_path):
    path = tmp_path / "model.txt"
    path.write_text("u = x - y\nsum(log(u))\n")
    result = run("explain", "-f", str(path), "--at", "x=[1, 2], y=[1, 1]")
    assert "log of 0 at [0]" in result.stdout and "line 2, column 5" in result.stdout


def test_assumptions_count(run):
    result = run("explain", "logdet(A)", "--assume", "A: spd", "--at", "A=[[1, 2], [2, 1]]")
    assert result.exit_code == 1 and "A is assumed spd, but A has the eigenvalue -1" in result.stdout
