"""Identities of the books: what symgrad derives has the book's value and the slope of the formula, and reads like it.

The books' formulas are in the tables beside this file, written by hand; nothing there comes from symgrad's output but
`printed`, the text that has to come out.
"""

from __future__ import annotations

import re
from zlib import crc32

import numpy as np
import pytest
from identities import (
    decompositions,
    determinants,
    elementwise,
    hessians,
    inverses,
    jacobians,
    layouts,
    learning,
    norms,
    quadratic_forms,
    traces,
)
from identities.identity import Identity

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Expr
from symgrad.verification.differences import differentiate, directions
from symgrad.verification.model import Point
from symgrad.verification.sampling import Sampler

THEMES = (
    traces,
    determinants,
    inverses,
    quadratic_forms,
    norms,
    elementwise,
    learning,
    jacobians,
    hessians,
    decompositions,
    layouts,
)
EVERY = [identity for theme in THEMES for identity in theme.IDENTITIES]
POINTS = 3
TIGHT = 1e-9
EPS = float(np.finfo(float).eps)
FLOOR = 64 * EPS  # rounding in the value that differences of it suffer from, relative to its largest entry


def derived(identity: Identity, formula: Expr) -> Expr:
    if not identity.then:
        result: Expr = sg.jacobian(formula, identity.wrt, layout=identity.layout)
        return result
    if identity.then == identity.wrt:
        return sg.hessian(formula, identity.wrt)
    return sg.hessian(formula, [identity.wrt, identity.then])[identity.wrt][identity.then]


def written(identity: Identity, formula: Expr) -> Expr:
    """Return the book's derivative, with the inputs of the formula."""
    words = set(re.findall(r"\w+", identity.derivative))
    shapes = {name: node.shape for name, node in formula.inputs.items() if name in words}
    return sg.parse(identity.derivative, shapes=shapes)


def draw(identity: Identity, formula: Expr) -> list[Point]:
    rng = np.random.default_rng(crc32(str(identity).encode()))
    sampler = Sampler(formula, tuple(formula.inputs.values()), rng)
    return [sampler.draw(number) for number in range(POINTS)]


@pytest.mark.parametrize("identity", EVERY, ids=map(str, EVERY))
def test_identity(identity: Identity) -> None:
    formula = sg.parse(identity.formula)
    found, book = derived(identity, formula), written(identity, formula)
    assert found.shape == book.shape
    points = draw(identity, formula)
    for point in points:
        ours, theirs = evaluate_reference([found, book], point.values, sizes=point.sizes)
        scale = np.abs(theirs).max(initial=0.0)
        np.testing.assert_allclose(ours, theirs, rtol=TIGHT, atol=TIGHT * scale)
    agrees_with_differences(identity, formula, points[0])
    if identity.printed is not None:
        assert found.formula() == identity.printed


def agrees_with_differences(identity: Identity, formula: Expr, point: Point) -> None:
    """The derivative, in the default layout, lies where differences of the formula (or of its gradient) say."""
    function = sg.grad(formula, identity.wrt) if identity.then else formula
    name = identity.then or identity.wrt
    derivative = derived(identity, formula) if identity.then else sg.jacobian(formula, name)
    x = np.asarray(point.values[name], float)
    (slope,) = evaluate_reference([derivative], point.values, sizes=point.sizes)

    def value(flat: np.ndarray) -> np.ndarray:
        moved = {**point.values, name: flat.reshape(x.shape)}
        (result,) = evaluate_reference([function], moved, sizes=point.sizes)
        return np.ravel(result)

    centre = value(x.ravel())
    along = directions(x, np.random.default_rng(0))
    floor = np.full(centre.shape, FLOOR * np.abs(centre).max(initial=1.0))
    slopes = differentiate(value, x.ravel(), along, floor, EPS)
    predicted = (slope.reshape(centre.size, x.size) @ along.T).T
    error = np.maximum(np.maximum(slopes.low - predicted, predicted - slopes.high), 0.0)
    size = np.abs(predicted).max(initial=0.0)
    assert np.isfinite(slopes.uncertainty).all()
    assert slopes.uncertainty.max() <= 1e-5 * max(size, 1.0), "the differences say nothing"
    assert (error <= slopes.uncertainty).all()


def test_there_are_many() -> None:
    assert len({(each.formula, each.wrt, each.then, each.layout) for each in EVERY}) >= 150
