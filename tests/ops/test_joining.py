"""Arrays put together: kernels against NumPy, without passes over memory that are not needed, and derivatives."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import OperandError, ShapeError
from symgrad.lowering import check, lower
from symgrad.lowering.kernel_ir import Loop

A, B = np.arange(6.0).reshape(2, 3), np.arange(8.0).reshape(2, 4) - 2
C = np.arange(9.0).reshape(3, 3)

FORMS = [
    ("concatenate((A, B), axis=1)", np.concatenate((A, B), axis=1)),
    ("concatenate([A, A, 2*A], axis=-2)", np.concatenate((A, A, 2 * A))),
    ("hstack((A, B))", np.hstack((A, B))),
    ("vstack((A, C))", np.vstack((A, C))),
    ("vstack((A[0], A[1]))", A),
    ("stack((A, A.T.T), axis=2)", np.stack((A, A), axis=2)),
    ("stack((sum(A), 2))", np.array([15.0, 2.0])),
    ("block([[A, B], [C, C[:, :1]*ones((3, 4))]])", np.block([[A, B], [C, C[:, :1] * np.ones((3, 4))]])),
]


@pytest.mark.parametrize(("text", "expected"), FORMS, ids=[text for text, _ in FORMS])
def test_kernels_do_what_numpy_does(text, expected):
    given = {"A": A, "B": B, "C": C}
    formula = sg.parse(text, shapes={name: x.shape for name, x in given.items() if name in text})
    found = sg.compile(formula)(**{name: given[name] for name in formula.inputs})
    np.testing.assert_array_equal(found, expected)


def test_operands_are_computed_in_their_part_of_the_result():
    formula = sg.parse("concatenate((exp(A), 2*B + 1), axis=1)")
    program = lower([formula], list(formula.inputs.values()))
    check(program)
    assert len(program.buffers) == 3 and len(program.statements) == 2
    assert all(isinstance(statement, Loop) for statement in program.statements)


def test_the_gradient_is_cut_up():
    assert str(sg.grad("sum(concatenate((A, B), axis=1)**2)", "B")) == "f(B[m,k]) = 2*B"
    assert sg.grad("z @ concatenate((x, X @ w))", "w").formula() == "X.T @ z[n:]"
    assert sg.grad("sum(block([[A, B], [B.T, C]])**2)", "B").formula() == "4*B"
    assert sg.grad("sum(stack((x, y))**3)", "y").formula() == "3*y**2"


def test_in_the_library():
    x, y = sg.vector("x", "m"), sg.vector("y", "k")
    assert str(sg.concatenate([x, y]).shape) == "(k + m,)"
    assert sg.block([x[:, None], x[:, None]]) is sg.block([[x[:, None], x[:, None]]])
    assert sg.concatenate((x,)) is x


def test_what_does_not_fit_is_said():
    x, s = sg.vector("x", "m"), sg.scalar("s")
    with pytest.raises(OperandError, match=r"concatenate takes concatenate\(\(x, \.\.\.\), axis=0\)"):
        sg.concatenate(x, x)
    with pytest.raises(ShapeError, match="numbers"):
        sg.concatenate((x, s))
    with pytest.raises(ShapeError, match="equally many axes"):
        sg.concatenate((x, x[:, None]))
    with pytest.raises(ShapeError, match="the other sizes differ"):
        sg.hstack((sg.matrix("A", 2, 3), sg.matrix("B", 3, 3)))
    with pytest.raises(ShapeError, match="one shape"):
        sg.stack((x, sg.vector("y", "k")))
    with pytest.raises(ShapeError, match="block takes matrices"):
        sg.block([x, x])


def test_no_elements():
    found = sg.compile("concatenate((x, y))")(x=np.zeros(0), y=np.array([1.0, 2.0]))
    np.testing.assert_array_equal(found, [1.0, 2.0])


def test_printed():
    node = sg.parse("block([[A, B], [C, D]])")
    assert str(node) == "block([[A, B], [C, D]])"
    assert node.latex() == r"\left[\begin{matrix}A & B \\ C & D\end{matrix}\right]"
    assert "<mtable" in node.mathml()
    assert "np.concatenate((np.concatenate((A, B), axis=1)" in node.python()
    assert str(sg.parse("stack((x,))")) == "stack((x,))"
