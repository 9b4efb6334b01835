"""The usual mistakes in a derivative that was written by hand, tried one after the other on numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from symgrad.backends.reference import evaluate_reference
from symgrad.core.expr import Input
from symgrad.diff.layout import Layout, arrange

_FITS = 1e-10  # of the largest entry; a mistake is named only if it explains everything
_WORDS = {2.0: "twice", 0.5: "half", 3.0: "three times"}


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The derivative, in the default layout, and what is claimed, at one point; `sizes` are the named ones there.

    `other` is the derivative in the other convention for structured inputs, `projected` the claim's part that has the
    structure of the input.
    """

    derivative: np.ndarray
    claimed: np.ndarray
    sizes: Mapping[str, int]
    other: np.ndarray | None = None
    projected: np.ndarray | None = None


def diagnose(comparisons: Sequence[Comparison], rank: int, layout: Layout) -> str:
    """Return the mistake that explains all comparisons, as a predicate, or "" if none does.

    `rank` is the number of axes of the formula, `layout` the one in which the derivative was asked for.

    >>> x = np.array([1.0, 2.0])
    >>> diagnose([Comparison(x, -x, {})], 0, Layout.DEFAULT)
    'has the wrong sign'
    >>> diagnose([Comparison(np.outer(x, x + 1), np.outer(x + 1, x), {})], 0, Layout.DEFAULT)
    "is right up to a transpose: it is the derivative in the layout 'numerator'"
    """
    for told, pairs in _readings(comparisons, rank, layout):
        factor = _factor(pairs)
        if factor == 1 and told:
            return f"is {told}"
        also = f"; apart from that it is {told}" if told else ""
        if factor == -1:
            return f"has the wrong sign{also}"
        if factor is not None and factor != 1:
            return f"is {_times(factor)}{also}"
        size = _size_factor(pairs, comparisons)
        if size:
            return f"is off by a factor: it is {size} times the derivative{also}"
    return ""


def _readings(
    comparisons: Sequence[Comparison], rank: int, layout: Layout
) -> Iterator[tuple[str, list[tuple[np.ndarray, np.ndarray]]]]:
    """Yield ways to read the claim: what is to be said of them, and pairs of what is expected and what is claimed."""
    asked = [_arranged(each.derivative, rank, layout) for each in comparisons]
    for other in (layout, *(each for each in Layout if each is not layout)):
        laid = [(_arranged(each.derivative, rank, other), each.claimed) for each in comparisons]
        same = all(map(np.array_equal, asked, (expected for expected, _ in laid)))
        if (other is layout or not same) and all(expected.shape == claimed.shape for expected, claimed in laid):
            told = f"right up to a transpose: it is the derivative in the layout {other.value!r}"
            yield ("" if other is layout else told), laid
    if all(each.other is not None for each in comparisons):
        pairs = [(np.asarray(each.other), each.claimed) for each in comparisons]
        if all(expected.shape == claimed.shape for expected, claimed in pairs):
            yield "the derivative in the other convention for inputs of this structure", pairs
    if all(each.projected is not None for each in comparisons):
        told = "right up to its structure: the part of it that is structured as the input is the derivative"
        yield told, [(each.derivative, np.asarray(each.projected)) for each in comparisons]
    for told, change in (("right up to its shape: it has to be broadcast", _broadcast), ("flattened", _flattened)):
        changed = [(expected, change(claimed, expected)) for expected, claimed in _default(comparisons)]
        if all(claimed is not None for _, claimed in changed):
            yield told, [(expected, claimed) for expected, claimed in changed if claimed is not None]


def _default(comparisons: Sequence[Comparison]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(each.derivative, each.claimed) for each in comparisons if each.derivative.shape != each.claimed.shape]


def _broadcast(claimed: np.ndarray, expected: np.ndarray) -> np.ndarray | None:
    try:
        return np.broadcast_to(claimed, expected.shape)
    except ValueError:
        return None


def _flattened(claimed: np.ndarray, expected: np.ndarray) -> np.ndarray | None:
    return claimed.reshape(expected.shape) if claimed.size == expected.size else None


def _arranged(derivative: np.ndarray, rank: int, layout: Layout) -> np.ndarray:
    laid = arrange(Input("J", derivative.shape), rank, layout)
    return evaluate_reference([laid], {"J": derivative})[0]


def _factor(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float | None:
    """Return c if the claim is c times what is expected everywhere; short numbers come out exactly."""
    found = [_ratio(expected, claimed) for expected, claimed in pairs]
    if not found or any(each is None for each in found):
        return None
    first = float(found[0] or 0.0)
    if any(abs(float(each or 0.0) - first) > _FITS * abs(first) for each in found):
        return None
    return float(f"{first:.11g}")


def _ratio(expected: np.ndarray, claimed: np.ndarray) -> float | None:
    if not expected.size or not np.isfinite(claimed).all() or not np.any(expected):
        return None
    at = int(np.argmax(np.abs(expected)))
    ratio = float(claimed.flat[at] / expected.flat[at])
    error = np.max(np.abs(claimed - ratio * expected))
    return ratio if ratio and error <= _FITS * abs(ratio * expected.flat[at]) else None


def _size_factor(pairs: Sequence[tuple[np.ndarray, np.ndarray]], comparisons: Sequence[Comparison]) -> str:
    """Return the size, or one over it, that the claim is off by: a mean that was taken for a sum."""
    found = [_ratio(expected, claimed) for expected, claimed in pairs]
    if not found or len(pairs) < len(comparisons) or any(each is None for each in found):
        return ""
    for name in comparisons[0].sizes:
        sizes = [each.sizes.get(name, 0) for each in comparisons]
        if len(set(sizes)) < 2 or 0 in sizes:
            continue
        for text, wanted in ((name, [float(size) for size in sizes]), (f"1/{name}", [1 / size for size in sizes])):
            if np.allclose(np.array(found, float), wanted, rtol=_FITS, atol=0):
                return text
    return ""


def _times(factor: float) -> str:
    if factor in _WORDS:
        return f"off by the factor {factor:g}: it is {_WORDS[factor]} the derivative"
    return f"off by the factor {factor:.11g}"
