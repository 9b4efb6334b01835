"""Whole-process times of the command, beside what its dependencies alone cost.

Run: python benchmarks/startup.py [runs]

`symgrad --help` against importing click and numpy; a cached `symgrad derive` with its verification against importing
sympy and numba and compiling one trivial function. Runs alternate; the ratio of medians is printed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

PAIRS = {
    "symgrad --help": (["symgrad", "--help"], [sys.executable, "-c", "import click, numpy"]),
    "symgrad derive, cached": (
        ["symgrad", "derive", "sum((X @ w - y)**2) + lam*sum(w**2)", "--wrt", "w"],
        [sys.executable, "-c", "import sympy, numba; numba.njit('f8(f8)')(lambda x: x)"],
    ),
}


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    for name, (ours, floor) in PAIRS.items():
        seconds(ours)  # fills the cache
        pairs = [(seconds(ours), seconds(floor)) for _ in range(runs)]
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{name:24s} {mine:6.3f} s   floor {theirs:6.3f} s   ratio {mine / theirs:.2f}")


if __name__ == "__main__":
    main()
