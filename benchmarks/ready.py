"""The time to the first result of one implementation, in a process that `run` starts for it.

Run: python -m benchmarks.ready TASK VARIANT IMPLEMENTATION
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from symgrad_cli.first_result import FirstResult, cold_and_warm, observe
from symgrad_cli.surroundings import pin_to_one_core

_ROOT = Path(__file__).parents[1]


def measure_ready(task: int, variant: str, implementation: str) -> tuple[FirstResult | None, FirstResult | None]:
    """Return (cold, warm): with empty cache folders, and with what the first process left there. None: it failed."""
    command = [sys.executable, "-m", "benchmarks.ready", str(task), variant, implementation]
    try:
        return cold_and_warm(command, implementation, _ROOT)
    except RuntimeError as error:
        print(f"{implementation}: {error}", file=sys.stderr)
        return None, None


def prepare(number: int, name: str, implementation: str) -> Callable[[], Any]:
    """Make the data; return what builds the implementation and calls it."""
    from .task import find_tasks, implementations_of

    task = next(task for task in find_tasks() if task.number == number)
    variant = next(variant for variant in task.variants if variant.name == name)
    data, build = variant.data(), implementations_of(variant)[implementation]
    return lambda: build(data)()


def main() -> None:
    number, name, implementation = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    print(json.dumps(asdict(observe(implementation, lambda: prepare(number, name, implementation)))))


if __name__ == "__main__":
    pin_to_one_core()
    main()
