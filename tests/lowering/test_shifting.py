"""Loops that are joined: what one puts into place, a later one adds to a step later."""

from itertools import product

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba import compile_program
from symgrad.core.dims import evaluate, named
from symgrad.core.numeric import Instruction
from symgrad.lowering.kernel_ir import (
    Access,
    Accumulate,
    Affine,
    Buffer,
    BufferKind,
    Effect,
    Fill,
    Load,
    Loop,
    Program,
    Store,
    Strip,
)
from symgrad.lowering.lower import lower
from symgrad.lowering.shifting import follower, join_shifted
from symgrad.lowering.validation import check

CHAINS = [
    "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)",
    "sum((x[2:] - 2*x[1:-1] + x[:-2]**2)**2)",
    "sum(x[1:]*x[:-1]) + sum(sin(x))",
    "sum((x[3:] - x[:-3]**2)**2)",
    "sum(exp(x[2:])*x[:-2]*x[1:-1]**3)",
    "sum((x[2::2] - x[:-2:2])**2)",
]


def gradient_by_differences(kernel, x):
    steps = 1e-6 * np.eye(len(x))
    return np.array([(kernel(x + step) - kernel(x - step)) / 2e-6 for step in steps])


@pytest.mark.parametrize("text", CHAINS)
@pytest.mark.parametrize("n", [3, 4, 5, 9, 40, 41])
def test_gradients_of_chains(text, n):
    if "3:" in text and n < 4:
        n = 4
    kernel = sg.compile(text, wrt=["x"])
    x = np.random.default_rng(n).uniform(0.5, 1.5, n)
    _, derivatives = kernel.value_and_grad(x)
    np.testing.assert_allclose(derivatives["x"], gradient_by_differences(kernel, x), rtol=1e-6, atol=1e-6)


def program_of(text):
    value = sg.parse(text)
    program = lower([value, sg.grad(value, "x")], list(value.inputs.values()))
    check(program)
    return program


def loops_of(text):
    return [s for s in program_of(text).statements if isinstance(s, Loop) and s.extents and s.body[1:]]


def test_a_chain_is_one_loop_that_computes_what_is_shared_once():
    (loop,) = loops_of(CHAINS[0])
    loads = [str(item) for item in loop.body if str(item).startswith("load")]
    assert len(loads) == len(set(loads)) == 2
    store = next(k for k, effect in enumerate(loop.effects) if not isinstance(effect, Accumulate))
    assert follower(loop.effects, store) == store + 1


def test_a_chain_of_three_hands_on_twice():
    (loop,) = loops_of(CHAINS[1])
    first, second, third = range(len(loop.effects) - 3, len(loop.effects))
    assert [follower(loop.effects, k) for k in (first, second, third)] == [second, third, None]


def test_elements_that_are_further_apart_keep_two_loops():
    assert len(loops_of(CHAINS[3])) == 2


def test_many_points_of_a_chain():
    kernel = sg.compile(CHAINS[0], wrt=["x"])
    x = np.random.default_rng(0).uniform(0.5, 1.5, (5, 7))
    values, derivatives = kernel.batch.value_and_grad(x)
    for k in range(5):
        value, gradients = kernel.value_and_grad(x[k])
        np.testing.assert_allclose(values[k], value)
        np.testing.assert_allclose(derivatives["x"][k], gradients["x"])


def test_a_register_is_handed_on_only_where_nothing_else_reaches_its_element():
    assert follower([stored(1), added(0)], 0) == 1
    assert follower([stored(1), added(0), added(1)], 0) is None
    assert follower([added(0), stored(1), added(0)], 1) is None


N, X, Y = named("n"), 0, 1
READ = (Load(Access(X, Affine(0, (1,)))),)
BUFFERS = (Buffer(BufferKind.INPUT, (N + 2,), "x"), Buffer(BufferKind.OUTPUT, (N + 2,)))


def stored(offset, stride=1) -> Effect:
    return Store(Access(Y, Affine(offset, (stride,))), 0)


def added(offset, stride=1, combine=Instruction.ADD) -> Effect:
    return Accumulate(Access(Y, Affine(offset, (stride,))), combine, 0)


def joined(*statements):
    return join_shifted(Program(BUFFERS, statements)).statements


