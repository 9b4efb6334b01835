"""Index notation, for people: products of tensors with new axes and identities written as an einsum.

`A[:, None, :, None]*B.T[:, None]` is `einsum("ik,lj->ijkl", A, B)`. The axes of the result are i, j, k, ... in order,
letters that are summed over come after them, so no letter is both free and bound. Matrices stay as they are written
elsewhere (`A.T @ A`); only transposes go, since letters say as much. `simplify` turns this back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul as times

from symgrad.core.expr import Apply, Expr
from symgrad.ops.arithmetic import ONE, div, mul, neg
from symgrad.ops.broadcasting import broadcast_to, sum
from symgrad.ops.constants import eye, ones, size
from symgrad.ops.contraction import matmul, outer, trace
from symgrad.ops.einsum import LETTERS, einsum
from symgrad.ops.shaping import diag, diag_embed, diagonal, index, reshape, transpose
from symgrad.simplify.contraction import Contraction, Factor, read, rename_through_identities
from symgrad.simplify.normal import Product, build_product, factorise
from symgrad.simplify.shapes import is_op

_VIEWS = (transpose, index, reshape, broadcast_to, eye, ones, outer, einsum, diag, diag_embed)
_THROUGH_EINSUM = (sum, matmul, diagonal, trace, *_VIEWS)


def index_notation(node: Apply) -> Expr | None:
    """Write a product with more than two axes as an einsum; None where a plain expression says it."""
    if not _is_candidate(node):
        return None
    contraction = read(node, is_whole)
    if contraction is None:
        return None
    rename_through_identities(contraction)
    terms = _terms(contraction)
    output = contraction.output
    letters = {label for term in terms for label in term.labels}
    if None in output or not letters.issuperset(output) or len(terms) < 2 or _broadcasts(terms, output):
        return None
    free = [label for label in output if label is not None]
    return _written(contraction, terms, free)


def _is_candidate(node: Apply) -> bool:
    """Is this a product with more than two axes, or a linear map of one that is an einsum already?"""
    if node.op in (mul, neg, div):
        return node.ndim > 2
    return node.op in _THROUGH_EINSUM and any(_holds_einsum(x) for x in node.operands)


def _holds_einsum(x: Expr) -> bool:
    while isinstance(x, Apply) and x.op in (mul, neg, div):
        x = next((operand for operand in x.operands if operand.ndim), x.operands[0])
    return is_op(x, einsum)


def is_whole(x: Apply) -> bool:
    """Does x stand as one factor? Matrices do as they are written, also products of equal shapes, sums and so on."""
    if x.op in _VIEWS:
        return False
    if x.op in (neg, div):
        return x.op is div and x.operands[1].ndim > 0
    if x.op is mul:
        return all(operand.shape == x.shape for operand in x.operands) and not any(map(_holds_einsum, x.operands))
    if x.op is matmul and any(is_op(operand, diag) for operand in x.operands):
        return any(is_op(operand, matmul) for operand in x.operands)
    return not any(_holds_einsum(operand) for operand in x.operands)


def _terms(contraction: Contraction) -> list[Factor]:
    """Return the factors, those with the same labels as one, and the identities after them.

    Where an identity makes two axes of the result equal, a factor has the letter of the first: x[i]*eye[i, k].
    """
    groups: dict[tuple[int, ...], list[Expr]] = {}
    place = {label: position for position, label in enumerate(contraction.output)}
    identities = sorted(tuple(sorted(pair, key=place.__getitem__)) for pair in contraction.deltas)
    earlier = {second: first for first, second in reversed(identities)}
    for factor in contraction.factors:
        groups.setdefault(tuple(_first(label, earlier) for label in factor.labels), []).append(factor.tensor)
    merged = [Factor(reduce(times, tensors), labels) for labels, tensors in groups.items()]
    return [*merged, *(Factor(eye(contraction.sizes[pair[0]]), pair) for pair in identities)]


def _first(label: int, earlier: Mapping[int, int]) -> int:
    """Return the first of the axes of the result that identities make equal to this one."""
    while label in earlier:
        label = earlier[label]
    return label


def _broadcasts(terms: Iterable[Factor], output: tuple[int | None, ...]) -> bool:
    """Do the axes of every factor stand where broadcasting puts them?"""
    return all(term.labels == output[len(output) - len(term.labels) :] for term in terms)


@dataclass(slots=True)
class _Alphabet:
    """A letter for each label, in order of first use."""

    known: dict[int, str]

    def word(self, labels: Iterable[int]) -> str:
        for label in labels:
            self.known.setdefault(label, LETTERS[len(self.known)])
        return "".join(self.known[label] for label in labels)


def _written(contraction: Contraction, terms: list[Factor], free: list[int]) -> Expr | None:
    labels = dict.fromkeys([*free, *(label for term in terms for label in term.labels)])
    if len(labels) > len(LETTERS):
        return None
    alphabet = _Alphabet({})
    result = alphabet.word(free)
    left = ",".join(alphabet.word(term.labels) for term in terms)
    array = einsum(f"{left}->{result}", *(term.tensor for term in terms))
    counts = [size(extent) for label, extent in contraction.sizes.items() if label not in labels]
    number = factorise(reduce(times, [*contraction.scalars, *counts], ONE))
    return build_product(Product(number.coefficient, {**number.powers, array: 1}), array.shape)
