"""Layouts of work buffers and the order of loops."""

import symgrad as sg
from symgrad.core.dims import named
from symgrad.lowering.kernel_ir import Access, Affine, Load, Loop, Store
from symgrad.lowering.looporder import cost

KERNEL_MATRIX = """
Z = X/exp(ell)
f(X[n,d], W[n,n], ell[d]) = sum(W*exp(-sum((Z[:, None, :] - Z)**2, axis=2)))
"""


def test_a_short_axis_is_not_innermost_when_only_a_change_of_all_layouts_gains():
    program = sg.compile(KERNEL_MATRIX, wrt=["ell"]).ir()
    assert "(n.rows, d, n):" in program
    assert "(n.rows, n, d):" not in program


def test_all_rows_are_no_fewer_than_those_of_a_strip():
    def costs(*extents):
        at = Access(0, Affine(0, (0, 1)))
        return cost(Loop(tuple(named(size) for size in extents), (Load(at),), (Store(at, 0),)))

    assert costs("n.rows", "n") < costs("n.rows", "d") == costs("m", "n")
