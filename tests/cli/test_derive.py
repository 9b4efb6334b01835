"""`symgrad derive`: what it prints for each option."""

import json
import re
import shlex
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from symgrad_cli import checking, derive

import symgrad as sg

RIDGE = "sum((X @ w - y)**2) + lam*sum(w**2)"


def test_the_main_job(shell):
    done = shell("derive", RIDGE, "--wrt", "w")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    signature, formula, derivative, verification = done.stdout.splitlines()
    assert signature == "f(X[m,n], w[n], y[m], lam)"
    assert formula == f"f = {RIDGE}"
    assert derivative == "df/dw = 2*X.T @ (X @ w - y) + 2*lam*w    shape (n,)"
    assert verification.startswith("verified: PASS at 3 points; worst error ") and "bound" in verification


def test_all_inputs_unless_some_are_named(run):
    everything = run("derive", "x*y**2", "--no-verify").stdout
    assert "df/dx = " in everything and "df/dy = " in everything
    some = run("derive", "x*y**2", "--no-verify", "--wrt", "y", "--wrt", "y").stdout
    assert "df/dx = " not in some and some.count("df/dy = ") == 1


def test_shapes_are_declared(run):
    result = run("derive", "sum(x*y)", "--shape", "x=k", "--shape", "y=k", "--no-verify", "--wrt", "x")
    assert result.stdout.splitlines()[0] == "f(x[k], y[k])"
    assert "df/dx = y    shape (k,)" in result.stdout
    scalar = run("derive", "sum(x + lam)", "--shape", "x=3", "--shape", "lam=", "--no-verify")
    assert scalar.stdout.splitlines()[0] == "f(x[3], lam)"


def test_a_vector_gives_its_jacobian(run):
    result = run("derive", "A @ x", "--wrt", "x", "--no-verify")
    assert "df/dx = A    shape (m, n)" in result.stdout


def test_values_at_a_point_come_from_the_kernel(run):
    result = run("derive", "(w + x)*(w + 1)", "--at", "w=1, x=2", "--no-verify")
    assert result.stdout.splitlines()[-4:] == ["at this point:", "  f = 6.0", "  df/dw = 5.0", "  df/dx = 2.0"]


def test_vectors_and_matrices_at_a_point(run):
    result = run("derive", "sum((X @ w)**2)", "--at", "X=[[1,2],[3,4],[5,6]], w=[1,-1]", "--no-verify")
    assert "  df/dw = [-18., -24.]    shape (2,)" in result.stdout


def test_second_derivatives(run):
    result = run("derive", "x**2*y", "--hessian", "--at", "x=3, y=2", "--no-verify")
    for line in ("d2f/dx2 = 2*y    shape ()", "  d2f/dx2 = 4.0", "  d2f/(dx dy) = 6.0", "  d2f/dy2 = 0.0"):
        assert line in result.stdout


def test_second_derivatives_are_verified(run):
    result = run("derive", "x**2*y", "--hessian")
    assert result.exit_code == 0
    assert result.stdout.count("verified: PASS") == 3


def test_an_npz_file_is_evaluated(run, tmp_path):
    rng = np.random.default_rng(0)
    X, w, y = rng.normal(size=(40, 3)), rng.normal(size=3), rng.normal(size=40)
    np.savez(tmp_path / "data.npz", X=X, w=w, y=y)
    result = run("derive", RIDGE, "--data", str(tmp_path / "data.npz"), "--at", "lam=0.5", "--no-verify",
                 "--format", "json")  # fmt: skip
    found = json.loads(result.stdout)["at"]
    residual = X @ w - y
    assert found["value"] == pytest.approx(residual @ residual + 0.5 * w @ w, rel=1e-13)
    np.testing.assert_allclose(found["derivatives"]["w"], 2 * X.T @ residual + w, rtol=1e-12)


def test_columns_of_a_csv_file_are_vectors(run, tmp_path):
    path = tmp_path / "line.csv"
    path.write_text("x,y,name\n0,3,a\n1,8,b\n2,13,c\n3,18,d\n")
    result = run("derive", "sum((a*x + b - y)**2)", "--data", str(path), "--at", "a=5, b=4", "--no-verify")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == "f(a, x[n], b, y[n])"
    assert "  f = 4.0" in result.stdout and "  df/da = 12.0" in result.stdout and "  df/db = 8.0" in result.stdout


