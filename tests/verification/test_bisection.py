import numpy as np
import pytest

from symgrad.verification.bisection import locate


@pytest.mark.parametrize("size", [1, 2, 3, 100, 1025])
def test_the_wrong_entry_is_found_in_a_logarithm_of_questions(size):
    asked = []
    for place in {0, size // 2, size - 1}:

        def fails(direction, place=place):
            asked.append(direction)
            return direction[place] != 0

        asked.clear()
        assert locate(fails, np.ones(size)) == place
        assert len(asked) <= np.ceil(np.log2(size)) + 1


def test_nothing_is_named_where_no_entry_alone_is_wrong():
    assert locate(lambda direction: np.count_nonzero(direction) > 5, np.ones(8)) is None
    assert locate(lambda direction: True, np.zeros(3)) is None


def test_only_entries_of_the_direction_are_asked_for():
    assert locate(lambda direction: direction[2] != 0, np.array([0.0, 1.0, -1.0, 0.0])) == 2
