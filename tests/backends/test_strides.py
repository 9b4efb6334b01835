"""Arrays of any memory order give the same numbers, large ones without a copy."""

import tracemalloc

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.strides import COPIED, Strides, strides_of, worth_keeping

LOGISTIC = "f(X[m,n], w[n], y[m]) = sum(softplus(-y*(X @ w))) + sum(w**2)"
ROWS, COLUMNS = 1100, 70
REAL = np.dtype("float64")


def given(dtype="float64"):
    rng = np.random.default_rng(0)
    arrays = {"X": (ROWS, COLUMNS), "w": (COLUMNS,), "y": (ROWS,)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in arrays.items()}


def between(x, rows=slice(None), columns=slice(None), shape=(2 * ROWS, 2 * COLUMNS + 1)):
    around = np.full(shape, np.nan, x.dtype)
    around[rows, columns] = x
    return around[rows, columns]


def misaligned(x):
    return np.frombuffer(b"-" + x.tobytes(), dtype=x.dtype, offset=1).reshape(x.shape)


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


FORMS = {
    "Fortran order": np.asfortranarray,
    "columns of a wider array": lambda x: between(x, slice(0, ROWS), slice(3, 3 + COLUMNS)),
    "every other row": lambda x: between(x, slice(None, None, 2), slice(0, COLUMNS)),
    "every other column": lambda x: between(x, slice(0, ROWS), slice(0, 2 * COLUMNS, 2)),
    "transpose of a part": lambda x: between(x.T, slice(0, COLUMNS), slice(5, 5 + ROWS), (COLUMNS, ROWS + 40)).T,
    "backwards": lambda x: between(x, slice(ROWS - 1, None, -1), slice(0, COLUMNS)),
    "misaligned": misaligned,
    "read-only": read_only,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "a subclass": np.ma.MaskedArray,
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reproducible", [False, True])
def test_every_memory_order_gives_the_same_numbers(dtype, reproducible):
    kernel = sg.compile(LOGISTIC, dtype=dtype, reproducible=reproducible)
    inputs = given(dtype)
    value, gradients = kernel.value_and_grad(inputs)
    tolerance = 0 if reproducible else 50 * np.finfo(dtype).eps
    for name, form in FORMS.items():
        x = form(inputs["X"])
        np.testing.assert_array_equal(np.asarray(x), inputs["X"])
        found, slopes = kernel.value_and_grad({**inputs, "X": x})
        np.testing.assert_allclose(found, value, rtol=tolerance, err_msg=name)
        for which, slope in slopes.items():
            scale = np.max(np.abs(gradients[which]))
            np.testing.assert_allclose(slope, gradients[which], rtol=0, atol=tolerance * scale, err_msg=name)


@pytest.mark.parametrize("form", ["Fortran order", "columns of a wider array", "transpose of a part"])
def test_large_arrays_are_read_in_place(form):
    kernel, inputs = sg.compile(LOGISTIC, wrt="w"), given()
    inputs["X"] = FORMS[form](inputs["X"])
    assert inputs["X"].nbytes > COPIED
    value, _ = kernel.value_and_grad(inputs)
    tracemalloc.start()
    again, _ = kernel.value_and_grad(inputs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < inputs["X"].nbytes / 4
    assert again == value


def test_one_variant_serves_every_shape_of_one_kind(monkeypatch):
    kernel, inputs = sg.compile(LOGISTIC, wrt="w"), given()
    kernel.value_and_grad({**inputs, "X": np.asfortranarray(inputs["X"])})
    monkeypatch.setattr(sg.backends.kernel.Program, "compile", None)
    for rows in (900, 700):
        x, y = np.asfortranarray(inputs["X"][:rows]), inputs["y"][:rows]
        _, slopes = kernel.value_and_grad(X=x, w=inputs["w"], y=y)
        expected = -x.T @ (y / (1 + np.exp(y * (x @ inputs["w"])))) + 2 * inputs["w"]
        np.testing.assert_allclose(slopes["w"], expected, rtol=1e-10, atol=1e-11)


def test_a_copy_is_made_where_a_loop_would_step_over_gaps():
    kernel = sg.compile("f(X[m,n]) = sum(exp(X))")
    x = np.asfortranarray(given()["X"])
    value, slope = kernel.value_and_grad(X=x)
    np.testing.assert_allclose(value, np.exp(x).sum(), rtol=1e-13)
    np.testing.assert_allclose(slope["X"], np.exp(x), rtol=1e-14)
    ((chosen, _),) = kernel._derivative._variants.values()
    assert chosen == (None,)


def test_assumed_matrices_are_copied():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((190, 190))
    a = np.asfortranarray(a @ a.T + np.eye(190))
    kernel = sg.compile(sg.assume("logdet(S)", {"S": "spd"}))
    np.testing.assert_allclose(kernel(S=a), np.linalg.slogdet(a)[1], rtol=1e-12)
    np.testing.assert_allclose(kernel.value_and_grad(S=a)[1]["S"], np.linalg.inv(a), rtol=1e-7)


def test_arrays_of_three_axes_in_any_order():
    rng = np.random.default_rng(0)
    x, b = rng.standard_normal((20, 40, 60)), rng.standard_normal((60, 30))
    kernel = sg.compile("f(X[k,m,n], B[n,p]) = sum((X @ B)**2)", wrt="B")
    expected = kernel.value_and_grad(X=x, B=b)
    for axes in ((0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0)):
        memory = np.ascontiguousarray(x.transpose(axes))
        value, slope = kernel.value_and_grad(X=memory.transpose(np.argsort(axes)), B=b)
        np.testing.assert_allclose(value, expected[0], rtol=1e-13)
        np.testing.assert_allclose(slope["B"], expected[1]["B"], rtol=1e-11, atol=1e-10)


def test_backward_reads_what_forward_was_given():
    kernel, inputs = sg.compile(LOGISTIC), given()
    expected = kernel.value_and_grad(inputs)[1]
    inputs["X"] = np.asfortranarray(inputs["X"])
    _, residuals = kernel.forward(inputs)
    for name, slope in kernel.backward(residuals).items():
        np.testing.assert_allclose(slope, expected[name], rtol=1e-11, atol=1e-12)


def test_kinds():
    x = np.zeros((4, 6, 8))
    assert strides_of(x) is None
    assert strides_of(np.asfortranarray(x)) == Strides((2, 1, 0), (False, False))
    assert strides_of(x[:, :3]) == Strides((0, 1, 2), (True, False))
    assert strides_of(x[:, :, :5]) == Strides((0, 1, 2), (False, True))
    assert strides_of(x[:, ::2, :5].transpose(1, 0, 2)) == Strides((1, 0, 2), (False, True))
    for other in (x[..., ::2], x[::-1], x[:1, :, :3], np.broadcast_to(x[0], (4, 6, 8)), x[:0, :, :2]):
        assert strides_of(other) is None
    sliding = np.lib.stride_tricks.sliding_window_view(np.zeros(20), 8)
    assert strides_of(sliding) is None
    assert strides_of(np.lib.stride_tricks.as_strided(np.zeros(99), (5, 6), (64 + 4, 8))) is None


def test_small_arrays_and_other_types_are_not_kept():
    assert worth_keeping(np.zeros((500, 500), order="F"), REAL)
    assert not worth_keeping(np.zeros((500, 500)), REAL)
    assert not worth_keeping(np.zeros((50, 50), order="F"), REAL)
    assert not worth_keeping(np.zeros((500, 500), "float32", order="F"), REAL)
    assert not worth_keeping(np.ma.MaskedArray(np.zeros((500, 500), order="F")), REAL)


def test_inputs_of_other_types_are_converted():
    kernel = sg.compile("f(x[n], a) = a*x", dtype="float32")
    third = np.float64(1) / 3
    for x, a in (([1, 2], True), (np.array([True, False]), 2), (np.array([7, 8], np.uint8), third)):
        expected = np.asarray(a, "float32") * np.asarray(x, "float32")
        found = kernel(x=x, a=a)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(kernel(x=np.array([third, 1e-60]), a=1), np.array([third, 0], "float32"))
    with pytest.raises(sg.SymgradError, match="must hold real numbers, not complex128"):
        kernel(x=[1j, 2], a=1)
