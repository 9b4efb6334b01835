"""Matrices that are the transpose of another: computed once, and read the other way round.

A derivative often needs both `R - U @ V.T` and `R.T - V @ U.T`. Every matrix is given a key for itself and one for its
transpose; equal keys are equal matrices, whatever way they are written. A key has a sign, so that `x_i - x_j`, which
changes its sign when i and j change places, is seen to have a symmetric square.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from symgrad.core.dims import Shape, Size
from symgrad.core.expr import Apply, Expr, NumericForm, postorder
from symgrad.core.numeric import (
    Contract,
    Gather,
    Instruction,
    IntegerPower,
    Libm,
    Reduce,
    Reshape,
    Scatter,
    Special,
)
from symgrad.core.properties import Property
from symgrad.core.traversal import rebuild
from symgrad.lowering.addressing import Where
from symgrad.lowering.contraction import follow
from symgrad.lowering.kernel_ir import Affine
from symgrad.ops.shaping import swap

_Place: TypeAlias = tuple[Expr, int, bool]
Key: TypeAlias = tuple[int, int]
"""A sign, and the number of what it stands before."""


def share_transposes(outputs: Sequence[Expr]) -> list[Expr]:
    """Return equal outputs in which a matrix whose transpose is there already is read from it."""
    order = postorder(*outputs)
    if not any(node.ndim >= 2 and isinstance(node, Apply) for node in order):
        return list(outputs)
    keys = _Keys()
    new: dict[Expr, Expr] = {}
    first: dict[Key, Expr] = {}
    for old in order:
        node = rebuild(old, new)
        keys.learn(node)
        if isinstance(node, Apply) and node.ndim == 2:
            node = _known(node, keys, first)
            keys.learn(node)
        new[old] = node
    return [new[output] for output in outputs]


def _known(node: Apply, keys: _Keys, first: dict[Key, Expr]) -> Expr:
    """Return what stands for the matrix: itself, an equal one, or the transpose of one."""
    key, turned = keys.key(node, 2, False), keys.key(node, 2, True)
    if key in first:
        return first[key]
    if turned in first and not keys.is_view(node):
        return swap(first[turned])
    if not keys.is_view(node):
        first[key] = node
    return node


@dataclass(slots=True)
class _Keys:
    """Keys of nodes, at a rank and with the first two of so many axes exchanged or not."""

    forms: dict[Expr, NumericForm] = field(default_factory=dict)
    _known: dict[tuple[Expr, int, bool], Key] = field(default_factory=dict)
    _numbers: dict[object, int] = field(default_factory=dict)

    def learn(self, node: Expr) -> None:
        """Take in a node whose operands are known."""
        if node in self.forms or not isinstance(node, Apply):
            return
        form = node.op.numeric_form(node)
        if form is not None:
            self.forms[node] = form

    def is_view(self, node: Expr) -> bool:
        """Say whether the node computes nothing."""
        return isinstance(self.forms.get(node), Gather | Reshape)

    def key(self, node: Expr, rank: int, turned: bool) -> Key:
        """Return the key of the node as an array of `rank` axes, the first two exchanged when `turned`."""
        wanted = (node, rank, turned)
        stack = [wanted]
        while stack:
            top = stack[-1]
            if top in self._known:
                stack.pop()
                continue
            missing = [need for need in self._needs(*top) if need not in self._known]
            if missing:
                stack.extend(missing)
                continue
            self._known[top] = self._combine(*top)
            stack.pop()
        return self._known[wanted]

    def _needs(self, node: Expr, rank: int, turned: bool) -> list[_Place]:
        """Return the keys that the key of the node is made of; none: it is made of the node itself."""
        if not node.ndim or rank < 2:
            return []
        form = self.forms.get(node)
        if isinstance(form, Gather | Reshape) or node.ndim < rank:
            base, where = follow(node, self.forms)
            if base is not node:
                return [(base, base.ndim, turned != (rank == 2 == node.ndim and _exchanges(node, base, where)))]
        if node.ndim < rank:
            return []
        match form:
            case Instruction() | Libm() | Special():
                return [(x, rank, turned) for x in node.operands]
            case IntegerPower():
                return [(node.operands[0], rank, turned)]
            case Contract() if all(x.ndim == 2 for x in node.operands):
                return [(x, 2, turned) for x in node.operands]
            case Reduce(_, axes, False) if min(axes, default=0) >= 2 and node.ndim == 2:
                return [(node.operands[0], node.operands[0].ndim, turned)]
            case _:
                return []

    def _combine(self, node: Expr, rank: int, turned: bool) -> Key:
        needs = self._needs(node, rank, turned)
        keys = [self._known[need] for need in needs]
        form = self.forms.get(node)
        if not needs or isinstance(form, Gather | Reshape) or node.ndim < rank:
            return self._view(node, rank, turned, keys)
        match form:
            case Contract():
                keys = keys[::-1] if turned else keys
                return keys[0][0] * keys[1][0], self._number((form, keys[0][1], keys[1][1]))
            case Reduce(combine) if combine is Instruction.ADD:
                return keys[0][0], self._number((form, keys[0][1]))
            case Instruction():
                return self._instruction(form, keys)
            case IntegerPower(exponent):
                ((sign, number),) = keys
                return (sign if exponent % 2 else 1), self._number((form, number))
            case _:
                return 1, self._number((form, *keys))

    def _instruction(self, form: Instruction, keys: list[Key]) -> Key:
        match form, keys:
            case Instruction.NEG, [(sign, number)]:
                return -sign, number
            case Instruction.ABS, [(_, number)]:
                return 1, self._number((form, number))
            case Instruction.MUL, [(a, x), (b, y)]:
                return a * b, self._number((form, *sorted((x, y))))
            case Instruction.DIV, [(a, x), (b, y)]:
                return a * b, self._number((form, x, y))
            case ((Instruction.ADD | Instruction.SUB), [(a, x), (b, y)]):
                b = -b if form is Instruction.SUB else b
                if x > y:
                    (a, x), (b, y) = (b, y), (a, x)
                return a, self._number((Instruction.ADD if a == b else Instruction.SUB, x, y))
            case _:
                return 1, self._number((form, *keys))

    def _view(self, node: Expr, rank: int, turned: bool, keys: list[Key]) -> Key:
        """Return the key of a node that is not looked into, read as it says and then turned."""
        base, where = follow(node, self.forms)
        if keys and rank == 2 == node.ndim and _exchanges(node, base, where):
            return keys[0]
        if base is node and turned and rank == node.ndim and self._symmetric(node):
            turned = False
        shape = (1,) * (rank - node.ndim) + node.shape
        places = [_over_axes(at, shape) for at in where]
        if turned and rank >= 2:
            shape, places = _exchange_first(shape), [(offset, _exchange_first(at)) for offset, at in places]
        return 1, self._number((base, shape, *places))

    def _symmetric(self, node: Expr) -> bool:
        form = self.forms.get(node)
        if isinstance(form, Scatter) and node.ndim == 2:
            return form.index[0] == form.index[1]
        return node.ndim == 2 and Property.SYMMETRIC in node.properties

    def _number(self, content: object) -> int:
        return self._numbers.setdefault(content, len(self._numbers))


def _exchanges(node: Expr, base: Expr, where: Where) -> bool:
    """Say whether the node is the transpose of the matrix `base`."""
    turned = (Affine(0, (0, 1)), Affine(0, (1, 0)))
    return base.ndim == 2 and where == turned and node.shape == base.shape[::-1]


def _over_axes(at: Affine, shape: Shape) -> tuple[Size, tuple[Size, ...]]:
    """Return a position as offset and strides over the axes of `shape`, those of size 1 standing still."""
    strides = (0,) * (len(shape) - len(at.strides)) + at.strides
    return at.offset, tuple(0 if size == 1 else stride for size, stride in zip(shape, strides, strict=True))


def _exchange_first(axes: tuple[Size, ...]) -> tuple[Size, ...]:
    return (axes[1], axes[0], *axes[2:])
