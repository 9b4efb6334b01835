from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from op_samples import samples

from symgrad.core.expr import Expr, Input, OpDef, all_ops, lookup
from symgrad.syntax import latex_to_mathml, parse, to_latex, to_mathml
from symgrad.syntax.latex import name_latex
from symgrad.syntax.mathml import KNOWN_COMMANDS

MATH = "{http://www.w3.org/1998/Math/MathML}"
CHILDREN = {"msup": 2, "msub": 2, "mfrac": 2, "msqrt": 1}
_SET_BY_RULES = {"mathrm", "mathbf", "operatorname", "left", "right", "begin", "end"}


def inside(text: str) -> str:
    """What stands in the `math` element and its row."""
    return re.sub(r"^<math[^>]*><mrow>|</mrow></math>$", "", to_mathml(parse(text)))


SNAPSHOTS = [
    ("x", "<mi>x</mi>"),
    ("2.5*x", "<mn>2.5</mn><mi>x</mi>"),
    ("a - lam", "<mi>a</mi><mo>−</mo><mi>λ</mi>"),
    ("x/2", "<mfrac><mrow><mi>x</mi></mrow><mrow><mn>2</mn></mrow></mfrac>"),
    ("sqrt(x)", "<msqrt><mrow><mi>x</mi></mrow></msqrt>"),
    ("x_1", "<msub><mi>x</mi><mrow><mn>1</mn></mrow></msub>"),
    ("inv(A)", "<msup><mi>A</mi><mrow><mo>−</mo><mn>1</mn></mrow></msup>"),
    ("x < 1", "<mi>x</mi><mo>&lt;</mo><mn>1</mn>"),
    ("rate", '<mi mathvariant="normal">rate</mi>'),
    (
        "abs(x)",
        '<mrow><mo fence="true">|</mo><mi>x</mi><mo fence="true">|</mo></mrow>',
    ),
    (
        "sin(x)**2",
        '<mi mathvariant="normal">sin</mi><msup><mrow><mo fence="true">(</mo><mi>x</mi>'
        '<mo fence="true">)</mo></mrow><mrow><mn>2</mn></mrow></msup>',
    ),
]


@pytest.mark.parametrize(("text", "mathml"), SNAPSHOTS, ids=[text for text, _ in SNAPSHOTS])
def test_snapshot(text: str, mathml: str) -> None:
    assert inside(text) == mathml


def need_well_formed(mathml: str) -> ET.Element:
    root = ET.fromstring(mathml)
    assert root.tag == f"{MATH}math"
    for element in root.iter():
        tag = element.tag.removeprefix(MATH)
        assert len(element) == CHILDREN.get(tag, len(element)), mathml
        assert tag not in ("mi", "mo", "mn") or element.text
    return root


@pytest.mark.parametrize("op", all_ops(), ids=lambda op: op.name)
def test_every_op_is_well_formed_and_made_of_known_commands(op: OpDef) -> None:
    for node in samples(op):
        need_well_formed(to_mathml(node * 2 + 1))
        commands = set(re.findall(r"\\([A-Za-z]+)", to_latex(node * 2 + 1)))
        assert commands - KNOWN_COMMANDS - _SET_BY_RULES == set()


def test_a_large_expression_is_a_table() -> None:
    node: Expr = Input("s")
    for _ in range(60):
        node = lookup("sin")(node * node)
    root = need_well_formed(to_mathml(node))
    rows = root.findall(f".//{MATH}mtr")
    assert len(rows) > 50 and all(len(row) == 2 for row in rows)


def test_equations_and_names_with_underscores() -> None:
    root = need_well_formed(
        latex_to_mathml(rf"\frac{{\partial f}}{{\partial {name_latex('w_out')}}} = {name_latex('_')}")
    )
    assert "".join(root.itertext()) == "∂f∂wout=_"


def test_an_expression_shows_itself() -> None:
    assert parse("x < 1").mathml() == to_mathml(parse("x < 1"))
