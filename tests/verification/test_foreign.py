import numpy as np
import pytest

import symgrad as sg
from symgrad.verification.foreign import Pair, as_floats, read_place


def test_places_keep_names_shapes_and_precision():
    place = read_place({"a": np.float32(1), "b": [[1, 2]]}, (), len)
    assert {name: (x.shape, x.dtype.name) for name, x in place.values.items()} == {
        "a": ((), "float32"),
        "b": ((1, 2), "float64"),
    }
    assert place.eps == np.finfo(np.float32).eps


def test_a_tuple_takes_the_names_of_the_function():
    assert list(read_place((1.0, 2.0), (), lambda weights, bias: 0).values) == ["weights", "bias"]
    assert list(read_place((1.0, 2.0), (), max).values) == ["x0", "x1"]


def test_every_call_gets_its_own_copy():
    x = np.ones(3)
    place = read_place(x, (), sum)
    seen = []
    place.call(lambda x: seen.append(x), "fun")
    place.call(lambda x: seen.append(x), "fun")
    assert seen[0] is not seen[1] and not np.shares_memory(seen[0], x)


def test_last_digits_of_inputs_and_of_arrays_beside_them_move():
    rng, eps = np.random.default_rng(0), float(np.finfo(float).eps)
    place = read_place(np.full(50, 3.0), (np.full(50, 7.0), "text", 2.0), sum)
    moved = place.jittered(rng, eps)
    for before, after in ((place.values["x"], moved.values["x"]), (place.args[0], moved.args[0])):
        assert (before != after).all() and np.max(np.abs(after / before - 1)) <= 2 * eps
    assert moved.args[1:] == ("text", 2.0)


@pytest.mark.parametrize(
    ("output", "wrt", "found"),
    [
        ((), (3,), (3,)),
        ((2,), (3,), (2, 3)),
        ((1,), (3,), (3,)),
        ((1,), (3,), (1, 3)),
        ((2,), (), (2, 1)),
        ((), (), (1,)),
    ],
)
def test_shapes_of_gradients_that_fit(output, wrt, found):
    pair = Pair(lambda x: np.zeros(output), lambda x: np.zeros(found))
    place = read_place(np.ones(wrt), (), sum)
    assert pair.slopes(place, output)["x"].shape == (*output, *wrt)


@pytest.mark.parametrize(("output", "wrt", "found"), [((), (3,), (3, 1)), ((2,), (3,), (3, 2)), ((), (2, 2), (4,))])
def test_shapes_of_gradients_that_do_not(output, wrt, found):
    pair = Pair(lambda x: np.zeros(output), lambda x: np.zeros(found))
    with pytest.raises(sg.ShapeError):
        pair.slopes(read_place(np.ones(wrt), (), sum), output)


def test_results_are_copied_and_integers_become_floats():
    buffer = np.ones(2)
    assert not np.shares_memory(as_floats(buffer, "it"), buffer)
    assert as_floats([1, True], "it").dtype == float and as_floats(np.float32(2), "it").dtype == np.float32
