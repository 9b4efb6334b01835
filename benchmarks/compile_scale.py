"""Time from a large scalar formula to its first value and gradient, beside generated Python source under Numba.

Run: python benchmarks/compile_scale.py [operations]

The peer compiles the straight-line Python source of the value alone and of value and gradient with `numba.njit`; it is
given the derivative for free. symgrad derives, compiles and runs. Both start with Numba warm and nothing cached.
"""

from __future__ import annotations

import math
import os
import random
import sys
import tempfile
import time

os.environ["SYMGRAD_CACHE_DIR"] = tempfile.mkdtemp(prefix="symgrad-bench-")

import numba
import numpy as np

import symgrad as sg
from symgrad.core.expr import Apply, Expr, Input, Literal, postorder

SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}


def random_formula(operations: int, seed: int = 0) -> Expr:
    """Return a scalar formula of about this many operations on ten inputs, one in seven of them a function."""
    draw = random.Random(seed)
    values: list[Expr] = [sg.scalar(f"x{i}") for i in range(10)]
    for step in range(operations):
        a, b = (draw.choice(values[-60:]) for _ in range(2))
        result = draw.choice((0.5 * (a + b), 0.5 * (a - b), a * b))  # below 1 from inputs below 1
        values.append((sg.tanh, sg.sin, sg.cos)[step % 3](result) if step % 7 == 0 else result)
    total = values[-1]
    for value in values[-60:-1]:
        total = total + value
    return total


def python_source(outputs: list[Expr], names: list[str]) -> str:
    """Return the straight-line source of a function of scalars that returns a tuple."""
    text: dict[Expr, str] = {}
    lines = [f"def f({', '.join(names)}):"]
    for node in postorder(*outputs):
        match node:
            case Input():
                text[node] = node.name
            case Literal():
                text[node] = f"({node.value!r})"
            case Apply():
                args = [text[operand] for operand in node.operands]
                name = f"v{len(lines)}"
                lines.append(f"    {name} = {_call(node.op.name, args)}")
                text[node] = name
    return "\n".join([*lines, f"    return {', '.join(text[output] for output in outputs)},"])


def _call(name: str, args: list[str]) -> str:
    if name == "negative":
        return f"-{args[0]}"
    return f" {SYMBOLS[name]} ".join(args) if name in SYMBOLS else f"math.{name}({args[0]})"


def time_peer(outputs: list[Expr], point: dict[str, float]) -> tuple[float, tuple[float, ...]]:
    """Return seconds to compile and run the generated source, and its results."""
    start = time.perf_counter()
    namespace = {"math": math}
    exec(python_source(outputs, list(point)), namespace)
    results = numba.njit(namespace["f"])(*point.values())
    return time.perf_counter() - start, results


def time_symgrad(formula: Expr, point: dict[str, float]) -> tuple[float, float, dict[str, np.ndarray]]:
    """Return seconds to derive, compile and run, with the value and the gradient."""
    start = time.perf_counter()
    value, gradient = sg.compile(formula).value_and_grad(point)
    return time.perf_counter() - start, value, gradient


def warm_up(x: float) -> float:
    """Compiled once, so that neither side pays for Numba's own start."""
    return x


def main() -> None:
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    numba.njit("f8(f8)")(warm_up)
    formula = random_formula(operations)
    point = {name: 0.09 * (k + 1) for k, name in enumerate(formula.inputs)}
    ours, value, gradient = time_symgrad(formula, point)
    print(f"{operations} operations, {len(postorder(formula))} nodes")
    print(f"symgrad: derive, compile, first value and gradient  {ours:7.2f} s")
    theirs, results = time_peer([formula], point)
    assert math.isclose(results[0], value, rel_tol=1e-9), (results[0], value)
    print(f"generated source under numba.njit, value alone      {theirs:7.2f} s   ratio {ours / theirs:.2f}")
    derivatives = sg.grad(formula, list(gradient))
    theirs, results = time_peer([formula, *derivatives.values()], point)
    for found, expected in zip(results[1:], gradient.values(), strict=True):
        assert math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-9), (found, expected)
    print(f"generated source under numba.njit, with gradient    {theirs:7.2f} s   ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
