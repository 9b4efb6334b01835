"""How long an implementation takes to its first result in a fresh process, and how much memory it needs.

`measure_ready` starts the processes; each runs this module with a task's number, a variant and an implementation.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from .surroundings import cache_folders, pin_to_one_core

IMPORTS = {
    "symgrad": ("symgrad", "numba", "symgrad.backends.numba"),
    "numba": ("numba",),
    "numpy": ("numpy",),
    "jax": ("jax", "jax.numpy", "jax.scipy.special"),
    "torch": ("torch",),
    "torch.compile": ("torch", "torch._dynamo", "torch._inductor"),
    "casadi": ("casadi",),
    "pytensor": ("pytensor", "pytensor.tensor"),
    "heyoka": ("heyoka",),
}
_WITH_CACHE = ("symgrad", "jax", "pytensor", "torch.compile")
_SECONDS_ALLOWED = 200


@dataclass(frozen=True, slots=True)
class Ready:
    """Seconds to import and to warm up, then from the expression to the first result; growth of memory in MiB."""

    imports: float
    warm_up: float
    seconds: float
    memory: float


def measure_ready(task: int, variant: str, implementation: str) -> tuple[Ready | None, Ready | None]:
    """Return (cold, warm): with empty cache folders, and with what the first process left there, if it does."""
    with tempfile.TemporaryDirectory(prefix="symgrad-bench-") as folder:
        cold = _in_fresh_process(task, variant, implementation, folder)
        if cold is None or implementation not in _WITH_CACHE:
            return cold, cold
        return cold, _in_fresh_process(task, variant, implementation, folder)


def _in_fresh_process(task: int, variant: str, implementation: str, folder: str) -> Ready | None:
    command = [sys.executable, "-m", "benchmarks.ready", str(task), variant, implementation]
    environment = {**os.environ, **cache_folders(folder)}
    root = Path(__file__).parents[1]
    try:
        done = subprocess.run(
            command, env=environment, cwd=root, capture_output=True, text=True, timeout=_SECONDS_ALLOWED, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return Ready(**json.loads(done.stdout.splitlines()[-1])) if done.returncode == 0 else None


def _warm_up(implementation: str) -> None:
    """Do something trivial, so that the tool's own start is no part of a task's time."""
    if implementation in ("symgrad", "numba"):
        import numba

        numba.njit("f8(f8)")(_identity)
    elif implementation == "jax":
        import jax

        jax.block_until_ready(jax.jit(_identity)(1.0))
    elif implementation.startswith("torch"):
        import torch

        torch.ones(1, requires_grad=True).sum().backward()
    elif implementation == "pytensor":
        import pytensor
        import pytensor.tensor as pt

        x = pt.dscalar("x")
        pytensor.function([x], x + 1)(1.0)


def _identity(x: Any) -> Any:
    return x


def _seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _memory(entry: str) -> float:
    """Return a line of /proc/self/status in MiB; NaN where there is no such file."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith(entry))
    return int(line.split()[1]) / 1024


def main() -> None:
    number, name, implementation = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    imports = _seconds(lambda: [import_module(module) for module in IMPORTS[implementation]])
    warm_up = _seconds(lambda: _warm_up(implementation))
    from .run import implementations_of
    from .task import find_tasks

    task = next(task for task in find_tasks() if task.number == number)
    variant = next(variant for variant in task.variants if variant.name == name)
    data = variant.data()
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory("VmRSS")
    start = time.perf_counter()
    call = implementations_of(variant)[implementation](data)
    call()
    seconds = time.perf_counter() - start
    print(json.dumps(asdict(Ready(imports, warm_up, seconds, _memory("VmHWM") - before))))


if __name__ == "__main__":
    pin_to_one_core()
    main()
