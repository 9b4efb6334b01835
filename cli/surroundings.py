"""Where times are measured: one core, one thread, caches in a folder of their own; and what ran there.

A process that measures calls `pin_to_one_core` before it imports NumPy: thread counts are read when libraries load.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_DISTURBING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # they choose other BLAS kernels than a user has
PACKAGES = ("symgrad", "numpy", "scipy", "numba", "llvmlite", "jax", "torch", "casadi", "pytensor", "heyoka")


def pin_to_one_core() -> None:
    """Keep this process and its children on one core, with one thread for each library."""
    for name in _DISTURBING:
        os.environ.pop(name, None)
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def cache_folders(folder: str) -> dict[str, str]:
    """Return environment variables that keep what libraries cache below `folder`."""
    return {
        "SYMGRAD_CACHE_DIR": f"{folder}/symgrad",
        "NUMBA_CACHE_DIR": f"{folder}/numba",
        "JAX_COMPILATION_CACHE_DIR": f"{folder}/jax",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "PYTENSOR_FLAGS": f"base_compiledir={folder}/pytensor",
        "TORCHINDUCTOR_CACHE_DIR": f"{folder}/torch",
    }


def describe() -> dict[str, str]:
    """Return the processor and the versions of what is installed."""
    versions = {name: metadata.version(name) for name in PACKAGES if _installed(name)}
    return {"cpu": _processor(), "python": platform.python_version(), **versions}


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines: Sequence[str] = info.read_text().splitlines() if info.exists() else ()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
