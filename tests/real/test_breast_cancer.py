"""L2-regularised logistic regression on the breast-cancer data of scikit-learn (569 x 30)."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import minimize
from scipy.special import expit
from symgrad_cli.app import application

import symgrad as sg

LOSS = "sum(softplus(-y*(X @ w + b))) + lam/2*sum(w**2)"
LAM = 0.5

datasets = pytest.importorskip("sklearn.datasets")


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    table, label = datasets.load_breast_cancer(return_X_y=True)
    scaled = (table - table.mean(axis=0)) / table.std(axis=0)
    return {"X": scaled, "y": 2.0 * label - 1}


def textbook(data: dict[str, np.ndarray], w: np.ndarray, b: float) -> tuple[float, np.ndarray, float]:
    margin = data["y"] * (data["X"] @ w + b)
    weight = -data["y"] * expit(-margin)
    return np.logaddexp(0, -margin).sum() + LAM / 2 * w @ w, data["X"].T @ weight + LAM * w, weight.sum()


@pytest.fixture
def point() -> tuple[np.ndarray, float]:
    rng = np.random.default_rng(0)
    return 0.3 * rng.normal(size=30), 0.1


def test_the_gradient_is_that_of_the_textbook(data, point):
    w, b = point
    value, slopes = sg.compile(sg.parse(LOSS, shapes={"b": ()}), wrt=["w", "b"]).value_and_grad(
        **data, w=w, b=b, lam=LAM
    )
    loss, by_w, by_b = textbook(data, w, b)
    assert value == pytest.approx(loss, rel=1e-12)
    assert np.linalg.norm(slopes["w"] - by_w) <= 1e-12 * np.linalg.norm(by_w)
    assert slopes["b"] == pytest.approx(by_b, rel=1e-12)


def test_the_loss_written_out_is_as_good(data, point):
    """log(1 + exp(-z)) overflows for large margins unless it is rewritten."""
    w, b = point
    formula = sg.parse("sum(log(1 + exp(-y*(X @ w + b)))) + lam/2*sum(w**2)", shapes={"b": ()})
    value, slopes = sg.compile(formula, wrt=["w"]).value_and_grad(**data, w=1000 * w, b=b, lam=LAM)
    loss, by_w, _ = textbook(data, 1000 * w, b)
    assert value == pytest.approx(loss, rel=1e-12)
    assert np.linalg.norm(slopes["w"] - by_w) <= 1e-12 * np.linalg.norm(by_w)


def minimise(objective: Callable[[np.ndarray], tuple[float, np.ndarray]]):
    return minimize(
        objective, np.zeros(31), jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-8}
    )


def test_lbfgs_converges(data):
    kernel = sg.compile(sg.parse(LOSS, shapes={"b": ()}), wrt=["w", "b"])

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = kernel.value_and_grad(**data, w=parameters[:-1], b=parameters[-1], lam=LAM)
        return float(value), np.append(slopes["w"], slopes["b"])

    found = minimise(objective)
    _, by_w, by_b = textbook(data, found.x[:-1], found.x[-1])
    assert found.success and np.hypot(np.linalg.norm(by_w), by_b) < 1e-4
    accuracy = np.mean(np.sign(data["X"] @ found.x[:-1] + found.x[-1]) == data["y"])
    assert accuracy > 0.98


def test_from_the_command_line(data, point, tmp_path):
    w, b = point
    np.savez(tmp_path / "cancer.npz", **data, w=w)
    arguments = ["derive", LOSS, "--wrt", "w", "--wrt", "b", "--data", str(tmp_path / "cancer.npz"),
                 "--at", f"b={b}, lam={LAM}"]  # fmt: skip
    result = CliRunner().invoke(application, [*arguments, "--format", "json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    loss, by_w, by_b = textbook(data, w, b)
    assert document["verification"]["verdict"] == "PASS"
    assert document["at"]["value"] == pytest.approx(loss, rel=1e-12)
    found = np.array(document["at"]["derivatives"]["w"])
    assert np.linalg.norm(found - by_w) <= 1e-12 * np.linalg.norm(by_w)
    assert document["at"]["derivatives"]["b"] == pytest.approx(by_b, rel=1e-12)
    text = CliRunner().invoke(application, [*arguments, "--no-verify"]).stdout
    assert "shape (30,)" in text and "..." in text
