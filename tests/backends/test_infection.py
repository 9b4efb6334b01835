"""The walk from a wrong result to its origins, entry by entry where it can be."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.infection import all_origins, evaluate_all, trace_back, wrong

X = np.array([0.0, 1.0, 0.0, 2.0])


def origins(text, **values):
    f = sg.parse(text)
    arrays = {name: np.asarray(value, float) for name, value in values.items()}
    evaluation = evaluate_all([f], arrays, "float64", {})
    found = trace_back(f, wrong(evaluation.values[f]), evaluation)
    return [{node.formula(): entries.tolist() for node, entries in part.items()} for part in (found.born, found.turned)]


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("sum(log(x))", [True, False, True, False]),
        ("log(x)[1:]", [False, False, True, False]),
        ("log(x)[::-1][:2]", [False, False, True, False]),
        ("sum(concatenate((log(x)[1:2], log(x)[2:])))", [False, False, True, False]),
        ("where(x > 1, 0, log(x)) + 1", [True, False, True, False]),
        ("where(x < 1, 0, log(x)) + log(x)[2]", [False, False, True, False]),
        ("sum(reshape(log(x), (2, 2)), axis=0)[1]", None),
        ("sum(reshape(log(x), (2, 2)), axis=1)[1]", [False, False, True, False]),
    ],
)
def test_only_entries_that_are_used_are_followed(text, entries):
    born, _ = origins(f"f(x[4]) = {text}", x=X)
    assert born == ({} if entries is None else {"log(x)": entries})


def test_a_broadcast_operand():
    born, turned = origins("f(X[m,n], y[n]) = sum(X*log(y))", X=[[1.0, 2], [3, 4]], y=[1.0, 0.0])
    assert born == {"log(y)": [False, True]} and turned == {}


def test_nan_of_infinities_turns():
    born, turned = origins("exp(x) - exp(2*x)", x=800.0)
    assert set(born) == {"exp(x)", "exp(2*x)"} and list(turned) == ["exp(x) - exp(2*x)"]


def test_what_numpy_refuses_is_nan():
    born, _ = origins("f(A[n,n]) = sum(inv(A))", A=np.zeros((2, 2)))
    assert list(born) == ["inv(A)"]


def test_all_origins_are_found_whether_they_matter_or_not():
    f = sg.parse("1/(1 + exp(x)) + 0*y")
    evaluation = evaluate_all([f], {"x": np.asarray(800.0), "y": np.asarray(np.nan)}, "float64", {})
    assert [node.formula() for node in all_origins(f, evaluation)] == ["exp(x)", "y"]
