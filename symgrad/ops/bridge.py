"""One way to define a special function: derivative from SymPy, numbers from SciPy, fifty digits from mpmath.

SymPy's `fdiff` is asked once for a function and an argument, and only when a derivative needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from symgrad.core.expr import Apply, Expr, Literal, OpDef, Partials
from symgrad.core.numeric import Scalar, Special
from symgrad.errors import OperandError
from symgrad.ops.define import elementwise


@dataclass(frozen=True, slots=True)
class NoPartial:
    """The partial derivative that no formula is known for."""

    function: str
    argument: str

    def __call__(self, _result: Expr, *_operands: Expr) -> NoReturn:
        raise OperandError(
            f"{self.function} has no derivative in its argument {self.argument}: no formula in known functions "
            "exists; hold that argument fixed"
        )


@dataclass(frozen=True, slots=True)
class SympyPartial:
    """The partial derivative of `function` in one argument, as SymPy gives it.

    OperandError that names the function and the argument where SymPy has none, or one beyond our ops.
    """

    function: str
    sympy: str
    arguments: tuple[str, ...]
    position: int

    def __call__(self, result: Expr, *operands: Expr) -> Expr:
        from symgrad.ops.sympy_reader import convert

        argument = self.arguments[self.position]
        formula = _fdiff(self.sympy, self.arguments, self.position)
        if formula is None:
            return NoPartial(self.function, argument)(result, *operands)
        symbols = _symbols(self.arguments)
        numbers = {
            symbol: _as_integer(operand)
            for symbol, operand in zip(symbols, operands, strict=True)
            if isinstance(operand, Literal) and isinstance(operand.value, int)
        }
        try:
            return convert(formula.xreplace(numbers), dict(zip(symbols, operands, strict=True)))
        except OperandError as error:
            raise OperandError(
                f"{self.function} has no derivative in its argument {argument}: {error.message}"
            ) from error


@cache
def _symbols(names: tuple[str, ...]) -> tuple[Any, ...]:
    import sympy

    return tuple(sympy.Symbol(name, real=True) for name in names)


def _as_integer(operand: Literal) -> Any:
    import sympy

    return sympy.Integer(operand.value)


@cache
def _fdiff(function: str, arguments: tuple[str, ...], position: int) -> Any:
    """Return SymPy's partial derivative, None when it has none."""
    import sympy
    from sympy.core.function import ArgumentIndexError

    try:
        return getattr(sympy, function)(*_symbols(arguments)).fdiff(position + 1)
    except ArgumentIndexError:
        return None


@dataclass(frozen=True, slots=True)
class NoKernel:
    """The numeric slot of a function that scipy.special.cython_special does not offer on real numbers."""

    function: str

    def __call__(self, _node: Apply) -> NoReturn:
        raise OperandError(
            f"{self.function} has no numeric kernel: SciPy offers none that compiled code can call. Its derivatives "
            "work; for numbers use the reference interpreter, or to_sympy().evalf()"
        )


def bridged(
    name: str,
    *,
    sympy: str,
    mp: str | Any,
    reference: str | Any,
    special: str = "",
    operands: tuple[str, ...] = ("x",),
    **slots: Any,
) -> OpDef:
    """Define and register a special function. Without `special`, `numeric` and `expand` it has no kernel, and says so.

    `special` is the name in scipy.special.cython_special, all arguments double; `reference` and `mp` are as in
    `elementwise`. Partials not given come from SymPy.
    """
    slots.setdefault(
        "derivative", Partials(tuple(SympyPartial(name, sympy, operands, k) for k in range(len(operands))))
    )
    if "numeric" not in slots and "expand" not in slots:
        kernel: Scalar | NoKernel = Special(special) if special else NoKernel(name)
        slots["numeric"] = kernel
    return elementwise(name, operands=operands, sympy=sympy, mp=mp, reference=reference, **slots)
