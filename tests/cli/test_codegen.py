"""`symgrad codegen`: a module in a file or on standard output."""

from __future__ import annotations

import ast
import subprocess
import sys

RIDGE = "sum((X @ w - y)**2) + lam*sum(w**2)"


def test_the_module_goes_to_standard_output(run):
    done = run("codegen", RIDGE, "--wrt", "w")
    assert done.exit_code == 0
    names = [node.name for node in ast.parse(done.output).body if isinstance(node, ast.FunctionDef)]
    assert names[-2:] == ["value", "value_and_grad"]


def test_the_file_runs_without_symgrad(run, tmp_path):
    path = tmp_path / "model.py"
    assert run("codegen", "sum(x**3)", "-o", str(path)).output == f"wrote {path}\n"
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.modules['symgrad'] = None; import model\n"
    script += "value, slopes = model.value_and_grad([1.0, 2.0]); print(value, slopes['x'].tolist())"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "9.0 [3.0, 12.0]\n"


def test_an_existing_file_is_kept_without_force(run, shell, tmp_path):
    path = tmp_path / "model.py"
    path.write_text("mine")
    done = shell("codegen", "x**2", "-o", str(path))
    assert done.returncode == 2 and "--force overwrites it" in done.stderr and path.read_text() == "mine"
    assert run("codegen", "x**2", "-o", str(path), "--force").exit_code == 0
    assert "def value_and_grad(x)" in path.read_text()


def test_the_options_say_what_is_written(run):
    done = run(
        *("codegen", "x @ A @ x", "--wrt", "x", "--assume", "A: symmetric", "--shape", "x=3", "--name", "energy"),
        *("--backend", "numba"),
    )
    assert done.exit_code == 0
    assert "A (3, 3), assumed symmetric" in done.output and "df/dx = 2*A @ x" in done.output
    assert "def energy_and_grad(x, A):" in done.output and "@njit" in done.output


def test_bad_input_writes_nothing(shell, tmp_path):
    path = tmp_path / "model.py"
    for arguments in (["x +"], ["airyai(x)"], ["x", "--name", "import"], ["x", "--wrt", "y"], ["3"]):
        done = shell("codegen", *arguments, "-o", str(path))
        assert done.returncode == 2 and done.stderr.startswith("symgrad:") and not path.exists()
    done = shell("codegen", "x", "-o", str(tmp_path / "none" / "model.py"))
    assert done.returncode == 2 and "cannot write" in done.stderr
