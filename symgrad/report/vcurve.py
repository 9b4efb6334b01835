"""A V-curve as inline SVG: the error of a difference against its step, on logarithmic axes.

To the right the steps are large and truncation rules, to the left rounding does. Colours are classes, which the page
sets for light and dark paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from symgrad.verification.model import Curve

WIDTH, HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 14, 42
_LEAST = 1e-19  # what is smaller, 0 included, lies on the lower edge


@dataclass(frozen=True, slots=True)
class Axes:
    """The decades that a plot shows, and where numbers lie on it."""

    x: tuple[int, int]
    y: tuple[int, int]

    @classmethod
    def around(cls, xs: Sequence[float], ys: Sequence[float]) -> Axes:
        """Return the axes that hold all the numbers."""
        return cls(_decades(xs), _decades([max(y, _LEAST) for y in ys]))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies, in units of the drawing."""
        across = (math.log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (math.log10(max(y, 10.0 ** self.y[0])) - self.y[0]) / (self.y[1] - self.y[0])
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)


def svg(curve: Curve) -> str:
    """Return the drawing of a curve; empty when fewer than two of its errors are finite.

    >>> curve = Curve(0, "x", "x", (0.1, 0.01), (1e-6, 1e-9), (1e-7, 1e-12), 1e-16, 1)
    >>> svg(curve).startswith("<svg") and svg(curve).count("<polyline")
    3
    """
    noise = [curve.noise / step for step in curve.steps]
    lines = {"estimate": curve.estimates, "distance": curve.distances, "noise": noise}
    ys = [y for line in lines.values() for y in line if math.isfinite(y)]
    if sum(map(math.isfinite, curve.estimates)) < 2:
        return ""
    axes = Axes.around(curve.steps, ys)
    title = f"error against step for {curve.label} at point {curve.point}"
    parts = [
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        *_grid(axes),
        *(_polyline(axes, curve.steps, line, kind) for kind, line in lines.items()),
        *_dots(axes, curve.steps, curve.estimates),
        _chosen(axes, curve),
        *_labels(),
        "</svg>",
    ]
    return "".join(parts)


def _decades(numbers: Iterable[float]) -> tuple[int, int]:
    logs = [math.log10(number) for number in numbers]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return low, max(high, low + 1)


def _grid(axes: Axes) -> Iterable[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    for power in _ticks(*axes.x):
        x, _ = axes.place(10.0**power, 1.0)
        yield f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        yield f'<text class="tick" x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{_power(power)}</text>'
    for power in _ticks(*axes.y):
        _, y = axes.place(10.0 ** axes.x[0], 10.0**power)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{_power(power)}</text>'


def _ticks(low: int, high: int) -> range:
    return range(low, high + 1, max(1, -(-(high - low) // 5)))


def _power(power: int) -> str:
    return f'10<tspan dy="-4" font-size="7">{str(power).replace("-", "−")}</tspan>'


def _polyline(axes: Axes, xs: Sequence[float], ys: Sequence[float], kind: str) -> str:
    places = [axes.place(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(y)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline class="{kind}" points="{points}"/>'


def _dots(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> Iterable[str]:
    for x, y in zip(xs, ys, strict=True):
        if math.isfinite(y):
            across, down = axes.place(x, y)
            yield f'<circle class="estimate" cx="{across:.1f}" cy="{down:.1f}" r="2"/>'


def _chosen(axes: Axes, curve: Curve) -> str:
    x, y = axes.place(curve.steps[curve.chosen], curve.estimates[curve.chosen])
    return f'<circle class="chosen" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>the step that was used</title></circle>'


def _labels() -> Iterable[str]:
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    height = (_TOP + HEIGHT - _BOTTOM) / 2
    low = f'y="{HEIGHT - 8}"'
    yield f'<text class="side" x="{_LEFT}" {low}>← rounding</text>'
    yield f'<text class="axis" x="{middle}" {low} text-anchor="middle">step / size of the input</text>'
    yield f'<text class="side" x="{WIDTH - _RIGHT}" {low} text-anchor="end">truncation →</text>'
    turned = f'transform="translate(11 {height}) rotate(-90)" text-anchor="middle"'
    yield f'<text class="axis" {turned}>relative error</text>'
