"""Names for what several results have in common, where that makes them shorter to read: `r = X @ w - y`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from symgrad.core.expr import Apply, Expr, Input, Literal, op_names, postorder
from symgrad.core.notation import Infix, Postfix, Prefix, Subscript
from symgrad.core.traversal import substitute
from symgrad.syntax.naming import fresh_names, used_names
from symgrad.syntax.text import formula

_LETTERS = {False: "rstuvpq", True: "RSUVPQ"}  # a matrix has a capital; T is left to transposes
_LARGEST = 300  # nodes; beyond it nobody reads the results
_MOST_NAMES = 6
_LEAST_GAIN = 10  # characters that a name has to save,
_LEAST_GAIN_OF_ONE_OP = 20  # if it is for a single operation on inputs, such as softmax(x),
_LEAST_SHARE = 25  # and in any case one in so many of all there are


@dataclass(frozen=True, slots=True)
class NamedSubterms:
    """Expressions in which inputs stand for subterms, and what these stand for, each after those it uses itself."""

    definitions: dict[str, Expr]
    exprs: tuple[Expr, ...]

    def text(self, position: int) -> str:
        """Return one of the expressions with the definitions it uses: `r = X @ w - y; 2*X.T @ r`."""
        expr = self.exprs[position]
        needed = _inputs_below(expr, self.definitions)
        statements = [f"{name} = {formula(self.definitions[name])}" for name in self.definitions if name in needed]
        return "; ".join([*statements, formula(expr)])


def named_subterms(exprs: Iterable[Expr], taken: Collection[str] = ()) -> NamedSubterms:
    """Give names to subterms that are written more than once, where the whole gets clearly shorter.

    Names are no inputs, sizes or functions, and none of `taken`. Substituting the definitions gives the expressions
    back. Where nothing is gained there are no definitions.

    >>> from symgrad.syntax import parse
    >>> named = named_subterms([parse("X.T @ diag(sigmoid(X @ w - y)*(1 - sigmoid(X @ w - y))) @ X")])
    >>> named.text(0)
    'r = sigmoid(X @ w - y); X.T @ diag(r*(1 - r)) @ X'
    """
    original = tuple(exprs)
    if not original or len(postorder(*original)) > _LARGEST:
        return NamedSubterms({}, original)
    free = _FreeNames({*taken, *op_names(), *chain.from_iterable(map(used_names, original))})
    written = list(original)
    meanings: dict[Input, Expr] = {}
    lengths: dict[Expr, int] = {}
    while len(meanings) < _MOST_NAMES:
        subterm = _most_worth([*written, *meanings.values()], written, lengths)
        if subterm is None:
            break
        stand_in = Input(free.take(subterm.ndim > 1), subterm.shape)
        new = substitute([*written, *meanings.values()], {subterm: stand_in})
        written, meanings = new[: len(written)], dict(zip(meanings, new[len(written) :], strict=True))
        meanings[stand_in] = subterm
    written, meanings = _named_in_order(written, _operands_first(meanings), list(meanings))
    if _written_out(written, meanings) != list(original):  # an op that builds another node of an input: rather no names
        return NamedSubterms({}, original)
    return NamedSubterms({node.name: expr for node, expr in meanings.items()}, tuple(written))


@dataclass(slots=True)
class _FreeNames:
    taken: set[str]

    def take(self, matrix: bool) -> str:
        letters = (letter for letter in _LETTERS[matrix] if letter not in self.taken)
        name = next(letters, None) or next(fresh_names("T" if matrix else "t", self.taken))
        self.taken.add(name)
        return name


def _most_worth(exprs: Sequence[Expr], shown: Sequence[Expr], lengths: dict[Expr, int]) -> Expr | None:
    """Return the subterm whose name saves most text, of those that save enough; what is shown keeps its own line.

    Each use becomes one letter, and `r = ...` is written once; brackets that go too are not counted.
    """
    uses = _uses(exprs)
    written = sum(_length(expr, lengths) for expr in exprs)
    best, most = None, 0
    for subterm, count in uses.items():
        if count < 2 or subterm in shown or not _is_term(subterm):
            continue
        length = _length(subterm, lengths)
        gain = count * (length - 1) - length - len("r = ")
        if gain > most and gain >= max(_least_gain(subterm), written // _LEAST_SHARE):
            best, most = subterm, gain
    return best


def _length(expr: Expr, lengths: dict[Expr, int]) -> int:
    """Return how long the text of an expression is; `lengths` remembers."""
    if expr not in lengths:
        lengths[expr] = len(formula(expr))
    return lengths[expr]


def _least_gain(subterm: Expr) -> int:
    return _LEAST_GAIN if any(operand.operands for operand in subterm.operands) else _LEAST_GAIN_OF_ONE_OP


def _uses(exprs: Sequence[Expr]) -> Counter[Expr]:
    """Count how often each node is written."""
    uses = Counter(exprs)
    for node in reversed(postorder(*exprs)):
        for operand in node.operands:
            uses[operand] += uses[node]
    return uses


def _is_term(node: Expr) -> bool:
    """Whether a node can have a name: it computes something from inputs, and is no view, negative or power of that."""
    if not isinstance(node, Apply) or not node.inputs:
        return False
    notation = node.op.notation
    is_power = isinstance(notation, Infix) and notation.right_associative and isinstance(node.operands[1], Literal)
    return not is_power and not isinstance(notation, Postfix | Prefix | Subscript)


def _operands_first(meanings: dict[Input, Expr]) -> dict[Input, Expr]:
    """Return the definitions in an order in which each uses only those before it."""
    ordered: dict[Input, Expr] = {}
    while len(ordered) < len(meanings):
        for node, expr in meanings.items():
            if node not in ordered and all(x in ordered for x in expr.inputs.values() if x in meanings):
                ordered[node] = expr
    return ordered


def _named_in_order(
    exprs: Sequence[Expr], ordered: dict[Input, Expr], chosen: Sequence[Input]
) -> tuple[list[Expr], dict[Input, Expr]]:
    """Deal out the names again, so that they come in the order of the definitions."""
    names = {matrix: iter([node.name for node in chosen if (node.ndim > 1) is matrix]) for matrix in (False, True)}
    new: dict[Expr, Input] = {node: Input(next(names[node.ndim > 1]), node.shape) for node in ordered}
    written = substitute([*exprs, *ordered.values()], new)
    return written[: len(exprs)], dict(zip(new.values(), written[len(exprs) :], strict=True))


def _written_out(exprs: Sequence[Expr], ordered: dict[Input, Expr]) -> list[Expr]:
    """Return the expressions with the definitions put in."""
    result = list(exprs)
    for node, expr in reversed(ordered.items()):
        result = substitute(result, {node: expr})
    return result


def _inputs_below(expr: Expr, definitions: dict[str, Expr]) -> set[str]:
    """Return the names that an expression uses, and those that their definitions use."""
    found: set[str] = set()
    pending: list[str] = list(expr.inputs)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += definitions[name].inputs if name in definitions else ()
    return found
