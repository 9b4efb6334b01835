"""The result of a verification: frozen data that every report is written from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from symgrad.errors import OperandError


class Verdict(Enum):
    """What a check, or a whole report, says."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return FAIL if any failed, INCONCLUSIVE if any is open, and PASS otherwise.

    >>> worst([Verdict.PASS, Verdict.INCONCLUSIVE])
    <Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>
    """
    order = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)
    return max(verdicts, key=order.index, default=Verdict.PASS)


class Route(Enum):
    """A way to check, as it is named in reports."""

    VALUE = "kernel value against 50 digits"
    FORMULA = "derivative formula against 50-digit differences"
    GRADIENT = "kernel gradient against 50 digits"
    DIFFERENCES = "kernel gradient against differences of the kernel"
    ADJOINT = "backward kernel against the forward sweep"
    COMPLEX = "kernel gradient against a complex step in the formula"
    JVP = "compiled jvp against the Jacobian times a direction"
    VJP = "compiled vjp against a cotangent times the Jacobian"
    BATCH = "batch kernel against 50 digits"
    SYMMETRY = "second derivatives in either order"
    FUNCTION = "gradient against differences of the function"
    HESSIAN = "Hessian against differences of the gradient"
    TRANSPOSE = "Hessian against its transpose"
    SLOPE = "claim against 50-digit differences of the formula"
    CLAIM = "claim against the derivative at 50 digits"

    @property
    def kind(self) -> str:
        """What an error found this way is an error of: "formula", "kernel", or "end to end", which sees both.

        >>> Route.GRADIENT.kind
        'kernel'
        """
        return _KINDS[self]


_KINDS = {
    Route.FORMULA: "formula",
    Route.VALUE: "kernel",
    Route.GRADIENT: "kernel",
    Route.ADJOINT: "kernel",
    Route.JVP: "kernel",
    Route.VJP: "kernel",
    Route.BATCH: "kernel",
    Route.DIFFERENCES: "end to end",
    Route.COMPLEX: "end to end",
    Route.SYMMETRY: "end to end",
    Route.FUNCTION: "end to end",
    Route.HESSIAN: "end to end",
    Route.TRANSPOSE: "end to end",
    Route.SLOPE: "formula",
    Route.CLAIM: "formula",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison of an array: its worst entry, the bound there, and what it could have resolved.

    `error` and `bound` are those of the entry that comes nearest to its bound (or is farthest beyond it), divided by
    `scale`, the largest entry of what was expected; `resolution` is the largest bound of all entries over `scale`:
    a larger relative error in any entry would not have gone unnoticed. `decisive` is False for a route that another,
    sharper one stands in for. `label` names the entry, as in "w[3]", "df[0]/dw[3]" or "random direction 2". `ulps` is
    the largest distance of an entry from the truth, in units in the last place of the entry (of `scale`, where it is
    zero), for kernels that were compared with 50 digits.
    """

    route: Route
    point: int
    input: str | None
    verdict: Verdict
    error: float
    bound: float
    resolution: float
    scale: float
    compared: int
    entry: tuple[int, ...] = ()
    detail: str = ""
    decisive: bool = True
    label: str = ""
    ulps: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "route": self.route.name.lower(),
            "point": self.point,
            "input": self.input,
            "verdict": self.verdict.value,
            "error": _json_number(self.error),
            "bound": _json_number(self.bound),
            "resolution": _json_number(self.resolution),
            "scale": _json_number(self.scale),
            "compared": self.compared,
            "entry": list(self.entry),
            "detail": self.detail,
            "decisive": self.decisive,
            "label": self.label,
            "ulps": None if self.ulps is None else _json_number(self.ulps),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Where a check was made: the named sizes and the value of every input."""

    sizes: Mapping[str, int]
    values: Mapping[str, np.ndarray]
    given: bool = False  # by the user; otherwise drawn

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; floats written in decimal read back to the same bits."""
        values = {name: np.asarray(value, float).tolist() for name, value in self.values.items()}
        return {"sizes": dict(self.sizes), "values": values, "given": self.given}


@dataclass(frozen=True, slots=True)
class Statement:
    """An expression of a report: what it is called (f, df/dx), its text, MathML and shape, as they are printed."""

    label: str
    text: str
    mathml: str = ""
    shape: str = "()"
    input: str | None = None  # what a derivative is with respect to


@dataclass(frozen=True, slots=True)
class Curve:
    """The differences along one direction, for a plot of error against step (a V: truncation right, rounding left).

    `steps` are relative to the size of the input; `estimates` are the estimated errors of the extrapolated differences
    at these steps and `distances` how far each lies from the derivative, both relative to the largest entry of the
    derivative; `noise` is the measured rounding error of the value in the same unit, divided by the step it gives the
    rounding line; `chosen` is the index of the step whose estimate is the smallest.
    """

    point: int
    input: str
    label: str  # the entry, as in "w[3]", or "random direction 1"
    steps: tuple[float, ...]
    estimates: tuple[float, ...]
    distances: tuple[float, ...]
    noise: float
    chosen: int


