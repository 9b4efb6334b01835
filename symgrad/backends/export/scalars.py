"""Scalar codes and addresses as Python expressions that Numba compiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symgrad.core.dims import Dim, Size
from symgrad.core.notation import ADDITIVE, ATOM, COMPARISON, MULTIPLICATIVE, POSTFIX, POWER, SIGN
from symgrad.core.numeric import Instruction, IntegerPower, Libm, Scalar, Special
from symgrad.errors import OperandError
from symgrad.lowering.kernel_ir import Affine
from symgrad.syntax.identifiers import number_text, power_text

CHOICE = 0  # binds less than anything: `a if c else b`
_INFIX = {
    Instruction.ADD: ("+", ADDITIVE),
    Instruction.SUB: ("-", ADDITIVE),
    Instruction.MUL: ("*", MULTIPLICATIVE),
    Instruction.DIV: ("/", MULTIPLICATIVE),
}
_COMPARISONS = {
    Instruction.LESS: "<",
    Instruction.LESS_EQUAL: "<=",
    Instruction.GREATER: ">",
    Instruction.GREATER_EQUAL: ">=",
    Instruction.EQUAL: "==",
    Instruction.NOT_EQUAL: "!=",
}
_FUNCTIONS = {
    Instruction.ABS: "abs",
    Instruction.SQRT: "np.sqrt",
    Instruction.SIGN: "np.sign",
    Instruction.MAXIMUM: "np.maximum",
    Instruction.MINIMUM: "np.minimum",
}
_LIBM = {  # C functions under another name than NumPy's, or that Numba knows from the module math
    "acos": "np.arccos",
    "asin": "np.arcsin",
    "atan": "np.arctan",
    "acosh": "np.arccosh",
    "asinh": "np.arcsinh",
    "atanh": "np.arctanh",
    "atan2": "np.arctan2",
    "pow": "np.power",
    "erf": "math.erf",
    "erfc": "math.erfc",
    "tgamma": "math.gamma",
    "lgamma": "math.lgamma",
}
_SAME_IN_NUMPY = (
    *("cos", "cosh", "cbrt", "exp", "exp2", "expm1", "hypot", "log", "log10", "log1p", "log2"),
    *("sin", "sinh", "tan", "tanh"),
)


@dataclass(frozen=True, slots=True)
class Text:
    """An expression, how strongly it binds, and, where it is 1.0 or 0.0, the condition that says which."""

    text: str
    binding: int = ATOM
    condition: str = ""

    def within(self, binding: int) -> str:
        """Return the text, in brackets where it binds too weakly."""
        return f"({self.text})" if self.binding < binding else self.text


def number(value: float) -> Text:
    """Return a constant, always a float."""
    text = number_text(float(value))
    return Text(text, SIGN if text.startswith("-") else ATOM)


def flag(condition: str) -> Text:
    """Return 1.0 where a condition holds and 0.0 elsewhere."""
    return Text(f"1.0 if {condition} else 0.0", CHOICE, condition)


def scalar(code: Scalar, operands: Sequence[Text], special: Callable[[str, int], str]) -> Text:
    """Return a scalar code applied to operands; `special` names a function of scipy.special.

    OperandError for a function that Numba does not have.
    """
    match code:
        case IntegerPower(0):
            return number(1.0)
        case IntegerPower(exponent):
            return Text(power_text(operands[0].within(POSTFIX), str(exponent)), POWER)
        case Libm(name):
            return _called(_libm_name(name), operands)
        case Special(name):
            return _called(special(name, len(operands)), [*operands, Text("0")])
        case Instruction():
            return _instruction(code, operands)


def _libm_name(name: str) -> str:
    if name not in _LIBM and name not in _SAME_IN_NUMPY:
        raise OperandError(f"the C function {name} cannot be written for Numba")
    return _LIBM.get(name, f"np.{name}")


def _called(function: str, operands: Sequence[Text]) -> Text:
    return Text(f"{function}({', '.join(operand.text for operand in operands)})", POSTFIX)


def _instruction(code: Instruction, operands: Sequence[Text]) -> Text:
    if code in _INFIX:
        symbol, binding = _INFIX[code]
        left, right = operands
        return Text(f"{left.within(binding)} {symbol} {right.within(binding + 1)}", binding)
    if code in _COMPARISONS:
        left, right = operands
        return flag(f"{left.within(COMPARISON + 1)} {_COMPARISONS[code]} {right.within(COMPARISON + 1)}")
    if code in _FUNCTIONS:
        return _called(_FUNCTIONS[code], operands)
    if code is Instruction.NEG:
        return Text(f"-{operands[0].within(POSTFIX)}", SIGN)
    if code is Instruction.SELECT:
        chosen, other = (operand.within(CHOICE + 1) for operand in operands[1:])
        condition = operands[0].condition or f"{operands[0].within(COMPARISON + 1)} != 0.0"
        return Text(f"{chosen} if {condition} else {other}", CHOICE)
    raise OperandError(f"the instruction {code.value} cannot be written for Numba")


def address_text(at: Affine, indices: Sequence[str], size: Callable[[Size], str]) -> str:
    """Return an affine function of indices; an index that is empty stands for 0."""
    moving = [(step, index) for step, index in zip(at.strides, indices, strict=True) if index and step != 0]
    terms = [(_is_negative(step), _times(step, index, size)) for step, index in moving]
    if at.offset != 0 or not terms:
        terms.append((False, size(at.offset)) if not _is_negative(at.offset) else (True, size(at.offset * -1)))
    first, *rest = sorted(terms, key=_sign) if terms[0][0] else terms
    text = f"-{first[1]}" if first[0] else first[1]
    return text + "".join(f" {'-' if negative else '+'} {term}" for negative, term in rest)


def _sign(term: tuple[bool, str]) -> bool:
    return term[0]


def _is_negative(size: Size) -> bool:
    if isinstance(size, Dim):
        return len(size.terms) == 1 and size.terms[0][1] < 0
    return size < 0


def _times(step: Size, index: str, size: Callable[[Size], str]) -> str:
    amount = step * -1 if _is_negative(step) else step
    if amount == 1:
        return index
    text = size(amount)
    return f"({text}) * {index}" if isinstance(amount, Dim) and len(amount.terms) > 1 else f"{text} * {index}"
