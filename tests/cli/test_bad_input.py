"""Bad input: a sentence, a place where there is one, exit status 2; never a traceback, never anything run."""

import numpy as np
import pytest

DEEP = "(" * 100_000 + "x" + ")" * 100_000
FORMULAS = [
    "", " ", "x +", "x ** ** 2", "(x", "x)", "sum(x", "x y", "1..2", "2x", "x = ", "= x",
    "ln(x)", "Sum(x)", "x ^ 2", "nope(x)", "np.sin(x)", "sin()", "sin(x, y)", "sum(x, axes=0)",
    "__import__('os').system('true')", "x.__class__", "().__class__.__bases__", "(lambda x: x)(1)", "lambda x: x",
    "[x for x in y]", "eval('1')", "exec('1')", "open('f')", "x; import os", "f'{x}'", "'x'", "x if x else y",
    "9**9**9**9*x", "1e999*x", DEEP, "-" * 50_000 + "x", "x" * 20_001, "x+" * 10_000 + "x",
    "x\x00y", "\u0445 + 1", "x\u200b", "\uff58 + 1", "x\u22122", "\U0001d465", "\x1b[31mx",
    "f(A[2,3], b[4]) = A @ b", "f(x[2], y[3]) = x + y", "f(A[2,3]) = inv(A)", "f(x[1000000000]) = x",
    "zeros((100000, 100000))*x",
    "f(x) = q", "f(x, x) = x", "v = 1; v = 2; v*x", "sum(x, axis=7)", "True", "1 + 2",
]  # fmt: skip


def check_bad(result) -> None:
    assert result.exit_code == 2, (result.output, result.exception)
    assert "Traceback" not in result.output
    assert result.stderr.strip()
    assert len(result.stderr) < 2000


@pytest.mark.parametrize("formula", FORMULAS, ids=range(len(FORMULAS)))
def test_bad_formulas(run, formula):
    check_bad(run("derive", "--no-verify", "--", formula))


@pytest.mark.parametrize("formula", ["x +", "ln(x)", "x ^ 2", "f(A[2,3], b[4]) = A @ b", "x\x00y"])
def test_the_place_is_shown(run, formula):
    result = run("derive", formula, "--no-verify")
    assert "line 1, column " in result.stderr and "^" in result.stderr


OPTIONS = [
    (("--wrt", "q"), "--wrt: 'q' is not an input; the inputs are x, y"),
    (("--wrt", "x,y"), "give the option once for each input"),
    (("--wrt", ""), "--wrt: '' is not an input"),
    (("--shape", "x"), "--shape: write NAME=SIZES"),
    (("--shape", "x=m,,n"), "--shape: a size is missing"),
    (("--shape", "x=-1"), "--shape: a size is a number or a name"),
    (("--shape", "q=3"), "--shape: q is not in the formula"),
    (("--shape", "x=3", "--shape", "x=4"), "given twice"),
    (("--shape", "x=99999999999"), "limit"),
    (("--at", ""), "--at: no value is given"),
    (("--at", "x=1"), "no value for y"),
    (("--at", "x=1, y=2, q=3"), "--at: 'q' is not an input"),
    (("--at", "x=1, y=[1, [2]]"), "--at: the rows have different lengths"),
    (("--at", "x=1, y=os.system('true')"), "--at: "),
    (("--at", "x=1, y=1j"), "--at: "),
    (("--data", "nowhere.npz"), "--data: cannot read nowhere.npz"),
    (("--data", "."), "neither a .npz nor a .csv"),
    (("--hessian", "--at", "x=[1,2], y=[1,2,3]"), ""),
]


@pytest.mark.parametrize(("options", "said"), OPTIONS)
def test_bad_options_are_named(run, options, said):
    result = run("derive", "x*y", "--no-verify", *options)
    check_bad(result)
    assert said in result.stderr


def test_values_that_do_not_fit_are_named(run):
    result = run("derive", "sum((X @ w)**2)", "--at", "X=[[1,2],[3,4]], w=[1,2,3]", "--no-verify")
    check_bad(result)
    assert "X" in result.stderr and "w" in result.stderr


def test_a_hessian_needs_a_scalar(run):
    result = run("derive", "A @ x", "--hessian", "--no-verify")
    check_bad(result)
    assert "scalar" in result.stderr


def test_files_that_are_no_formulas(run, tmp_path):
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "large").write_text("x + " * 3_000_000)
    for path in (tmp_path, tmp_path / "binary", tmp_path / "missing", tmp_path / "large"):
        check_bad(run("derive", "-f", str(path), "--no-verify"))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00x", bytes(range(256)), b"x+" * 5_000_000, b"\xff" * 10**6])
def test_bad_standard_input(run, content):
    check_bad(run("derive", "-", "--no-verify", stdin=content))


def test_data_that_does_not_fit(run, tmp_path):
    np.savez(tmp_path / "data.npz", X=np.ones((3, 2)), w=np.ones(4), y=np.ones(3))
    result = run("derive", "sum((X @ w - y)**2)", "--data", str(tmp_path / "data.npz"), "--no-verify")
    check_bad(result)
    missing = run("derive", "sum((X @ v)**2)", "--data", str(tmp_path / "data.npz"), "--no-verify")
    check_bad(missing)
    assert "has no v" in missing.stderr


def test_nothing_is_run(run, tmp_path):
    trace = tmp_path / "trace"
    for text in (f"__import__('pathlib').Path({str(trace)!r}).touch()", f"open({str(trace)!r}, 'w')"):
        run("derive", text, "--no-verify")
        run("derive", "x", "--no-verify", "--at", f"x={text}")
        run("derive", "x", "--no-verify", "--shape", f"x={text}")
    assert not trace.exists()


def test_the_installed_command_says_it_too(shell):
    done = shell("derive", "sum((X @ w - y)**2")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("symgrad: syntax error: ") and "^" in done.stderr and "Traceback" not in done.stderr