@dataclass(frozen=True, slots=True)
class Planted:
    """How many wrong versions of this derivative, of one kind, the same check rejects."""

    kind: str  # "sign", "factor 1 + 1e-06", ...
    tried: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: enough to ask again, in another process or on another machine.

    `formula` is a definition that parses back to the same expression, with shapes and assumptions. `given` names the
    inputs whose values were given for one more point. `inputs`, `domain` and `conventions` say the same in words, for
    people: the declarations, where the formula is defined, and what derivatives by structured inputs list.
    """

    formula: str
    wrt: tuple[str, ...]
    seed: int = 0
    points: int = 3
    given: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    conventions: tuple[str, ...] = ()
    order: int = 1
    products: bool = False
    batch: bool = False
    dtype: str = "float64"


@dataclass(frozen=True, slots=True)
class Pooled:
    """All derivatives together: gradient = (1 + delta) x difference, by so many pairs, with delta this uncertain."""

    delta: float
    uncertainty: float
    pairs: int

    def __str__(self) -> str:
        return f"gradient = (1 + delta) x difference, delta = {self.delta:.0e} +- {self.uncertainty:.0e}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified, where, how sharply, and the verdict.

    It has no truth value, so that a failed check cannot pass for a success by accident: ask `.passed`.
    """

    verdict: Verdict
    wrt: tuple[str, ...]
    checks: tuple[Check, ...]
    points: tuple[Point, ...]
    seed: int
    resolving_power: float  # the smallest relative error that would have been caught in every derivative
    reasons: tuple[str, ...] = ()  # why the verdict is not PASS
    not_checked: tuple[str, ...] = ()
    versions: Mapping[str, str] | None = None
    request: Request | None = None  # None for other people's functions
    statements: tuple[Statement, ...] = ()  # the formula and its derivatives; empty for other people's functions
    curves: tuple[Curve, ...] = ()
    planted: tuple[Planted, ...] = ()
    hashes: Mapping[str, str] | None = None  # SHA-256 of the formula, its derivatives and the kernel's program
    machine: str = ""
    evaluations: int = 0  # of the function, for differences
    pooled: Pooled | None = None
    seconds: float | None = field(default=None, compare=False)

    @property
    def passed(self) -> bool:
        """Whether the verdict is PASS."""
        return self.verdict is Verdict.PASS

    def __bool__(self) -> bool:
        raise OperandError("a report has no truth value; ask report.passed (a verdict may also be INCONCLUSIVE)")

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of the routes of each kind: "formula", "kernel" and "end to end" errors, apart."""
        found: dict[str, Verdict] = {}
        for check in self.checks:
            kind = check.route.kind
            found[kind] = max(found.get(kind, Verdict.PASS), _counted(check), key=_SEVERITY.index)
        return found

    @property
    def ulps(self) -> float:
        """The largest error of the kernel's values and derivatives, in units in the last place; NaN if unknown."""
        return max((check.ulps for check in self.checks if check.ulps is not None), default=math.nan)

    @property
    def worst(self) -> Check | None:
        """The check that decides: one that failed if any did, and of those the one with the largest error."""
        deciding = [check for check in self.checks if check.verdict is self.verdict] or list(self.checks)
        derivatives = [check for check in deciding if check.route is not Route.VALUE]
        return max(derivatives or deciding, key=_largest_error, default=None)

    @property
    def worst_error(self) -> float:
        """The relative error of the worst check; NaN when there is none."""
        return self.worst.error if self.worst else math.nan

    @property
    def bound(self) -> float:
        """The relative bound that the worst error was judged by."""
        return self.worst.bound if self.worst else math.nan

    def worth(self) -> str:
        """Return how many wrong versions of the derivatives the same checks reject; empty where none were tried."""
        tried, rejected = sum(p.tried for p in self.planted), sum(p.rejected for p in self.planted)
        what = "this derivative" if len(self.wrt) == 1 else "these derivatives"
        return f"the same check rejects {rejected} of {_count(tried, 'wrong version')} of {what}" if tried else ""

    def summary(self) -> str:
        """Return the report in one line."""
        text = f"verified: {self.verdict.value} at {_count(len(self.points), 'point')}"
        if self.worst is not None:
            text += f"; worst error {self.worst.error:.2g} against a bound of {self.worst.bound:.2g}"
        if self.passed:
            return f"{text} (the sharpest check would catch {self.resolving_power:.1g})"
        return f"{text}; {self.reasons[0]}" if self.reasons else text

    def __str__(self) -> str:
        lines = [self.summary()]
        for check in self.checks:
            lines.append(
                f"  {check.verdict.value:12} point {check.point}  {check.input or 'value':8} "
                f"error {check.error:8.2g}  bound {check.bound:8.2g}  {check.route.value}"
                + (f" ({check.detail})" if check.detail else "")
            )
        lines.extend(f"  reason: {reason}" for reason in self.reasons)
        lines.extend(f"  not checked: {what}" for what in self.not_checked)
        lines.extend(f"  {line}" for line in [self.worth()] if line)
        lines.append(f"  seed {self.seed}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; infinities and NaN are strings."""
        return {
            "schema": 1,
            "verdict": self.verdict.value,
            "summary": self.summary(),
            "wrt": list(self.wrt),
            "seed": self.seed,
            "worst_error": _json_number(self.worst_error),
            "bound": _json_number(self.bound),
            "resolving_power": _json_number(self.resolving_power),
            "reasons": list(self.reasons),
            "not_checked": list(self.not_checked),
            "checks": [check.to_dict() for check in self.checks],
            "points": [point.to_dict() for point in self.points],
            "versions": dict(self.versions or {}),
            "pooled": None
            if self.pooled is None
            else {
                "delta": _json_number(self.pooled.delta),
                "uncertainty": _json_number(self.pooled.uncertainty),
                "pairs": self.pooled.pairs,
            },
        }


_SEVERITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)


def _counted(check: Check) -> Verdict:
    return check.verdict if check.decisive else Verdict.PASS


def _largest_error(check: Check) -> float:
    return math.inf if math.isnan(check.error) else check.error


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _json_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
