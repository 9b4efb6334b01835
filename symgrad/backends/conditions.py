"""Words for how a node became NaN or infinite, from the pitfalls and domains that its op states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from symgrad.backends.explanation import OperandValue
from symgrad.core.domain import Interval, MatrixDomain
from symgrad.core.expr import Apply, Expr, Input
from symgrad.core.notation import Infix
from symgrad.core.pitfalls import Anything, Lacking, Pitfall

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Index: TypeAlias = tuple[int, ...]
_LONGEST_TEXT, _MOST_ENTRIES = 120, 16


@dataclass(frozen=True, slots=True)
class Condition:
    """What went wrong, at which entry, and what avoids it."""

    words: str
    advice: str
    index: Index


def text_of(node: Expr) -> str:
    """Return a node as text, cut where it is long."""
    text = node.formula()
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3]}..."


def first_entry(entries: Array) -> Index:
    """Return the index of the first entry that is true."""
    return tuple(int(i) for i in np.argwhere(entries)[0])


def condition(node: Apply, entries: Array, result: Array, operands: Sequence[Array]) -> Condition:
    """Return what happened at the first of some entries of a node that are not finite."""
    index = first_entry(entries)
    first = np.zeros_like(entries)
    first[index] = True
    for pitfall in node.op.pitfalls:
        place = None if pitfall.slope else _fits(pitfall, node, first, operands)
        if place is not None:
            return _tell(pitfall, node, place, operands, str(result.dtype))
    return Condition(_unforeseen(node, index, result, operands) + _place(node, index), "", index)


def slope_condition(node: Apply, entries: Array, operands: Sequence[Array], dtype: str) -> Condition | None:
    """Return why a derivative of the node is not finite at one of some entries, if its op foresees it."""
    for pitfall in node.op.pitfalls:
        place = _fits(pitfall, node, entries, operands) if pitfall.slope else None
        if place is not None:
            return _tell(pitfall, node, place, operands, dtype)
    return None


def operand_values(node: Apply, index: Index, operands: Sequence[Array]) -> tuple[OperandValue, ...]:
    """Return the operands at an entry; of an op on arrays they are shown whole, if they are small."""
    shown = []
    for operand, array in zip(node.operands, operands, strict=True):
        if isinstance(operand, Input) or operand.operands:
            at = entry_of(array, index) if node.op.elementwise else ()
            whole = array[at] if array[at].size <= _MOST_ENTRIES else None
            shown.append(OperandValue(_entry_text(operand, at), None if whole is None else whole.tolist()))
    return tuple(shown)


def entry_of(array: Array, index: Index) -> Index:
    """Return the entry of a broadcast operand that goes into an entry of the result."""
    if not array.ndim:
        return ()
    own = index[len(index) - array.ndim :]
    return tuple(0 if size == 1 else i for i, size in zip(own, array.shape, strict=True))


def _entry_text(operand: Expr, at: Index) -> str:
    text = text_of(operand)
    if not at:
        return text
    return f"{text if isinstance(operand, Input) else f'({text})'}[{', '.join(map(str, at))}]"


def _fits(pitfall: Pitfall, node: Apply, entries: Array, operands: Sequence[Array]) -> Index | None:
    """Return the first of some entries, or of the matrices of a stack, that has fallen into it."""
    if not node.op.elementwise:
        return _whole_fits(pitfall, operands)
    fallen = entries
    for each, array in zip(pitfall.where, operands, strict=True):
        fallen = fallen & (each.holds(array) if isinstance(each, Interval) else False)
    return first_entry(fallen) if fallen.any() else None


def _whole_fits(pitfall: Pitfall, operands: Sequence[Array]) -> Index | None:
    place: Index = ()
    for each, array in zip(pitfall.where, operands, strict=True):
        if not np.isfinite(array).all():
            return None
        if isinstance(each, Lacking):
            lacking = lacks(each.domain, array)
            if not lacking.any():
                return None
            place = first_entry(lacking)
        elif not isinstance(each, Anything):
            return None
    return place


def lacks(domain: MatrixDomain, matrices: Array) -> Array:
    """Return which matrices of a stack, of finite entries, are not in a domain; none where NumPy cannot tell."""
    try:
        with np.errstate(all="ignore"):
            return _lacks(domain.condition, matrices)
    except np.linalg.LinAlgError:
        return np.zeros(matrices.shape[:-2], bool)


def _lacks(condition: str, matrices: Array) -> Array:
    if not matrices.size:
        return np.zeros(matrices.shape[:-2], bool)
    match condition:
        case "spd":
            spectrum = np.linalg.eigvalsh((matrices + np.swapaxes(matrices, -1, -2)) / 2)
            rounding = matrices.shape[-1] * np.finfo(spectrum.dtype).eps * np.abs(spectrum).max(axis=-1)
            return np.asarray(spectrum.min(axis=-1) <= rounding)
        case "nonzero diagonal":
            return np.asarray((np.diagonal(matrices, axis1=-2, axis2=-1) == 0).any(axis=-1))
        case "invertible" | "independent columns" | "full rank":
            return np.asarray(np.linalg.matrix_rank(matrices) < min(matrices.shape[-2:]))
    return np.zeros(matrices.shape[:-2], bool)


def _tell(pitfall: Pitfall, node: Apply, index: Index, operands: Sequence[Array], dtype: str) -> Condition:
    entries = [array[entry_of(array, index)] if node.op.elementwise else array for array in operands]
    numbers = ["" if entry.ndim else _number(entry) for entry in entries]
    return Condition(pitfall.words.format(*numbers, dtype=dtype) + _place(node, index), pitfall.avoid, index)


def _place(node: Apply, index: Index) -> str:
    """Say where: by an entry of the input if it is the only operand, else by the index."""
    if not index:
        return ""
    known = [x for x in node.operands if x.operands or isinstance(x, Input)]
    named = node.op.elementwise and len(known) == 1 and isinstance(known[0], Input) and known[0].ndim == len(index)
    return f" at {text_of(known[0]) if named else ''}[{', '.join(map(str, index))}]"


def _number(value: Any) -> str:
    return f"{float(value):.6g}"


def _unforeseen(node: Apply, index: Index, result: Array, operands: Sequence[Array]) -> str:
    name = node.op.name
    if not node.op.elementwise:
        return _unforeseen_array(node, bool(np.isnan(result[index])), operands, str(result.dtype))
    values = [float(array[entry_of(array, index)]) for array in operands]
    for value, domain in zip(values, node.op.domains(node), strict=True):
        if np.isfinite(value) and isinstance(domain, Interval) and not domain.holds(value):
            return f"{name} of {_number(value)}, outside of its domain {domain}"
    numbers = [_number(value) for value in values]
    notation = node.op.notation
    written = f" {notation.symbol} ".join(numbers) if isinstance(notation, Infix) else f"{name}({', '.join(numbers)})"
    return f"{written} is {'NaN' if np.isnan(result[index]) else f'infinite in {result.dtype}'}"


def _unforeseen_array(node: Apply, undefined: bool, operands: Sequence[Array], dtype: str) -> str:
    name = node.op.name
    if not all(np.isfinite(array).all() for array in operands):
        return f"infinite entries meet in {name}: inf - inf or 0*inf"
    for array, domain in zip(operands, node.op.domains(node), strict=True):
        if isinstance(domain, MatrixDomain) and lacks(domain, array).any():
            return f"{name} of a matrix outside of its domain ({domain})"
    return f"{name} of finite operands is {'NaN' if undefined else f'infinite in {dtype}'}"
