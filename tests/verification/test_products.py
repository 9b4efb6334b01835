import numpy as np
import pytest
from interpreted import InterpretedKernel, derivatives

from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Input
from symgrad.diff.pullback import pull_back
from symgrad.diff.pushforward import push_forward
from symgrad.syntax import parse
from symgrad.verification import Route, Verdict, verify
from symgrad.verification.products import Batched, Pulled, Pushed

OUTPUT = parse("A @ sin(x)")
INPUTS, GRADIENTS = derivatives(OUTPUT)
TANGENTS = {x.name: f"{x.name}_dot" for x in INPUTS}


class Interpreted:
    def __init__(self, expr, factor=1.0):
        self.expr, self.factor = expr, factor

    def __call__(self, inputs):
        return evaluate_reference([self.expr], inputs)[0] * self.factor


class InterpretedBatch:
    """Loops over the points; `shift` takes the results of another point."""

    def __init__(self, shift=0, factor=1.0):
        self.shift, self.factor = shift, factor

    def value_and_grad(self, inputs):
        count = len(next(iter(inputs.values())))
        rows = [
            evaluate_reference(
                [OUTPUT, *GRADIENTS.values()], {name: x[(i + self.shift) % count] for name, x in inputs.items()}
            )
            for i in range(count)
        ]
        value, *found = (np.stack(column) for column in zip(*rows, strict=True))
        return value, {name: g * self.factor for name, g in zip(GRADIENTS, found, strict=True)}


def verdicts(route, kind):
    report = verify(OUTPUT, INPUTS, GRADIENTS, InterpretedKernel(OUTPUT, GRADIENTS), points=1, routes=[route])
    return {check.verdict for check in report.checks if check.route is kind}, report


def pushed(factor):
    seeds = {x: Input(TANGENTS[x.name], x.shape) for x in INPUTS}
    return Pushed(Interpreted(push_forward(OUTPUT, seeds), factor), TANGENTS)


def pulled(factor):
    results = pull_back(OUTPUT, Input("y_bar", OUTPUT.shape), INPUTS)
    return Pulled({x.name: Interpreted(each, factor) for x, each in zip(INPUTS, results, strict=True)}, "y_bar")


@pytest.mark.parametrize(("make", "kind"), [(pushed, Route.JVP), (pulled, Route.VJP)])
def test_products_are_checked(make, kind):
    assert verdicts(make(1.0), kind)[0] == {Verdict.PASS}
    found, report = verdicts(make(1 + 1e-10), kind)
    assert found == {Verdict.FAIL}
    assert kind.name.lower() in report.reasons[0]


def test_batches_are_checked():
    assert verdicts(Batched(InterpretedBatch()), Route.BATCH)[0] == {Verdict.PASS}
    assert Verdict.FAIL in verdicts(Batched(InterpretedBatch(factor=1 + 1e-10)), Route.BATCH)[0]
    assert verdicts(Batched(InterpretedBatch(shift=1)), Route.BATCH)[0] == {Verdict.FAIL}
