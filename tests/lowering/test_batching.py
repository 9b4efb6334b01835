"""Programs of many points: legal, unrolled where they are small, and no work done twice for all points."""

import pytest

import symgrad as sg
from symgrad.core.dims import named
from symgrad.lowering import check, lower
from symgrad.lowering.batching import LONGEST_BODY, POINTS, batch
from symgrad.lowering.kernel_ir import BufferKind, Call, Loop, Matmul, Number, Program, Strip

n = named("n")


def lowered(text: str, shapes: dict[str, tuple[object, ...]]) -> Program:
    formula = sg.parse(text, shapes=shapes)
    return lower([formula, *sg.jacobian(formula).values()], list(formula.inputs.values()), tuned=False)


def inputs(program: Program, *names: str) -> set[int]:
    return {k for k in program.select(BufferKind.INPUT) if program.buffers[k].name in names}


def test_a_small_program_of_fixed_sizes_is_one_loop_without_work_buffers() -> None:
    program = lowered("sum(A @ x * x) + sum(cumsum(x))", {"A": (3, 3), "x": (3,)})
    batched = batch(program, inputs(program, "x"))
    check(batched.main)
    (loop,) = batched.main.statements
    assert isinstance(loop, Loop)
    assert loop.extents == (POINTS,)
    assert not batched.main.select(BufferKind.WORK)
    assert batched.shared is None


def test_what_all_points_share_is_read_without_a_stride() -> None:
    program = lowered("a*x", {"a": (), "x": ()})
    text = str(batch(program, inputs(program, "x")).main)
    assert "load b0[0]" in text
    assert "load b1[i0]" in text


@pytest.mark.parametrize(
    "text, shapes",
    [
        ("sum(A @ x)", {"A": ("n", "n"), "x": ("n",)}),
        ("x @ inv(A) @ x", {"A": ("n", "n"), "x": ("n",)}),
        ("solve(A, x)", {"A": (3, 3), "x": (3,)}),
        ("cumprod(x)*sum(A, axis=0)", {"A": ("n", "n"), "x": ("n",)}),
        ("concatenate((x, A[0]))", {"A": ("n", "n"), "x": ("n",)}),
        ("max(x) + sum(where(A > 0, A, 0))", {"A": (30, 30), "x": (30,)}),
        ("logdet(A) + x[0]", {"A": ("n", "n"), "x": ("n",)}),
    ],
)
@pytest.mark.parametrize("names", [(), ("A",), ("x",), ("A", "x")])
def test_the_programs_are_legal(text: str, shapes: dict[str, tuple[object, ...]], names: tuple[str, ...]) -> None:
    program = lowered(text, shapes)
    batched = batch(program, inputs(program, *names))
    check(batched.main)
    if batched.shared is not None:
        check(batched.shared)
        own = len(program.select(BufferKind.INPUT))
        handed = [batched.main.buffers[k].shape for k in batched.main.select(BufferKind.INPUT)[own:]]
        assert handed == [batched.shared.buffers[k].shape for k in batched.shared.select(BufferKind.OUTPUT)]


def test_every_output_has_the_axis_of_points_in_front() -> None:
    program = lowered("A @ x", {"A": ("n", "n"), "x": ("n",)})
    main = batch(program, set()).main
    assert [main.buffers[k].shape for k in main.select(BufferKind.OUTPUT)] == [
        (POINTS, n),
        (POINTS, n, n, n),
        (POINTS, n, n),
    ]


def test_a_body_that_would_be_too_long_is_not_unrolled() -> None:
    program = lowered("sum(exp(A))", {"A": (LONGEST_BODY // 2, 3)})
    assert len(batch(program, {0}).main.statements) > 1


def test_a_matrix_that_all_points_share_is_factored_once() -> None:
    program = lowered("x @ solve(S, x) + logdet(S)", {"S": ("n", "n"), "x": ("n",)})
    batched = batch(program, inputs(program, "x"))
    assert batched.shared is not None
    assert [s.name for s in batched.shared.statements if isinstance(s, Call)].count("factored") == 1
    solves = [s for s in batched.main.statements if isinstance(s, Call)]
    assert solves
    assert all(s.batch == () and s.columns == POINTS for s in solves)


def test_products_with_a_matrix_that_all_points_share_are_one_product() -> None:
    formula = sg.parse("A @ x", shapes={"A": ("m", "n"), "x": ("n",)})
    program = lower([formula], list(formula.inputs.values()), tuned=False)
    (product,) = batch(program, inputs(program, "x")).main.statements
    assert isinstance(product, Matmul)
    assert product.batch == ()
    assert product.rows == POINTS


def test_vectors_with_gaps_stay_products_of_their_own() -> None:
    formula = sg.parse("A @ X[:, 0]", shapes={"A": ("m", "n"), "X": ("n", "k")})
    program = lower([formula], list(formula.inputs.values()), tuned=False)
    (product,) = batch(program, inputs(program, "X")).main.statements
    assert isinstance(product, Matmul)
    assert product.batch == (POINTS,)  # BLAS reads no matrix with gaps in its rows


def test_programs_in_strips_are_refused() -> None:
    formula = sg.parse("sum(log(1 + exp(X @ w)))", shapes={"X": ("m", "n"), "w": ("n",)})
    program = lower([formula, *sg.jacobian(formula).values()], list(formula.inputs.values()))
    assert any(isinstance(statement, Strip) for statement in program.statements)
    with pytest.raises(TypeError, match="tuned=False"):
        batch(program, inputs(program, "X"))


def test_a_size_called_like_the_points_is_no_problem() -> None:
    with pytest.raises(sg.SymgradError):
        sg.parse("f(x[#points]) = sum(x)")


def test_zeros_of_derivatives_cost_nothing() -> None:
    program = lowered("x[0]*x[1]", {"x": (4,)})
    (loop,) = batch(program, {0}).main.statements
    assert isinstance(loop, Loop)
    assert len([item for item in loop.body if not isinstance(item, Number)]) == 3  # two loads and their product
