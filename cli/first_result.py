"""How long a tool takes to its first result in a fresh process, with and without what it caches, and its memory.

A fresh process is started by `cold_and_warm`; in it, `observe` measures, and its result is printed as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from .surroundings import cache_folders

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
_RESET_PEAK = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class FirstResult:
    """Seconds to import a tool and to warm it up, then from the expression to the first result.

    `memory` is the growth of the process's memory at its peak meanwhile, in MiB; None where /proc does not tell.
    """

    imports: float
    warm_up: float
    seconds: float
    memory: float | None


def cold_and_warm(
    command: Sequence[str], tool: str, folder: Path | None = None
) -> tuple[FirstResult | None, FirstResult | None]:
    """Run a command that prints what `observe` returned, with empty cache folders and with what it left there.

    `folder` is where it runs. A tool that caches nothing is as fast as it was; None stands for what takes too long.
    RuntimeError for a command that fails.
    """
    with tempfile.TemporaryDirectory(prefix="symgrad-bench-") as caches:
        cold = _in_fresh_process(command, caches, folder)
        if cold is None or tool not in _WITH_CACHE:
            return cold, cold
        return cold, _in_fresh_process(command, caches, folder)


def _in_fresh_process(command: Sequence[str], caches: str, folder: Path | None) -> FirstResult | None:
    environment = {**os.environ, **cache_folders(caches)}
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_SECONDS_ALLOWED,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise RuntimeError(f"no first result: {done.stderr.strip()[-2000:]}")
    return FirstResult(**json.loads(done.stdout.splitlines()[-1]))


def observe(tool: str, prepare: Callable[[], Callable[[], Any]]) -> FirstResult:
    """Measure in this process: `prepare` makes data, and returns what goes from the expression to the first result."""
    imports = _seconds(lambda: [import_module(module) for module in IMPORTS[tool]])
    warm_up = _seconds(lambda: _warm_up(tool))
    first = prepare()
    if _RESET_PEAK.exists():
        _RESET_PEAK.write_text("5")  # from here on VmHWM is the peak of what follows
    before = _memory("VmRSS")
    seconds = _seconds(first)
    peak = _memory("VmHWM")
    return FirstResult(imports, warm_up, seconds, None if peak is None or before is None else peak - before)


def _warm_up(tool: str) -> None:
    """Do something trivial, so that the tool's own start is no part of the time that is measured."""
    if tool in ("symgrad", "numba"):
        import_module("numba").njit("f8(f8)")(_identity)
    elif tool == "jax":
        jax = import_module("jax")
        jax.block_until_ready(jax.jit(_identity)(1.0))
    elif tool.startswith("torch"):
        import_module("torch").ones(1, requires_grad=True).sum().backward()
    elif tool == "pytensor":
        x = import_module("pytensor.tensor").dscalar("x")
        import_module("pytensor").function([x], x + 1)(1.0)


def _identity(x: Any) -> Any:
    return x


def _seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _memory(entry: str) -> float | None:
    """Return a line of /proc/self/status in MiB."""
    if not _STATUS.exists():
        return None
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(entry))
    return int(line.split()[1]) / 1024
