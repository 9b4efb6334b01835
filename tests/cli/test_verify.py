"""`symgrad verify`: the report, the exit status for each verdict, and the files it writes."""

import json
from xml.etree import ElementTree

import pytest
from symgrad_cli import checking

import symgrad as sg


def test_a_right_derivative_passes(run):
    result = run("verify", "sum(exp(A @ x))", "--wrt", "x", "--points", "1", "--seed", "7")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("PASS: 1 of 1 derivative block at 1 point, ")
    assert lines[-1] == "1 point drawn with seed 7"


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


@pytest.fixture
def wrong_rule(monkeypatch):
    """A derivative that is wrong by a factor of 1.001."""
    from symgrad import api

    right = api.derivative.jacobian

    def wrong(*arguments: object) -> list[sg.Expr]:
        return [1.001 * slope for slope in right(*arguments)]

    monkeypatch.setattr(api.derivative, "jacobian", wrong)


def test_a_wrong_rule_fails(run, wrong_rule):
    """The whole way down: a derivative that is wrong by a factor of 1.001 must be found."""
    result = run("verify", "sum(x**3)")
    assert result.exit_code == 1 and result.stdout.startswith("FAIL: 0 of 3 ")


def test_reports_are_written_to_files(run, tmp_path):
    page, certificate, cases = (str(tmp_path / name) for name in ("r.html", "c.json", "r.xml"))
    result = run("verify", "sum(x**3)", "--html", page, "--json", certificate, "--junit", cases)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))["verdict"] == "PASS"
    (suite,) = ElementTree.parse(cases).getroot()
    assert [case.get("name") for case in suite] == ["f", "df/dx"]


def test_regular_files_are_overwritten(run, tmp_path):
    (tmp_path / "r.html").write_text("old")
    assert run("verify", "x**3", "--points", "1", "--html", str(tmp_path / "r.html")).exit_code == 0
    assert "old" not in (tmp_path / "r.html").read_text(encoding="utf-8")[:100]


@pytest.mark.parametrize("where", ["folder", "missing/r.html", "/dev/null"])
@pytest.mark.parametrize("option", ["--html", "--json", "--junit"])
def test_what_cannot_be_written_is_refused_before_the_work(run, tmp_path, monkeypatch, where, option):
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(checking.sg, "verify", pytest.fail)
    result = run("verify", "x**2", option, str(tmp_path / where))
    assert result.exit_code == 2 and f"{option}: cannot write" in result.stderr


def test_two_reports_do_not_go_to_one_file(run, tmp_path):
    result = run("verify", "x**2", "--html", str(tmp_path / "r"), "--json", str(tmp_path / "." / "r"))
    assert result.exit_code == 2 and "also that of --html" in result.stderr


def test_the_formula_that_is_read_is_not_overwritten(run, tmp_path):
    (tmp_path / "f.txt").write_text("x**2")
    result = run("verify", "-f", str(tmp_path / "f.txt"), "--json", str(tmp_path / "f.txt"))
    assert result.exit_code == 2 and (tmp_path / "f.txt").read_text() == "x**2"


def test_second_derivatives_products_batches_and_single_precision(run):
    result = run(
        "verify", "x @ A @ x", "--wrt", "x", "--points", "1", "--hessian", "--products", "--batch", "--dtype", "float32"
    )
    assert result.exit_code == 0, result.output
    for route in ("second derivatives in either order", "compiled jvp", "compiled vjp", "batch kernel"):
        assert route in result.stdout
    assert run("verify", "X @ w", "--hessian").exit_code == 2  # no scalar


def test_what_a_claim_cannot_be_combined_with(run):
    assert run("verify", "x**2", "--claim", "2*x", "--hessian").exit_code == 2
    assert run("verify", "x**2", "--claim", "2*x", "--json", "c.json").exit_code == 2