def test_large_arrays_are_abbreviated(run, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.arange(1e5))
    result = run("derive", "sum(x**2)", "--data", str(tmp_path / "x.npz"), "--no-verify")
    assert "..." in result.stdout and "shape (100000,)" in result.stdout
    assert len(result.stdout) < 1000


def test_latex(run):
    lines = run("derive", "sin(x)*alpha", "--wrt", "x", "--hessian", "--format", "latex", "--at", "x=0, alpha=1").stdout
    assert r"\frac{\partial f}{\partial x} = " in lines and r"\frac{\partial^2 f}{\partial x \, \partial x} = " in lines
    assert "%   f = 0.0" in lines and "% verified: PASS" in lines


def test_python_is_a_module_that_runs(run):
    source = run("derive", RIDGE, "--format", "python", "--hessian", "--wrt", "w").stdout
    assert "\n# verified: PASS" in source
    module: dict = {}
    exec(compile(source, "module", "exec"), module)
    X, w, y = np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0]), np.ones(3)
    assert module["f"](X, w, y, 2.0) == pytest.approx(np.sum((X @ w - y) ** 2) + 4)
    np.testing.assert_allclose(module["df_dw"](X, w, y, 2.0), 2 * X.T @ (X @ w - y) + 4 * w)


def test_python_of_several_functions_imports_once(run):
    source = run("derive", "sum(x[1:]*x[:-1]) + erf(y)", "--format", "python", "--no-verify").stdout
    assert source.count("import numpy as np") == 1 and source.count("def place(") <= 1
    module: dict = {}
    exec(compile(source, "module", "exec"), module)
    np.testing.assert_allclose(module["df_dx"](x=np.array([1.0, 2.0, 4.0])), [2, 5, 2])


def test_json_has_everything(run):
    document = json.loads(run("derive", "log(x)*y", "--format", "json", "--at", "x=0, y=1", "--hessian").stdout)
    assert document["signature"] == "f(x, y)" and document["inputs"] == {"x": [], "y": []}
    assert document["derivatives"]["y"] == {"text": "log(x)", "latex": sg.parse("log(x)").latex(), "shape": []}
    assert document["at"]["value"] == "-inf" and document["at"]["derivatives"]["x"] == "inf"
    assert document["verification"]["verdict"] == "PASS"
    assert {tuple(block["wrt"]) for block in document["second_derivatives"]} == {("x", "x"), ("x", "y"), ("y", "y")}


def test_the_formula_from_a_file_and_from_standard_input(run, tmp_path):
    path = tmp_path / "model.txt"
    path.write_text("v = b*c\nu = a + v\nJ = 3*u\n")
    from_file = run("derive", "-f", str(path), "--no-verify", "--wrt", "a")
    assert "df/da = 3    shape ()" in from_file.stdout
    for arguments in (("-",), ("-f", "-")):
        result = run("derive", *arguments, "--no-verify", "--wrt", "a", stdin=path.read_bytes())
        assert result.stdout == from_file.stdout


def test_a_function_name_that_is_an_input_is_not_used(run):
    assert run("derive", "f**2", "--no-verify").stdout.splitlines() == ["g(f)", "g = f**2", "dg/df = 2*f    shape ()"]


def test_a_long_formula_is_written_in_steps(run):
    formula = "; ".join(["v1 = sin(x)*exp(x)", *(f"v{k + 1} = v{k}*v{k} + v{k}" for k in range(1, 12)), "v12"])
    lines = run("derive", formula, "--no-verify").stdout.splitlines()
    assert any(line.startswith("    where v1 = ") for line in lines)
    assert max(map(len, lines)) < 1000


def report(verdict: str) -> sg.Report:
    model = pytest.importorskip("symgrad.verification.model")
    return model.Report(model.Verdict[verdict], ("x",), (), (), 0, 1e-9, ("planted",))


