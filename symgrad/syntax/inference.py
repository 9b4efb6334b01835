"""Shapes of inputs that the text does not declare: first their ranks (see symgrad.syntax.ranks), then their sizes.

Every axis of an undeclared input begins as a size of its own; walking the formula once, sizes that must be equal are
unified (a number or a declared size wins). What stays open is named m, n, k, p, ... in order of appearance, n alone for
vectors and square matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, count

from symgrad.core.dims import Dim, Shape, Size, element_count, named
from symgrad.core.expr import ParameterKind
from symgrad.core.properties import MATRIX, NONE
from symgrad.core.shapes import Alternative, read_signature
from symgrad.errors import SymgradError
from symgrad.syntax.dimensions import substitute
from symgrad.syntax.program import Read, Resolved, Step, Use, Value
from symgrad.syntax.ranks import infer_ranks, placeholder_shape, signature_of

_MATRIX_NAMES, _VECTOR_NAMES = ("m", "n"), ("n",)
_FRESH = ("m", "n", "k", "p", "q", "r", "s", "t")
_MARK = "'"  # no name in a text has it, so open sizes collide with nothing


def infer_shapes(resolved: Resolved) -> dict[str, Shape]:
    """Return the shape of every input, declared or not. ShapeError where the text does not settle one.

    >>> from symgrad.syntax.limits import Limits
    >>> from symgrad.syntax.parser import parse_program
    >>> from symgrad.syntax.program import resolve
    >>> infer_shapes(resolve(parse_program("x.T @ A @ x + b", Limits()), {}))
    {'x': (n,), 'A': (n, n), 'b': ()}
    """
    ranks = infer_ranks(resolved)
    open_shapes = {name: tuple(named(f"{name}{_MARK}{axis}") for axis in range(rank)) for name, rank in ranks.items()}
    unifier = _Unifier()
    for name, shape in open_shapes.items():
        if resolved.assumed.get(name, NONE) & MATRIX and len(shape) >= 2:
            unifier.unify(*shape[-2:])
    unifier.walk(resolved.steps, {**resolved.declared, **open_shapes})
    solved = {name: unifier.shape(shape) for name, shape in open_shapes.items()}
    names = _name_open_sizes(solved, _taken(resolved))
    finished = {name: tuple(substitute(size, names) for size in shape) for name, shape in solved.items()}
    return {**resolved.declared, **finished}


class _Unifier:
    """Sizes that are equal to others; walks the steps and learns them."""

    def __init__(self) -> None:
        self.bound: dict[str, Size] = {}

    def size(self, size: Size) -> Size:
        """Return the size with all that is known put in."""
        while isinstance(size, Dim) and any(name in self.bound for name in size.names()):
            size = substitute(size, self.bound)
        return size

    def shape(self, shape: Shape) -> Shape:
        """Return the shape with all that is known put in."""
        return tuple(map(self.size, shape))

    def unify(self, left: Size, right: Size) -> Size:
        """Make two sizes equal if one of them is open, and return the one to go on with."""
        left, right = self.size(left), self.size(right)
        if left == right or self.bind(right, left) or self.bind(left, right):
            return self.size(left)
        return left

    def bind(self, size: Size, value: Size) -> bool:
        """Solve `size = value` for an open name that `size` has once, with a coefficient of 1."""
        if not isinstance(size, Dim):
            return False
        names = list(size.names())
        for monomial, coefficient in size.terms:
            name = monomial[0] if len(monomial) == 1 else None
            if coefficient != 1 or not isinstance(name, str) or _MARK not in name or names.count(name) > 1:
                continue
            rest = size - named(name)
            solution = value - rest
            if isinstance(solution, Dim) and name in solution.names():
                continue
            if isinstance(solution, int) and solution < 0:
                continue
            self.bound[name] = solution
            return True
        return False

    def walk(self, steps: Sequence[Step], inputs: dict[str, Shape]) -> None:
        """Learn from every step. A step whose shapes do not fit teaches nothing: building it will say why."""
        shapes: list[Shape | None] = []
        for step in steps:
            match step:
                case Read(name=name):
                    shapes.append(inputs[name])
                case Value():
                    shapes.append(())
                case Use(operands=operands):
                    known = [shapes[operand] for operand in operands]
                    fitting = [self.shape(shape) for shape in known if shape is not None]
                    shapes.append(self.result(step, fitting) if len(fitting) == len(known) else None)

    def result(self, use: Use, shapes: list[Shape]) -> Shape | None:
        if use.op.elementwise:
            return self.broadcast(shapes)
        if use.op.signature:
            return self.apply_signature(signature_of(use), shapes)
        shapes = self.unified(use, shapes)
        found = placeholder_shape(use, shapes)
        return found if found is not None else self.fit_shape_parameter(use, shapes)

    def unified(self, use: Use, shapes: list[Shape]) -> list[Shape]:
        """Learn which sizes the op demands to be equal; nothing where its parameters do not fit."""
        if use.op.equal_sizes is None:
            return shapes
        try:
            pairs = list(use.op.equal_sizes(shapes, use.parameters))
        except SymgradError:
            return shapes
        for left, right in pairs:
            self.unify(left, right)
        return [self.shape(shape) for shape in shapes]

    def broadcast(self, shapes: list[Shape]) -> Shape:
        rank = max(map(len, shapes), default=0)
        result: list[Size] = []
        for axis in range(-rank, 0):
            sizes = [shape[axis] for shape in shapes if len(shape) >= -axis]
            sizes = [size for size in map(self.size, sizes) if size != 1]
            for other in sizes[1:]:
                self.unify(sizes[0], other)
            result.append(self.size(sizes[0]) if sizes else 1)
        return tuple(result)

    def apply_signature(self, signature: str, shapes: list[Shape]) -> Shape | None:
        for alternative in read_signature(signature):
            if alternative.accepts([len(shape) for shape in shapes]):
                return self.apply_alternative(alternative, shapes)
        return None

    def apply_alternative(self, alternative: Alternative, shapes: list[Shape]) -> Shape:
        letters = alternative.fixed
        fronts: list[Shape] = []
        for core, shape in zip(alternative.operands, shapes, strict=True):
            split = len(shape) - len(core)
            fronts.append(shape[:split])
            for letter, size in zip(core, shape[split:], strict=True):
                letters[letter] = self.unify(letters[letter], size) if letter in letters else size
        front = self.broadcast(fronts)
        return self.shape((*front, *(letters[letter] for letter in alternative.result)))

    def fit_shape_parameter(self, use: Use, shapes: list[Shape]) -> Shape | None:
        """For reshape and the like: try the operand's sizes that the target shape suggests."""
        for parameter in use.op.parameters:
            target = use.parameters.get(parameter.name)
            if parameter.kind is not ParameterKind.SHAPE or not isinstance(target, tuple) or len(shapes) != 1:
                continue
            rank = len(shapes[0])
            for guess in ((element_count(target),), target[-rank:]):
                if len(guess) == rank and placeholder_shape(use, [guess]) is not None:
                    for size, other in zip(shapes[0], guess, strict=True):
                        self.unify(other, size)
                    return target
        return None


def _taken(resolved: Resolved) -> set[str]:
    reads = {step.name for step in resolved.steps if isinstance(step, Read)}
    return reads | resolved.sizes | set(resolved.locals)


def _name_open_sizes(shapes: dict[str, Shape], taken: set[str]) -> dict[str, Size]:
    """Return a name for each open size, in order of appearance, matrices first."""
    names: dict[str, Size] = {}
    for shape in sorted(shapes.values(), key=_is_vector):
        unnamed = list(dict.fromkeys(name for name in _open_names(shape) if name not in names))
        preferred = _MATRIX_NAMES if len(unnamed) == 2 else _VECTOR_NAMES
        for position, open_name in enumerate(unnamed):
            wanted = preferred[position : position + 1]
            fresh = next(name for name in chain(wanted, _FRESH, _numbered()) if name not in taken)
            taken.add(fresh)
            names[open_name] = named(fresh)
    return names


def _is_vector(shape: Shape) -> bool:
    return len(shape) < 2


def _open_names(shape: Shape) -> Iterator[str]:
    for size in shape:
        if isinstance(size, Dim):
            yield from (name for name in size.names() if _MARK in name)


def _numbered() -> Iterator[str]:
    return (f"n{number}" for number in count(1))
