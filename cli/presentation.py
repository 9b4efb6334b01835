"""How derivations, numbers and reports are written: as text, LaTeX, MathML, JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, groupby
from operator import attrgetter
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.core.dims import Size, shape_text
from symgrad.core.properties import essential
from symgrad.diff.tangent import manifold
from symgrad.syntax import formula as formula_text
from symgrad.syntax import latex_to_mathml, signature

from .display import Segment
from .evaluation import Derivation, Evaluation
from .literals import Array

_STATEMENT = "; "
_SECOND_LAYOUT = "; of a second derivative d2f/(dX dY) the output is df/dX and the input Y"
_STEPS_SHOWN = 40  # of one stage
_PRINTED_IN_FULL = 20  # numbers in an array
_VERDICT_STYLES = {"PASS": "green", "FAIL": "bold red", "INCONCLUSIVE": "yellow"}


def function_name(derivation: Derivation) -> str:
    """Return the name that the signature gives to the formula: f, or g where f is an input."""
    return signature(derivation.formula).partition("(")[0]


def text_lines(derivation: Derivation) -> Iterator[Sequence[Segment]]:
    """Yield the signature, the formula, what is given a name, and the derivatives with their shapes."""
    yield [(signature(derivation.formula), "bold")]
    for label, expr in _labelled(derivation):
        *definitions, result = formula_text(expr).split(_STATEMENT)
        shape = f"    shape {shape_text(expr.shape)}" if expr.shape or expr is not derivation.formula else ""
        yield [(label, "cyan"), (" = ", ""), (result, ""), (shape, "dim")]
        for definition in definitions:
            yield [("    where ", "dim"), (definition, "")]


def layout_lines(derivation: Derivation) -> Iterator[Sequence[Segment]]:
    """Yield the line that says how the derivatives are laid out, where one could be taken for another."""
    if derivation.layout_matters():
        second = _SECOND_LAYOUT if derivation.layout_of_second_matters() else ""
        yield [("layout ", "dim"), (f"{derivation.layout.description}{second}", "dim")]


def convention_lines(derivation: Derivation) -> Iterator[Sequence[Segment]]:
    """Yield the line that says what the derivative with respect to a structured input lists."""
    structured = [f"{x.name} is {found.value}" for x in derivation.wrt if (found := manifold(x)) is not None]
    if structured:
        yield [("convention ", "dim"), (f"{derivation.convention.description} ({', '.join(structured)})", "dim")]


def value_lines(derivation: Derivation, evaluation: Evaluation) -> Iterator[Sequence[Segment]]:
    """Yield the numbers at the point, large arrays abbreviated."""
    name = function_name(derivation)
    yield [("at this point:", "bold")]
    yield _value_line(name, evaluation.value)
    for wrt, array in evaluation.derivatives.items():
        yield _value_line(f"d{name}/d{wrt}", array)
    for pair, array in evaluation.second.items():
        yield _value_line(_second_label(name, pair), array)


def latex_lines(derivation: Derivation) -> Iterator[Sequence[Segment]]:
    """Yield one equation a line."""
    name, inputs = function_name(derivation), derivation.formula.inputs
    yield [(f"{name} = {derivation.formula.latex()}", "")]
    for stand_in, expr in _definitions(derivation).items():
        yield [(f"{sg.scalar(stand_in).latex()} = {expr.latex()}", "")]
    shown = iter(_shown(derivation))
    for wrt in derivation.arranged:
        yield [(rf"\frac{{\partial {name}}}{{\partial {inputs[wrt].latex()}}} = {next(shown).latex()}", "")]
    for a, b in derivation.second:
        below = rf"\partial {inputs[a].latex()} \, \partial {inputs[b].latex()}"
        yield [(rf"\frac{{\partial^2 {name}}}{{{below}}} = {next(shown).latex()}", "")]


def mathml_lines(derivation: Derivation) -> Iterator[Sequence[Segment]]:
    """Yield one `math` element a line."""
    for segments in latex_lines(derivation):
        yield [(latex_to_mathml(text), style) for text, style in segments]


def report_line(report: sg.Report, label: str = "") -> Sequence[Segment]:
    """Return the one line about a verification."""
    prefix = f"{label}: " if label else ""
    return [(prefix, ""), (report.summary(), _VERDICT_STYLES[report.verdict.value])]


def step_lines(steps: Sequence[sg.Step]) -> Iterator[Sequence[Segment]]:
    """Yield the steps under titles, numbered; of a long stage the first ones and how many there are beside them."""
    number = count(1)
    for stage, group in groupby(steps, key=attrgetter("stage")):
        members = list(group)
        yield [(stage.value, "bold")]
        for step in members[:_STEPS_SHOWN]:
            title, *details = str(step).splitlines()
            yield [(f"{next(number):4}. ", "dim"), (title, "cyan")]
            yield from ([(f"  {line}", "")] for line in details)
        if len(members) > _STEPS_SHOWN:
            yield [(f"      ... and {len(members) - _STEPS_SHOWN} more", "dim")]


def as_json(
    derivation: Derivation,
    evaluation: Evaluation | None,
    reports: Mapping[str, sg.Report],
    unverified: str | None,
    steps: Sequence[sg.Step] = (),
) -> str:
    """Return all of it as one JSON document; numbers that are not finite are strings."""
    document: dict[str, Any] = {
        "signature": signature(derivation.formula),
        "inputs": {name: _json_shape(node.shape) for name, node in derivation.formula.inputs.items()},
        "formula": _json_expression(derivation.formula),
        "derivatives": {name: _json_expression(expr) for name, expr in derivation.arranged.items()},
        "layout": derivation.layout.value,
        "convention": derivation.convention.value,
    }
    assumed = {name: x.properties for name, x in derivation.formula.inputs.items() if x.properties}
    if assumed:
        document["assumptions"] = {name: [p.value for p in essential(found)] for name, found in assumed.items()}
    if definitions := _definitions(derivation):
        document["named"] = _json_named(definitions, derivation)
    if steps:
        document["steps"] = [_json_step(step) for step in steps]
    if derivation.second:
        document["second_derivatives"] = [
            {"wrt": list(pair), **_json_expression(expr)} for pair, expr in derivation.second.items()
        ]
    if evaluation is not None:
        document["at"] = {
            "value": _json_array(evaluation.value),
            "derivatives": {name: _json_array(array) for name, array in evaluation.derivatives.items()},
            "second_derivatives": [
                {"wrt": list(pair), "value": _json_array(array)} for pair, array in evaluation.second.items()
            ],
        }
    if unverified is not None:
        document["verification"] = {"verdict": "INCONCLUSIVE", "reasons": [unverified]}
    for label, report in reports.items():
        document["verification" if not label else f"verification of {label}"] = report.to_dict()
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def _labelled(derivation: Derivation) -> Iterator[tuple[str, sg.Expr]]:
    name = function_name(derivation)
    yield name, derivation.formula
    yield from _definitions(derivation).items()
    labels = [f"d{name}/d{wrt}" for wrt in derivation.arranged]
    labels += [_second_label(name, pair) for pair in derivation.second]
    yield from zip(labels, _shown(derivation), strict=True)


def _definitions(derivation: Derivation) -> Mapping[str, sg.Expr]:
    return derivation.named.definitions if derivation.named is not None else {}


def _shown(derivation: Derivation) -> Sequence[sg.Expr]:
    return derivation.named.exprs if derivation.named is not None else derivation.results()


def _second_label(name: str, pair: tuple[str, str]) -> str:
    first, second = pair
    return f"d2{name}/d{first}2" if first == second else f"d2{name}/(d{first} d{second})"


def _value_line(label: str, array: Array) -> Sequence[Segment]:
    numbers = _array_text(array, indent=len(label) + 5)
    shape = f"    shape {shape_text(array.shape)}" if array.ndim else ""
    return [("  ", ""), (label, "cyan"), (" = ", ""), (numbers, ""), (shape, "dim")]


def _array_text(array: Array, indent: int) -> str:
    if not array.ndim:
        return repr(float(array))
    text: str = np.array2string(
        array, threshold=_PRINTED_IN_FULL, edgeitems=3, separator=", ", max_line_width=10**6, precision=10
    )
    return text.replace("\n", "\n" + " " * indent)


def _json_expression(expr: sg.Expr) -> dict[str, Any]:
    return {"text": formula_text(expr), "latex": expr.latex(), "shape": _json_shape(expr.shape)}


def _json_named(definitions: Mapping[str, sg.Expr], derivation: Derivation) -> dict[str, Any]:
    """Return the definitions, and the derivatives written with them: first ones by name, second ones in order."""
    texts = [formula_text(expr) for expr in _shown(derivation)]
    first = len(derivation.arranged)
    return {
        "definitions": [{"name": name, **_json_expression(expr)} for name, expr in definitions.items()],
        "derivatives": dict(zip(derivation.arranged, texts[:first], strict=True)),
        "second_derivatives": texts[first:],
    }


def _json_step(step: sg.Step) -> dict[str, Any]:
    document: dict[str, Any] = {"stage": step.stage.name.lower(), "rule": step.rule, "reason": step.reason}
    document["before"] = formula_text(step.before)
    if step.after is not None:
        document["after"] = formula_text(step.after)
    if step.cotangent is not None:
        document["cotangent"] = formula_text(step.cotangent)
        document["shares"] = [{"to": formula_text(a), "share": formula_text(b)} for a, b in step.shares]
    return document


def _json_shape(shape: Sequence[Size]) -> list[int | str]:
    return [size if isinstance(size, int) else str(size) for size in shape]


def _json_array(array: Array) -> Any:
    if array.ndim:
        return [_json_array(entry) for entry in array]
    number = float(array)
    return number if math.isfinite(number) else str(number)