@pytest.mark.parametrize(("verdict", "status"), [("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 0)])
def test_the_exit_status_tells_of_a_failed_verification(run, monkeypatch, verdict, status):
    def planted(*_arguments: object, **_options: object) -> sg.Report:
        return report(verdict)

    monkeypatch.setattr(checking.sg, "verify", planted)
    result = run("derive", "x**2")
    assert result.exit_code == status and f"verified: {verdict}" in result.stdout


def test_a_verification_that_cannot_be_made_is_said(run, monkeypatch):
    def impossible(*_arguments: object, **_options: object) -> sg.Report:
        raise sg.OperandError("no kernel")

    monkeypatch.setattr(derive, "check_all", impossible)
    result = run("derive", "x**2")
    assert result.exit_code == 0 and "not verified: no kernel" in result.stdout
    document = json.loads(run("derive", "x**2", "--format", "json").stdout)
    assert document["verification"] == {"verdict": "INCONCLUSIVE", "reasons": ["no kernel"]}


def test_the_derivative_is_shown_before_the_verification_begins():
    """A verification that says when it starts: by then the pipe must hold the derivative."""
    program = """
import os, sys
import symgrad_cli.derive as derive
def announce(derivation):
    os.write(1, b"VERIFYING\\n")
    return {}
derive.check_all = announce
from symgrad_cli.app import application
application.main(["derive", "x**2"], prog_name="symgrad")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.index("df/dx = 2*x") < done.stdout.index("VERIFYING")


README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_what_the_main_job_prints(run):
    for line in run("derive", RIDGE, "--wrt", "w", "--no-verify").stdout.splitlines():
        assert f"    {line}\n" in README


def test_the_readme_shows_what_is_printed(run):
    blocks = re.findall(r"^    \$ symgrad (.*)\n((?:    .*\n)+)", README, re.MULTILINE)
    assert blocks
    for arguments, shown in blocks:
        assert run(*shlex.split(arguments)).stdout == textwrap.dedent(shown)


def test_the_readmes_python_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)
    assert capsys.readouterr().out.endswith("True\n")
    X, y = np.array([[1.0, 0.5], [0.2, -1.0]]), np.array([1.0, -1.0])
    w = names["descend"](X, np.zeros(2), y, 0.1, 5)
    assert names["kernel"](X=X, w=w, y=y, lam=0.1) < names["kernel"](X=X, w=np.zeros(2), y=y, lam=0.1)


@pytest.mark.parametrize(
    ("options", "derivative", "layout"),
    [
        (
            [],
            'df/dX = einsum("ik,jl->ijkl", A, eye(k))',
            "layout default: the axes of the output, then those of the input",
        ),
        (["--layout", "vec"], "df/dX = kron(eye(k), A)    shape (k*m, k*n)", "layout vec: vec(output) by vec(input)"),
    ],
)
def test_the_layout_of_a_jacobian_is_printed(run, options, derivative, layout):
    result = run("derive", "A @ X", "--wrt", "X", "--no-verify", *options)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[2].startswith(derivative)
    assert lines[3].startswith(layout)


def test_values_are_laid_out_as_the_derivative(run):
    formula = ["derive", "X @ w", "--wrt", "w", "--at", "X=[[1,2,3],[4,5,6]], w=[1,0,-1]", "--no-verify"]
    assert "shape (3, 2)" in run(*formula, "--layout", "denominator").stdout.splitlines()[-1]
    document = json.loads(run(*formula, "--layout", "denominator", "--format", "json").stdout)
    assert document["layout"] == "denominator" and document["derivatives"]["w"]["shape"] == ["n", "m"]
    assert document["at"]["derivatives"]["w"] == [[1, 4], [2, 5], [3, 6]]
    assert "# layout denominator" in run(*formula, "--layout", "denominator", "--format", "python").stdout


def test_layouts_of_second_derivatives_and_mixed_blocks(run):
    formula = ["derive", "f(X[n,n], w[n]) = trace(X @ X) + w @ X @ w", "--hessian", "--no-verify"]
    lines = run(*formula, "--layout", "vec").stdout.splitlines()
    assert lines[4:7] == [
        "d2f/dX2 = 2*commutation(n, n)    shape (n*n, n*n)",
        "d2f/(dX dw) = kron(eye(n), w[:, None]) + kron(w[:, None], eye(n))    shape (n*n, n)",
        "d2f/dw2 = X + X.T    shape (n, n)",
    ]
    assert lines[7].startswith("layout vec: ")
    assert lines[7].endswith("; of a second derivative d2f/(dX dY) the output is df/dX and the input Y")
    assert "second derivative" not in run(*formula, "--layout", "vec", "--wrt", "w").stdout
    assert "layout" not in run(*formula, "--wrt", "w").stdout
    document = json.loads(
        run(*formula, "--layout", "vec", "--at", "X=[[1,2],[3,4]], w=[1,2]", "--format", "json").stdout
    )
    assert document["second_derivatives"][0]["text"] == "2*commutation(n, n)"
    assert document["at"]["second_derivatives"][1]["value"] == [[2, 0], [2, 1], [2, 1], [0, 4]]


def test_a_jacobian_by_name_states_its_layout(run):
    scalar = ["derive", "sum(x**2)", "--no-verify"]
    assert run(*scalar, "--jacobian").stdout.splitlines()[2:] == [
        "df/dx = 2*x    shape (n,)",
        "layout default: the axes of the output, then those of the input",
    ]
    array = ["derive", "A @ x", "--wrt", "x", "--no-verify"]
    assert run(*array, "--jacobian").stdout == run(*array).stdout
    assert "df/dx = A    shape (m, n)\nlayout default" in run(*array).stdout


def test_a_hessian_of_an_array_is_refused_with_a_way_out(run):
    result = run("derive", "A @ x", "--hessian")
    assert result.exit_code == 2
    assert "a Hessian needs a scalar formula, this one has shape (m,); sum it, or pick an entry" in result.stderr


LOGISTIC = ("derive", "sum(log(1 + exp(-y*(X @ w))))", "--wrt", "w", "--hessian", "--no-verify")


def test_what_derivatives_share_has_a_name(run):
    assert run(*LOGISTIC).stdout.splitlines()[2:] == [
        "r = sigmoid(-y*(X @ w))    shape (m,)",
        "df/dw = -(X.T @ (y*r))    shape (n,)",
        "d2f/dw2 = X.T @ diag(y**2*r*(1 - r)) @ X    shape (n, n)",
    ]
    plain = run(*LOGISTIC, "--no-names").stdout
    assert "df/dw = -(X.T @ (y*sigmoid(-y*(X @ w))))    shape (n,)" in plain and "\nr = " not in plain


def test_names_in_other_formats(run):
    latex = run(*LOGISTIC, "--format", "latex").stdout.splitlines()
    assert latex[1].startswith(r"r = \sigma\left(") and latex[3].endswith(r"\odot r \odot \left(1 - r\right)\right) X")
    document = json.loads(run(*LOGISTIC, "--format", "json").stdout)
    assert document["derivatives"]["w"]["text"] == "-(X.T @ (y*sigmoid(-y*(X @ w))))"
    assert document["named"]["definitions"][0]["text"] == "sigmoid(-y*(X @ w))"
    assert document["named"]["derivatives"] == {"w": "-(X.T @ (y*r))"}
    assert document["named"]["second_derivatives"] == ["X.T @ diag(y**2*r*(1 - r)) @ X"]
    assert "named" not in json.loads(run(*LOGISTIC, "--format", "json", "--no-names").stdout)
    assert len(ET.fromstring(f"<body>{run(*LOGISTIC, '--format', 'mathml').stdout}</body>")) == 4


def test_a_constant_second_derivative_has_the_sizes_of_the_inputs(run):
    result = run("derive", "sum(x**2)", "--hessian", "--at", "x=[1, 2]", "--no-verify")
    assert result.exit_code == 0, result.output
    assert "d2f/dx2 = [[2., 0.],\n             [0., 2.]]    shape (2, 2)" in result.stdout


def test_a_gradient_of_the_default_layout_needs_no_word_on_it(run):
    assert "layout" not in run("derive", "sum(x**2)", "--no-verify").stdout
    assert "shape (1, n)\nlayout numerator" in run("derive", "sum(x**2)", "--no-verify", "--layout", "numerator").stdout


def test_mathml_is_one_element_a_line_and_the_rest_are_comments(run):
    result = run("derive", "x*t < 1", "--format", "mathml", "--at", "x=1, t=2")
    assert result.exit_code == 0, result.output
    document = ET.fromstring(f"<body>{result.stdout}</body>")
    assert [element.tag.rpartition("}")[2] for element in document] == ["math"] * 3
    assert "<!-- at this point: -->" in result.stdout and result.stdout.rstrip().endswith("-->")


def test_steps_are_printed_before_the_result(run):
    result = run("derive", "sum(log(1 + exp(x)))", "--steps", "--no-verify")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "the formula is rewritten"
    assert lines[1:4] == [
        "   1. log_one_plus_exp: log(1 + exp(x)) is softplus(x).",
        "      log(1 + exp(x))",
        "      -> softplus(x)",
    ]
    assert "the reverse sweep, from the result to the inputs" in lines
    assert lines[-1] == "df/dx = sigmoid(x)    shape (n,)"
    assert "steps" not in result.stdout


def test_of_many_steps_the_first_are_printed(run):
    formula = " + ".join(f"sin(a{k}*x)" for k in range(30))
    result = run("derive", formula, "--wrt", "x", "--steps", "--no-verify")
    assert re.search(r"^ +\.\.\. and \d+ more$", result.stdout, re.MULTILINE)
    assert "... and" not in run("derive", "x*sin(x)", "--steps", "--no-verify").stdout


def test_steps_in_other_formats(run):
    document = json.loads(run("derive", "x*sin(x)", "--steps", "--no-verify", "--format", "json").stdout)
    assert document["steps"][0] == {
        "stage": "sweep",
        "rule": "multiply",
        "reason": "the cotangent times the partial derivative by each operand",
        "before": "x*sin(x)",
        "cotangent": "1",
        "shares": [{"to": "x", "share": "sin(x)"}, {"to": "sin(x)", "share": "x"}],
    }
    python = run("derive", "x*sin(x)", "--steps", "--no-verify", "--format", "python").stdout
    compile(python, "derivation", "exec")
    assert python.startswith("# the reverse sweep")


def test_assumptions_are_used_printed_and_checked(run):
    result = run("derive", "logdet(S) + x @ inv(S) @ x", "--assume", "S: spd", "--wrt", "S")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "f(S[n,n]: spd, x[n])"
    assert lines[2] == "df/dS = inv(S) - outer(solve(S, x), solve(S, x))    shape (n, n)"
    assert lines[3].startswith("convention tangent:") and lines[3].endswith("(S is symmetric)")
    assert lines[4].startswith("verified: PASS")


def test_conventions_for_structured_inputs(run):
    arguments = ("derive", "x @ A @ y", "--assume", "A: symmetric", "--wrt", "A", "--no-verify")
    point = ("--at", "A=[[1,2],[2,4]], x=[1,2], y=[3,5]")
    tangent, entries = (run(*arguments, *point, "--convention", name).output for name in ("tangent", "entries"))
    assert "df/dA = (outer(y, x) + outer(x, y))/2 " in tangent and "5.5" in tangent
    assert "df/dA = outer(y, x) + outer(x, y) - diag(x*y) " in entries and "convention entries" in entries
    assert "[[ 3., 11.]" in entries


def test_assumptions_in_json(run):
    result = run(
        "derive", "sum(abs(x))", "--assume", "x: positive", "--assume", "x: unit", "--format", "json", "--no-verify"
    )
    document = json.loads(result.output)
    assert document["assumptions"] == {"x": ["positive", "unit"]} and document["convention"] == "tangent"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sum(A)", "--assume", "A: blue"), "'blue' is nothing that can be assumed"),
        (("sum(A)", "--assume", "B: spd"), "B is not in the formula"),
        (("sum(A)", "--assume", "A spd"), "--assume takes a name"),
        (("sum(A)", "--assume", ""), "--assume takes a name"),
        (("f(x[n]) = sum(x)", "--assume", "x: spd"), "so it cannot be spd"),
        (("sum(A)", "--assume", "A: skew", "--assume", "A: symmetric"), "contradict"),
        (("trace(Q @ A)", "--assume", "Q: orthogonal", "--convention", "entries"), "not independent"),
        (("trace(Q @ A)", "--assume", "Q: orthogonal", "--hessian"), "second derivatives"),
        (("x @ A @ x", "--assume", "A: symmetric", "--at", "A=[[1,2],[3,4]], x=[1,2]"), "A is assumed symmetric, but"),
    ],
)
def test_assumptions_that_cannot_be(run, arguments, message):
    result = run("derive", *arguments)
    assert result.exit_code == 2 and message in result.output and "Traceback" not in result.output


def test_a_module_defines_what_it_needs_once(run):
    source = run(
        "derive", "logdet(S) + x @ inv(S) @ x", "--assume", "S: spd", "--format", "python", "--no-verify"
    ).stdout
    assert source.count("def cholesky_inverse(") == 1
    assert "Assumed: S spd." in source
    compile(source, "module", "exec")
