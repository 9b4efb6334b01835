"""Which subexpression of a formula, or of a derivative of it, became NaN or infinite, and why.

The kernel decides whether anything is wrong at all. The formula as written is then evaluated node by node with NumPy,
in the kernel's dtype, and a wrong result traced back to where it began. A derivative is traced through the reverse
sweep of the formula, which knows for every subexpression of a derivative the op whose pullback made it. Where the
expression that was compiled confirms some of these causes, the others, which rewriting has cured, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from symgrad.backends.conditions import (
    Condition,
    condition,
    first_entry,
    operand_values,
    slope_condition,
    text_of,
)
from symgrad.backends.explanation import Explanation, Finding, Kind, OperandValue
from symgrad.backends.infection import Evaluation, all_origins, evaluate_all, trace_back, wrong
from symgrad.backends.membership import require
from symgrad.backends.partition import fresh
from symgrad.core.expr import Apply, Expr, Input, Literal, postorder
from symgrad.diff.pullback import pull_back
from symgrad.errors import InvalidValueError, Span
from symgrad.syntax.places import places

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Sites: TypeAlias = "list[Site]"
_MOST_TOLD = 50  # a formula written out term by term may go wrong in every term


@dataclass(frozen=True, slots=True)
class Result:
    """A result of a kernel: the value, or the derivative by an input; and the expression that was compiled for it."""

    array: Array
    compiled: Expr
    wrt: Input | None = None

    @property
    def label(self) -> str:
        """What it is called."""
        return "value" if self.wrt is None else f"derivative by {self.wrt.name}"


@dataclass(frozen=True, slots=True)
class Point:
    """A formula as written, and the inputs and results of its kernel."""

    output: Expr
    results: Sequence[Result]
    arrays: Mapping[str, Array]
    sizes: Mapping[str, int]
    dtype: str

    def evaluate(self, *outputs: Expr, **more: Array) -> Evaluation:
        """Evaluate expressions at the point, node by node."""
        return evaluate_all(outputs, {**self.arrays, **more}, self.dtype, self.sizes)


@dataclass(frozen=True, slots=True)
class Site:
    """Entries of a node that went wrong; `owner` is the op of the formula whose pullback made the node, if one did.

    `turned` if they are NaN of infinite operands.
    """

    node: Expr
    entries: Array
    evaluation: Evaluation
    owner: Apply | None = None
    turned: bool = False

    @property
    def at(self) -> Expr:
        """The node of the formula that it is about."""
        return self.node if self.owner is None else self.owner


def explain(point: Point, text: str = "") -> Explanation:
    """Return what is not finite at a point, and why. `text` is the formula as the user wrote it, if he did."""
    source = text or str(point.output)
    spans = places(source, point.output)
    spoilt = [result for result in point.results if wrong(result.array).any()]
    found: dict[tuple[Expr, bool], Finding] = {}
    notes: list[str] = []
    for result in spoilt:
        sites, note = _find(point, result)
        _collect(found, sites, result.label)
        notes += [note] if note else []
    broken = _broken_assumptions(point, [result.label for result in spoilt]) if spoilt else {}
    written = point.evaluate(point.output)
    (root,) = written.outputs
    if wrong(written.values[root]).any() and not wrong(point.results[0].array).any():
        notes.append("as written the value is not finite; the kernel computes a rewritten form of it, which is")
    reached = {node for node, _ in found}
    passed = [
        (node, _finding(Site(node, entries, written)))
        for node, entries in islice(all_origins(root, written).items(), _MOST_TOLD)
        if node not in reached
    ]
    told = [*broken.items(), *((node, finding) for (node, _), finding in found.items())]
    return Explanation(
        {result.label: int(wrong(result.array).sum()) for result in point.results},
        tuple(_placed(each, node, spans, source) for node, each in told),
        tuple(_placed(each, node, spans, source) for node, each in passed),
        () if broken else tuple(dict.fromkeys(notes)),
        source,
    )


def _placed(finding: Finding, node: Expr, spans: Mapping[Expr, Span], source: str) -> Finding:
    return replace(finding, span=spans[node], source=source) if node in spans else finding


def _collect(found: dict[tuple[Expr, bool], Finding], sites: Sites, label: str) -> None:
    """Add what the sites say; a cause that is known spoils one more result, and explains the NaN that follow."""
    for site in sites:
        key = site.at, site.turned
        known = found.get(key) or found.get((site.at, False))
        if known is None:
            found[key] = replace(_finding(site), results=(label,))
        elif label not in known.results:
            found[key if key in found else (site.at, False)] = replace(known, results=(*known.results, label))


# --- where -----------------------------------------------------------------------------------------------------------


def _find(point: Point, result: Result) -> tuple[Sites, str]:
    """Return where a wrong result of the kernel comes from, and a note where it cannot be told from the formula."""
    written = _trace(point, result)
    evaluation = point.evaluate(result.compiled)
    compiled = _sites(evaluation.outputs[0], wrong(result.array), evaluation, {})
    if written:
        return _confirmed(written, compiled) or written, ""
    what = f"evaluated node by node as written, the {result.label} is finite"
    if compiled:
        return compiled, f"{what}; the expression that was compiled, {text_of(result.compiled)}, is not"
    inputs = point.evaluate(*point.output.inputs.values())
    given = [Site(x, wrong(inputs.values[x]), inputs) for x in inputs.outputs]
    note = f"{what}, and so is the expression that was compiled: only the kernel's arithmetic is not"
    return [site for site in given if site.entries.any()], note


def _confirmed(written: Sites, compiled: Sites) -> Sites:
    """Return the sites that the compiled expression shares: the node itself, or one that is made of its owner."""
    nodes = {site.node for site in compiled}
    below = set(postorder(*nodes))
    return [site for site in written if site.node in nodes or (site.owner is not None and site.owner in below)]


def _trace(point: Point, result: Result) -> Sites:
    """Trace a wrong result through the formula as written."""
    if result.wrt is None:
        evaluation = point.evaluate(point.output)
        return _sites(evaluation.outputs[0], wrong(result.array), evaluation, {})
    return _trace_derivative(point, point.output, result.wrt, wrong(result.array))


def _trace_derivative(point: Point, output: Expr, node: Input, entries: Array) -> Sites:
    """Pull back one entry of the output, that of the first wrong row of the Jacobian, and trace what arrives."""
    row = first_entry(entries)[: output.ndim]
    name = fresh("y_bar", set(point.arrays))
    seed = np.zeros(entries.shape[: output.ndim], point.dtype)
    seed[row] = 1
    owners: dict[Expr, Apply] = {}
    seen = set(postorder(output))

    def listen(op: Apply, total: Expr, shares: Sequence[tuple[Expr, Expr]]) -> None:
        for made in postorder(total, *(share for _, share in shares), stop=seen):
            if made not in seen:
                owners[made] = op
                seen.add(made)

    cotangent = Input(name, output.shape) if output.ndim else Literal(1)
    (bar,) = pull_back(output, cotangent, [node], trace=listen)
    evaluation = point.evaluate(output, bar, **{name: seed})
    return _sites(evaluation.outputs[1], entries[row], evaluation, owners)


def _sites(root: Expr, entries: Array, evaluation: Evaluation, owners: Mapping[Expr, Apply]) -> Sites:
    """Return where the wrong entries of a result come from: inputs, then what is born, then what turned into NaN."""
    origins = trace_back(root, entries, evaluation)
    place = {node: number for number, node in enumerate(postorder(*evaluation.outputs))}
    sites = [Site(node, where, evaluation, owners.get(node)) for node, where in origins.born.items()]
    sites += [Site(node, where, evaluation, owners.get(node), True) for node, where in origins.turned.items()]

    def order(site: Site) -> tuple[bool, bool, int]:
        return site.turned, not isinstance(site.node, Input), place[site.node]

    return sorted(sites, key=order)[:_MOST_TOLD]


# --- what ------------------------------------------------------------------------------------------------------------


def _finding(site: Site) -> Finding:
    """Return what happened at a site, without the results it spoils."""
    value = site.evaluation.values[site.node]
    where = _condition(site, value)
    kind: Kind = "NaN" if np.isnan(value[first_entry(site.entries)]) else "infinity"
    about = site.at
    operands: tuple[OperandValue, ...] = ()
    if isinstance(about, Apply):
        at = where.index if len(where.index) == about.ndim else (0,) * about.ndim
        operands = operand_values(about, at, _operands(about, site.evaluation))
    return Finding(
        kind,
        (),
        text_of(about),
        where.words,
        where.advice,
        where.index,
        int(site.entries.sum()),
        operands,
        text_of(site.node) if site.owner is not None else "",
    )


def _operands(node: Apply, evaluation: Evaluation) -> list[Array]:
    return [evaluation.values[operand] for operand in node.operands]


def _condition(site: Site, value: Array) -> Condition:
    match site.node:
        case Input(name=name):
            return _arrived(name, site.entries, value)
        case Literal(value=number):
            return Condition(f"{number!r} overflows {value.dtype}", "compile for float64, or scale the formula", ())
        case Apply() as node:
            plain = condition(node, site.entries, value, _operands(node, site.evaluation))
            return plain if site.owner is None else _slope(site, site.owner, plain, str(value.dtype))
    raise TypeError(f"{site.node!r} is no node")


def _arrived(name: str, entries: Array, value: Array) -> Condition:
    index = first_entry(entries)
    entry = f"{name}[{', '.join(map(str, index))}]" if index else name
    what = "NaN" if np.isnan(value[index]) else "infinity"
    return Condition(f"{what} arrived in the input {entry} itself", "look at where the data come from", index)


def _slope(site: Site, owner: Apply, plain: Condition, dtype: str) -> Condition:
    """Say why the derivative of an op is not finite: as the op foresees it, or what happened in the derivative."""
    if site.turned:
        return replace(plain, words=f"{plain.words}, in the derivative of {owner.op.name}")
    operands = _operands(owner, site.evaluation)
    shape = site.evaluation.values[owner].shape
    fitting = site.entries if site.entries.shape == shape else np.ones(shape, bool)
    foreseen = slope_condition(owner, fitting, operands, dtype)
    if foreseen is not None:
        return foreseen
    kinks = "; ".join(f"where {kink.where}: {kink.convention}" for kink in owner.op.kinks)
    return replace(plain, words=f"{plain.words}, in the derivative of {owner.op.name}{f' ({kinks})' if kinks else ''}")


def _broken_assumptions(point: Point, spoilt: Sequence[str]) -> dict[Expr, Finding]:
    """Return inputs that are not what is assumed of them, which a kernel does not look at in full."""
    found: dict[Expr, Finding] = {}
    for node in point.output.inputs.values():
        try:
            require(node, point.arrays[node.name], thorough=True)
        except InvalidValueError as error:
            advice = "give another value, or assume less"
            found[node] = Finding("assumption", tuple(spoilt), node.name, error.message, advice)
    return found
