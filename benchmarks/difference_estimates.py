"""How often the error estimate of a difference covers its true error, by the units that the variables are in.

Run: python benchmarks/difference_estimates.py [count] [--seed 0]

Random formulas of the kind that physics has (products of powers, roots of sums, decaying exponentials, waves) are
differentiated by each variable with the ladder of `symgrad.verification.differences`; the truth is the derivative at
65 digits. A unit of 1e6 means that the variables are a million times larger and the formula divides them by it.
The raw estimate is what the tableau gives; bounds use it times INFLATION. Exit status 1 if it covers less than 99.8 %.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Expr, Input, Literal
from symgrad.core.traversal import substitute
from symgrad.ops.exponential import exp, log, sqrt
from symgrad.ops.hyperbolic import tanh
from symgrad.ops.trigonometric import cos, sin
from symgrad.verification import precise
from symgrad.verification.differences import INFLATION, differentiate

UNITS = (1.0, 1e-6, 1e6)
LEAST_COVERED = 0.998
EXPONENTS = (-3, -2, -1.5, -1, -0.5, 0.5, 1, 1, 1, 2, 2, 3)
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A partial derivative by differences: its error and the estimate, relative to the truth."""

    error: float
    estimate: float


def monomial(rng: np.random.Generator, variables: Sequence[Input]) -> Expr:
    """Return a product of powers of some of the variables, with a number in front."""
    used = rng.choice(len(variables), size=min(len(variables), int(rng.integers(1, 4))), replace=False)
    result: Expr = Literal(float(np.round(rng.uniform(0.2, 4.0), 3)))
    for place in used:
        power = float(rng.choice(EXPONENTS))
        result = result * variables[place] ** (int(power) if power == int(power) else power)
    return result


def term(rng: np.random.Generator, variables: Sequence[Input]) -> Expr:
    """Return a factor of a physical law: a monomial, alone or inside of a function."""
    inner = monomial(rng, variables)
    kind = int(rng.integers(9))
    if kind < 3:
        return inner
    if kind == 3:
        return sqrt(inner**2 + monomial(rng, variables) ** 2)
    if kind == 4:
        return exp(-inner / (1 + inner))
    if kind == 5:
        return 1 / (inner + monomial(rng, variables))
    if kind == 6:
        return log(1 + inner)
    return (sin, cos)[kind - 7](tanh(inner) * variables[0])


def formula(rng: np.random.Generator) -> tuple[Expr, list[Input]]:
    """Return a random formula of two to five variables, which stand for positive numbers."""
    variables = [Input(name) for name in "abcde"[: int(rng.integers(2, 6))]]
    result = monomial(rng, variables) * term(rng, variables)
    for _ in range(int(rng.integers(1, 4))):
        other = term(rng, variables)
        result = (result + other, result - other, result * other, result / (1 + other**2))[int(rng.integers(4))]
    return result, [x for x in variables if x.name in result.inputs]


def partials(rng: np.random.Generator) -> Iterator[list[Outcome | None]]:
    """Yield the outcomes of one partial derivative in all units, without end; None where it is not defined."""
    while True:
        output, variables = formula(rng)
        point = {x.name: float(rng.uniform(0.5, 3.0)) for x in variables}
        for x in variables:
            yield [outcome(output, variables, point, x, unit) for unit in UNITS]


def outcome(output: Expr, variables: Sequence[Input], point: dict[str, float], x: Input, unit: float) -> Outcome | None:
    """Differentiate in one unit, and compare with the truth."""
    (scaled,) = substitute([output], {each: each / unit for each in variables})
    values = {name: np.asarray(value * unit) for name, value in point.items()}

    def function(flat: np.ndarray) -> np.ndarray:
        return evaluate_reference([scaled], {**values, x.name: flat.reshape(())})[0].reshape(1)

    start = values[x.name].reshape(1)
    found = differentiate(function, start, np.diag(np.abs(start)), np.zeros(1), EPS)
    try:
        (centre,) = precise.evaluate_twice([scaled], values)
        slope = precise.directional_derivative(scaled, values, x.name, np.abs(values[x.name]), centre)
    except precise.NotPreciseError:
        return None
    truth = float(slope.low.item())
    if truth == 0.0 or not np.isfinite(found.low).all():
        return None
    error = abs(float(slope.low.item() - float(found.low[0, 0])))
    return Outcome(error / abs(truth), float(found.uncertainty[0, 0]) / INFLATION / abs(truth))


def table(outcomes: Sequence[Sequence[Outcome]]) -> list[str]:
    """Return the lines of the table, one for each unit."""
    head = f"{'unit':>6} {'partials':>9} {'<= estimate':>12} {'<= bound':>9} {'worst error/estimate':>21}"
    lines = [f"{head} {'median bound':>13} {'worst error':>12}"]
    for unit, column in zip(UNITS, zip(*outcomes, strict=True), strict=True):
        ratios = np.array([each.error / each.estimate for each in column])
        bounds = np.array([INFLATION * each.estimate for each in column])
        lines.append(
            f"{unit:>6g} {len(ratios):>9} {(ratios <= 1).mean():>12.2%} {(ratios <= INFLATION).mean():>9.2%} "
            f"{ratios.max():>21.2f} {np.median(bounds):>13.1e} {max(each.error for each in column):>12.1e}"
        )
    return lines


def covered(outcomes: Sequence[Sequence[Outcome]]) -> float:
    """Return the share of derivatives whose raw estimate covers the error, in the worst unit."""
    return min(
        sum(each.error <= each.estimate for each in column) / len(column) for column in zip(*outcomes, strict=True)
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    outcomes: list[list[Outcome]] = []
    for row in partials(np.random.default_rng(arguments.seed)):
        whole = [each for each in row if each is not None]
        outcomes += [whole] if len(whole) == len(UNITS) else []
        if len(outcomes) == arguments.count:
            break
    print("\n".join(table(outcomes)))
    print(f"{time.perf_counter() - started:.0f} s, seed {arguments.seed}")
    return 0 if covered(outcomes) >= LEAST_COVERED else 1


if __name__ == "__main__":
    sys.exit(main())
