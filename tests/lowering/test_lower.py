"""What lowering fuses, stores and shares, read off the program."""

from pathlib import Path

import pytest

import symgrad.ops  # noqa: F401
from symgrad.core.dims import named
from symgrad.core.expr import Input, lookup
from symgrad.core.numeric import Libm
from symgrad.errors import OperandError
from symgrad.lowering import check, lower
from symgrad.lowering.kernel_ir import Call, Compute, Fill, Load, Loop, Matmul

GOLDEN = Path(__file__).parent.parent / "golden"
m, n, k = named("m"), named("n"), named("k")
x, y = Input("x"), Input("y")
v, w, u = Input("v", (n,)), Input("w", (n,)), Input("u", (m,))
A, B = Input("A", (m, n)), Input("B", (n, k))


def lowered(*outputs, strips=False):
    inputs = {}
    for output in outputs:
        inputs.update(output.inputs)
    program = lower(outputs, list(inputs.values()), strips)
    check(program)
    return program


def loops(program):
    return [s for s in program.statements if isinstance(s, Loop)]


def count(loop, code):
    return sum(isinstance(item, Compute) and item.code == code for item in loop.body)


def logistic():
    margin = -u * (A @ v)
    e = lookup("exp")(margin)
    value = lookup("sum")(lookup("log1p")(e)) + x * lookup("sum")(v * v)
    return value, A.T @ (-u * e / (1 + e)) + 2 * x * v


def test_the_text_of_a_program_is_stable():
    text = str(lowered(*logistic()))
    assert text == (GOLDEN / "logistic.kernel.txt").read_text()


def test_value_and_gradient_share_one_pass_and_one_exponential():
    over_rows = [loop for loop in loops(lowered(*logistic())) if loop.extents == (m,)]
    assert len(over_rows) == 1
    assert count(over_rows[0], Libm("exp")) == 1 and len(over_rows[0].effects) == 2


def test_an_elementwise_chain_is_one_loop_without_work_memory():
    program = lowered(lookup("exp")(v * w + 1) / (v - w))
    assert len(program.statements) == 1 and len(program.buffers) == 3


def test_contiguous_axes_are_merged():
    (loop,) = loops(lowered(A * 2 + 1))
    assert loop.extents == (m * n,)


def test_what_is_smaller_is_computed_before_the_larger_loop():
    first, second = loops(lowered(A * lookup("exp")(v)))
    assert first.extents == (n,) and count(first, Libm("exp")) == 1
    assert second.extents == (m, n) and count(second, Libm("exp")) == 0


def test_transposed_operands_go_to_blas_in_place():
    program = lowered(A.T @ u)
    (product,) = program.statements
    assert isinstance(product, Matmul) and product.a.at.strides == (1, n)


def test_an_operand_that_blas_cannot_read_is_copied():
    copy, product = lowered(A[:, ::2] @ B[::2]).statements[-2:]
    assert isinstance(copy, Loop) and isinstance(product, Matmul)
    assert product.a.at.strides[-1] == product.b.at.strides[-1] == 1


def test_a_batch_with_one_matrix_is_one_product():
    batch = Input("S", (k, m, n))
    (product,) = lowered(batch @ B).statements
    assert product.batch == () and product.rows == k * m


def test_an_outer_product_is_a_loop():
    (loop,) = lowered(u[:, None] @ v[None, :]).statements
    assert isinstance(loop, Loop) and loop.extents == (m, n)


def test_work_memory_is_shared_by_values_that_do_not_live_together():
    e = v
    for _ in range(6):
        e = lookup("softmax")(e)
    program = lowered(e)
    slots = {b.slot for b in program.buffers if b.kind.value == "work" and b.shape == (n,)}
    assert len(slots) <= 2


def test_long_straight_line_code_is_split():
    e = x
    for _ in range(2500):
        e = lookup("sin")(e) + y
    pieces = loops(lowered(e))
    assert len(pieces) > 3 and max(len(piece.body) for piece in pieces) < 1100


def test_long_chains_on_arrays_are_cut():
    e = v
    for _ in range(1000):
        e = lookup("sin")(e) + w
    assert max(len(loop.body) for loop in loops(lowered(e))) < 500


def test_shared_cheap_views_do_not_grow_exponentially():
    e = v
    for _ in range(60):
        e = e[1:] + e[:-1]
    assert sum(len(loop.body) for loop in loops(lowered(e))) < 1000


def test_a_maximum_demands_elements():
    assert lowered(lookup("max")(v)).nonempty == (n,)


def test_routines_and_fills_appear():
    S = Input("S", (n, n))
    kinds = [type(s) for s in lowered(lookup("inv")(S), lookup("sum")(S)).statements]
    assert Call in kinds and Fill in kinds


def test_a_missing_input_is_named():
    with pytest.raises(OperandError, match="input y"):
        lower([x + y], [x])


def test_inputs_that_are_outputs_are_copied():
    (loop,) = lowered(v).statements
    assert loop.body == (Load(loop.body[0].source),) and len(loop.effects) == 1
