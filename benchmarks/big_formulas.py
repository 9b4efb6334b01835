"""N-body energy of N = 8 ... 64 bodies, every pair written out in one expression, beside a hand-written Numba loop.

Run: python benchmarks/big_formulas.py [largest N]
     python benchmarks/big_formulas.py random [operations]

The second is a random formula, in which nothing is alike, and says where the time to be ready goes.

Ready: from the expression in memory to the first value and gradient, Numba warm and nothing cached. Calls are timed
alternately with the hand-written loop in one process; the times are minima. `growth` is the time to be ready for each
operation over that of the row before: 1 where it grows linearly, less where a part of it is constant.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

os.environ["SYMGRAD_CACHE_DIR"] = tempfile.mkdtemp(prefix="symgrad-bench-")

import compile_scale
import numba
import numpy as np

import symgrad as sg
from symgrad.backends.numba import compile_program
from symgrad.core.expr import Apply, Expr, postorder
from symgrad.diff.jacobian import jacobian
from symgrad.lowering import lower
from symgrad.lowering.rolling import roll
from symgrad.simplify import simplify

SOFTENING = 1e-3
ROUNDS = 2000


def masses(bodies: int) -> np.ndarray:
    """Return a mass for each body."""
    return 1 + 0.1 * np.arange(bodies)


def energy(bodies: int) -> Expr:
    """Return kinetic and potential energy, written out term by term, of the entries of x[3*N] and v[3*N]."""
    x, v = sg.vector("x", 3 * bodies), sg.vector("v", 3 * bodies)
    m = masses(bodies)
    total = m[0] / 2 * (v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
    for i in range(1, bodies):
        total = total + m[i] / 2 * (v[3 * i] ** 2 + v[3 * i + 1] ** 2 + v[3 * i + 2] ** 2)
    for i in range(bodies):
        for j in range(i + 1, bodies):
            dx, dy, dz = (x[3 * i + k] - x[3 * j + k] for k in range(3))
            total = total - m[i] * m[j] / sg.sqrt(dx**2 + dy**2 + dz**2 + SOFTENING)
    return total


@numba.njit(error_model="numpy", fastmath={"reassoc", "contract"})
def by_hand(x, v, m, gx, gv):  # type: ignore[no-untyped-def]
    """The loop over pairs that a person writes."""
    total = 0.0
    gx[:] = 0.0
    for i in range(len(m)):
        for k in range(3):
            total += m[i] / 2 * v[3 * i + k] ** 2
            gv[3 * i + k] = m[i] * v[3 * i + k]
        for j in range(i + 1, len(m)):
            dx, dy, dz = x[3 * i] - x[3 * j], x[3 * i + 1] - x[3 * j + 1], x[3 * i + 2] - x[3 * j + 2]
            square = dx * dx + dy * dy + dz * dz + SOFTENING
            each = m[i] * m[j] / math.sqrt(square)
            total -= each
            force = each / square
            gx[3 * i] += force * dx
            gx[3 * i + 1] += force * dy
            gx[3 * i + 2] += force * dz
            gx[3 * j] -= force * dx
            gx[3 * j + 1] -= force * dy
            gx[3 * j + 2] -= force * dz
    return total


def fastest(calls: list[Callable[[], Any]], rounds: int = ROUNDS) -> list[float]:
    """Return the shortest time of each call in microseconds, called in turn."""
    best = [math.inf] * len(calls)
    for _ in range(rounds):
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[k] = min(best[k], time.perf_counter() - start)
    return [1e6 * seconds for seconds in best]


def operations(formula: Expr) -> int:
    """Return the number of arithmetic operations of a formula."""
    return sum(isinstance(node, Apply) and node.op.elementwise for node in postorder(formula))


def measure(bodies: int) -> tuple[int, float, float, float]:
    """Return operations, seconds to be ready, and microseconds a call, ours and by hand."""
    formula, m = energy(bodies), masses(bodies)
    draw = np.random.default_rng(0)
    x, v = draw.standard_normal(3 * bodies) * 3, draw.standard_normal(3 * bodies)
    gx, gv = np.empty_like(x), np.empty_like(v)
    start = time.perf_counter()
    kernel = sg.compile(formula)
    value, found = kernel.value_and_grad(x=x, v=v)
    ready = time.perf_counter() - start
    np.testing.assert_allclose(value, by_hand(x, v, m, gx, gv), rtol=1e-11)
    np.testing.assert_allclose(found["x"], gx, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found["v"], gv, rtol=1e-12)
    ours, theirs = fastest([lambda: kernel.value_and_grad(x=x, v=v), lambda: by_hand(x, v, m, gx, gv)])
    return operations(formula), ready, ours, theirs


def random_formula(count: int) -> None:
    """Print the seconds of each stage for a random formula of about this many operations, and the time of a call."""
    formula = compile_scale.random_formula(count)
    inputs = list(formula.inputs.values())
    arrays = [np.array(0.09 * (k + 1)) for k in range(len(inputs))]
    times = [("", time.perf_counter())]
    (stable,) = simplify([roll(formula)])
    times.append(("rewrite", time.perf_counter()))
    gradient = jacobian(stable, inputs)
    times.append(("differentiate", time.perf_counter()))
    outputs = simplify([stable, *gradient], settled=[stable])
    times.append(("rewrite again", time.perf_counter()))
    program = lower(outputs, inputs)
    times.append(("lower", time.perf_counter()))
    kernel = compile_program(program)
    times.append(("compile", time.perf_counter()))
    kernel(arrays, {})
    times.append(("first call", time.perf_counter()))
    for (_, start), (stage, end) in pairwise(times):
        print(f"{stage:15s} {end - start:8.2f} s")
    (call,) = fastest([lambda: kernel(arrays, {})], rounds=50)
    print(f"{operations(formula)} operations: ready in {times[-1][1] - times[0][1]:.1f} s, {call:.0f} us a call")


def bodies_beside_a_loop(largest: int) -> None:
    """Print a line for each number of bodies."""
    print(f"{'N':>4} {'operations':>10} {'ready':>8} {'growth':>7} {'call':>10} {'by hand':>10} {'ratio':>6}")
    before, bodies = math.nan, 8
    while bodies <= largest:
        count, ready, ours, theirs = measure(bodies)
        growth = ready / count / before
        print(
            f"{bodies:4d} {count:10d} {ready:6.2f} s {growth:7.2f} {ours:7.1f} us {theirs:7.1f} us {ours / theirs:6.2f}"
        )
        before, bodies = ready / count, 2 * bodies


def main() -> None:
    arguments = sys.argv[1:]
    sg.compile("x**2").value_and_grad(x=1.0)  # Numba's own start
    if arguments[:1] == ["random"]:
        random_formula(int(arguments[1]) if len(arguments) > 1 else 10_000)
    else:
        bodies_beside_a_loop(int(arguments[0]) if arguments else 64)


if __name__ == "__main__":
    main()
