"""Cheaper arithmetic for kernels: fewer divisions, and sums of sums as one.

A division takes five to ten times as long as a product. Quotients by the same numbers are products with their
reciprocals, and what multiplies and divides whole rows is put together before it meets their elements. Both round as
often as what they replace, or once more: where a comparison or a function reads them, quotients are left as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from symgrad.core.expr import Apply, Expr, Literal, postorder
from symgrad.core.numeric import (
    AddAt,
    Contract,
    Gather,
    Instruction,
    IntegerPower,
    Libm,
    Reduce,
    Reshape,
    Scatter,
    SizeValue,
)
from symgrad.core.traversal import rebuild
from symgrad.lowering.addressing import loop_extents
from symgrad.lowering.assembly import count_users

_EXACT_ENOUGH = (Instruction.ADD, Instruction.SUB, Instruction.MUL, Instruction.NEG)


def cheapen(outputs: Sequence[Expr]) -> list[Expr]:
    """Return equal outputs, in terms of ops with kernels as the given ones are."""
    order = postorder(*outputs)
    users, delicate = count_users(order, outputs), _delicate(order)
    new: dict[Expr, Expr] = {}
    uses: Counter[Expr] = Counter()
    for old in order:
        node = rebuild(old, new)
        while (better := _step(node, uses, old in delicate)) is not None:
            node = better
        new[old] = node
        uses[node] += users[old]
    return share_reciprocals([new[output] for output in outputs])


def _step(node: Expr, uses: Mapping[Expr, int], delicate: bool) -> Expr | None:
    match _form(node):
        case Reduce(Instruction.ADD) if not node.ndim:
            return _total_of_sum(node, uses)
        case Instruction.DIV if not delicate:
            return _divided_factor(node, uses)
        case Instruction.MUL if not delicate:
            return _factor_over_divisor(node, uses)
        case _:
            return None


def _form(node: Expr) -> object:
    return node.op.numeric_form(node) if isinstance(node, Apply) else None


def _total_of_sum(node: Expr, uses: Mapping[Expr, int]) -> Expr | None:
    """The sum of all sums along an axis is the sum of all."""
    (x,) = node.operands
    if not isinstance(node, Apply) or not isinstance(x, Apply) or x.op is not node.op or uses[x] != 1:
        return None
    total = node.op.make(x.operands, node.params)
    return total if total.shape == node.shape else None


def _divided_factor(node: Expr, uses: Mapping[Expr, int]) -> Expr | None:
    """(u*v)/d = (u/d)*v where u and d are the same for whole rows, and d is not small: u/d could overflow."""
    product, divisor = node.operands
    if _form(product) is not Instruction.MUL or uses[product] > 1 or not _is_smaller(divisor, node):
        return None
    if not _is_one_or_more(divisor):
        return None
    return _regrouped(node, product, divisor, product.operands)


def _factor_over_divisor(node: Expr, uses: Mapping[Expr, int]) -> Expr | None:
    """u*(v/d) = (u/d)*v where u and d are the same for whole rows, and d is not small: u/d could overflow."""
    for small, quotient in (node.operands, node.operands[::-1]):
        if _form(quotient) is not Instruction.DIV or uses[quotient] > 1:
            continue
        large, divisor = quotient.operands
        if _is_smaller(divisor, node) and _is_smaller(small, node) and _is_one_or_more(divisor):
            return _regrouped(quotient, node, divisor, (small, large))
    return None


def _regrouped(quotient: Expr, product: Expr, divisor: Expr, factors: Sequence[Expr]) -> Expr | None:
    """Return (small/divisor)*large, with the ops of the given nodes."""
    assert isinstance(quotient, Apply) and isinstance(product, Apply)
    whole = max(quotient, product, key=_rank)
    for small, large in (factors, factors[::-1]):
        if _is_smaller(small, whole) and not _is_smaller(large, whole):
            share = quotient.op.make((small, divisor), quotient.params)
            result = product.op.make((share, large), product.params)
            return result if result.shape == whole.shape and _is_smaller(share, whole) else None
    return None


def _is_one_or_more(divisor: Expr) -> bool:
    """Is it a size or a number that says so, or the sum of exponentials of which the largest is 1, as in softmax?"""
    if isinstance(divisor, Literal):
        return divisor.value >= 1
    match _form(divisor):
        case SizeValue():
            return True
        case Reduce(Instruction.ADD, axes):
            return _largest_is_one(divisor.operands[0], axes)
        case Reshape():
            return _is_one_or_more(divisor.operands[0])
        case _:
            return False


def _largest_is_one(terms: Expr, axes: tuple[int, ...]) -> bool:
    """Is it exp(x - shift), where the shift is the maximum of x, guarded against infinity?"""
    if _form(terms) != Libm("exp") or _form(terms.operands[0]) is not Instruction.SUB:
        return False
    x, shift = terms.operands[0].operands
    if _form(shift) is Instruction.SELECT:
        shift = shift.operands[1]
    match _form(shift):
        case Reduce(Instruction.MAXIMUM, over):
            return shift.operands[0] is x and over == axes
        case _:
            return False


def _is_smaller(x: Expr, node: Expr) -> bool:
    return _rank(x) < _rank(node)


def _rank(node: Expr) -> int:
    return len(loop_extents(node.shape))


# --- reciprocals -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Quotient:
    """x / (base**power * ...)."""

    node: Expr
    bases: Collection[Expr]


def share_reciprocals(outputs: Sequence[Expr]) -> list[Expr]:
    """Return equal outputs in which quotients by powers of the same numbers are products with their reciprocals.

    A quotient is left as it is where one rounding more could matter: where a function or a comparison reads it. The
    reciprocal of a number below 2**-1024 (2**-128 in single precision) overflows where a quotient might not.

    >>> import symgrad as sg
    >>> x, y, s = sg.scalar("x"), sg.scalar("y"), sg.scalar("s")
    >>> print(*share_reciprocals([x / s, y / s**2]), sep=", ")
    x*(1/s), y*(1/s)**2
    """
    order = postorder(*outputs)
    quotients = [_Quotient(node, _bases(node.operands[1])) for node in _plain_quotients(order)]
    while True:
        count = Counter(base for quotient in quotients for base in quotient.bases)
        kept = [quotient for quotient in quotients if all(count[base] > 1 for base in quotient.bases)]
        if len(kept) == len(quotients):
            break
        quotients = kept
    return _with_products(order, outputs, {quotient.node for quotient in quotients})


def _with_products(order: Sequence[Expr], outputs: Sequence[Expr], quotients: Set[Expr]) -> list[Expr]:
    new: dict[Expr, Expr] = {}
    for old in order:
        node = rebuild(old, new)
        if old in quotients:
            dividend, reciprocal = new[old.operands[0]], _reciprocal(old.operands[1], new)
            node = reciprocal if dividend is Literal(1) else dividend * reciprocal
        new[old] = node
    return [new[output] for output in outputs]


def _reciprocal(divisor: Expr, new: Mapping[Expr, Expr]) -> Expr:
    """Return the product of reciprocals, grouped as the divisor is: it overflows only where that one underflows."""
    made: dict[Expr, Expr] = {}
    for node in reversed(_product_nodes(divisor)):
        made[node] = rebuild(node, {x: made.get(x, x) for x in node.operands}) if _factors(node) else 1 / new[node]
    return made[divisor]


def _delicate(order: Sequence[Expr]) -> set[Expr]:
    """Return what is read, maybe through sums and products, by a function or a comparison."""
    found: set[Expr] = set()
    for node in reversed(order):
        for position, operand in enumerate(node.operands):
            if node in found or not _is_plain(_form(node), position):
                found.add(operand)
    return found


def _plain_quotients(order: Sequence[Expr]) -> Iterator[Expr]:
    """Yield the quotients by more than a constant that only sums and products read."""
    delicate = _delicate(order)
    for node in order:
        if node not in delicate and _form(node) is Instruction.DIV and not _is_constant(node.operands[1]):
            yield node


def _is_plain(form: object, position: int) -> bool:
    match form:
        case Instruction.DIV:
            return position == 0
        case Instruction():
            return form in _EXACT_ENOUGH
        case Reduce(combine):
            return combine is Instruction.ADD
        case _:
            return isinstance(form, Reshape | Gather | Scatter | AddAt | Contract)


def _is_constant(node: Expr) -> bool:
    return isinstance(node, Literal) or isinstance(_form(node), SizeValue)


def _bases(divisor: Expr) -> Collection[Expr]:
    """Return what the divisor is a product of powers of."""
    return dict.fromkeys(node for node in _product_nodes(divisor) if not _factors(node))


def _product_nodes(divisor: Expr) -> list[Expr]:
    """Return the nodes of a product of powers, operands after what they are operands of."""
    found = [divisor]
    for node in found:
        found.extend(_factors(node))
    return found


def _factors(node: Expr) -> tuple[Expr, ...]:
    """Return the operands of a product, or the base of a power."""
    form = _form(node)
    if form is Instruction.MUL and all(x.shape in (node.shape, ()) for x in node.operands):
        return node.operands
    return node.operands[:1] if isinstance(form, IntegerPower) and form.exponent > 0 else ()
