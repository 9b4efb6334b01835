"""The benchmark of difference estimates, on a few derivatives: every estimate holds, and a false one would be seen."""

from dataclasses import replace
from itertools import islice

import numpy as np

from benchmarks.difference_estimates import UNITS, covered, partials, table


def test_estimates_cover_the_error_in_every_unit():
    rows = [row for row in islice(partials(np.random.default_rng(3)), 12) if None not in row]
    assert len(rows) > 8
    assert covered(rows) == 1.0
    assert len(table(rows)) == 1 + len(UNITS)
    assert all(each.estimate < 1e-4 for row in rows for each in row)
    rows[0][1] = replace(rows[0][1], error=2 * rows[0][1].estimate)
    assert covered(rows) == 1 - 1 / len(rows)
