"""What a call on small inputs costs, beside a hand-written @njit function with the same arguments.

Run: python benchmarks/latency.py [rounds]

Both are called alternately; the smallest time of many rounds is printed, and the ratio. The hand-written functions
return what ours do as Numba's users write it: a number, or a number and arrays; with out= both write into given arrays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from timeit import Timer
from typing import Any

import numpy as np
from numba import njit

import symgrad as sg

CALLS = 200  # few, so that a round fits between two interruptions


@njit
def product(x, y):
    return x * y + x


@njit
def six(a, b, c, d, e, f):
    slope = np.empty(6)
    first, last = np.exp(a), d * e * f
    slope[0], slope[1], slope[2] = first * b, first, last
    slope[3], slope[4], slope[5] = c * e * f, c * d * f, c * d * e
    return first * b + c * last, slope


@njit
def dot(x, y):
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@njit
def dot_and_slopes(x, y):
    by_x, by_y, total = np.empty(x.size), np.empty(x.size), 0.0
    for i in range(x.size):
        total += x[i] * y[i]
        by_x[i], by_y[i] = y[i], x[i]
    return total, by_x, by_y


@njit
def rosenbrock(x, slope):
    total = 0.0
    slope[:] = 0
    for i in range(x.size - 1):
        valley, rest = x[i + 1] - x[i] * x[i], 1 - x[i]
        total += 100 * valley * valley + rest * rest
        slope[i + 1] += 200 * valley
        slope[i] -= 400 * valley * x[i] + 2 * rest
    return total


def pairs() -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Return, by name, a call of the hand-written function and one of ours."""
    x, point, slope = np.linspace(1, 2, 10), np.linspace(-1, 1, 100), np.empty(100)
    out = {"x": slope}
    two, many = sg.compile("f(x, y) = x*y + x"), sg.compile("f(a, b, c, d, e, f) = exp(a)*b + c*d*e*f")
    inner = sg.compile("f(x[n], y[n]) = sum(x*y)")
    valley = sg.compile("f(x[n]) = sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)")
    numbers = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    return {
        "two floats": (lambda: product(1.0, 2.0), lambda: two(1.0, 2.0)),
        "two floats, by name": (lambda: product(x=1.0, y=2.0), lambda: two(x=1.0, y=2.0)),
        "two floats, kernel.njit": (lambda: product(1.0, 2.0), lambda value=two.njit.value: value(1.0, 2.0)),
        "six floats, value and gradient": (lambda: six(*numbers), lambda: many.value_and_grad(*numbers)),
        "two arrays of 10": (lambda: dot(x, x), lambda: inner(x, x)),
        "two arrays of 10, value and gradient": (lambda: dot_and_slopes(x, x), lambda: inner.value_and_grad(x, x)),
        "Rosenbrock n=100, out=": (lambda: rosenbrock(point, slope), lambda: valley.value_and_grad(point, out=out)),
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for name, calls in pairs().items():
        timers = [Timer(call) for call in calls]
        for call in calls:
            call(), call()  # compiles; shapes are known from the second call on
        times = [[timer.timeit(CALLS) / CALLS * 1e6 for timer in timers] for _ in range(rounds)]
        by_hand, ours = (min(column) for column in zip(*times, strict=True))
        print(f"{name:38s} by hand {by_hand:6.3f} us   symgrad {ours:6.3f} us   ratio {ours / by_hand:.2f}")


if __name__ == "__main__":
    main()
