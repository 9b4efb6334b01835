"""Arithmetic on numbers as they are written: 0.1*0.2 is 0.02, not 0.020000000000000004.

A formula's numbers are decimals to the person who wrote them. Where sums, products and quotients of them are short
decimals, the number nearest to that is meant; it differs from the product of the floats by their rounding at most.
"""

from __future__ import annotations

from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation, Overflow
from fractions import Fraction
from typing import TypeAlias

Number: TypeAlias = int | Fraction | float

# a float has 15 decimal digits for sure; what would have more is not a short decimal, and raises
_SHORT = Context(prec=15, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])


def plus(a: Number, b: Number) -> Number:
    """Return a + b: exact without floats, else as decimals where the sum is a short one.

    >>> plus(0.1, 0.2), plus(1, Fraction(1, 2))
    (0.3, Fraction(3, 2))
    """
    if not isinstance(a, float) and not isinstance(b, float):
        return a + b
    try:
        return float(_SHORT.add(_decimal(a), _decimal(b)))
    except DecimalException:
        return float(a) + float(b)


def times_power(factor: Number, base: float, exponent: int) -> float:
    """Return factor * base**exponent, as decimals where that is a short one; infinite or 0 beyond the range of floats.

    Errors: Python's own for floats, OverflowError and ZeroDivisionError.

    >>> times_power(0.1, 0.2, 1), times_power(0.3, 0.1, -1), times_power(1, 1.1, 2)
    (0.02, 3.0, 1.21)
    """
    try:
        power = _SHORT.power(_decimal(base), abs(exponent))
        combine = _SHORT.multiply if exponent >= 0 else _SHORT.divide
        return float(combine(_decimal(factor), power))
    except DecimalException:
        return float(factor) * float(base) ** exponent


def _decimal(value: Number) -> Decimal:
    """Return a number with the digits it is printed with. Inexact for one that has too many."""
    if isinstance(value, Fraction):
        return _SHORT.divide(Decimal(value.numerator), Decimal(value.denominator))
    return _SHORT.create_decimal(repr(value))
