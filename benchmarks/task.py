"""What a benchmark task is, and where the tasks are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

Data: TypeAlias = Mapping[str, Any]  # arrays and numbers by name
Results: TypeAlias = Sequence[Any]  # what np.asarray understands, or tuples or dicts of it, in the reference's order
Call: TypeAlias = Callable[[], Results]
Build: TypeAlias = Callable[[Data], Call]

HAND_WRITTEN = "numba"
OURS = "symgrad"
REFERENCE = "numpy"


@dataclass(frozen=True, slots=True)
class Variant:
    """A problem of one size: its data, a reference by hand, and implementations by name.

    An implementation takes the data and returns a function without arguments that computes all results; what comes
    before (conversion of data, derivation, compilation) is no part of a call. `tolerance` bounds the error of each
    result relative to its largest entry. `small` makes the data for tests.
    """

    name: str
    data: Callable[[], Data]
    small: Callable[[], Data]
    reference: Callable[..., Results]
    implementations: Mapping[str, Build]
    tolerance: float = 1e-9


@dataclass(frozen=True, slots=True)
class Task:
    """A numbered task with its variants."""

    number: int
    name: str
    variants: tuple[Variant, ...]


def implementations_of(variant: Variant) -> dict[str, Build]:
    """Return the implementations of a variant, the reference among them."""

    def reference(data: Data) -> Call:
        return lambda: variant.reference(**data)

    return {**variant.implementations, REFERENCE: reference}


def one_by_one(results: Results) -> list[Any]:
    """Return results in one list: a function may return the value and, in a tuple or a dict, the derivatives.

    Tensors of Torch are taken out of the graph that made them.

    >>> one_by_one([1.0, (2.0, 3.0)]), one_by_one((1.0, {"x": 2.0}))
    ([1.0, 2.0, 3.0], [1.0, 2.0])
    """
    row: list[Any] = []
    for result in results:
        inner = result.values() if isinstance(result, Mapping) else result if isinstance(result, tuple) else (result,)
        row.extend(x.detach() if hasattr(x, "detach") else x for x in inner)
    return row


def find_tasks() -> list[Task]:
    """Return the tasks of the folder `tasks`, by number."""
    folder = Path(__file__).parent / "tasks"
    modules = [import_module(f"benchmarks.tasks.{path.stem}") for path in sorted(folder.glob("t[0-9]*.py"))]
    return sorted((module.TASK for module in modules), key=_number)


def _number(task: Task) -> int:
    return task.number
