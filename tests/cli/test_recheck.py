"""`symgrad verify certificate.json`: in a new process, and for certificates that lie."""

import json

import pytest

import symgrad as sg
from symgrad.report.certificate import certificate, digest


@pytest.fixture
def certified(run, tmp_path):
    path = tmp_path / "certificate.json"
    result = run(
        "verify", "sum(exp(A @ x))", "--wrt", "x", "--at", "A=[[1, 2], [3, 4]], x=[0.1, 0.2]", "--json", str(path)
    )
    assert result.exit_code == 0, result.output
    return path


def change(path, how, sign=True):
    content = json.loads(path.read_text())
    how(content)
    if sign:
        content["digest"] = digest(content)
    path.write_text(json.dumps(content))


def test_a_certificate_is_borne_out_in_a_new_process(shell, certified):
    done = shell("verify", str(certified))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{certified} is borne out"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["the certificate", "the new check"]
    assert lines[1].partition(":")[2].strip() == lines[2].partition(":")[2].strip()


def test_what_was_altered_is_rejected_with_the_reason(run, certified):
    change(certified, lambda c: c.update(verdict="FAIL"), sign=False)
    result = run("verify", str(certified))
    assert result.exit_code == 1 and "rejected: the certificate was altered" in result.stderr


def test_what_the_new_check_contradicts_is_rejected_even_with_a_new_digest(run, certified):
    def lie(content):
        content.update(verdict="INCONCLUSIVE", headline="INCONCLUSIVE: 4 of 4 derivative blocks at 4 points")

    change(certified, lie)
    result = run("verify", str(certified))
    assert result.exit_code == 1
    assert "wrong: it says INCONCLUSIVE, the new check says PASS" in result.stdout


def test_a_derivative_that_is_found_wrong_now_is_rejected(run, certified, monkeypatch):
    from symgrad import api

    right = api.derivative.jacobian
    monkeypatch.setattr(api.derivative, "jacobian", lambda *given: [1.001 * slope for slope in right(*given)])
    result = run("verify", str(certified))
    assert result.exit_code == 1 and "the new check says FAIL" in result.stdout
    assert "changed: df/dx: A.T @ exp(A @ x) then, " in result.stdout


@pytest.mark.parametrize(
    "lie",
    [
        {"resolving_power": {"decimal": "nan", "hex": "nan"}},
        {"headline": "PASS: 3 of 3 derivative blocks at 4 points, smallest error that would have been caught 1e-99"},
    ],
)
def test_what_would_have_been_caught_is_not_to_be_embellished(run, certified, lie):
    change(certified, lambda content: content.update(lie))
    result = run("verify", str(certified))
    assert result.exit_code == 1 and "its headline" in result.stdout


@pytest.mark.parametrize("option", ["--seed", "--points"])
def test_a_certificate_takes_no_seed_and_no_points(run, certified, option):
    result = run("verify", str(certified), option, "3")
    assert result.exit_code == 2 and "A certificate says itself what is checked" in result.stderr


def test_points_that_the_seed_does_not_give_are_used_all_the_same(run, certified):
    """As where another version draws other points: it is checked at those of the certificate."""

    def move(content):
        entry = content["points"][0]["values"]["x"]
        entry["decimal"][0], entry["hex"][0] = 0.5, (0.5).hex()

    change(certified, move)
    result = run("verify", str(certified), "--json", str(certified.with_name("again.json")))
    assert result.exit_code == 0, result.output
    assert "errors have other figures" in result.stdout
    again = json.loads(certified.with_name("again.json").read_text())
    assert [p["values"] for p in again["points"]] == [p["values"] for p in json.loads(certified.read_text())["points"]]


def test_other_versions_are_said_and_are_no_fault(run, certified):
    change(certified, lambda c: c["versions"].update(numpy="0.1"))
    result = run("verify", str(certified))
    assert result.exit_code == 0 and "changed: numpy: 0.1 then, " in result.stdout


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema": "symgrad certificate"}', "\x00"])
def test_what_is_no_certificate_is_bad_input(run, tmp_path, content):
    (tmp_path / "c.json").write_text(content)
    result = run("verify", str(tmp_path / "c.json"))
    assert result.exit_code == 2 and str(tmp_path / "c.json") in result.stderr


def test_a_formula_that_does_not_parse_is_bad_input(run, certified):
    from symgrad.verification.provenance import sha256

    def spoil(content):
        content["request"]["formula"] = "__import__('os')"
        content["hashes"]["formula"] = sha256("__import__('os')")

    change(certified, spoil)
    assert run("verify", str(certified)).exit_code == 2


def test_a_certificate_that_is_not_there_is_bad_input(run, tmp_path):
    assert run("verify", str(tmp_path / "none.json")).exit_code == 2


def test_options_that_a_certificate_has_itself_are_refused(run, certified):
    assert run("verify", str(certified), "--wrt", "x").exit_code == 2
    assert run("verify", str(certified), "--json", str(certified)).exit_code == 2


@pytest.mark.parametrize("options", [{"order": 2, "dtype": "float32"}, {"points": 0, "at": [{"x": 1.0}, {"x": 2.0}]}])
def test_what_was_asked_of_the_library_is_asked_again(run, tmp_path, options):
    path = tmp_path / "c.json"
    path.write_text(certificate(sg.verify("x**3", "x", **{"points": 1, **options})))
    result = run("verify", str(path))
    assert result.exit_code == 0, result.output
    assert "borne out" in result.stdout
