"""Exported modules compute what the formula and its derivatives are, without symgrad, and read well."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import warnings
from pathlib import Path

import formulas
import numpy as np
import pytest
from exported import assert_same, expected, load, point, run_alone
from interpreted import FORMULAS

import symgrad as sg
from symgrad.backends.export import BACKENDS, write_module
from symgrad.core.expr import Expr
from symgrad.errors import InvalidValueError, OperandError, ShapeError, SymgradError

GOLDEN = Path(__file__).parents[2] / "golden"
RIDGE = "sum((X @ w - y)**2) + lam*sum(w**2)"
MATRICES = (
    "trace(A @ X @ B @ X.T)",
    "trace(A @ inv(X))",
    "a @ inv(X) @ b",
    "norm(D @ x - y)**2",
    "sum(sigmoid(D @ x))",
    "X.T @ X",
    "A @ X @ B",
    "f(A[m,m], X[n,n]) = trace(kron(A, X))",
    "logdet(S) + x @ solve(S, x)",
    "(x @ A @ x)/(x @ x)",
    "f(S[b,n,n], B[b,n,k]) = sum(solve(S, B)**2) + sum(inv(S) @ S)",
    "f(A[n,n]) = sum(expm(A)) + sum(eigvalsh(A)**2)",
    "f(X[m,n]) = nuclear_norm(X) + sum(pinv(X)) + sum(qr_r(X))",
    "f(L[n,n], b[n]) = sum(solve_triangular(L, b)**2) + sum(cholesky_solve(L, b)) + sum(cholesky_inverse(L))",
    "f(A[1,1]) = trace(inv(A)) + sum(expm(A)) + sum(A @ A)",
    "f(A[1,n], x[n]) = sum(A @ x)*A",
    "cumprod(x)*cumsum(x, reverse=True)",
    "where(a > 1, 1, 2) + where(a, b, 3)**2",
    "f(x[n]) = n*x + x[0] + where(x[0] > 1, n, 2)",
    "x[::-1]*x[1 - 1:] + x[:, None][:, 0]",
    "x[1:]*x[:-1]",
    "digamma(x) + polygamma(2, x) + besselj(1, x) + erf(x) + loggamma(x)",
    "max(X, axis=0) + prod(X, axis=0) + min(X)",
    "f(A[n,n], x[n]) = tril(A) + triu(A)*2 + diag(x)",
    "concatenate((X, Y), axis=1) @ z",
    "sum(x)",
    "f(x[n], y[n]) = sum(x) + sum(y)",
    "f(A[n,n]) = A",
    "f(A[n,n], X[n,n]) = trace(A @ X.T)",
    "f(x[n]) = x*ones((n,))*n",
    "f(x[n - 1], y[n]) = sum(x)*sum(y[1:]*x)",
    "f(lambda, class, np, range[n], math, f) = sum(lambda*class - np + range)*math*f",
    "f(n[n], t1[n], i[n], f_, n_size) = sum(n*t1*i)*size(n)*f_*n_size",
)


def both(formula: Expr, values: dict[str, np.ndarray], backend: str) -> None:
    """Run a module and compare all it gives."""
    source = write_module(formula, list(formula.inputs.values()), backend)
    module = load(source)
    wanted = expected(formula, values)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = module["value"](*values.values())
        value, derivatives = module["value_and_grad"](*values.values())
    assert list(derivatives) == list(formula.inputs)
    scale = max(1.0, *(np.max(np.abs(x[np.isfinite(x)]), initial=0.0) for x in wanted))
    for found, right in zip((alone, value, *derivatives.values()), (wanted[0], *wanted), strict=True):
        assert_same(found, right, scale)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text", (*MATRICES, *FORMULAS))
def test_same_numbers(text: str, backend: str) -> None:
    formula = sg.parse(text)
    both(formula, point(formula), backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(25))
def test_random_formulas(seed: int, backend: str) -> None:
    case = formulas.case(seed)
    try:
        write_module(case.formula, list(case.formula.inputs.values()), backend)
    except (OperandError, ShapeError) as refused:  # no kernel either, or a size that no input tells
        assert "no numeric kernel" in str(refused) or "cannot be read off" in str(refused)
        return
    both(case.formula, {name: case.values[name] for name in case.formula.inputs}, backend)


KERNELS = (
    RIDGE,
    "logsumexp(A @ x)",
    "softmax(x)",
    "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)",
    "mean(log(1 + exp(-y*(X @ w))))",
    "digamma(x) + polygamma(2, x) + besselj(1, x) + erf(x)",
    "max(X, axis=0) + prod(X, axis=0)",
    "cumprod(x)",
    "A @ X @ B",
    "where(x > 0.5, x**3, 1)*sign(x)",
    "b @ solve(A, b)",
    "f(S[b,n,n], B[b,n,k]) = sum((S @ B)**2)",
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_process_without_symgrad_gets_what_the_kernel_gives(backend: str, tmp_path: Path) -> None:
    for k, text in enumerate(KERNELS):
        formula = sg.parse(text)
        (tmp_path / f"m{k}.py").write_text(sg.codegen(formula, backend=backend))
        np.savez(tmp_path / f"m{k}.npz", **point(formula))
    run_alone(tmp_path)
    for k, text in enumerate(KERNELS):
        formula = sg.parse(text)
        value, derivatives = sg.compile(formula).value_and_grad(point(formula))
        found = np.load(tmp_path / f"m{k}.out.npz")
        for name, right in {"alone": value, "value": value, **{f"d{x}": d for x, d in derivatives.items()}}.items():
            assert_same(found[name], np.asarray(right), max(1.0, float(np.abs(value).max())))


@pytest.mark.parametrize("backend", BACKENDS)
def test_golden(backend: str) -> None:
    path = GOLDEN / f"ridge.{backend}.txt"
    found = sg.codegen(RIDGE, "w", backend=backend)
    if os.environ.get("SYMGRAD_UPDATE_GOLDEN"):
        path.write_text(found)
    assert found == path.read_text()


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not on the path")
def test_the_source_is_formatted(tmp_path: Path) -> None:
    for k, text in enumerate((*MATRICES, *FORMULAS, RIDGE)):
        for backend in BACKENDS:
            (tmp_path / f"m{k}_{backend}.py").write_text(sg.codegen(text, backend=backend))
    command = ["ruff", "format", "--isolated", "--check", "--diff", "--line-length", "120", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_module_says_what_it_computes(backend: str) -> None:
    text = "f(S[n,n]: spd, lambda) = lambda*logdet(S)"
    doc = ast.get_docstring(ast.parse(sg.codegen(text, backend=backend)))
    assert doc is not None
    for line in (
        "f = lambda*logdet(S)",
        "S (n, n), assumed spd, which is not checked",
        "lambda, a number; the parameter is called lambda_",
        "df/dS = lambda*inv(S)    shape (n, n)",
        "Convention tangent",
    ):
        assert line in doc


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_arguments_are_refused(backend: str) -> None:
    module = load(sg.codegen(RIDGE, "w", backend=backend))
    X, w, y = np.ones((4, 3)), np.ones(3), np.ones(4)
    with pytest.raises(ValueError, match=r"w has shape \(4,\), not \(3,\)"):
        module["value"](X, y, w, 1.0)
    with pytest.raises(ValueError, match="X has 1 axes, not 2"):
        module["value_and_grad"](w, w, y, 1.0)
    with pytest.raises(TypeError, match="y must hold real numbers, not complex128"):
        module["value"](X, w, 1j * y, 1.0)
    slices = load(sg.codegen("sum(x[2:])", backend=backend))
    with pytest.raises(ValueError, match="the slice 2: is longer than an axis of size n"):
        slices["value"](np.ones(1))
    largest = load(sg.codegen("f(x[n]) = max(x)", backend=backend))
    with pytest.raises(ValueError, match=r"maximum|zero-size"):
        largest["value"](np.ones(0))


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_real_array_will_do(backend: str) -> None:
    """Lists, ints, float32 and arrays of any strides are converted; the arguments stay as they are."""
    module = load(sg.codegen("x @ A @ x", backend=backend))
    A = np.asfortranarray(np.arange(9, dtype=np.int32).reshape(3, 3))
    value, derivatives = module["value_and_grad"]([1, 2, 3], A)
    assert value == np.array([1, 2, 3]) @ A @ np.array([1, 2, 3])
    np.testing.assert_array_equal(derivatives["A"], np.outer([1, 2, 3], [1, 2, 3]))
    assert A.dtype == np.int32


@pytest.mark.parametrize("backend", BACKENDS)
def test_results_are_arrays_of_their_own(backend: str) -> None:
    module = load(sg.codegen("f(A[n,n], X[n,n], Y[n,n]) = sum(A*X) + sum(A*Y)", ["X", "Y"], backend=backend))
    A = np.eye(2)
    _, derivatives = module["value_and_grad"](A, A, A)
    derivatives["X"][0, 0] = 7
    assert A[0, 0] == 1 and derivatives["Y"][0, 0] == 1


@pytest.mark.parametrize("name", ["for", "a b", "", "é", "np", "abs", "x;import os", "read_inputs"])
def test_a_name_that_is_no_free_identifier_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match="cannot name a function"):
        sg.codegen("x**2", name=name)


def test_the_functions_have_the_name_that_was_given() -> None:
    module = load(sg.codegen("f(loss, compiled_loss) = loss**2*compiled_loss", name="loss", backend="numba"))
    value, derivatives = module["loss_and_grad"](3.0, 2.0)
    assert module["loss"](3.0, 2.0) == value == 18 and derivatives == {"loss": 12.0, "compiled_loss": 9.0}


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_cannot_be_written_is_refused(backend: str) -> None:
    with pytest.raises(OperandError, match="airyai"):
        sg.codegen("sum(airyai(x))", backend=backend)
    with pytest.raises(ShapeError, match="the size m cannot be read off"):
        sg.codegen("f(x[n]) = broadcast_to(x, (m, n))", backend=backend)
    with pytest.raises(InvalidValueError, match="the backend is one of numpy, numba"):
        sg.codegen("x", backend="fortran")


@pytest.mark.parametrize("text", ['x"""; import os; """', "x\\", "x\nimport os", "__import__('os')", "x.y", "ｘ"])
def test_text_is_never_code(text: str) -> None:
    """What is no formula is refused by the parser; names are ASCII identifiers, so nothing else can get through."""
    with pytest.raises(SymgradError):
        sg.codegen(text)
    with pytest.raises(SymgradError):
        sg.codegen(sg.scalar("x") * sg.scalar(text))


def test_every_line_is_what_was_meant() -> None:
    """An exported module holds imports, functions and nothing that runs on import but looking up special functions."""
    for backend in BACKENDS:
        tree = ast.parse(sg.codegen('einsum("ij,j->i", A, x) + digamma(x)', backend=backend))
        kinds = {type(node) for node in tree.body}
        assert kinds <= {ast.Expr, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Assign}
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert imported <= {"numpy", "scipy.special", "scipy.linalg", "math", "re", "ctypes"}
