"""Comparisons, choices and functions with kinks. A comparison gives 1.0 or 0.0."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.core.expr import Apply, Expr, Flat, Literal, OpDef, Partials, Structured
from symgrad.core.notation import COMPARISON, Infix
from symgrad.core.numeric import Instruction
from symgrad.core.traits import Commutative, Even, Kink, Odd
from symgrad.ops.define import elementwise
from symgrad.ops.infer import NONNEGATIVE_RESULT, SAME_SIGN, of_absolute, of_choice, of_larger, of_smaller

ZERO = Literal(0)


def comparison(name: str, symbol: str, instruction: Instruction, what: str) -> OpDef:
    """Define the comparison written `symbol`."""
    python_name = {"less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "not_equal": "ne"}

    def as_number(*arrays: np.ndarray) -> np.ndarray:
        return np.asarray(getattr(np, name)(*arrays), dtype=np.result_type(*arrays, np.float32))

    def as_mp(a: Any, b: Any) -> Any:
        import operator

        return a * 0 + int(getattr(operator, python_name.get(name, "eq"))(a, b))

    return elementwise(
        name,
        doc=f"1 where x {what} y, else 0.",
        operands=("x", "y"),
        notation=Infix(symbol, COMPARISON),
        derivative=Flat(),
        numeric=instruction,
        reference=as_number,
        mp=as_mp,
        kinks=(Kink("x = y", "0"),),
        sympy=f"symgrad.ops.sympy_forms:{name}",
    )


less = comparison("less", "<", Instruction.LESS, "is below")
less_equal = comparison("less_equal", "<=", Instruction.LESS_EQUAL, "is at most")
greater = comparison("greater", ">", Instruction.GREATER, "is above")
greater_equal = comparison("greater_equal", ">=", Instruction.GREATER_EQUAL, "is at least")
equal = comparison("equal", "==", Instruction.EQUAL, "equals")
not_equal = comparison("not_equal", "!=", Instruction.NOT_EQUAL, "differs from")


def where_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    condition, _, _ = node.operands
    _, a_dot, b_dot = tangents
    return where(condition, ZERO if a_dot is None else a_dot, ZERO if b_dot is None else b_dot)


def where_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    condition, _, _ = node.operands
    return ZERO, where(condition, cotangent, 0), where(condition, 0, cotangent)


def where_reference(condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(condition != 0, a, b)


def where_mp(condition: Any, a: Any, b: Any) -> Any:
    return a if condition != 0 else b


def abs_partial(_y: Expr, x: Expr) -> Expr:
    return sign(x)


def relu_partial(_y: Expr, x: Expr) -> Expr:
    return x > 0


def maximum_partial_x(_z: Expr, x: Expr, y: Expr) -> Expr:
    return x >= y


def maximum_partial_y(_z: Expr, x: Expr, y: Expr) -> Expr:
    return x < y


def minimum_partial_x(_z: Expr, x: Expr, y: Expr) -> Expr:
    return x <= y


def minimum_partial_y(_z: Expr, x: Expr, y: Expr) -> Expr:
    return x > y


def expand_relu(node: Apply) -> Expr:
    return maximum(node.operands[0], 0)


def expand_clip(node: Apply) -> Expr:
    x, low, high = node.operands
    return minimum(maximum(x, low), high)


def relu_reference(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(x, 0))


def clip_reference(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum(np.maximum(x, low), high))


def clip_mp(x: Any, low: Any, high: Any) -> Any:
    return min(max(x, low), high)


def relu_mp(x: Any) -> Any:
    return max(x, x * 0)


where = elementwise(
    "where",
    doc="a where the condition is not 0, else b. Only the chosen branch counts, also in the derivative.",
    properties=of_choice,
    operands=("condition", "a", "b"),
    latex=r"\operatorname{where}",
    derivative=Structured(where_pushforward, where_pullback),
    numeric=Instruction.SELECT,
    reference=where_reference,
    mp=where_mp,
    sympy="symgrad.ops.sympy_forms:where",
)
absolute = elementwise(
    "abs",
    doc="The absolute value.",
    properties=of_absolute,
    aliases=("absolute", "fabs"),
    latex=r"\left|{0}\right|",
    derivative=Partials((abs_partial,)),
    numeric=Instruction.ABS,
    reference="numpy:abs",
    mp="builtins:abs",
    kinks=(Kink("x = 0", "0, the middle of the slopes -1 and 1"),),
    traits=frozenset({Even()}),
    sympy="Abs",
)


def sign_mp(x: Any) -> Any:
    return x * 0 + (x > 0) - (x < 0)


sign = elementwise(
    "sign",
    doc="-1, 0 or 1, the sign of x.",
    properties=SAME_SIGN,
    latex=r"\operatorname{sign}",
    derivative=Flat(),
    numeric=Instruction.SIGN,
    reference="numpy:sign",
    mp=sign_mp,
    kinks=(Kink("x = 0", "0"),),
    traits=frozenset({Odd()}),
    sympy="sign",
)
maximum = elementwise(
    "maximum",
    doc="The larger of two arrays, entry by entry.",
    properties=of_larger,
    operands=("x", "y"),
    latex=r"\max",
    derivative=Partials((maximum_partial_x, maximum_partial_y)),
    numeric=Instruction.MAXIMUM,
    reference="numpy:maximum",
    mp="builtins:max",
    kinks=(Kink("x = y", "that of x"),),
    traits=frozenset({Commutative()}),
    sympy="Max",
)
minimum = elementwise(
    "minimum",
    doc="The smaller of two arrays, entry by entry.",
    properties=of_smaller,
    operands=("x", "y"),
    latex=r"\min",
    derivative=Partials((minimum_partial_x, minimum_partial_y)),
    numeric=Instruction.MINIMUM,
    reference="numpy:minimum",
    mp="builtins:min",
    kinks=(Kink("x = y", "that of x"),),
    traits=frozenset({Commutative()}),
    sympy="Min",
)
relu = elementwise(
    "relu",
    doc="The positive part, maximum(x, 0).",
    properties=NONNEGATIVE_RESULT,
    latex=r"\operatorname{relu}",
    derivative=Partials((relu_partial,)),
    expand=expand_relu,
    reference=relu_reference,
    mp=relu_mp,
    kinks=(Kink("x = 0", "0"),),
)
clip = elementwise(
    "clip",
    doc="x, held between low and high.",
    operands=("x", "low", "high"),
    latex=r"\operatorname{clip}",
    expand=expand_clip,
    reference=clip_reference,
    mp=clip_mp,
    kinks=(Kink("x = low or x = high", "that of x"),),
)
