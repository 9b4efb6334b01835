"""einsum and tensordot: sums of products of entries, with a letter for each axis.

Operands are contracted in pairs, see Smith & Gray, opt_einsum - A Python package for optimizing contraction order for
einsum-like expressions (JOSS 3(26), 753, 2018). The cotangent of an operand is an einsum in which the result takes its
place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from string import ascii_letters
from typing import Any

import numpy as np

from symgrad.core.calls import Variadic
from symgrad.core.dims import Shape, Size, element_count, shape_text
from symgrad.core.expr import Apply, Expr, Parameter, ParameterKind, Structured
from symgrad.core.indexing import FULL, NewAxis
from symgrad.core.notation import Indexed
from symgrad.core.shapes import normalise_axis
from symgrad.errors import LimitError, OperandError, ShapeError
from symgrad.ops.broadcasting import sum
from symgrad.ops.constants import eye, ones
from symgrad.ops.contraction import matmul
from symgrad.ops.define import array_op
from symgrad.ops.shaping import Sizes, diagonal, index, reshape, transpose

LETTERS = "ijklmnopqrstuvwxyzabcdefgh" + ascii_letters[26:]
_FORM = re.compile(r"[A-Za-z]*(,[A-Za-z]*)*(->[A-Za-z]*)?\Z")


@dataclass(frozen=True, slots=True)
class Letters:
    """The subscripts in full: no spaces, with `->` and the letters of the result."""

    subscripts: str

    @property
    def operands(self) -> list[str]:
        return self.subscripts.partition("->")[0].split(",")

    @property
    def result(self) -> str:
        return self.subscripts.partition("->")[2]


def read_letters(subscripts: object, count: int) -> Letters:
    """Read subscripts for `count` operands; without `->` the result has the letters that stand once, in order.

    OperandError for what NumPy does not take, and for an ellipsis.
    """
    if not isinstance(subscripts, str):
        raise OperandError(f'the subscripts are a string such as "ij,jk->ik", not {subscripts!r}')
    text = subscripts.replace(" ", "")
    if "." in text:
        raise OperandError("an ellipsis is not supported in subscripts; write a letter for each axis")
    if not _FORM.match(text):
        raise OperandError(f'"{subscripts}" are no subscripts: they are letters and commas, as in "ij,jk->ik"')
    left, arrow, result = text.partition("->")
    if len(left.split(",")) != count:
        raise OperandError(f'"{subscripts}" is for {len(left.split(","))} operands; operands given: {count}')
    if not arrow:
        result = "".join(sorted(letter for letter in set(left) - {","} if left.count(letter) == 1))
    unknown = [letter for letter in result if letter not in left]
    if unknown:
        raise OperandError(f"the letter {unknown[0]} of the result is in no operand")
    if len(set(result)) != len(result):
        raise OperandError(f'a letter stands twice in the result "{result}"; a diagonal matrix is made by diag')
    return Letters(f"{left}->{result}")


def einsum_signature(given: Mapping[str, Any], count: int) -> str:
    letters = read_letters(given["subscripts"], count)
    cores = ",".join(f"({','.join(operand)})" for operand in letters.operands)
    return f"{cores}->({','.join(letters.result)})"


def prepare_einsum(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Letters:
    return read_letters(given["subscripts"], len(operands))


def transposed_operand(operands: tuple[Expr, ...], params: Letters) -> Expr | None:
    """Of one operand whose axes only change places, the transpose."""
    if len(operands) != 1 or sorted(params.operands[0]) != sorted(params.result):
        return None
    (x,), (own,) = operands, params.operands
    if len(own) != x.ndim:
        return None
    return transpose(x, axes=tuple(own.index(letter) for letter in params.result)) if own else x


def letter_sizes(node: Apply) -> dict[str, Size]:
    """Return the size that each letter runs over."""
    pairs = zip(node.parameters(Letters).operands, node.operands, strict=True)
    return {letter: size for own, x in pairs for letter, size in zip(own, x.shape, strict=True)}


def fresh_letters(taken: Iterable[str]) -> Iterator[str]:
    used = set(taken)
    yield from (letter for letter in LETTERS if letter not in used)
    raise LimitError(f"a contraction of more than {len(LETTERS)} axes")


def contracted(terms: Sequence[tuple[str, Expr]], result: str) -> Expr:
    """Return the einsum of operands with their letters."""
    return einsum(f"{','.join(own for own, _ in terms)}->{result}", *(x for _, x in terms))


def einsum_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    """The product rule."""
    terms = [
        node.op.make((*node.operands[:k], x_dot, *node.operands[k + 1 :]), node.params)
        for k, x_dot in enumerate(tangents)
        if x_dot is not None
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def einsum_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    return tuple(_operand_cotangent(node, cotangent, position) for position in range(len(node.operands)))


def _operand_cotangent(node: Apply, cotangent: Expr, position: int) -> Expr:
    """The result takes the operand's place; a letter that stands twice goes through an identity, a lost one is new."""
    params, sizes = node.parameters(Letters), letter_sizes(node)
    fresh = fresh_letters(params.subscripts)
    front = "".join(next(fresh) for _ in range(cotangent.ndim - node.ndim))
    others = [(own, x) for k, (own, x) in enumerate(zip(params.operands, node.operands, strict=True)) if k != position]
    terms = [(front + params.result, cotangent), *others]
    known = {letter for own, _ in terms for letter in own}
    target = ""
    for letter in params.operands[position]:
        if letter in target:
            copy = next(fresh)
            terms.append((letter + copy, eye(sizes[letter])))
            target += copy
            continue
        if letter not in known:
            terms.append((letter, ones(sizes[letter])))
        target += letter
    return contracted(terms, front + target)


