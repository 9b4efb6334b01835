import pytest

import symgrad as sg
from symgrad.verification.claim_text import read_beside, read_claim, with_inputs_of


def test_names_are_the_inputs_of_the_formula():
    f = sg.parse("f(A[n,n]: symmetric, x[n]) = x @ A @ x")
    assert set(read_claim("2*A @ x", f).inputs.values()) <= set(f.inputs.values())
    assert with_inputs_of(sg.matrix("A", "n", "n"), f) is f.inputs["A"]


def test_sizes_are_names_too():
    assert read_claim("ones(n)/n", sg.parse("mean(x)")).shape == sg.parse("f(x[n]) = x").shape


def test_the_place_of_a_strange_name_is_that_of_the_whole_word():
    with pytest.raises(sg.UnknownNameError) as caught:
        read_claim("exp(x) + e1*xp + p", sg.parse("f(x, e1, xp) = x*e1*xp"))
    assert caught.value.span.start == 17


@pytest.mark.parametrize("formula", ["sum((X @ w)**2)", "f(x, y) = x*y"])
def test_a_formula_that_settles_its_shapes_is_not_read_anew(formula):
    assert read_beside(formula, ["X @ X @ eye(3)", "w @ eye(3)", "x @ eye(3)", "y @ eye(3)"]) is None


def test_scalars_become_what_the_claims_need():
    found = read_beside("exp(x)*y", ["diag(y @ eye(3))", "diag(exp(x @ eye(3)))"])
    assert found is not None and found.shape == (3,)


def test_claims_that_do_not_fit_decide_nothing():
    assert read_beside("x*y", ["x @ eye(3)", "x @ eye(4)", "y @"]) is None