def loop(*effects, body=READ):
    return Loop((N,), body, effects)


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        ([stored(1)], [added(0)], 1),
        ([stored(1)], [added(1)], 1),
        ([stored(0)], [added(1)], 2),  # adds before it is stored
        ([stored(2)], [added(0)], 2),
        ([stored(1)], [added(0), added(1)], 2),  # the last would add to what a register has
        ([stored(1)], [added(1), added(0)], 1),
        ([stored(N, -1)], [added(N + 1, -1)], 1),
        ([stored(N + 1, -1)], [added(N, -1)], 2),
        ([stored(1)], [added(0, combine=Instruction.MUL)], 2),
        ([stored(1)], [stored(0)], 2),
        ([stored(1, 2)], [added(0, 1)], 2),
        ([stored(1)], [added(0, 0)], 2),
    ],
)
def test_which_loops_are_joined(first, second, count):
    assert len(joined(loop(*first), loop(*second))) == count


def test_what_lies_between_keeps_loops_apart():
    reading = Loop((N,), (Load(Access(Y, Affine(0, (1,)))),), (Store(Access(2, Affine(0, (1,))), 0),))
    for between in (reading, Fill(Y, 0.0), Strip("n", (Fill(Y, 0.0),))):
        assert joined(loop(stored(1)), between, loop(added(0))) == (loop(stored(1)), between, loop(added(0)))
    assert len(joined(loop(stored(1)), Fill(2, 0.0), loop(added(0)))) == 2


def test_a_loop_that_reads_what_the_other_writes_stays():
    reads = loop(added(0), body=(Load(Access(Y, Affine(0, (1,)))),))
    assert len(joined(loop(stored(1)), reads)) == 2


def random_program(rng) -> Program:
    """A few loops that put into place and add, here and there, what they compute from two inputs."""
    buffers = [Buffer(BufferKind.INPUT, (2 * N + 6,), name) for name in "ab"]
    buffers += [Buffer(BufferKind.OUTPUT, (2 * N + 6,)) for _ in range(2)]
    buffers += [Buffer(BufferKind.INPUT, (N,), "c")]  # tells n
    statements = [Fill(2, 1.0), Fill(3, -2.0)]
    for _ in range(rng.integers(2, 6)):
        steps = rng.choice([1, 1, 1, 2, -1])
        start = 2 * N + 2 if steps < 0 else 0
        reads = tuple(Load(Access(int(rng.integers(2)), Affine(int(rng.integers(4)), (1,)))) for _ in range(2))
        if rng.random() < 0.2:
            reads = (reads[0], Load(Access(int(rng.integers(2, 4)), Affine(int(rng.integers(4)), (1,)))))
        effects = []
        for _ in range(rng.integers(1, 4)):
            target = Access(int(rng.integers(2, 4)), Affine(start + int(rng.integers(3)), (int(steps),)))
            kind = rng.choice([0, 1, 1, 1])
            value = int(rng.integers(2))
            effects.append(Accumulate(target, Instruction.ADD, value) if kind else Store(target, value))
        if any(load.source.buffer == effect.target.buffer for load, effect in product(reads, effects)):
            continue  # no loop of the lowering reads what it writes
        statements.append(Loop((N,), reads, tuple(effects)))
    return Program(tuple(buffers), tuple(statements))


def run_in_order(program, arrays, n):
    """What the statements mean, one step after the other."""
    memory = [array.copy() for array in arrays] + [np.zeros(2 * n + 6) for _ in range(2)]
    for statement in program.statements:
        if isinstance(statement, Fill):
            memory[statement.buffer][:] = statement.value
            continue
        for i in range(n):
            values = [memory[item.source.buffer][item.source.at.offset + i] for item in statement.body]
            for effect in statement.effects:
                place = evaluate(effect.target.at.offset, {"n": n}) + effect.target.at.strides[0] * i
                before = memory[effect.target.buffer][place] if isinstance(effect, Accumulate) else 0.0
                memory[effect.target.buffer][place] = before + values[effect.value]
    return memory[2:]


def check_joined(seed) -> int:
    """Compare a random program, joined and compiled, with its meaning; return how many loops were joined."""
    rng = np.random.default_rng(seed)
    program = random_program(rng)
    joined = join_shifted(program)
    kernel = compile_program(joined, cache=False)
    for n in (0, 1, 2, 3, 8, 21):
        arrays = list(rng.integers(-9, 9, (2, 2 * n + 6)).astype(float))
        for found, expected in zip(
            kernel([*arrays, np.zeros(n)], {"n": n}), run_in_order(program, arrays, n), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
    return len(program.statements) - len(joined.statements)


def test_random_loops_mean_the_same_when_they_are_joined():
    assert sum(check_joined(seed) for seed in range(12)) > 1
