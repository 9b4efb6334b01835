"""Loops through tables that are cut into runs of equal steps."""

from itertools import combinations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba.runs import find_runs
from symgrad.core.numeric import Instruction
from symgrad.lowering.kernel_ir import Access, Accumulate, Affine, Load, Loop

PLAIN = Affine(0, (1,))
N = 16


def gather(count, *tables):
    loads = tuple(Load(Access(0, PLAIN, through=table)) for table in tables)
    return Loop((count,), loads, (Accumulate(Access(1, Affine(0, (0,))), Instruction.ADD, 0),))


def test_pairs_are_runs_in_which_one_stands_still():
    pairs = list(combinations(range(8), 2))
    tables = {5: [i for i, _ in pairs], 6: [3 * j for _, j in pairs]}
    runs = find_runs(gather(28, 5, 6), tables)
    assert runs.steps == {5: 0, 6: 3}
    assert runs.rows[0] == (0, 7, 0, 3) and runs.rows[1] == (7, 6, 1, 6) and len(runs.rows) == 7
    assert sum(length for _, length, *_ in runs.rows) == 28


def test_positions_without_a_pattern_and_loops_without_tables_have_no_runs():
    scattered = np.random.default_rng(0).permutation(40).tolist()
    assert find_runs(gather(40, 5), {5: scattered}) is None
    assert find_runs(gather(40), {5: range(40)}) is None
    assert find_runs(Loop((40,), (Load(Access(0, Affine(1, (1,)), through=5)),), ()), {5: range(41)}) is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_tables_have_no_runs(count):
    assert find_runs(gather(count, 5), {5: [3] * count}) is None


def pair_energy(x, pairs, sqrt):
    return sum(x[i] * sqrt((x[i] - x[j]) ** 2 + 0.5) * (x[j] + 2.0) for i, j in pairs)


PATTERNS = {
    "i < j": list(combinations(range(N), 2)),
    "i > j": [(j, i) for i, j in combinations(range(N), 2)],
    "downwards": [(i, j) for i in range(N) for j in range(N - 1, -1, -1) if i != j],
    "in steps": [(i, j) for i in range(N) for j in range(0, N, 2) if i != j],
    "all": [(i, j) for j in range(N) for i in range(N) if i != j],
    "no order": [(i, (5 * i + 7 * k * k) % N) for k in range(1, 9) for i in range(N) if (4 * i + 7 * k * k) % N],
}


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_over_pairs(pattern, dtype):
    pairs, x = PATTERNS[pattern], np.random.default_rng(1).normal(size=N)
    kernel = sg.compile(pair_energy(sg.vector("x", N), pairs, sg.sqrt), wrt=["x"], dtype=dtype)
    assert "table i" in kernel.ir()
    value, derivatives = kernel.value_and_grad(x.astype(dtype))
    expected = np.zeros(N)
    for i, j in pairs:
        r = np.sqrt((x[i] - x[j]) ** 2 + 0.5)
        pull = x[i] * (x[j] + 2) * (x[i] - x[j]) / r
        expected[i] += r * (x[j] + 2) + pull
        expected[j] += r * x[i] - pull
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(value, pair_energy(x, pairs, np.sqrt), rtol=tolerance, atol=100 * tolerance)
    np.testing.assert_allclose(derivatives["x"], expected, rtol=tolerance, atol=100 * tolerance)