# --- the kernel: contractions of pairs -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Term:
    """An array with one letter for each of its axes, none twice."""

    letters: str
    array: Expr


def einsum_expand(node: Apply) -> Expr:
    """Contract two operands at a time, those first whose product has the fewest axes."""
    params = node.parameters(Letters)
    terms = [_diagonal_term(Term(own, x)) for own, x in zip(params.operands, node.operands, strict=True)]
    while len(terms) > 1:
        i, j = min(combinations(range(len(terms)), 2), key=partial(_cost, terms, params.result))
        left, right, rest = terms[i], terms[j], [term for k, term in enumerate(terms) if k not in (i, j)]
        terms = [*rest, _contract(left, right, _needed(rest, params.result))]
    (last,) = terms
    return _in_order(_summed(last, params.result), params.result)


def _needed(rest: Iterable[Term], result: str) -> set[str]:
    return set(result).union(*(term.letters for term in rest))


def _cost(terms: Sequence[Term], result: str, pair: tuple[int, int]) -> tuple[int, int]:
    """Order pairs by the axes of their product, then by the axes that are looped over."""
    together = set().union(*(terms[k].letters for k in pair))
    kept = together & _needed((term for k, term in enumerate(terms) if k not in pair), result)
    return len(kept), len(together)


def _diagonal_term(term: Term) -> Term:
    """Take diagonals until no letter stands twice."""
    letters, array = term.letters, term.array
    while len(set(letters)) < len(letters):
        first = next(k for k, letter in enumerate(letters) if letters.count(letter) > 1)
        second = letters.index(letters[first], first + 1)
        others = [k for k in range(len(letters)) if k not in (first, second)]
        array = diagonal(transpose(array, axes=(*others, first, second)))
        letters = "".join(letters[k] for k in (*others, first))
    return Term(letters, array)


def _summed(term: Term, needed: Iterable[str]) -> Term:
    """Sum over the letters that nothing else needs."""
    kept = set(needed)
    gone = tuple(k for k, letter in enumerate(term.letters) if letter not in kept)
    letters = "".join(letter for letter in term.letters if letter in kept)
    return Term(letters, sum(term.array, axis=gone) if gone else term.array)


def _in_order(term: Term, letters: str) -> Expr:
    return transpose(term.array, axes=tuple(map(term.letters.index, letters))) if letters else term.array


def _contract(left: Term, right: Term, needed: set[str]) -> Term:
    """Multiply two terms, summed over what nothing else needs: a matrix product where both have axes of their own."""
    left, right = _summed(left, needed | set(right.letters)), _summed(right, needed | set(left.letters))
    inner = "".join(x for x in left.letters if x in right.letters and x not in needed)
    batch = "".join(x for x in left.letters if x in right.letters and x in needed)
    rows = "".join(x for x in left.letters if x not in right.letters)
    columns = "".join(x for x in right.letters if x not in left.letters)
    if not inner or (batch and not (rows and columns)):
        letters = batch + rows + columns + inner
        return _summed(Term(letters, _aligned(left, letters) * _aligned(right, letters)), needed)
    sizes = dict(zip(left.letters + right.letters, left.array.shape + right.array.shape, strict=True))
    a = _as_matrices(left, sizes, batch, rows, inner)
    b = _as_matrices(right, sizes, batch, inner, columns)
    shape = tuple(sizes[letter] for letter in batch + rows + columns)
    return Term(batch + rows + columns, reshape(matmul(a, b), shape) if shape else matmul(a, b))


def _as_matrices(term: Term, sizes: Mapping[str, Size], batch: str, rows: str, columns: str) -> Expr:
    """Return the term with its axes in three groups, of which the last two are one axis each; no axis for none."""
    ordered = _in_order(term, batch + rows + columns)
    groups = [group for group in (rows, columns) if group]
    merged = tuple(element_count(tuple(sizes[letter] for letter in group)) for group in groups)
    return reshape(ordered, (*(sizes[letter] for letter in batch), *merged))


