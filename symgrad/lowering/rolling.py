"""Roll a long sum that is written out term by term into a sum over arrays.

A compiler's time grows with the length of straight-line code, and so does that of differentiation. But the terms of
long sums are mostly the same tree with other leaves. Here equal trees become one tree of vectors: numbers become
constants of the program, elements of inputs are taken at tabulated positions (`ops/tables`). What comes out is an
ordinary short expression with the same value, which is then rewritten, differentiated and fused like any other, so
the derivative is rolled because the formula is. What fits no long sum stays as it was.

Trees are compared by a class number for every node: those of one class are equal but for their leaves, down to the
bottom, so what the members of a class are made of is in turn of one class for each place. Planning goes from the top
down (which nodes are wanted together, as one vector, in which order), building from the bottom up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from symgrad.core.dims import Size, element_count
from symgrad.core.expr import Apply, Expr, Input, Literal, OpDef, postorder
from symgrad.core.traversal import rebuild
from symgrad.ops.arithmetic import add, neg, sub
from symgrad.ops.broadcasting import broadcast_to
from symgrad.ops.broadcasting import sum as total
from symgrad.ops.joining import stack
from symgrad.ops.shaping import index, reshape, select
from symgrad.ops.tables import constant_vector, elements

SMALLEST = 300  # nodes of a formula that is looked at
FEWEST = 16  # terms of one class in a sum that is rolled

Lanes = tuple[Expr, ...]  # nodes of one class that are wanted as one vector, in this order
Term = tuple[int, Expr]  # +1 or -1, and what is added
Group = tuple[int, int]  # the sign and the class of terms
_CHAINED: frozenset[OpDef] = frozenset({add, sub, neg})
_LITERAL, _INPUT = ("literal",), ("input",)


def roll(output: Expr, smallest: int = SMALLEST) -> Expr:
    """Return an equal expression in which long sums of like terms are sums over arrays; `output` if it has none.

    Only scalar formulas of at least `smallest` nodes are looked at. The terms of a rolled sum are added in any order,
    like those of `sum`.

    >>> import symgrad as sg
    >>> x = sg.vector("x", 20)
    >>> f = sg.parse(" + ".join(f"exp({k}*x[{k}])" for k in range(1, 20)), shapes={"x": (20,)})
    >>> [len(postorder(f)), len(postorder(roll(f, smallest=1)))]
    [95, 6]
    """
    order = postorder(output) if not output.shape else []
    if len(order) < smallest:
        return output
    sums = _long_sums(order)
    if not sums:
        return output
    classes = _Classes(order, sums)
    plan = _Plan(classes, output)
    return _Builder(plan).node(output) if plan.rolled else output


def _long_sums(order: Sequence[Expr]) -> dict[Expr, list[Term]]:
    """Return the terms of each chain of additions that has many, without what is inside of another chain."""
    uses = Counter(operand for node in order for operand in node.operands)
    inner = {x for node in order if _is_chained(node) for x in node.operands if uses[x] == 1 and _is_chained(x)}
    found = {}
    for head in order:
        if _is_chained(head) and head not in inner:
            terms = _terms(head, inner)
            if len(terms) >= FEWEST:
                found[head] = terms
    return found


def _is_chained(node: Expr) -> bool:
    return isinstance(node, Apply) and node.op in _CHAINED and not node.shape


def _terms(head: Expr, inner: set[Expr]) -> list[Term]:
    terms: list[Term] = []
    pending: list[Term] = [(1, head)]
    while pending:
        sign, node = pending.pop()
        if node is not head and node not in inner:
            terms.append((sign, node))
            continue
        assert isinstance(node, Apply)
        last = -sign if node.op in (sub, neg) else sign
        pending.append((last, node.operands[-1]))
        if node.op is not neg:
            pending.append((sign, node.operands[0]))
    return terms


class _Classes:
    """The class of every node. Members of a class have the same height, and so have what they are made of."""

    def __init__(self, order: Sequence[Expr], sums: dict[Expr, list[Term]]) -> None:
        self.sums = sums
        self.of: dict[Expr, int] = {}
        self.height: list[int] = []  # of each class
        self.element: dict[Expr, tuple[Input, int]] = {}  # where single elements of inputs stand
        self._numbers: dict[object, int] = {}
        inside = _inside(order, sums)
        for node in order:
            if node not in inside:
                key, below = self._key(node)
                self.of[node] = self._number(key, below)

    def groups(self, node: Expr) -> dict[Group, list[Expr]]:
        """Return the terms of a long sum by sign and class."""
        found: dict[Group, list[Expr]] = {}
        for sign, term in self.sums[node]:
            found.setdefault((sign, self.of[term]), []).append(term)
        return found

    def is_leaf(self, number: int) -> bool:
        """Say whether the members are numbers, inputs, or elements of one input."""
        return self.height[number] == 0

    def _number(self, key: object, below: Sequence[Expr]) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.height)
            self.height.append(1 + max((self.height[self.of[x]] for x in below), default=-1))
        return self._numbers[key]

    def _key(self, node: Expr) -> tuple[object, Sequence[Expr]]:
        """Return what a node has in common with the others of its class, and the nodes it is made of."""
        if node in self.sums:
            groups = tuple((*which, len(terms)) for which, terms in self.groups(node).items())
            return ("sum", groups), [term for _, term in self.sums[node]]
        if not isinstance(node, Apply):
            if isinstance(node, Literal):
                return _LITERAL, ()
            return (_INPUT if not node.shape else ("itself", node)), ()
        source = _element(node)
        if source is not None:
            self.element[node] = source
            return ("element", source[0]), ()
        if not node.op.elementwise or node.shape:
            return ("itself", node), node.operands
        return (node.op, node.params, *(self._place(node.op, x) for x in node.operands)), node.operands

    def _place(self, op: OpDef, operand: Expr) -> object:
        """The class of an operand; a number that decides what code computes `op` counts by its value."""
        return operand if callable(op.numeric) and isinstance(operand, Literal) else self.of[operand]


def _inside(order: Sequence[Expr], sums: dict[Expr, list[Term]]) -> set[Expr]:
    """Return the additions within long sums: all that is not reached when sums lead straight to their terms."""
    reached: set[Expr] = set()
    for node in reversed(order):
        if node is order[-1] or node in reached:
            reached.add(node)
            reached.update((term for _, term in sums[node]) if node in sums else node.operands)
    return set(order) - reached


def _element(node: Expr) -> tuple[Input, int] | None:
    """Return (x, p) when `node` is one element of an input x, p its position in row-major order as a number."""
    if not isinstance(node, Apply) or node.op is not index or node.shape or not isinstance(node.operands[0], Input):
        return None
    (source,) = node.operands
    position: Size = 0
    for size, along in zip(source.shape, select(node).map, strict=True):
        position = position * size + along.offset
    return (source, position) if isinstance(position, int) else None  # type: ignore[return-value]  # an Input, above


class _Plan:
    """Which nodes are computed one by one (`plain`), and which together, as the vectors of `arrays`."""

    def __init__(self, classes: _Classes, output: Expr) -> None:
        self.classes = classes
        self.plain: set[Expr] = set()
        self.arrays: list[Lanes] = []
        self.home: dict[Expr, tuple[int, int]] = {}  # the array of a node, and its place there
        self.rolled: set[tuple[Expr, Group]] = set()  # groups of terms of plain sums that are vectors
        self._wanted: defaultdict[int, list[Lanes]] = defaultdict(list)  # by class
        self._plain_at: defaultdict[int, list[Expr]] = defaultdict(list)  # by height
        self._classes_at: defaultdict[int, list[int]] = defaultdict(list)
        self._want_plain(output)
        for height in range(classes.height[classes.of[output]], 0, -1):
            for node in self._plain_at[height]:
                self._plan_plain(node)
            for number in self._classes_at[height]:
                for lanes in _disjoint(self._wanted[number]):
                    self._plan_array(lanes)

    def parts(self, lanes: Lanes) -> list[tuple[int, Lanes]]:
        """Return what a vector is made of: a sign and a vector for each group of a sum, else 1 and each operand."""
        first = lanes[0]
        if first not in self.classes.sums:
            assert isinstance(first, Apply)
            return [(1, tuple(node.operands[k] for node in lanes)) for k in range(len(first.operands))]
        groups = [self.classes.groups(node) for node in lanes]
        return [(which[0], tuple(term for group in groups for term in group[which])) for which in groups[0]]

    def _want_plain(self, node: Expr) -> None:
        if node not in self.plain:
            self.plain.add(node)
            self._plain_at[self.classes.height[self.classes.of[node]]].append(node)

    def _plan_plain(self, node: Expr) -> None:
        if node not in self.classes.sums:
            for operand in node.operands:
                self._want_plain(operand)
            return
        for which, terms in self.classes.groups(node).items():
            if len(terms) >= FEWEST and isinstance(terms[0], Apply):
                self.rolled.add((node, which))
                self._want(tuple(terms))
            else:
                for term in terms:
                    self._want_plain(term)

    def _want(self, lanes: Lanes) -> None:
        number = self.classes.of[lanes[0]]
        if all(node is lanes[0] for node in lanes):
            self._want_plain(lanes[0])
        elif not self.classes.is_leaf(number):
            if number not in self._wanted:
                self._classes_at[self.classes.height[number]].append(number)
            self._wanted[number].append(lanes)

    def _plan_array(self, lanes: Lanes) -> None:
        self.home.update((node, (len(self.arrays), place)) for place, node in enumerate(lanes))
        self.arrays.append(lanes)
        for _, part in self.parts(lanes):
            self._want(part)


def _disjoint(wanted: Sequence[Lanes]) -> list[Lanes]:
    """Merge vectors that have a node in common; each node stands once in what is returned."""
    vectors: dict[int, dict[Expr, None]] = {}
    owner: dict[Expr, int] = {}
    for number, lanes in enumerate(dict.fromkeys(wanted)):
        met = sorted({owner[node] for node in lanes if node in owner})
        merged = vectors[number] = {}
        for other in met:
            merged.update(vectors.pop(other))
        merged.update(dict.fromkeys(lanes))
        owner.update(dict.fromkeys(merged, number))
    return [tuple(vector) for vector in vectors.values()]


class _Builder:
    """Writes the expressions of a plan, from the bottom up."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._classes = plan.classes
        self._new: dict[Expr, Expr] = {}
        self._vectors: dict[int, Expr] = {}
        self._inputs: dict[Expr, int] = {}  # scalar inputs, and their places in the vector of all
        for node in self._classes.of:
            if isinstance(node, Input) and not node.shape:
                self._inputs[node] = len(self._inputs)
        self._packed = stack(list(self._inputs)) if self._inputs else None
        work: list[tuple[int, bool, int, Expr]] = [
            (self._height(lanes[0]), False, number, lanes[0]) for number, lanes in enumerate(plan.arrays)
        ]
        work.extend((self._height(node), True, k, node) for k, node in enumerate(plan.plain))
        for _, plain, number, node in sorted(work, key=lambda item: item[:3]):
            if plain:
                self._new[node] = self._write_plain(node)
            else:
                self._vectors[number] = self._write_vector(plan.arrays[number])

    def node(self, node: Expr) -> Expr:
        """Return what was written for a plain node."""
        return self._new[node]

    def _height(self, node: Expr) -> int:
        return self._classes.height[self._classes.of[node]]

    def _write_plain(self, node: Expr) -> Expr:
        if node not in self._classes.sums:
            return node if node in self._classes.element else rebuild(node, self._new)
        parts: list[Term] = []
        for which, terms in self._classes.groups(node).items():
            if (node, which) in self._plan.rolled:
                parts.append((which[0], self._summed(tuple(terms), None)))
            else:
                parts.extend((which[0], self._new[term]) for term in terms)
        return _signed_sum(parts)

    def _write_vector(self, lanes: Lanes) -> Expr:
        first, count = lanes[0], len(lanes)
        parts = self._plan.parts(lanes)
        if first in self._classes.sums:
            result = _signed_sum([(sign, self._summed(part, count)) for sign, part in parts])
        else:
            assert isinstance(first, Apply)
            result = first.op.make(tuple(self._read(part) for _, part in parts), first.params)
        return result if result.shape else broadcast_to(result, (count,))

    def _summed(self, part: Lanes, count: int | None) -> Expr:
        """Return the sums of `count` runs of a vector, or of all of it."""
        each = len(part) // (count or 1)
        terms = self._read(part)
        if not terms.shape:
            return each * terms
        if count is None:
            return total(terms)
        return terms if each == 1 else total(reshape(terms, (count, each)), axis=1)

    def _read(self, lanes: Lanes) -> Expr:
        """Return the vector of these nodes; where all are one node, the number that it is."""
        first = lanes[0]
        if all(node is first for node in lanes):
            return self._new[first]
        if isinstance(first, Literal):
            return _numbers(lanes)
        if isinstance(first, Input):
            assert self._packed is not None
            return elements(self._packed, [self._inputs[node] for node in lanes])
        if first in self._classes.element:
            return _input_elements([self._classes.element[node] for node in lanes])
        homes = [self._plan.home[node] for node in lanes]
        return elements(self._vectors[homes[0][0]], [place for _, place in homes])


def _numbers(lanes: Lanes) -> Expr:
    values = [float(node.value) for node in lanes if isinstance(node, Literal)]
    return constant_vector(values)


def _input_elements(found: Sequence[tuple[Input, int]]) -> Expr:
    x = found[0][0]
    flat = x if x.ndim == 1 else reshape(x, (element_count(x.shape),))
    return elements(flat, [position for _, position in found])


def _signed_sum(parts: Sequence[Term]) -> Expr:
    (sign, result), *others = parts
    result = -result if sign < 0 else result
    for sign, part in others:
        result = result - part if sign < 0 else result + part
    return result
