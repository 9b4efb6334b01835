"""Where infinity and NaN come from: a walk from a result back to the nodes whose operands were still finite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from symgrad.backends.reference import call_reference, evaluate_reference, with_references
from symgrad.core.dims import evaluate
from symgrad.core.expr import Apply, Expr, postorder
from symgrad.core.numeric import Concatenate, Gather, Instruction, Reduce, Reshape, Scatter

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
_MOVES = Gather | Scatter | Reshape | Concatenate


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The value of every node below some outputs, and the outputs themselves as they were evaluated."""

    outputs: tuple[Expr, ...]
    values: Mapping[Expr, Array]
    sizes: Mapping[str, int]


@dataclass(slots=True)
class Origins:
    """Nodes where entries of a result became NaN or infinite, with these entries.

    `born` are those of which the operands are finite, `turned` those that are NaN for the sake of infinite operands.
    """

    born: dict[Expr, Array] = field(default_factory=dict)
    turned: dict[Expr, Array] = field(default_factory=dict)


def evaluate_all(
    outputs: Sequence[Expr], arrays: Mapping[str, Array], dtype: str, sizes: Mapping[str, int]
) -> Evaluation:
    """Evaluate expressions node by node with NumPy; where it raises, as for a singular matrix, the node is NaN."""
    roots = with_references(outputs)
    values: dict[Expr, Array] = {}

    def watch(node: Apply, sizes: Mapping[str, int], operands: list[Array]) -> Array:
        for operand, value in zip(node.operands, operands, strict=True):
            values.setdefault(operand, value)
        values[node] = _call(node, sizes, operands, dtype)
        return values[node]

    results = evaluate_reference(roots, arrays, dtype, watch, sizes)
    values.update(zip(roots, results, strict=True))
    return Evaluation(tuple(roots), values, sizes)


def _call(node: Apply, sizes: Mapping[str, int], operands: list[Array], dtype: str) -> Array:
    try:
        return call_reference(node, sizes, operands)
    except (ValueError, ArithmeticError):  # of NumPy, for what a kernel answers with NaN
        return np.full([evaluate(size, sizes) for size in node.shape], np.nan, dtype)


def wrong(value: Array) -> Array:
    """Return which entries are NaN or infinite."""
    return ~np.isfinite(value)


def trace_back(root: Expr, entries: Array, evaluation: Evaluation) -> Origins:
    """Return where the wrong entries of `root` among `entries` come from."""
    values, origins = evaluation.values, Origins()
    wanted: dict[Expr, Array] = {root: entries & wrong(values[root])}
    for node in reversed(postorder(root)):
        mask = wanted.get(node)
        if mask is None or not mask.any():
            continue
        if not isinstance(node, Apply):
            origins.born[node] = mask
            continue
        inherited = _inherit(node, mask, evaluation, wanted)
        _keep(origins.born, node, mask & ~inherited)
        if not any(np.isnan(values[operand]).any() for operand in node.operands):
            _keep(origins.turned, node, mask & inherited & np.isnan(values[node]))
    return origins


def all_origins(root: Expr, evaluation: Evaluation) -> dict[Expr, Array]:
    """Return every node below `root` that became NaN or infinite of finite operands, and inputs that are."""
    values, found = evaluation.values, {}
    for node in postorder(root):
        fresh = wrong(values[node])
        if isinstance(node, Apply) and fresh.any():
            fresh = fresh & ~_inherit(node, fresh, evaluation, {})
        if fresh.any():
            found[node] = fresh
    return found


def _keep(found: dict[Expr, Array], node: Expr, entries: Array) -> None:
    if entries.any():
        found[node] = entries


def _inherit(node: Apply, mask: Array, evaluation: Evaluation, wanted: dict[Expr, Array]) -> Array:
    """Return which entries of `mask` had wrong operands, and add those entries of the operands to `wanted`."""
    inherited = np.zeros_like(mask)
    for position, operand in enumerate(node.operands):
        bad = wrong(evaluation.values[operand])
        if not bad.any():
            continue
        used, passed = _used(node, position, mask, bad, evaluation)
        inherited |= passed
        wanted[operand] = wanted.get(operand, np.zeros_like(bad)) | (bad & used)
    return inherited


def _used(node: Apply, position: int, mask: Array, bad: Array, evaluation: Evaluation) -> tuple[Array, Array]:
    """Return which entries of an operand go into the entries of `mask`, and which of these have a `bad` one."""
    if node.op.elementwise:
        return _unbroadcast(mask, bad.shape), mask & np.broadcast_to(bad, mask.shape)
    form = node.op.numeric_form(node)
    if isinstance(form, Reduce) and form.combine in (Instruction.ADD, Instruction.MUL):
        kept = mask if form.keepdims else np.expand_dims(mask, form.axes)
        passed = bad.any(axis=form.axes, keepdims=form.keepdims)
        return np.broadcast_to(kept, bad.shape), mask & passed
    if isinstance(form, _MOVES):
        return _moved(node, position, mask, bad, evaluation)
    return np.ones_like(bad), mask


def _moved(node: Apply, position: int, mask: Array, bad: Array, evaluation: Evaluation) -> tuple[Array, Array]:
    """For an op that only moves entries: send their numbers, from 1, through it."""
    numbers = [np.zeros(evaluation.values[operand].shape) for operand in node.operands]
    numbers[position] = np.arange(1.0, bad.size + 1).reshape(bad.shape)
    arrived = call_reference(node, evaluation.sizes, numbers)
    used = np.isin(numbers[position], arrived[mask])
    return used, mask & np.isin(arrived, numbers[position][bad])


def _unbroadcast(mask: Array, shape: tuple[int, ...]) -> Array:
    front = mask.ndim - len(shape)
    stretched = tuple(front + axis for axis, size in enumerate(shape) if size == 1)
    return np.asarray(mask.any(axis=(*range(front), *stretched), keepdims=True).reshape(shape))
