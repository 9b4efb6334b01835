"""Products of tensors as data: factors with a label on every axis, and the labels of the result.

A Jacobian is a pullback of identity arrays, so it is full of factors eye[i, j]. Read as a contraction, an identity
with a summed label only renames that label, and is gone. What is left is written with matrix products where a label is
summed and with broadcasting elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import mul as times

from symgrad.core.dims import Shape, Size
from symgrad.core.expr import Apply, Expr, Literal
from symgrad.core.indexing import FULL, NewAxis
from symgrad.ops.arithmetic import ONE, div, mul, neg
from symgrad.ops.broadcasting import Axes, broadcast_to, sum
from symgrad.ops.constants import eye, ones, size, zeros
from symgrad.ops.contraction import matmul, outer, trace
from symgrad.ops.einsum import Letters, einsum, letter_sizes
from symgrad.ops.shaping import (
    Permutation,
    Subscripts,
    diag,
    diag_embed,
    diagonal,
    index,
    reshape,
    swap,
    transpose,
)
from symgrad.simplify.shapes import fit

MOST_FACTORS = 32


@dataclass(frozen=True, slots=True)
class Factor:
    """A tensor and the label of each of its axes."""

    tensor: Expr
    labels: tuple[int, ...]


@dataclass(slots=True)
class Contraction:
    """The product of `scalars`, `factors` and identities `deltas`, summed over every label that is not in `output`."""

    output: tuple[int | None, ...]
    sizes: dict[int, Size] = field(default_factory=dict)
    scalars: list[Expr] = field(default_factory=list)
    factors: list[Factor] = field(default_factory=list)
    deltas: list[tuple[int, int]] = field(default_factory=list)

    def fresh(self, extent: Size) -> int:
        """Return a new label of this size."""
        label = len(self.sizes)
        self.sizes[label] = extent
        return label


def without_identities(node: Expr) -> Expr | None:
    """Return `node` with every identity used up that can be; None when there is none, or it cannot be read."""
    contraction = read(node)
    if contraction is None or not _eliminate(contraction):
        return None
    return write(contraction, node.shape)


# --- reading -------------------------------------------------------------------------------------------------------


def read(node: Expr, is_whole: Callable[[Apply], bool] | None = None) -> Contraction | None:
    """Read a product through transposes, sums, new axes and matrix products; None when it is none, or is zero.

    What is_whole says stands as one factor; without it everything is taken apart that can be.
    """
    contraction = Contraction(())
    contraction.output = tuple(None if extent == 1 else contraction.fresh(extent) for extent in node.shape)
    stack: list[tuple[Expr, tuple[int | None, ...]]] = [(node, contraction.output)]
    while stack:
        x, labels = stack.pop()
        if isinstance(x, Apply) and x.op is zeros:
            return None
        if x.ndim == 0:
            contraction.scalars.append(x)
            continue
        whole = is_whole is not None and isinstance(x, Apply) and x is not node and is_whole(x)
        inside = None if whole else _inside(x, labels, contraction)
        if inside is None and x is node:
            return None
        if inside is not None:
            stack.extend(reversed(inside))
        elif not _add_factor(x, labels, contraction):
            return None
        if len(contraction.factors) > MOST_FACTORS:
            return None
    return contraction


_Parts = list[tuple[Expr, tuple[int | None, ...]]]


def _inside(x: Expr, labels: tuple[int | None, ...], contraction: Contraction) -> _Parts | None:
    """Return the parts x is the product of, with their labels; None when x is a factor itself."""
    if not isinstance(x, Apply):
        return None
    operands = x.operands
    if x.op is ones:
        return []
    if x.op is eye:
        return _delta(labels, contraction)
    if x.op in (mul, broadcast_to):
        return [(y, _broadcast(y.shape, labels)) for y in operands]
    if x.op is neg:
        return [(Literal(-1), ()), (operands[0], labels)]
    if x.op is div and operands[1].ndim == 0:
        return [(1 / operands[1], ()), (operands[0], labels)]
    if x.op is outer:
        return [(operands[0], labels[:1]), (operands[1], labels[1:])]
    if x.op is transpose:
        order = x.parameters(Permutation).order(x.ndim)
        return [(operands[0], tuple(labels[order.index(axis)] for axis in range(x.ndim)))]
    if x.op in (diag, diag_embed):
        identity = _delta(labels[-2:], contraction)
        return None if identity is None else [*identity, (operands[0], labels[:-1])]
    if x.op is diagonal:
        return [(operands[0], (*labels, labels[-1]))]
    if x.op is trace:
        summed = contraction.fresh(operands[0].shape[-1])
        return [(operands[0], (*labels, summed, summed))]
    if x.op is index:
        return _through_new_axes(x, labels)
    if x.op is reshape:
        return _through_unit_axes(x, labels)
    if x.op is sum:
        return [(operands[0], _with_summed(x, labels, contraction))]
    if x.op is matmul:
        return _through_matmul(x, labels, contraction)
    if x.op is einsum:
        return _through_einsum(x, labels, contraction)
    return None


def _delta(labels: Sequence[int | None], contraction: Contraction) -> _Parts | None:
    i, j = labels
    if i is None or j is None:
        return None
    if i != j:
        contraction.deltas.append((i, j))
    return []


def _broadcast(shape: Shape, labels: tuple[int | None, ...]) -> tuple[int | None, ...]:
    trailing = labels[len(labels) - len(shape) :]
    return tuple(None if extent == 1 else label for extent, label in zip(shape, trailing, strict=True))


def _through_new_axes(x: Apply, labels: tuple[int | None, ...]) -> _Parts | None:
    items = x.parameters(Subscripts).index
    items = (*items, *[FULL] * (x.ndim - len(items)))
    if any(item != FULL and not isinstance(item, NewAxis) for item in items):
        return None
    return [(x.operands[0], tuple(a for item, a in zip(items, labels, strict=True) if item == FULL))]


def _through_unit_axes(x: Apply, labels: tuple[int | None, ...]) -> _Parts | None:
    """Read a reshape that only adds or drops axes of size 1."""
    (operand,) = x.operands
    kept = [label for extent, label in zip(x.shape, labels, strict=True) if extent != 1]
    if [extent for extent in x.shape if extent != 1] != [extent for extent in operand.shape if extent != 1]:
        return None
    rest = iter(kept)
    return [(operand, tuple(None if extent == 1 else next(rest) for extent in operand.shape))]


def _with_summed(x: Apply, labels: tuple[int | None, ...], contraction: Contraction) -> tuple[int | None, ...]:
    (operand,) = x.operands
    params = x.parameters(Axes)
    reduced = params.reduced(operand.ndim)
    kept = iter(labels)
    result: list[int | None] = []
    for axis, extent in enumerate(operand.shape):
        if axis not in reduced:
            result.append(next(kept))
            continue
        if params.keepdims:
            next(kept)
        result.append(None if extent == 1 else contraction.fresh(extent))
    return tuple(result)


def _through_matmul(x: Apply, labels: tuple[int | None, ...], contraction: Contraction) -> _Parts:
    left, right = x.operands
    extent = left.shape[-1]
    summed = None if extent == 1 else contraction.fresh(extent)
    if right.ndim == 1:
        return [(left, (*labels, summed)), (right, (summed,))]
    if left.ndim == 1:
        return [(left, (summed,)), (right, (*labels[:-1], summed, labels[-1]))]
    batch, (i, j) = labels[:-2], labels[-2:]
    return [
        (left, (*_broadcast(left.shape[:-2], batch), i, summed)),
        (right, (*_broadcast(right.shape[:-2], batch), summed, j)),
    ]


def _through_einsum(x: Apply, labels: tuple[int | None, ...], contraction: Contraction) -> _Parts:
    params = x.parameters(Letters)
    known: dict[str, int | None] = dict(zip(params.result, labels, strict=True))
    for letter, extent in letter_sizes(x).items():
        if letter not in known:
            known[letter] = None if extent == 1 else contraction.fresh(extent)
    return [
        (operand, tuple(known[letter] for letter in letters))
        for letters, operand in zip(params.operands, x.operands, strict=True)
    ]


def _add_factor(x: Expr, labels: tuple[int | None, ...], contraction: Contraction) -> bool:
    known = tuple(label for label in labels if label is not None)
    if len(known) < len(labels):
        x = reshape(x, tuple(e for e, label in zip(x.shape, labels, strict=True) if label is not None))
    if len(set(known)) < len(known):
        if len(known) < 2 or known[-1] != known[-2] or len(set(known)) < len(known) - 1:
            return False
        x, known = diagonal(x), known[:-1]
    if known:
        contraction.factors.append(Factor(x, known))
    else:
        contraction.scalars.append(x)
    return True


# --- identities ----------------------------------------------------------------------------------------------------


def _eliminate(contraction: Contraction) -> bool:
    """Use identities up and take diagonals. Return whether an identity has gone, and the rest can be written."""
    return rename_through_identities(contraction) and _take_diagonals(contraction)


def rename_through_identities(contraction: Contraction) -> bool:
    """Rename summed labels through identities. Return whether an identity has gone."""
    fixed = set(contraction.output)
    pending, kept = contraction.deltas, []
    found = len(pending)
    while pending:
        i, j = pending.pop(0)
        if i == j:
            continue
        if j in fixed and i in fixed:
            kept.append((i, j))
            continue
        old, new = (i, j) if i not in fixed else (j, i)
        pending, kept = ([(_renamed(a, old, new), _renamed(b, old, new)) for a, b in ds] for ds in (pending, kept))
        contraction.factors = [
            Factor(f.tensor, tuple(_renamed(label, old, new) for label in f.labels)) for f in contraction.factors
        ]
        del contraction.sizes[old]
    contraction.deltas = kept
    return len(kept) < found


def _renamed(label: int, old: int, new: int) -> int:
    return new if label == old else label


def _take_diagonals(contraction: Contraction) -> bool:
    """Write A[i, i] as diagonal(A). Return False for a repetition that only a longer formula could say."""
    factors = []
    for factor in contraction.factors:
        labels = factor.labels
        if len(set(labels)) == len(labels):
            factors.append(factor)
        elif len(labels) == 2:
            factors.append(Factor(diagonal(factor.tensor), labels[:1]))
        else:
            return False
    contraction.factors = factors
    return True


# --- writing -------------------------------------------------------------------------------------------------------


def write(contraction: Contraction, shape: Shape) -> Expr:
    """Write the contraction: sums by matrix products where two matrices share the label, the rest by broadcasting."""
    output = [label for label in contraction.output if label is not None]
    factors = list(contraction.factors)
    used = {label for factor in factors for label in factor.labels}
    scalars = list(contraction.scalars)
    for label, extent in contraction.sizes.items():
        if label not in output and label not in used:
            scalars.append(size(extent))
    for label in [label for label in contraction.sizes if label in used and label not in output]:
        sharing = [factor for factor in factors if label in factor.labels]
        factors = [factor for factor in factors if label not in factor.labels]
        factors.append(_sum_over(label, sharing))
    factors += [Factor(eye(contraction.sizes[i]), (i, j)) for i, j in contraction.deltas]
    scalars += [factor.tensor for factor in factors if not factor.labels]
    aligned = [_align(factor, output) for factor in factors if factor.labels]
    product = reduce(times, [*scalars, *aligned]) if scalars or aligned else ONE
    bare = tuple(contraction.sizes[label] for label in output)
    return reshape(fit(product, bare), shape) if bare != shape else fit(product, shape)


def _sum_over(label: int, factors: list[Factor]) -> Factor:
    """Multiply factors and sum over a label they share."""
    if len(factors) == 1:
        (factor,) = factors
        axis = factor.labels.index(label)
        return Factor(sum(factor.tensor, axis=axis), _without(factor.labels, label))
    if len(factors) > 2:
        factors = _with_vectors_taken_in(label, factors)
    if len(factors) == 2:
        left, right = factors
        shared = set(left.labels) & set(right.labels)
        if shared == {label} and max(left.tensor.ndim, right.tensor.ndim) <= 2:
            return _matrix_product(left, right, label)
    labels = tuple(dict.fromkeys(a for factor in factors for a in factor.labels))
    product = reduce(times, (_align(factor, labels) for factor in factors))
    return Factor(sum(product, axis=labels.index(label)), _without(labels, label))


def _with_vectors_taken_in(label: int, factors: list[Factor]) -> list[Factor]:
    """Multiply the vectors along the label, and the first other factor with them: A*v is what is left of A, v."""
    vectors = [factor.tensor for factor in factors if factor.labels == (label,)]
    others = [factor for factor in factors if factor.labels != (label,)]
    if not vectors:
        return factors
    vector = Factor(reduce(times, vectors), (label,))
    if len(others) < 2:
        return [*others, vector]
    first, *rest = others
    return [Factor(first.tensor * _align(vector, first.labels), first.labels), *rest]


def _matrix_product(left: Factor, right: Factor, label: int) -> Factor:
    x = left.tensor if left.labels[-1] == label else swap(left.tensor)
    y = right.tensor if right.labels[0] == label else swap(right.tensor)
    return Factor(x @ y, _without(left.labels, label) + _without(right.labels, label))


def _without(labels: Iterable[int], label: int) -> tuple[int, ...]:
    return tuple(other for other in labels if other != label)


def _align(factor: Factor, labels: Sequence[int]) -> Expr:
    """Return the tensor with its axes in the order of `labels`, and axes of size 1 for those it lacks."""
    present = [label for label in labels if label in factor.labels]
    ordered = transpose(factor.tensor, axes=tuple(factor.labels.index(label) for label in present))
    first = labels.index(present[0])
    items = [FULL if label in factor.labels else NewAxis() for label in labels[first:]]
    return index(ordered, tuple(items))
