"""From what stands on the command line to a formula, names to differentiate by, and values of inputs."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO, TypeAlias

import click

import symgrad as sg
from symgrad.core.properties import Property, read_properties
from symgrad.errors import FormulaSyntaxError, InvalidValueError, OperandError, ShapeError, Span, UnknownNameError

from .datafiles import read_data
from .literals import Array, read_shape, read_values

Shapes: TypeAlias = "dict[str, tuple[int | str, ...]]"
Assumptions: TypeAlias = dict[str, frozenset[Property]]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ASSUMPTION = re.compile(r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*:\s*(?P<words>[A-Za-z_, ]*[A-Za-z_])\s*", re.ASCII)
_SIZE_NAMES, _SIZE_NAMES_OF_VECTORS = "mnkpqrst", "nmkpqrst"


@dataclass(frozen=True, slots=True)
class Problem:
    """A formula, the inputs to differentiate by, and values of all inputs when --at or --data gave some."""

    formula: sg.Expr
    wrt: tuple[str, ...]
    values: Mapping[str, Array]
    source: str = ""  # the text of the formula


def read_problem(
    text: str | None,
    file: str | None,
    wrt: Sequence[str],
    shapes: Sequence[str],
    assumptions: Sequence[str],
    at: str | None,
    data: str | None,
) -> Problem:
    """Return what the options say. SymgradError or click.UsageError for what is wrong with them."""
    source = read_source(text, file)
    names = set(_IDENTIFIER.findall(source))
    declared = _read_shapes(shapes, names)
    arrays = {} if data is None else read_data(data, names)
    values = {**arrays, **({} if at is None else read_values(at))}
    formula = _parse(source, declared, _read_assumptions(assumptions, names), values)
    if at is not None:
        _need_values_used(at, formula)
    if values or data is not None:
        values = _need_all(formula, values, data)
    return Problem(formula, _check_wrt(formula, wrt), values, source)


def read_source(text: str | None, file: str | None) -> str:
    """Return the text of the formula: the argument, or what is in the file; `-` is standard input."""
    if (text is None) == (file is None):
        raise click.UsageError("Give one formula: as EXPR, with -f FILE, or - to read it from standard input.")
    if text not in (None, "-"):
        return str(text)
    path = file if file is not None else "-"
    most = 4 * (sg.Limits().characters + 1)  # a character has at most four bytes; the rest is not worth reading
    try:
        if path == "-":
            return _decode(_standard_input().read(most), most, "standard input")
        with Path(path).open("rb") as stream:
            return _decode(stream.read(most), most, path)
    except OSError as error:
        raise InvalidValueError(f"-f: cannot read {path}: {error.strerror or error}") from None


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise InvalidValueError("standard input is closed")
    return sys.stdin.buffer


def _decode(content: bytes, most: int, path: str) -> str:
    if len(content) == most:  # longer than the limit, so that the parser refuses it whatever it says
        return content.decode("utf-8", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormulaSyntaxError(f"{path} is not UTF-8 text (byte {error.start})") from None


def _read_shapes(options: Iterable[str], known: Collection[str]) -> Shapes:
    shapes: Shapes = {}
    for option in options:
        name, shape = read_shape(option)
        if name not in known:
            start = option.index(name)
            raise UnknownNameError(
                f"--shape: {name} is not in the formula", span=Span(start, start + len(name)), source=option
            )
        if name in shapes:
            raise FormulaSyntaxError(
                f"--shape: the shape of {name} is given twice", span=Span(0, len(option)), source=option
            )
        shapes[name] = shape
    return shapes


def _read_assumptions(options: Iterable[str], known: Collection[str]) -> Assumptions:
    """Read `A: spd`; an input may be named more than once. Errors are placed in the option."""
    assumed: Assumptions = {}
    for option in options:
        match = _ASSUMPTION.fullmatch(option)
        if match is None:
            raise FormulaSyntaxError(
                '--assume takes a name, a colon and what holds, as in "A: symmetric"',
                span=Span(0, max(1, len(option))),
                source=option,
            )
        name = match["name"]
        if name not in known:
            span = Span(*match.span("name"))
            raise UnknownNameError(f"--assume: {name} is not in the formula", span=span, source=option)
        try:
            found = read_properties(match["words"])
        except UnknownNameError as error:
            raise error.locate(Span(*match.span("words")), option) from None
        assumed[name] = assumed.get(name, frozenset()) | found
    return assumed


def _parse(source: str, declared: Shapes, assumed: Assumptions, values: Mapping[str, Array]) -> sg.Expr:
    """Parse; where the text leaves the shape of an input open or takes it for a scalar, its value decides."""
    observed = {**_observed_shapes(values, _IDENTIFIER.findall(source)), **declared}
    try:
        formula = sg.parse(source, shapes=declared, assume=assumed)
    except ShapeError:
        if observed == declared:
            raise
        return _parse_observed(source, observed, assumed, None)
    inputs = formula.inputs
    if all(inputs[name].ndim == len(shape) for name, shape in observed.items() if name in inputs):
        return formula
    return _parse_observed(source, {k: v for k, v in observed.items() if k in inputs}, assumed, formula)


def _parse_observed(source: str, shapes: Shapes, assumed: Assumptions, otherwise: sg.Expr | None) -> sg.Expr:
    try:
        return sg.parse(source, shapes=shapes, assume=assumed)
    except ShapeError:
        if otherwise is None:
            raise
        return otherwise  # the mismatch is reported when the values are bound


def _observed_shapes(values: Mapping[str, Array], taken: Collection[str]) -> Shapes:
    """Return the shapes of values with names for sizes: equal sizes have equal names, 1 stays a number."""
    preferred = _SIZE_NAMES if any(array.ndim > 1 for array in values.values()) else _SIZE_NAMES_OF_VECTORS
    free = (name for name in chain(preferred, _numbered_names()) if name not in taken)
    names: dict[int, str] = {}
    for array in sorted(values.values(), key=_axes, reverse=True):
        for size in array.shape:
            if size != 1 and size not in names:
                names[size] = next(free)
    return {name: tuple(names.get(size, 1) for size in array.shape) for name, array in values.items()}


def _numbered_names() -> Iterator[str]:
    return (f"n{number}" for number in count(1))


def _axes(array: Array) -> int:
    return array.ndim


def _need_values_used(at: str, formula: sg.Expr) -> None:
    for name in read_values(at):
        if name not in formula.inputs:
            match = re.search(rf"(?<!\w){name}\s*=", at)
            start = match.start() if match else 0
            raise UnknownNameError(
                f"--at: {_not_an_input(name, formula)}", span=Span(start, start + len(name)), source=at
            )


def _need_all(formula: sg.Expr, values: Mapping[str, Array], data: str | None) -> dict[str, Array]:
    missing = [name for name in formula.inputs if name not in values]
    if missing:
        where = f"{data} has no {', '.join(missing)}; give" if data else "give"
        raise UnknownNameError(
            f"no value for {', '.join(missing)}: {where} all inputs with --at or --data (both may be used)"
        )
    return {name: values[name] for name in formula.inputs}


def _check_wrt(formula: sg.Expr, wrt: Sequence[str]) -> tuple[str, ...]:
    if not formula.inputs:
        raise OperandError("the formula has no inputs, so there is nothing to differentiate by")
    for name in wrt:
        if name not in formula.inputs:
            raise UnknownNameError(
                f"--wrt: {_not_an_input(name, formula)}", span=Span(0, max(1, len(name))), source=name
            )
    return tuple(dict.fromkeys(wrt)) or tuple(formula.inputs)


def _not_an_input(name: str, formula: sg.Expr) -> str:
    several = "; give the option once for each input" if "," in name else ""
    return f"{name!r} is not an input; the inputs are {', '.join(formula.inputs)}{several}"