def _aligned(term: Term, letters: str) -> Expr:
    """Return the array with its axes in the order of `letters`, and new ones for letters it lacks."""
    present = [letter for letter in letters if letter in term.letters]
    if not present:
        return term.array
    ordered = transpose(term.array, axes=tuple(map(term.letters.index, present)))
    items = [FULL if letter in term.letters else NewAxis() for letter in letters]
    return index(ordered, tuple(items[letters.index(present[0]) :]))


def einsum_reference(node: Apply, _sizes: Sizes, *xs: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum(node.parameters(Letters).subscripts, *xs))


einsum = array_op(
    "einsum",
    doc='The sum of products of entries that the subscripts tell: "ij,jk->ik" is the matrix product.',
    variadic=Variadic.SPREAD,
    notation=Indexed(),
    signature=einsum_signature,
    parameters=(Parameter("subscripts", ParameterKind.SUBSCRIPTS),),
    prepare=prepare_einsum,
    canonical=transposed_operand,
    derivative=Structured(einsum_pushforward, einsum_pullback),
    expand=einsum_expand,
    reference=einsum_reference,
    references=("Smith & Gray, opt_einsum (JOSS 3(26), 753, 2018), for the order of contractions",),
)


# --- tensordot -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pairing:
    """The axes of the first operand, and those of the second that they are paired with; an int k for the last k."""

    axes: int | tuple[tuple[int, ...], ...] = 2

    def of(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the paired axes, where the first operand has `rank` axes."""
        if isinstance(self.axes, int):
            return tuple(range(rank - self.axes, rank)), tuple(range(self.axes))
        left, right = self.axes
        return left, right


def read_pairing(axes: object, left: int, right: int) -> Pairing:
    """Read `axes` for operands with `left` and `right` axes."""
    if isinstance(axes, int) and not isinstance(axes, bool):
        if not 0 <= axes <= min(left, right):
            raise ShapeError(f"axes={axes}: the operands have {left} and {right} axes")
        return Pairing(axes)
    if not isinstance(axes, tuple | list) or len(axes) != 2:
        raise OperandError(f"axes is an integer or two tuples of integers, not {axes!r}")
    sides = [tuple(side) if isinstance(side, tuple | list) else (side,) for side in axes]
    if any(isinstance(axis, bool) or not isinstance(axis, int) for side in sides for axis in side):
        raise OperandError(f"axes is an integer or two tuples of integers, not {axes!r}")
    found = tuple(
        tuple(normalise_axis(axis, rank) for axis in side) for side, rank in zip(sides, (left, right), strict=True)
    )
    if len(found[0]) != len(found[1]) or any(len(set(side)) != len(side) for side in found):
        raise ShapeError(f"axes={axes} does not pair axes with axes")
    return Pairing(found)


def prepare_tensordot(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Pairing:
    a, b = operands
    return read_pairing(given.get("axes", 2), a.ndim, b.ndim)


def tensordot_shape(shapes: tuple[Shape, ...], params: Pairing) -> Shape:
    a, b = shapes
    left, right = params.of(len(a))
    for i, j in zip(left, right, strict=True):
        if a[i] != b[j]:
            raise ShapeError(f"tensordot of {shape_text(a)} and {shape_text(b)} pairs the sizes {a[i]} and {b[j]}")
    return (*(n for i, n in enumerate(a) if i not in left), *(n for j, n in enumerate(b) if j not in right))


def tensordot_sizes(shapes: Sequence[Shape], given: Mapping[str, Any]) -> Iterator[tuple[Size, Size]]:
    a, b = shapes
    left, right = read_pairing(given.get("axes", 2), len(a), len(b)).of(len(a))
    yield from ((a[i], b[j]) for i, j in zip(left, right, strict=True))


def tensordot_expand(node: Apply) -> Expr:
    a, b = node.operands
    left, right = node.parameters(Pairing).of(a.ndim)
    fresh = fresh_letters(())
    first = "".join(next(fresh) for _ in range(a.ndim))
    second = "".join(first[left[right.index(j)]] if j in right else next(fresh) for j in range(b.ndim))
    result = "".join(x for x in first + second if not (x in first and x in second))
    return contracted([(first, a), (second, b)], result)


def tensordot_reference(node: Apply, _sizes: Sizes, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.tensordot(a, b, axes=node.parameters(Pairing).of(a.ndim)))


tensordot = array_op(
    "tensordot",
    doc="The sum over paired axes: the last k of A with the first k of B for axes=k, or those that axes names.",
    operands=("A", "B"),
    shape=tensordot_shape,
    equal_sizes=tensordot_sizes,
    parameters=(Parameter("axes", ParameterKind.PAIRING, 2),),
    prepare=prepare_tensordot,
    expand=tensordot_expand,
    reference=tensordot_reference,
)
