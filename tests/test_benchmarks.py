"""The tasks of the benchmarks: what we and the kernels written by hand compute is what the references do."""

import pytest
from symgrad_cli.agreement import check

from benchmarks.run import read_options, run_variant, selected
from benchmarks.task import HAND_WRITTEN, OURS, REFERENCE, Task, Variant, find_tasks, one_by_one

ALL = [(task, variant) for task in find_tasks() for variant in task.variants]
DIFFERENT = {(variant.small, variant.reference): (task, variant) for task, variant in ALL}.values()  # but for the size
VARIANTS = [(f"{task.number} {task.name}", variant) for task, variant in DIFFERENT]


@pytest.mark.parametrize(("task", "variant"), VARIANTS, ids=[f"{name}: {v.name}" for name, v in VARIANTS])
@pytest.mark.parametrize("implementation", [OURS, HAND_WRITTEN])
def test_an_implementation_agrees_with_the_reference(task, variant, implementation):
    data = variant.small()
    call = variant.implementations[implementation](data)
    expected = variant.reference(**data)
    for _ in range(2):  # nothing of a call may be left over for the next
        check(one_by_one(call()), expected, variant.tolerance)


def square(x):
    return [x**2, 2 * x]


def right(data):
    return lambda: square(**data)


def wrong(data):
    return lambda: [data["x"] ** 2, 2.001 * data["x"]]


def soon_wrong(data):
    """Right until it is timed, as a kernel that spoils its own buffers may be."""
    results = iter([square(**data)])
    return lambda: next(results, [0.0, 0.0])


def unable(_data):
    raise NotImplementedError("no squares")


def test_the_runner_tells_right_from_wrong():
    implementations = {OURS: right, "jax": wrong, "torch": soon_wrong, "casadi": unable}
    variant = Variant("x", lambda: {"x": 3.0}, lambda: {"x": 3.0}, square, implementations)
    options = read_options(["--repeat", "3", "--budget", "0.001", "--no-ready"])
    outcome = run_variant(Task(0, "square", (variant,)), variant, [*implementations, REFERENCE], options)
    assert set(outcome.measured) == {OURS, REFERENCE} and outcome.best_peer is None
    assert "result 1 is off by 5.0e-04" in outcome.wrong["jax"]
    assert outcome.wrong["torch"].startswith("after many calls: result 0")
    assert outcome.missing == {"casadi": "NotImplementedError: no squares"}


def test_tasks_are_selected_by_number_and_by_name():
    chosen = selected(read_options(["--task", "1", "--task", "logistic"]))
    assert {task.number for task, _ in chosen} == {1, 5}
    chosen = selected(read_options(["--task", "2", "--variant", "100"]))
    assert [variant.name for _, variant in chosen] == ["100"]
