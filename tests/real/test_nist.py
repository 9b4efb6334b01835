"""Nonlinear regression on the NIST data sets: residual sums of squares and their gradients at the certified optimum."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg

DATA = Path(__file__).parents[3] / "shared" / "data" / "nist_strd.json"
SETS: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
UNIT = np.finfo(float).eps

# The models, as published with the data.
ENSO = (
    "b1 + b2*cos(2*pi*x/12) + b3*sin(2*pi*x/12)"
    " + b5*cos(2*pi*x/b4) + b6*sin(2*pi*x/b4) + b8*cos(2*pi*x/b7) + b9*sin(2*pi*x/b7)"
)
GAUSS = "b1*exp(-b2*x) + b3*exp(-(x - b4)**2/b5**2) + b6*exp(-(x - b7)**2/b8**2)"
LANCZOS = "b1*exp(-b2*x) + b3*exp(-b4*x) + b5*exp(-b6*x)"
RATIONAL = "(b1 + b2*x + b3*x**2 + b4*x**3)/(1 + b5*x + b6*x**2 + b7*x**3)"
CHWIRUT = "exp(-b1*x)/(b2 + b3*x)"

MODELS = {
    "Bennett5": "b1*(b2 + x)**(-1/b3)",
    "BoxBOD": "b1*(1 - exp(-b2*x))",
    "Chwirut1": CHWIRUT,
    "Chwirut2": CHWIRUT,
    "DanWood": "b1*x**b2",
    "ENSO": ENSO,
    "Eckerle4": "b1/b2*exp(-((x - b3)/b2)**2/2)",
    "Gauss1": GAUSS,
    "Gauss2": GAUSS,
    "Gauss3": GAUSS,
    "Hahn1": RATIONAL,
    "Kirby2": "(b1 + b2*x + b3*x**2)/(1 + b4*x + b5*x**2)",
    "Lanczos1": LANCZOS,
    "Lanczos2": LANCZOS,
    "Lanczos3": LANCZOS,
    "MGH09": "b1*(x**2 + x*b2)/(x**2 + x*b3 + b4)",
    "MGH10": "b1*exp(b2/(x + b3))",
    "MGH17": "b1 + b2*exp(-x*b4) + b3*exp(-x*b5)",
    "Misra1a": "b1*(1 - exp(-b2*x))",
    "Misra1b": "b1*(1 - (1 + b2*x/2)**(-2))",
    "Misra1c": "b1*(1 - (1 + 2*b2*x)**(-1/2))",
    "Misra1d": "b1*b2*x/(1 + b2*x)",
    "Nelson": "b1 - b2*x1*exp(-b3*x2)",
    "Rat42": "b1/(1 + exp(b2 - b3*x))",
    "Rat43": "b1/(1 + exp(b2 - b3*x))**(1/b4)",
    "Roszman1": "b1 - b2*x - atan(b3/(x - b4))/pi",
    "Thurber": RATIONAL,
}
LOG_RESPONSE = frozenset({"Nelson"})  # these model the logarithm of y

pytestmark = pytest.mark.skipif(not SETS, reason=f"{DATA} is not here")


def inputs_of(name: str) -> dict[str, Any]:
    response, *predictors = np.array(SETS[name]["rows"]).T
    names = ["x"] if len(predictors) == 1 else [f"x{k + 1}" for k in range(len(predictors))]
    parameters = {f"b{k + 1}": value for k, value in enumerate(SETS[name]["certified"])}
    return {"y": response, **dict(zip(names, predictors, strict=True)), **parameters}


def residuals(name: str) -> sg.Expr:
    vectors = {key: ("n",) for key, value in inputs_of(name).items() if np.ndim(value)}
    response = "log(y)" if name in LOG_RESPONSE else "y"
    scalars = {key: () for key, value in inputs_of(name).items() if not np.ndim(value)}
    return sg.parse(f"{response} - ({MODELS[name]})", shapes={**vectors, **scalars})


def parameters_of(name: str) -> list[str]:
    return [f"b{k + 1}" for k in range(len(SETS[name]["certified"]))]


def last_digit(value: float) -> float:
    """Return half a unit of the eleventh digit, to which parameters are certified."""
    return 0.5 * 10.0 ** (np.floor(np.log10(abs(value))) - 10)


def test_every_data_set_has_a_model():
    assert set(MODELS) == {name for name in SETS if not name.startswith("_")}
    assert len(MODELS) == 27


@pytest.mark.parametrize("name", MODELS)
def test_the_value_and_the_gradient_are_the_certified_ones(name):
    """The gradient is 2 J^T r: zero at the true optimum, and at the certified parameters, which are rounded, at most
    the change 2 J^T J db that the rounding causes, and the rounding of the sum itself."""
    inputs, parameters = inputs_of(name), parameters_of(name)
    residual = residuals(name)
    value, gradient = sg.compile(sg.sum(residual**2), wrt=parameters).value_and_grad(inputs)
    r, slopes = sg.compile(residual, wrt=parameters).value_and_grad(inputs)
    jacobian = np.stack([slopes[b] for b in parameters], axis=1)
    rounding = np.array([last_digit(b) for b in SETS[name]["certified"]])

    # what rounded parameters, and arithmetic on the responses, may add to each residual
    model_error = np.abs(jacobian) @ rounding
    arithmetic = 64 * UNIT * (np.abs(jacobian) @ np.abs(SETS[name]["certified"]) + np.abs(inputs["y"]))
    slack = 2 * np.abs(r) @ (arithmetic) + np.sum((model_error + arithmetic) ** 2)
    assert abs(value - SETS[name]["rss"]) <= 1e-8 * SETS[name]["rss"] + (slack if name == "Lanczos1" else 0)

    gauss_newton = 2 * np.abs(jacobian.T @ jacobian) @ rounding
    curvature = 2 * np.abs(jacobian.T) @ arithmetic
    found = np.array([gradient[b] for b in parameters])
    np.testing.assert_array_less(np.abs(found), 4 * gauss_newton + curvature)


@pytest.mark.parametrize("name", ["Misra1a", "Thurber", "Lanczos3", "Rat43"])
def test_the_gradient_is_not_zero_elsewhere(name):
    """The bound of the test above is sharp: parameters off by 1e-6 would not pass it."""
    parameters = parameters_of(name)
    inputs = {key: value * (1 + 1e-6) if key in parameters else value for key, value in inputs_of(name).items()}
    residual = residuals(name)
    _, gradient = sg.compile(sg.sum(residual**2), wrt=parameters).value_and_grad(inputs)
    _, slopes = sg.compile(residual, wrt=parameters).value_and_grad(inputs)
    jacobian = np.stack([slopes[b] for b in parameters], axis=1)
    rounding = np.array([last_digit(b) for b in SETS[name]["certified"]])
    bound = 4 * 2 * np.abs(jacobian.T @ jacobian) @ rounding
    assert np.any(np.abs([gradient[b] for b in parameters]) > 10 * bound)


@pytest.mark.parametrize("name", ["BoxBOD", "Eckerle4", "Hahn1", "Nelson"])
def test_gradients_pass_their_verification(name):
    """At the second starting point: at the optimum there is no gradient to compare with."""
    residual, start = residuals(name), dict(zip(parameters_of(name), SETS[name]["start2"], strict=True))
    report = sg.verify(sg.sum(residual**2), wrt=parameters_of(name), points=1, at={**inputs_of(name), **start})
    given = [check for check in report.checks if report.points[check.point].given]
    assert given and {check.verdict.value for check in given} == {"PASS"}, str(report)
