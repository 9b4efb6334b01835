"""Tables: elements at positions that follow no pattern, and the transposed map."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Apply
from symgrad.core.numeric import Table
from symgrad.core.properties import Property
from symgrad.diff.jacobian import jacobian
from symgrad.errors import ShapeError
from symgrad.ops.tables import Tabulated, add_at, constant_vector, constants, elements, take

POSITIONS = [3, 0, 3, 1, 4]


def test_elements_are_taken_and_added_at_positions():
    x, c = sg.vector("x", 5), sg.vector("c", 5)
    taken = elements(x, POSITIONS)
    added = add_at.make((c,), Tabulated(Table.of("i", POSITIONS), (5,)))
    at = {"x": np.arange(5.0) ** 2, "c": np.array([1.0, 20, 300, 4000, 50000])}
    found = evaluate_reference([taken, added], at)
    np.testing.assert_array_equal(found[0], [9, 0, 9, 1, 16])
    np.testing.assert_array_equal(found[1], [20, 4000, 0, 301, 50000])


def test_each_is_the_derivative_of_the_other():
    x, c = sg.vector("x", 5), sg.vector("c", 5)
    (slope,) = jacobian(sg.sum(c * elements(x, POSITIONS)), [x])
    (back,) = jacobian(sg.sum(x * slope), [c])
    at = {"x": np.arange(5.0) ** 2, "c": np.array([1.0, 20, 300, 4000, 50000])}
    found = evaluate_reference([slope, back], at)
    np.testing.assert_array_equal(found[0], [20, 4000, 0, 301, 50000])
    np.testing.assert_array_equal(found[1], at["x"][POSITIONS])


@pytest.mark.parametrize("positions", [[2, 3, 4], [0, 2, 4], [4], [0, 1, 2, 3, 4]])
def test_equal_steps_are_a_slice(positions):
    x = sg.vector("x", 5)
    found = elements(x, positions)
    assert not (isinstance(found, Apply) and found.op is take)
    (values,) = evaluate_reference([found], {"x": np.arange(5.0)})
    np.testing.assert_array_equal(values, positions)


@pytest.mark.parametrize("positions", [[4, 3, 2], [1, 1, 1]])
def test_steps_back_and_none_are_a_table(positions):
    (values,) = evaluate_reference([elements(sg.vector("x", 5), positions)], {"x": np.arange(5.0)})
    np.testing.assert_array_equal(values, positions)


def test_constants_are_told_apart_to_the_bit():
    assert constant_vector([0.0, 1.0]) is constant_vector([0.0, 1.0])
    assert constant_vector([0.0, 1.0]) is not constant_vector([-0.0, 1.0])


def test_what_is_known_of_constants():
    assert Property.POSITIVE in constant_vector([1.0, 2.0]).properties
    assert constant_vector([0.0, 2.0]).properties == {Property.NONNEGATIVE}
    assert constant_vector([-1.0, 2.0]).properties == {Property.NONZERO}
    assert not constant_vector([-1.0, 0.0]).properties


def test_shapes_that_do_not_fit():
    matrix, params = sg.matrix("A", 2, 2), Tabulated(Table.of("i", [0, 1]), (2,))
    for op in (take, add_at):
        with pytest.raises(ShapeError):
            op.make((matrix,), params)
    with pytest.raises(ShapeError):
        add_at.make((sg.vector("x", 3),), params)
    assert constants.make((), Tabulated(Table.of("d", [1.0]), (1,))).shape == (1,)
