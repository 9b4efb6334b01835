"""The matrix exponential: small, large and awkward matrices, and its derivatives."""

import mpmath
import numpy as np
import pytest
import scipy.linalg

import symgrad as sg
from symgrad.backends.reference import evaluate_mp
from symgrad.verification import Verdict

RNG = np.random.default_rng(10)


@pytest.mark.parametrize("scale", [1e-9, 0.1, 1.0, 6.0, 40.0])
@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_kernel_agrees_with_scipy(scale, n, dtype):
    a = (scale * RNG.uniform(-1, 1, size=(n, n)) / n).astype(dtype).astype(float)
    found, wanted = sg.compile("expm(A)", dtype=dtype)(A=a), scipy.linalg.expm(a)
    digits = (1e-13 if dtype == "float64" else 1e-5) * max(1.0, scale)
    np.testing.assert_allclose(found, wanted, atol=digits * abs(wanted).max())


def test_known_exponentials():
    exponential = sg.compile("matrix_exp(A)")
    np.testing.assert_allclose(exponential(A=np.zeros((3, 3))), np.eye(3))
    np.testing.assert_allclose(exponential(A=np.diag([1.0, -2.0])), np.diag(np.exp([1.0, -2.0])))
    np.testing.assert_allclose(exponential(A=np.array([[0.0, 5.0], [0.0, 0.0]])), [[1.0, 5.0], [0.0, 1.0]])
    turn = exponential(A=np.array([[0.0, -20.0], [20.0, 0.0]]))
    np.testing.assert_allclose(turn, [[np.cos(20), -np.sin(20)], [np.sin(20), np.cos(20)]], atol=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_gives_nan(bad):
    a = np.zeros((2, 2))
    a[0, 1] = bad
    assert np.isnan(sg.compile("expm(A)")(A=a)).all()


def test_no_rows():
    assert sg.compile("expm(A)")(A=np.zeros((0, 0))).shape == (0, 0)


def test_the_frechet_derivative_agrees_with_scipy():
    a, e = RNG.normal(size=(2, 4, 4))
    found = sg.compile("expm_frechet(A, E)")(A=a, E=e)
    np.testing.assert_allclose(found, scipy.linalg.expm_frechet(a, e, compute_expm=False), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 30.0])
def test_fifty_digits_agree_with_mpmath(scale):
    a, e = scale * RNG.normal(size=(2, 3, 3))
    with mpmath.workdps(50):
        inputs = {"A": a, "E": e}
        (found,) = evaluate_mp([sg.parse("expm(A)")], {"A": a}, 50, {"n": 3})
        (slope,) = evaluate_mp([sg.parse("expm_frechet(A, E)")], inputs, 50, {"n": 3})
    with mpmath.workdps(80):
        block = np.block([[a, e], [np.zeros((3, 3)), a]])
        wanted = np.array(mpmath.expm(mpmath.matrix(block.tolist())).tolist(), dtype=object)
        for one, other in zip([*found.flat, *slope.flat], [*wanted[:3, :3].flat, *wanted[:3, 3:].flat], strict=True):
            assert abs(one - other) <= mpmath.mpf(10) ** -47 * abs(wanted).max()


@pytest.mark.parametrize("entry", [3000.0, 1e300, np.inf, np.nan])
def test_matrices_of_huge_norm_have_no_fifty_digits(entry):
    with pytest.raises(OverflowError, match="norm above"):
        evaluate_mp([sg.parse("expm(A)")], {"A": np.full((2, 2), entry)}, 50, {"n": 2})


def test_gradients():
    assert str(sg.grad("sum(expm(A)*W)", "A")) == "expm_frechet(A.T, W)"
    assert str(sg.grad("trace(expm(A))", "A")) == "expm(A.T)"


@pytest.mark.parametrize(
    "text", ["sum(expm(A)*W)", "x @ expm(A) @ y", "sum(expm_frechet(A, E)**2)", "f(t, A[n, n]) = norm(expm(t*A))"]
)
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS


def test_the_hessian_is_symmetric_and_right():
    a, weights = RNG.normal(size=(2, 2, 2))
    hessian = sg.compile(sg.hessian("sum(expm(A)*W)", "A"))(A=a, W=weights)
    np.testing.assert_allclose(hessian, np.transpose(hessian, (2, 3, 0, 1)), atol=1e-12)
    gradient = sg.compile(sg.grad("sum(expm(A)*W)", "A"))
    step = 1e-5 * RNG.normal(size=(2, 2))
    slope = (gradient(A=a + step, W=weights) - gradient(A=a - step, W=weights)) / 2
    np.testing.assert_allclose(np.tensordot(hessian, step, 2), slope, rtol=1e-6, atol=1e-12)


def test_stacks():
    stack = RNG.normal(size=(3, 2, 2))
    expr = sg.expm(sg.tensor("S", "b", "n", "n"))
    np.testing.assert_allclose(sg.compile(expr)(S=stack), scipy.linalg.expm(stack), rtol=1e-12, atol=1e-13)
    assert sg.verify(sg.sum(sg.sin(sg.expm(sg.tensor("S", 2, 2, 2))))).verdict is Verdict.PASS


def test_scipy_source():
    namespace, gradient = {}, sg.grad("sum(expm(A)*W)", "A")
    exec(gradient.python(), namespace)
    a, weights = RNG.normal(size=(2, 3, 3))
    np.testing.assert_allclose(namespace["f"](a, weights), sg.compile(gradient)(A=a, W=weights), rtol=1e-9)
