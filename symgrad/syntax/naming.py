"""Which subterms get a name of their own when an expression is written, and names that are free."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from symgrad.core.dims import Dim, Shape
from symgrad.core.expr import Apply, Expr, Input, OpDef, ParameterKind, postorder
from symgrad.core.indexing import Cut, Pick

DEEPEST = 60
_LARGEST_RATIO = 4
_SMALL = 64


def subterms_to_name(root: Expr, nests: Callable[[Expr, Expr], bool]) -> list[Expr]:
    """Return the nodes to write once, under a name, operands before their users.

    Shared nodes are named when writing them out each time would take more than four times the number of nodes;
    others where brackets would be nested deeper than 60. `nests(node, operand)` says whether the operand stands in
    brackets.
    """
    order = postorder(root)
    named = _shared(order) if _written_size(order, set()) > _LARGEST_RATIO * len(order) + _SMALL else set()
    depth: dict[Expr, int] = {}
    for node in order:
        levels = [0 if o in named else depth[o] + nests(node, o) for o in node.operands]
        depth[node] = max(levels, default=0)
        if depth[node] > DEEPEST and node is not root:
            named.add(node)
    return [node for node in order if node in named and node is not root]


def _shared(order: list[Expr]) -> set[Expr]:
    uses: dict[Expr, int] = {}
    for node in order:
        for operand in node.operands:
            uses[operand] = uses.get(operand, 0) + 1
    return {node for node, count in uses.items() if count > 1 and node.operands}


def _written_size(order: list[Expr], named: set[Expr]) -> int:
    sizes: dict[Expr, int] = {}
    for node in order:
        sizes[node] = 1 + sum(1 if operand in named else sizes[operand] for operand in node.operands)
    return sizes[order[-1]]


def fresh_names(prefix: str, taken: Collection[str]) -> Iterator[str]:
    """Yield prefix1, prefix2, ... without those that are taken."""
    number = 0
    while True:
        number += 1
        if f"{prefix}{number}" not in taken:
            yield f"{prefix}{number}"


def size_names_of(shape: Shape) -> set[str]:
    """Return the names in a shape."""
    return {name for size in shape if isinstance(size, Dim) for name in size.names()}


def declared_sizes(root: Expr) -> set[str]:
    """Return the names of sizes in the shapes of the inputs."""
    return {name for node in postorder(root) if isinstance(node, Input) for name in size_names_of(node.shape)}


def used_names(root: Expr) -> set[str]:
    """Return every name of an input or a size anywhere in the expression."""
    found: set[str] = set()
    for node in postorder(root):
        found |= size_names_of(node.shape)
        if isinstance(node, Input):
            found.add(node.name)
        elif isinstance(node, Apply) and node.params is not None:
            found |= _parameter_names(node.op, node)
    return found


def _parameter_names(op: OpDef, node: Apply) -> set[str]:
    kinds = {parameter.name: parameter.kind for parameter in op.parameters}
    found: set[str] = set()
    for name, value in op.arguments(node).items():
        match kinds[name], value:
            case ParameterKind.SIZE, Dim():
                found |= size_names_of((value,))
            case ParameterKind.SHAPE, tuple():
                found |= size_names_of(value)
            case ParameterKind.INDEX, tuple():
                found |= index_names(value)
    return found


def index_names(index: Iterable[object]) -> set[str]:
    """Return the names in the inside of `x[...]`."""
    return {name for item in index for name in size_names_of(_bounds(item))}


def _bounds(item: object) -> Shape:
    if isinstance(item, Pick):
        return (item.position,)
    if isinstance(item, Cut):
        return tuple(bound for bound in (item.start, item.stop) if bound is not None)
    return ()
