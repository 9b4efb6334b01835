"""The tasks of the benchmarks: what we and the kernels written by hand compute is what the references do."""

import pytest
from symgrad_cli.agreement import check

from benchmarks.task import HAND_WRITTEN, OURS, find_tasks

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
        check(call(), expected, variant.tolerance)
