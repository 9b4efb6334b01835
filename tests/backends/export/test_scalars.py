"""Scalar codes and addresses as Python expressions."""

from __future__ import annotations

import pytest

from symgrad.backends.export.scalars import Text, address_text, flag, number, scalar
from symgrad.core.dims import named
from symgrad.core.notation import ADDITIVE
from symgrad.core.numeric import Instruction, IntegerPower, Libm, Special
from symgrad.errors import OperandError
from symgrad.lowering.kernel_ir import Affine

n = named("n")
a, b, total = Text("a"), Text("b"), Text("a + b", ADDITIVE)


def written(code, *operands: Text) -> str:
    return scalar(code, operands, lambda name, arity: f"scipy_{name}_{arity}").text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (written(Instruction.MUL, total, b), "(a + b) * b"),
        (written(Instruction.SUB, a, total), "a - (a + b)"),
        (written(Instruction.NEG, total), "-(a + b)"),
        (written(Instruction.LESS, total, b), "1.0 if a + b < b else 0.0"),
        (written(Instruction.SELECT, flag("a < b"), a, b), "a if a < b else b"),
        (written(Instruction.SELECT, a, flag("a < b"), b), "(1.0 if a < b else 0.0) if a != 0.0 else b"),
        (written(IntegerPower(-2), total), "(a + b) ** -2"),
        (written(IntegerPower(3), a), "a**3"),
        (written(IntegerPower(0), a), "1.0"),
        (written(Libm("pow"), total, b), "np.power(a + b, b)"),
        (written(Libm("tgamma"), a), "math.gamma(a)"),
        (written(Special("psi"), a), "scipy_psi_1(a, 0)"),
        (number(-2.0).within(ADDITIVE + 3), "(-2.0)"),
    ],
)
def test_codes(found: str, text: str) -> None:
    assert found == text


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(OperandError, match="y0 cannot be written"):
        written(Libm("y0"), a)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (Affine(0, (n, 1)), "n * i + j"),
        (Affine(n - 1, (0, -1)), "n - 1 - j"),
        (Affine(0, (0, 0)), "0"),
        (Affine(2, (n - 1, 3)), "(n - 1) * i + 3 * j + 2"),
        (Affine(-1, (1, 0)), "i - 1"),
        (Affine(n * n, (-1, n)), "n * j + n * n - i"),
    ],
)
def test_addresses(at: Affine, text: str) -> None:
    assert address_text(at, ["i", "j"], lambda size: str(size).replace("*", " * ")) == text
    values = {"n": 5, "i": 2, "j": 3}
    steps = [step if isinstance(step, int) else step.evaluate({"n": 5}) for step in (*at.strides, at.offset)]
    assert eval(text, values) == steps[0] * 2 + steps[1] * 3 + steps[2]


def test_an_index_that_stands_still_is_left_out() -> None:
    assert address_text(Affine(0, (n, 1)), ["", "j"], str) == "j"
