"""einsum and tensordot: kernels against NumPy, contractions by matrix products, derivatives."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import OperandError, ShapeError
from symgrad.lowering import check, lower
from symgrad.lowering.kernel_ir import Matmul

SIZES = dict(zip("ijklb", (2, 3, 4, 5, 3), strict=True))
FORMS = [
    *("ij,jk->ik", "ij,jk", "ii->i", "ii", "ij->", "ij->j", "i,i", "i,j->ij", "ij,kj->ki", "i,ij,j->"),
    *("bij,bjk->bik", "bij,bj->bi", "bij,jk->kbi", "ijk,jkl->il", "ijk,ilk->jl", "ij,jk,kl->il", "iij,jk->ik"),
    *(",i->i", "ij,ik,il->jkl", "ijkl,kl->ij", "ij,ij->ij", "ij,ij,ik->kj", "iii->i", "abcd,cdef->abef"),
]


def operands(subscripts):
    rng = np.random.default_rng(0)
    sizes = SIZES | dict(zip("acdef", (2, 3, 4, 2, 3), strict=True)) | ({"b": 4} if "abcd" in subscripts else {})
    inputs = subscripts.partition("->")[0].split(",")
    return {f"X{k}": rng.normal(size=tuple(sizes[x] for x in letters)) for k, letters in enumerate(inputs)}


def formula_of(subscripts):
    values = operands(subscripts)
    return sg.parse(f'einsum("{subscripts}", {", ".join(values)})'), values


@pytest.mark.parametrize("subscripts", FORMS)
def test_kernels_do_what_numpy_does(subscripts):
    formula, values = formula_of(subscripts)
    found = sg.compile(formula)(**values)
    np.testing.assert_allclose(found, np.einsum(subscripts, *values.values()), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("subscripts", FORMS)
def test_gradients_are_verified(subscripts):
    formula, _ = formula_of(subscripts)
    report = sg.verify(sg.sum(sg.sin(formula)), points=1)
    assert report.passed, str(report)


@pytest.mark.parametrize("subscripts", ["ijk,jkl->il", "abcd,cdef->abef", "bij,bjk->bik", "bij,jk->kbi"])
def test_contractions_are_matrix_products(subscripts):
    formula, _ = formula_of(subscripts)
    program = lower([formula], list(formula.inputs.values()), tuned=False)
    check(program)
    assert sum(isinstance(statement, Matmul) for statement in program.statements) == 1


def test_pairs_with_the_smallest_product_come_first():
    """A @ (B @ x), not (A @ B) @ x."""
    formula = sg.parse('f(A[m,n], B[n,k], x[k]) = einsum("ij,jk,k->i", A, B, x)')
    program = lower([formula], list(formula.inputs.values()), tuned=False)
    products = [statement for statement in program.statements if isinstance(statement, Matmul)]
    assert len(products) == 2 and all(product.rows == 1 or product.columns == 1 for product in products)


@pytest.mark.parametrize(
    ("axes", "numpy_axes"),
    [("1", 1), ("2", 2), ("0", 0), ("(2, 0)", (2, 0)), ("((0, 2), (1, 0))", ((0, 2), (1, 0)))],
)
def test_tensordot(axes, numpy_axes):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3, 2))
    formula = sg.parse(f"f(A[3,3,3], B[3,3,2]) = tensordot(A, B, axes={axes})")
    np.testing.assert_allclose(sg.compile(formula)(A=a, B=b), np.tensordot(a, b, axes=numpy_axes), rtol=1e-13)


def test_the_normal_form_says_the_result():
    assert str(sg.parse("einsum('i j, j k', A, B)")) == 'einsum("ij,jk->ik", A, B)'
    assert str(sg.parse('einsum("ba", X)')) == "X.T"
    x = sg.vector("x", "n")
    assert sg.einsum("i,i->", x, x) is sg.einsum("i,i", x, x)


def test_what_does_not_fit_is_said():
    A, x = sg.matrix("A", "m", "n"), sg.vector("x", "n")
    with pytest.raises(OperandError, match="ellipsis"):
        sg.einsum("...i->i", A)
    with pytest.raises(OperandError, match="2 operands; operands given: 1"):
        sg.einsum("ij,j", A)
    with pytest.raises(OperandError, match="stands twice"):
        sg.einsum("i->ii", x)
    with pytest.raises(OperandError, match="in no operand"):
        sg.einsum("i->j", x)
    with pytest.raises(OperandError, match="letters and commas"):
        sg.einsum("i1->i", x)
    with pytest.raises(ShapeError, match="einsum of"):
        sg.einsum("ii", A)
    with pytest.raises(ShapeError, match="einsum of"):  # sizes of 1 are not repeated
        sg.einsum("ij,ij->ij", A, sg.matrix("B", 1, "n"))
    with pytest.raises(ShapeError, match="pairs the sizes"):
        sg.tensordot(A, sg.matrix("B", "k", "n"), axes=1)
    with pytest.raises(ShapeError, match="does not pair"):
        sg.tensordot(A, A, axes=((0, 1), (0,)))


def test_printed():
    node = sg.parse('einsum("ij,jk->ik", A, B) + einsum("i,k->ik", x, y)')
    assert node.latex().startswith(r"\left[\sum_{j} {A}_{ij} {B}_{jk}\right]_{ik}")
    assert 'np.einsum("bij,bjk->bik", S, T)' in sg.parse('einsum("bij,bjk->bik", S, T)').python()
