"""`symgrad verify FILE --all`: files of many formulas."""

import json
from xml.etree import ElementTree

import pytest
from symgrad_cli.formula_files import read_formulas, unique_names
from symgrad_cli.verify_all import worst

MODEL = """\
# two models, and what is wrong
ridge: sum((X @ w - y)**2) + lam*sum(w**2)

f(A[n, n]: spd) = logdet(A)  # with a head
long: sum(
    # inside
  exp(x)
)
spread out: sum(x**2)
  + sum(y**2)
"""


@pytest.fixture
def model(tmp_path):
    def write(text):
        path = tmp_path / "model.txt"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_every_formula_is_verified_and_the_table_has_a_row_for_each(run, model):
    result = run("verify", model(MODEL), "--all", "--points", "1")
    assert result.exit_code == 0, result.output
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["verdict", "formula", "report"]
    assert [row[9:].split("  ")[0].strip() for row in rows] == ["ridge", "line 4", "long", "spread out"]
    assert all(row.startswith("PASS") for row in rows)


def test_the_file_can_be_given_by_its_option(run, model):
    assert run("verify", "--all", "-f", model("x**2"), "--points", "1").exit_code == 0


def test_what_is_wrong_is_told_with_file_and_line_and_the_rest_is_verified(run, model):
    path = model("\n\nbad: sum(exp(x)\nfine: x**2\nworse: sum(\n  foo(x))\n")
    result = run("verify", path, "--all", "--points", "1")
    assert result.exit_code == 2
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == ["BAD", "PASS", "BAD"]
    assert f"{path}: '(' is never closed\n  line 3, column 9:" in result.stderr
    assert f"{path}: there is no function foo\n  line 6, column 3:   foo(x))" in result.stderr


def test_a_formula_without_a_place_for_its_error_has_its_line(run, model):
    path = model("x**2\n3 + 4\n")
    result = run("verify", path, "--all", "--points", "1")
    assert result.exit_code == 2 and f"{path}, line 2: the formula has no inputs" in result.stderr


def test_a_lone_minus_is_not_standard_input(run, model):
    assert run("verify", model("-"), "--all", stdin="x**2").exit_code == 2


def test_the_worst_status_is_failed_then_bad_input_then_inconclusive():
    assert worst([0, 3, 2, 1]) == 1 and worst([0, 3, 2]) == 2 and worst([0, 3]) == 3 and worst([0]) == 0


def test_inputs_are_chosen_where_a_formula_has_them(run, model):
    result = run("verify", model("x*y\nx + z\ny*z"), "--all", "--points", "1", "--wrt", "x", "--wrt", "z")
    assert [line.split("  ")[-1].strip()[:8] for line in result.stdout.splitlines()[1:]] == [
        "1 of 1 d",
        "2 of 2 d",
        "1 of 1 d",
    ]
    result = run("verify", model("y**2"), "--all", "--points", "1", "--wrt", "x")
    assert result.exit_code == 2 and "--wrt" in result.stderr


def test_declarations_belong_into_the_file(run, model):
    result = run("verify", model("x**2"), "--all", "--at", "x=1")
    assert result.exit_code == 2 and "--all takes one file" in result.stderr


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n"])
def test_a_file_without_formulas_is_bad_input(run, model, text):
    assert run("verify", model(text), "--all").exit_code == 2


def test_a_file_that_is_not_there_or_no_text_is_bad_input(run, tmp_path):
    assert run("verify", str(tmp_path / "none.txt"), "--all").exit_code == 2
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    assert run("verify", str(tmp_path / "bytes"), "--all").exit_code == 2


def test_names_that_are_used_again_get_their_line(model):
    entries = read_formulas(model("a: x\na: y\nb: z"))
    assert unique_names(entries) == ["a", "a (line 2)", "b"]


def test_all_reports_are_in_each_file(run, model, tmp_path):
    page, certificates, cases = (str(tmp_path / name) for name in ("r.html", "c.json", "r.xml"))
    path = model("square: x**2\nbad: x +\ncube: x**3")
    result = run("verify", path, "--all", "--points", "1", "--html", page, "--json", certificates, "--junit", cases)
    assert result.exit_code == 2
    assert (tmp_path / "r.html").read_text(encoding="utf-8").count("<article>") == 2
    assert list(json.loads((tmp_path / "c.json").read_text())["certificates"]) == ["square", "cube"]
    (suite,) = ElementTree.parse(cases).getroot()
    assert (suite.get("tests"), suite.get("errors")) == ("5", "1")
    again = run("verify", certificates)
    assert again.exit_code == 0 and again.stdout.count("borne out") == 2


def test_the_file_itself_is_not_overwritten(run, model):
    path = model("x**2")
    assert run("verify", path, "--all", "--html", path).exit_code == 2
