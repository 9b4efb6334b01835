"""`symgrad verify`: the report, and the exit status for each verdict."""

import pytest
from symgrad_cli import checking

import symgrad as sg


def test_a_right_derivative_passes(run):
    result = run("verify", "sum(exp(A @ x))", "--wrt", "x", "--points", "1", "--seed", "7")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("verified: PASS at 1 point;") and lines[-1] == "points drawn with seed 7"


def test_the_point_can_be_given(run):
    result = run("verify", "x*sin(y)", "--at", "x=2, y=0.5", "--points", "1")
    assert result.exit_code == 0 and "at 2 points" in result.stdout


@pytest.mark.parametrize(("verdict", "status"), [("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 3)])
def test_the_exit_status_is_the_verdict(run, monkeypatch, verdict, status):
    model = pytest.importorskip("symgrad.verification.model")
    asked = {}

    def planted(_formula: object, **options: object) -> sg.Report:
        asked.update(options)
        return model.Report(model.Verdict[verdict], ("x",), (), (), 0, 1e-9, ("planted",))

    monkeypatch.setattr(checking.sg, "verify", planted)
    result = run("verify", "x**2", "--seed", "5", "--points", "2")
    assert result.exit_code == status and verdict in result.stdout
    assert (asked["seed"], asked["points"], asked["wrt"]) == (5, 2, ["x"])


def test_a_wrong_rule_fails(run, monkeypatch):
    """The whole way down: a derivative that is wrong by a factor of 1.001 must be found."""
    from symgrad import api

    right = api.derivative.jacobian

    def wrong(*arguments: object) -> list[sg.Expr]:
        return [1.001 * slope for slope in right(*arguments)]

    monkeypatch.setattr(api.derivative, "jacobian", wrong)
    result = run("verify", "sum(x**3)")
    assert result.exit_code == 1 and result.stdout.startswith("verified: FAIL")
