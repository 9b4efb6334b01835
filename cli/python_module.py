"""A derivation as one Python module: a function for the formula and one for each derivative."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import symgrad as sg
from symgrad.syntax import signature

from .display import Segment
from .evaluation import Derivation
from .presentation import function_name

_FUNCTION = "\ndef f("
_DEFINITION = re.compile(r"\n(?=def )")


def python_lines(derivation: Derivation) -> Iterator[Sequence[Segment]]:
    """Yield the module, which needs NumPy (and SciPy for special functions) and not symgrad."""
    yield [(python_module(derivation), "")]


def python_module(derivation: Derivation) -> str:
    """Return the source. OperandError for an op that NumPy cannot say."""
    imports: dict[str, None] = {}
    definitions: dict[str, None] = {}
    for name, expr in _functions(derivation):
        head, _, body = expr.python().partition(_FUNCTION)
        lines = head.splitlines()
        imports.update(dict.fromkeys(line for line in lines if line.startswith("import ")))
        preamble = "\n".join(line for line in lines if not line.startswith("import ")).strip()
        needed = [part.strip() for part in _DEFINITION.split(preamble)]
        definitions.update(dict.fromkeys(filter(None, [*needed, f"def {name}({body.rstrip()}"])))
    title = f'"""{signature(derivation.formula)} and its derivatives."""'
    return "\n\n".join([title, "\n".join(sorted(imports)), *(f"\n{definition}" for definition in definitions)])


def _functions(derivation: Derivation) -> Iterator[tuple[str, sg.Expr]]:
    name = function_name(derivation)
    yield name, derivation.formula
    for wrt, expr in derivation.arranged.items():
        yield f"d{name}_d{wrt}", expr
    for (first, second), expr in derivation.second.items():
        yield f"d2{name}_d{first}_d{second}", expr
