"""Functions of several results."""

import pytest

import symgrad as sg
from symgrad.core.expr import Apply, lookup
from symgrad.core.multiresult import find_multi_result, multi_result, multi_result_names
from symgrad.errors import OperandError, ShapeError

A = sg.matrix("A", "n", "n")


def test_calling_gives_ordinary_nodes():
    values, vectors = sg.eigh(A)
    assert values is sg.eigvalsh(A) and vectors is sg.eigenvectors(A)
    assert [part.op.name for part in sg.svd(A) if isinstance(part, Apply)] == ["svd_u", "svdvals", "svd_vh"]
    assert sg.qr(A) == (sg.qr_q(A), sg.qr_r(A))
    assert sg.slogdet(A) == (sg.sign_det(A), sg.logdet(A))


def test_errors_are_those_of_the_parts():
    with pytest.raises(ShapeError, match="eigvalsh"):
        sg.eigh(sg.vector("x", "n"))
    with pytest.raises(OperandError, match="eigvalsh takes"):
        sg.eigh()


def test_how_it_is_written():
    assert repr(sg.svd) == "<function U, s, Vh = svd(A)>"
    assert set(multi_result_names()) == {"eigh", "qr", "slogdet", "svd"}
    assert find_multi_result("qr") is sg.qr and find_multi_result("sin") is None


@pytest.mark.parametrize("name", ["sin", "eigh"])
def test_a_name_is_given_once(name):
    with pytest.raises(TypeError, match=f"two functions are called {name}"):
        multi_result(name, doc="A name that is taken.", parts=(lookup("det"),), results=("d",))
