"""Time to derive the gradient of a product of k matrices, a k-layer network and a k-term sum: it should grow like k.

Run: python benchmarks/derivation_scale.py [largest k]

The last column is the time per k over that of the row before: near 1 where the growth is linear.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import symgrad as sg
from symgrad.core.expr import Expr


def product(k: int) -> Expr:
    """trace(A0 @ A1 @ ... @ Ak)"""
    total = sg.matrix("A0", "n", "n")
    for i in range(1, k):
        total = total @ sg.matrix(f"A{i}", "n", "n")
    return sg.trace(total)


def network(k: int) -> Expr:
    """sum(tanh(Wk @ ... tanh(W1 @ x + b1) ... + bk))"""
    layer = sg.vector("x", "n")
    for i in range(k):
        layer = sg.tanh(sg.matrix(f"W{i}", "n", "n") @ layer + sg.vector(f"b{i}", "n"))
    return sg.sum(layer)


def long_sum(k: int) -> Expr:
    """sum(exp(x1*x) + ... + exp(xk*x))"""
    x = sg.vector("x", "n")
    total = sg.exp(sg.scalar("c0") * x)
    for i in range(1, k):
        total = total + sg.exp(sg.scalar(f"c{i}") * x)
    return sg.sum(total)


def main() -> None:
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    tasks: list[Callable[[int], Expr]] = [product, network, long_sum]
    for task in tasks:
        before = None
        k = 10
        while k <= largest:
            formula = task(k)
            start = time.perf_counter()
            sg.grad(formula)
            seconds = time.perf_counter() - start
            growth = "" if before is None else f"{seconds / k / before:6.2f}"
            print(f"{task.__name__:10s} k = {k:5d}  {seconds:8.3f} s  {1e3 * seconds / k:7.3f} ms per k  {growth}")
            before = seconds / k
            k *= 10


if __name__ == "__main__":
    main()
