"""`symgrad bench`: what is compared, with which data, and the exit status. No test looks at how long anything took."""

import json

import numpy as np
import pytest
from symgrad_cli import agreement, bench, contest, contestants, timing

import symgrad as sg

QUICK = ("--repeat", "3", "--no-ready")


def test_the_table_has_a_row_for_each_contestant(run):
    result = run("bench", "sum((X @ w - y)**2)", "--wrt", "w", "--size", "m=7", "--peer", "numpy", *QUICK)
    assert result.exit_code == 0, result.output
    first, header, *rows = result.stdout.splitlines()
    assert first == "f(X[m,n], w[n], y[m])  X 7x100, w 100, y 7; derivatives by w"
    assert header.split()[:3] == ["median", "min", "to"]
    assert {row.split()[0] for row in rows[:2]} == {"symgrad", "numpy"}
    assert rows[2] == "numpy computes the value alone"


def test_the_json_document(run):
    result = run("bench", "A @ exp(x)", "--size", "m=3", "--size", "n=2", "--json", "--repeat", "3", "--peer", "numpy")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["shapes"] == {"A": [3, 2], "x": [2]} and document["wrt"] == ["A", "x"]
    ours = document["implementations"]["symgrad"]
    assert 0 < ours["least"] <= ours["median"] and ours["error"] < 1e-12
    assert ours["cold"]["seconds"] > 0 and ours["warm"]["seconds"] > 0
    assert document["surroundings"]["numpy"] == np.__version__ and not document["wrong"]


def test_values_can_be_given(run):
    result = run("bench", "sum(log(x))", "--at", "x=[1, 2, 3]", "--json", "--peer", "numpy", *QUICK)
    assert result.exit_code == 0 and json.loads(result.stdout)["shapes"] == {"x": [3]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sum(x)", "--size", "q=3"], "q is not the name of a size; the sizes are n"),
        (["x**2", "--size", "n=3"], "the formula has none"),
        (["sum(x)", "--size", "n=m"], "write NAME=NUMBER"),
        (["sum(x)", "--size", "n=3,4"], "write NAME=NUMBER"),
        (["sum(x)", "--size", "n=1000000000"], "x would have 1000000000 entries"),
        (["log(x - 1)*log(-x)"], "give one with --at or --data"),
        (["f(x[n], y[m]) = sum(x) + sum(y)", "--at", "x=[1]"], "no value for y"),
        (["X @ w", "--at", "X=[[1, 2]], w=[1, 2, 3]"], "w has shape (3,)"),
        (["logdet(S)", "--assume", "S: spd", "--at", "S=[[1, 2], [2, 1]]"], "S is assumed"),
        (["log(x)", "--at", "x=-1"], "not defined at these values"),
        (["zeta(s)", "--at", "s=2", "--no-ready"], "zeta"),
        (["sum(x"], "line 1, column"),
        (["sum(x)", "--peer", "abacus"], "abacus"),
    ],
)
def test_bad_input(run, shell, arguments, message):
    result = shell("bench", *arguments)
    assert result.returncode == 2 and message in result.stderr


def test_a_result_that_differs_fails(run, monkeypatch):
    findings = contest.Findings((), {}, {"jax": "result 1 is off"})
    monkeypatch.setattr(bench, "run_contest", lambda *_: findings)
    result = run("bench", "x**2", "--no-ready")
    assert result.exit_code == 1 and "jax differs from NumPy: result 1 is off" in result.stdout


def test_a_wrong_derivative_is_found(monkeypatch):
    subject = contestants.Subject(sg.parse("sum(x**3)"), ("x",), {"x": np.array([1.0, 2.0])})

    def wrong(subject: contestants.Subject) -> contestants.Call:
        right = contestants.symgrad(subject)
        return lambda: [right()[0], 1.001 * right()[1]]

    monkeypatch.setitem(contestants.CONTESTANTS, "wrong", wrong)
    found = contest.find_times(subject, ["symgrad", "wrong"], rounds=3)
    assert [row.name for row in found.rows] == ["symgrad"] and "result 1 is off by 1.0e-03" in found.wrong["wrong"]


def test_a_peer_that_cannot_is_no_error(monkeypatch):
    subject = contestants.Subject(sg.parse("x**2"), ("x",), {"x": np.array(3.0)})

    def unable(_subject: contestants.Subject) -> contestants.Call:
        raise NotImplementedError("no squares")

    monkeypatch.setitem(contestants.CONTESTANTS, "unable", unable)
    found = contest.find_times(subject, ["symgrad", "unable"], rounds=3)
    assert found.missing == {"unable": "NotImplementedError: no squares"}


def test_a_job_comes_back_as_it_was(tmp_path):
    formula = sg.parse("f(S[n,n]: spd, x[n], file) = file*x @ solve(S, x)")
    values = {"S": 2 * np.eye(2), "x": np.ones(2), "file": np.array(3.0)}
    contest.write_job(tmp_path, contestants.Subject(formula, ("x",), values))
    found = contest.read_job(tmp_path)
    assert found.formula is formula and found.wrt == ("x",)
    assert all(np.array_equal(found.values[name], array) for name, array in values.items())


@pytest.mark.parametrize(
    "text", ["sum((X @ w - y)**2)", "logsumexp(x) + sum(relu(x))", "A @ exp(x)", "logdet(S) + gamma(s)", "x**2*sin(y)"]
)
def test_jax_runs_the_numpy_source(text):
    pytest.importorskip("jax")
    formula = sg.parse(text)
    rng = np.random.default_rng(0)
    shapes = {name: tuple({"m": 3}.get(str(size), 2) for size in node.shape) for name, node in formula.inputs.items()}
    values = {name: rng.uniform(0.5, 2.0, shape) for name, shape in shapes.items()}
    subject = contestants.Subject(formula, tuple(formula.inputs), values)
    agreement.check(contestants.jax(subject)(), contestants.expected(subject), 1e-12)


def test_slow_functions_sit_rounds_out():
    calls = {"slow": lambda: sum(range(200_000)), "quick": lambda: None}
    times = timing.measure(calls, rounds=12, budget=1e-9)
    assert len(times["slow"].samples) == 3 and len(times["quick"].samples) == 3
    times = timing.measure({"quick": calls["quick"]}, rounds=12, budget=10.0)
    assert len(times["quick"].samples) == 12


def test_ratios_are_of_the_shortest_times():
    ours, theirs = timing.Times((3.0, 2.0, 9.0)), timing.Times((4.0, 8.0))
    assert (ours.median, ours.least, ours.over(theirs)) == (3.0, 2.0, 0.5)


def test_agreement():
    assert agreement.check([1.0, [np.nan, np.inf]], [1.0, [np.nan, np.inf]], 1e-9) == 0
    assert agreement.check([[0.0, 0.0]], [[0.0, 0.0]], 1e-9) == 0
    for found, right, message in [
        ([1.0, [2.0, 3.0]], [1.0, [2.0, 3.1]], "result 1 is off by"),
        ([np.nan], [1.0], "nan"),
        ([np.inf], [1.0], "inf"),
        ([[[1.0, 2.0]]], [[1.0, 2.0]], "shape"),
        ([1.0], [1.0, 2.0], "1 results"),
        ([1e-3], [0.0], "is off by"),
    ]:
        with pytest.raises(agreement.WrongResult, match=message):
            agreement.check(found, right, 1e-9)
