"""Programs written out as straight-line code."""

import pytest

import symgrad as sg
from symgrad.core.numeric import Instruction
from symgrad.lowering import lower
from symgrad.lowering.kernel_ir import BodyItem, Compute, Load, Number, Program
from symgrad.lowering.unrolling import unroll, unrolled_length


def lowered(text: str) -> Program:
    formula = sg.parse(text)
    return lower([formula], list(formula.inputs.values()), tuned=False)


def evaluate(items: list[BodyItem], inputs: dict[tuple[int, object], float]) -> list[float]:
    values: list[float] = []
    for item in items:
        match item:
            case Number(value):
                values.append(value)
            case Load(source):
                values.append(inputs[source.buffer, source.at.offset])
            case Compute(Instruction.ADD, (a, b)):
                values.append(values[a] + values[b])
            case Compute(Instruction.MUL, (a, b)):
                values.append(values[a] * values[b])
            case _:
                raise TypeError(item)
    return values


@pytest.mark.parametrize(
    "text, x, wanted",
    [
        ("f(x[3]) = cumsum(x)", [1.0, 2.0, 4.0], [1.0, 3.0, 7.0]),
        ("f(x[3]) = cumprod(x)", [3.0, 2.0, 4.0], [3.0, 6.0, 24.0]),
        ("f(x[6]) = sum(x*x)", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [91.0]),
        ("f(x[3]) = concatenate((x[1:], x + 1))", [1.0, 2.0, 4.0], [2.0, 4.0, 2.0, 3.0, 5.0]),
        ("f(x[5]) = x @ x", [1.0, 2.0, 3.0, 4.0, 5.0], [55.0]),
        ("f(x[2,2]) = tril(x)", [1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 3.0, 4.0]),
    ],
)
def test_the_values_of_the_outputs(text: str, x: list[float], wanted: list[float]) -> None:
    items, outputs = unroll(lowered(text))
    values = evaluate(items, {(0, k): value for k, value in enumerate(x)})
    assert [values[outputs[key]] for key in sorted(outputs)] == wanted


def test_equal_items_are_one() -> None:
    items, _ = unroll(lowered("f(x[2]) = stack((x[0]*x[1], x[1]*x[0] + x[0]*x[1]))"))
    products = [item for item in items if isinstance(item, Compute) and item.code is Instruction.MUL]
    assert len(products) <= 2


def test_symbolic_sizes_and_routines_stay() -> None:
    assert unrolled_length(lowered("f(x[n]) = sum(x)")) is None
    assert unrolled_length(lowered("f(A[3,3]) = inv(A)")) is None
    assert unrolled_length(lowered("f(x[3]) = 2*x")) is not None
