"""Cheaper arithmetic for kernels: fewer divisions, and sums of sums as one.

A division takes five to ten times as long as a product. Quotients by the same numbers are products with their
reciprocals, and what multiplies and divides whole rows is put together before it meets their elements. Both round as
often as what they replace, or once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from symgrad.core.expr import Apply, Expr, Literal, postorder
from symgrad.core.numeric import (
    AddAt,
    Contract,
    Gather,
    Instruction,
    IntegerPower,
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
    users = count_users(order, outputs)
    new: dict[Expr, Expr] = {}
    uses: Counter[Expr] = Counter()
    for old in order:
        node = rebuild(old, new)
        while (better := _step(node, uses)) is not None:
            node = better
        new[old] = node
        uses[node] += users[old]
    return share_reciprocals([new[output] for output in outputs])


def _step(node: Expr, uses: Mapping[Expr, int]) -> Expr | None:
    match _form(node):
        case Reduce(Instruction.ADD) if not node.ndim:
            return _total_of_sum(node, uses)
        case Instruction.DIV:
            return _divided_factor(node, uses)
        case Instruction.MUL:
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
    """(u*v)/d = (u/d)*v where u and d are the same for whole rows."""
    product, divisor = node.operands
    if _form(product) is not Instruction.MUL or uses[product] > 1 or not _is_smaller(divisor, node):
        return None
    return _regrouped(node, product, divisor, product.operands)


def _factor_over_divisor(node: Expr, uses: Mapping[Expr, int]) -> Expr | None:
    """u*(v/d) = (u/d)*v where u and d are the same for whole rows."""
    for small, quotient in (node.operands, node.operands[::-1]):
        if _form(quotient) is not Instruction.DIV or uses[quotient] > 1:
            continue
        large, divisor = quotient.operands
        if _is_smaller(divisor, node) and _is_smaller(small, node):
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


def _is_smaller(x: Expr, node: Expr) -> bool:
    return _rank(x) < _rank(node)


def _rank(node: Expr) -> int:
    return len(loop_extents(node.shape))


# --- reciprocals -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Quotient:
    """x / (base**power * ...)."""

    node: Expr
    divisor: Mapping[Expr, int]


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
        count = Counter(base for quotient in quotients for base in quotient.divisor)
        kept = [quotient for quotient in quotients if all(count[base] > 1 for base in quotient.divisor)]
        if len(kept) == len(quotients):
            break
        quotients = kept
    return _with_products(order, outputs, {quotient.node: quotient.divisor for quotient in quotients})


def _with_products(
    order: Sequence[Expr], outputs: Sequence[Expr], divisors: Mapping[Expr, Mapping[Expr, int]]
) -> list[Expr]:
    new: dict[Expr, Expr] = {}
    for old in order:
        node = rebuild(old, new)
        if old in divisors:
            reciprocal = _reciprocal({new[base]: power for base, power in divisors[old].items()})
            dividend = new[old.operands[0]]
            node = reciprocal if dividend is Literal(1) else dividend * reciprocal
        new[old] = node
    return [new[output] for output in outputs]


def _reciprocal(divisor: Mapping[Expr, int]) -> Expr:
    first, *others = ((1 / base) ** power if power > 1 else 1 / base for base, power in divisor.items())
    for factor in others:
        first = first * factor
    return first


def _plain_quotients(order: Sequence[Expr]) -> Iterator[Expr]:
    """Yield the quotients by more than a constant that only sums and products read."""
    delicate: set[Expr] = set()
    for node in reversed(order):
        for position, operand in enumerate(node.operands):
            if node in delicate or not _is_plain(_form(node), position):
                delicate.add(operand)
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


def _bases(divisor: Expr) -> dict[Expr, int]:
    """Return the factors of a product with their powers."""
    found: Counter[Expr] = Counter()
    stack = [(divisor, 1)]
    while stack:
        node, power = stack.pop()
        form = _form(node)
        if form is Instruction.MUL and all(x.shape in (node.shape, ()) for x in node.operands):
            stack.extend((x, power) for x in node.operands)
        elif isinstance(form, IntegerPower) and form.exponent > 0:
            stack.append((node.operands[0], power * form.exponent))
        else:
            found[node] += power
    return dict(found)
