"""Type rules against NumPy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from symgrad.core.dims import Shape, named
from symgrad.core.shapes import apply_signature, broadcast, normalise_axis
from symgrad.errors import ShapeError

m, n, k, b = (named(name) for name in "mnkb")
SHAPES: list[tuple[int, ...]] = [
    (),
    (1,),
    (3,),
    (2,),
    (2, 3),
    (1, 3),
    (2, 1),
    (3, 2),
    (4, 2, 3),
    (4, 3, 2),
    (0,),
    (2, 0),
]
MATMUL = "(k),(k)->() | ...(m,k),(k)->(m) | (k),(k,n)->(n) | ...(m,k),(k,n)->(m,n)"


@pytest.mark.parametrize(("first", "second"), list(product(SHAPES, SHAPES)), ids=str)
def test_broadcasting_is_numpys(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    try:
        expected = np.broadcast_shapes(first, second)
    except ValueError:
        with pytest.raises(ShapeError, match="do not broadcast"):
            broadcast(first, second)
    else:
        assert broadcast(first, second) == expected


def test_symbolic_broadcasting() -> None:
    assert broadcast((m, 1), (n,), ()) == (m, n)
    with pytest.raises(ShapeError, match=r"shapes \(m,\) and \(n,\) do not broadcast: m and n differ"):
        broadcast((m,), (n,))
    with pytest.raises(ShapeError, match="3 and n differ"):
        broadcast((3,), (n,))


@pytest.mark.parametrize(("first", "second"), list(product(SHAPES, SHAPES)), ids=str)
def test_what_matmul_takes_numpy_takes(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    try:
        found = apply_signature("matmul", MATMUL, [first, second])
    except ShapeError as error:
        assert str(first).replace(" ", "") in str(error).replace(" ", "")
    else:
        assert np.matmul(np.ones(first), np.ones(second)).shape == found


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (((m, n), (n,)), (m,)),
        (((b, m, n), (n, k)), (b, m, k)),
        (((b, m, n), (b, n, k)), (b, m, k)),
        (((n,), (n, k)), (k,)),
        (((n,), (n,)), ()),
    ],
)
def test_symbolic_matmul(shapes: tuple[Shape, ...], expected: Shape) -> None:
    assert apply_signature("matmul", MATMUL, shapes) == expected


def test_the_message_shows_both() -> None:
    with pytest.raises(ShapeError, match=r"matmul of \(m, n\) and \(k,\) is not defined; it takes \(k,\), \(k,\) or"):
        apply_signature("matmul", MATMUL, [(m, n), (k,)])


def test_axes_count_from_both_ends() -> None:
    assert [normalise_axis(axis, 3) for axis in (0, 2, -1, -3)] == [0, 2, 2, 0]
    for axis in (3, -4):
        with pytest.raises(ShapeError, match=f"axis {axis} is out of range for an array with 3 axes"):
            normalise_axis(axis, 3)
