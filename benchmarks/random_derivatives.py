"""Every derivative of random matrix formulas against differences of the formula: how many are right, and how far off.

Run: python benchmarks/random_derivatives.py [count] [--kernels 300] [--seed 0] [--first-order]

The formulas are those of the seeds from `--seed` on, so a line of the output can be run again alone. Each is derived
as a user would (grad or jacobian, hessian, jvp, vjp, hvp, simplify) and evaluated by the reference interpreter; the
first `--kernels` are compiled too. Exit status 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from derivative_checks import BAD, Finding, Verdict, check, check_kernel, describe, verdict_of
from formulas import Case, case

from symgrad.core.expr import Apply, postorder


class Tally:
    """Counts of what was found."""

    def __init__(self) -> None:
        self.verdicts: Counter[Verdict] = Counter()
        self.reasons: Counter[str] = Counter()
        self.ops: Counter[str] = Counter()
        self.claims = self.by_digits = self.nodes = 0
        self.worst = (0.0, 0)

    def add(self, seed: int, case: Case, findings: list[Finding]) -> None:
        """Enter a formula; what is not right is printed at once."""
        verdict = verdict_of(findings)
        nodes = postorder(case.formula)
        self.verdicts[verdict] += 1
        self.ops.update({node.op.name for node in nodes if isinstance(node, Apply)})
        self.nodes += len(nodes)
        self.claims += len(findings)
        self.by_digits += sum(each.digits for each in findings)
        right = [each.ratio for each in findings if each.verdict is Verdict.RIGHT]
        self.worst = max(self.worst, (max(right, default=0.0), seed))
        self.reasons.update(each.detail for each in findings if each.verdict is Verdict.REFUSED)
        if verdict is not Verdict.RIGHT:
            print(describe(seed, case, findings), flush=True)

    def report(self, seconds: float) -> None:
        """Print the table."""
        count = sum(self.verdicts.values())
        print(f"\n{count} formulas of {self.nodes / max(count, 1):.1f} nodes, {self.claims} claims,", end=" ")
        print(f"{self.by_digits} of them decided at 50 digits, {seconds:.0f} s")
        for verdict in Verdict:
            print(f"  {verdict.value:10s} {self.verdicts[verdict]:6d}")
        print(f"  worst error over its bound: {self.worst[0]:.3f} (seed {self.worst[1]})")
        for reason, times in self.reasons.most_common():
            print(f"  refused {times:4d}  {reason}")
        print("  " + ", ".join(f"{name} {times}" for name, times in self.ops.most_common()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=5000)
    parser.add_argument("--kernels", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first-order", action="store_true", help="leave out Hessians, which take most of the time")
    options = parser.parse_args()
    start = time.perf_counter()
    tally, kernels = Tally(), Tally()
    with contextlib.suppress(KeyboardInterrupt):  # who stops it sees what was found
        for seed in range(options.seed, options.seed + options.count):
            drawn = case(seed)
            tally.add(seed, drawn, check(drawn, hessian=not options.first_order))
            if seed < options.seed + options.kernels:
                kernels.add(seed, drawn, check_kernel(drawn))
    tally.report(time.perf_counter() - start)
    if options.kernels:
        print("\ncompiled kernels: value and gradient", end="")
        kernels.report(time.perf_counter() - start)
    return int(any(each.verdicts[verdict] for each in (tally, kernels) for verdict in BAD))


if __name__ == "__main__":
    sys.exit(main())
