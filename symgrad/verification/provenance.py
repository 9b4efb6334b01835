"""What a report is about and where it came from: the formulas as they are printed, hashes, versions, the machine."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from symgrad.core.dims import shape_text
from symgrad.core.domain import REALS, MatrixDomain
from symgrad.core.expr import Apply, Expr, Input, postorder
from symgrad.diff.tangent import Convention, manifold
from symgrad.errors import SymgradError
from symgrad.syntax import formula, parse, signature, to_mathml, to_text
from symgrad.syntax.text import declaration
from symgrad.verification.model import Report, Request, Statement

PACKAGES = ("symgrad", "numba", "llvmlite", "scipy")
_LONGEST_OPERAND = 60
_MOST_CONDITIONS = 12


def describe(
    report: Report, request: Request, output: Expr, gradients: Mapping[str, Expr], program: Callable[[], str]
) -> Report:
    """Return the report with what was asked, the formulas as printed, hashes, versions and the machine.

    `program` returns the text of the kernel's program.
    """
    statements = statements_of(output, gradients)
    hashes = {"formula": sha256(request.formula), "kernel": sha256(program())}
    hashes |= {each.label: sha256(each.text) for each in statements if each.input is not None}
    return replace(
        report,
        request=request,
        statements=statements,
        hashes=hashes,
        versions={**(report.versions or {}), **versions(*PACKAGES)},
        machine=machine(),
    )


def describe_second(report: Report, blocks: Mapping[tuple[str, str], Expr]) -> Report:
    """Return the report with second derivatives beside the first ones; `blocks` has them by two names of inputs."""
    name = report.statements[0].label
    second = [
        Statement(f"d2{name}/(d{x} d{y})", formula(expr), to_mathml(expr), shape_text(expr.shape), f"{x}, {y}")
        for (x, y), expr in blocks.items()
    ]
    hashes = {**(report.hashes or {}), **{each.label: sha256(each.text) for each in second}}
    return replace(report, statements=(*report.statements, *second), hashes=hashes)


def request_of(output: Expr, wrt: Sequence[Input], **asked: Any) -> Request:
    """Return what was asked for: the formula as a definition, and what holds for its inputs.

    >>> from symgrad.syntax import parse
    >>> output = parse("log(x) + sum(w)")
    >>> request = request_of(output, list(output.inputs.values()), seed=3)
    >>> request.formula, request.domain
    ('f(x, w[n]) = log(x) + sum(w)', ('log(x): x > 0',))
    """
    structured = {x.name: found.value for x in wrt if (found := manifold(x)) is not None}
    return Request(
        formula=definition(output),
        wrt=tuple(x.name for x in wrt),
        inputs=tuple(map(declaration, output.inputs.values())),
        domain=tuple(conditions(output)),
        conventions=tuple(f"{name} is {word}; {Convention.TANGENT.description}" for name, word in structured.items()),
        **asked,
    )


def definition(output: Expr) -> str:
    """Return the formula as a definition that says all shapes and assumptions, or as text that parses back at least."""
    text = f"{signature(output)} = {formula(output)}"
    try:
        return text if parse(text) is output else to_text(output)
    except SymgradError:
        return to_text(output)


def statements_of(output: Expr, gradients: Mapping[str, Expr]) -> tuple[Statement, ...]:
    """Return the formula and its derivatives as they are printed.

    >>> from symgrad.syntax import parse
    >>> [(s.label, s.text) for s in statements_of(parse("x**2"), {"x": parse("2*x")})]
    [('f', 'x**2'), ('df/dx', '2*x')]
    """
    name = signature(output).partition("(")[0]
    labelled = [(name, None, output), *((f"d{name}/d{x}", x, expr) for x, expr in gradients.items())]
    return tuple(
        Statement(label, formula(expr), to_mathml(expr), shape_text(expr.shape), x) for label, x, expr in labelled
    )


def conditions(output: Expr) -> list[str]:
    """Return where the formula is defined, operation by operation; the first ones of many.

    >>> from symgrad.syntax import parse
    >>> conditions(parse("sqrt(x) + logdet(A)"))
    ['sqrt(x): x >= 0', 'logdet(A): A is invertible']
    """
    found: dict[str, None] = {}
    for node in postorder(output):
        if isinstance(node, Apply):
            found.update(dict.fromkeys(_conditions_of(node)))
    if len(found) <= _MOST_CONDITIONS:
        return list(found)
    return [*list(found)[:_MOST_CONDITIONS], f"and {len(found) - _MOST_CONDITIONS} more"]


def _conditions_of(node: Apply) -> list[str]:
    restricted = [(domain, x) for domain, x in zip(node.op.domains(node), node.operands, strict=True)]
    return [
        f"{_written(node)}: "
        + (f"{_written(x)} is {domain}" if isinstance(domain, MatrixDomain) else str(domain).replace("x", _written(x)))
        for domain, x in restricted
        if domain != REALS
    ]


def _written(node: Expr) -> str:
    text = formula(node)
    return text if len(text) <= _LONGEST_OPERAND else f"{text[:_LONGEST_OPERAND]}..."


def sha256(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@cache
def versions(*packages: str) -> Mapping[str, str]:
    """Return the versions of Python and of packages, without importing them."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}}


@cache
def machine() -> str:
    """Return the processor and the platform."""
    return f"{_processor()}, {platform.platform()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
