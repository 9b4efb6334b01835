r"""Expressions in presentation MathML: what `latex` writes, read and set in elements.

How an op is set is said once, in its LaTeX slot. The LaTeX that the printer writes is a small language (groups,
scripts, fractions, roots, fences, aligned lines, symbols), so it is translated here, in one pass with a stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape

from symgrad.core.expr import Expr
from symgrad.syntax.latex import to_latex

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"

_TOKEN = re.compile(
    r"""(?P<word>\\(?:mathrm|operatorname|mathbf)\{(?:\\_|[^{}\\])*\})
    |(?P<lines>\\(?:begin|end)\{(?:aligned|matrix)\})
    |(?P<open>\\left\s*(?:\\[A-Za-z]+|.))
    |(?P<close>\\right\s*(?:\\[A-Za-z]+|.))
    |(?P<command>\\[A-Za-z]+)
    |(?P<row>\\\\)
    |(?P<space>\\[,;:! ]|\s+)
    |(?P<number>[0-9]+(?:\.[0-9]+)?)
    |(?P<name>[A-Za-z_]+(?<!_)|[A-Za-z])
    |(?P<character>.)""",
    re.VERBOSE | re.DOTALL,
)

_LETTERS: Mapping[str, str] = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ϵ",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "iota": "ι",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "upsilon": "υ",
    "phi": "ϕ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
    "varepsilon": "ε",
    "Gamma": "Γ",
    "Delta": "Δ",
    "Theta": "Θ",
    "Lambda": "Λ",
    "Xi": "Ξ",
    "Pi": "Π",
    "Sigma": "Σ",
    "Upsilon": "Υ",
    "Phi": "Φ",
    "Psi": "Ψ",
    "Omega": "Ω",
    "infty": "∞",
    "ell": "ℓ",
    "to": "→",
}
_FUNCTIONS = (
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "exp",
    "log",
    "det",
    "max",
    "min",
)
_OPERATORS: Mapping[str, str] = {
    "odot": "⊙",
    "oslash": "⊘",
    "cdot": "⋅",
    "times": "×",
    "otimes": "⊗",
    "oplus": "⊕",
    "circ": "∘",
    "le": "≤",
    "ge": "≥",
    "ne": "≠",
    "top": "⊤",
    "sum": "∑",
    "prod": "∏",
    "partial": "∂",
    "nabla": "∇",
    "dagger": "†",
    "dots": "…",
    "ldots": "…",
    "cdots": "⋯",
    "quad": " ",
    "lVert": "‖",
    "rVert": "‖",
    "Vert": "‖",
    "vert": "|",
    "lvert": "|",
    "rvert": "|",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "lceil": "⌈",
    "rceil": "⌉",
    "langle": "⟨",
    "rangle": "⟩",
}
KNOWN_COMMANDS = frozenset((*_LETTERS, *_FUNCTIONS, *_OPERATORS, "frac", "sqrt"))


def to_mathml(expr: Expr) -> str:
    """Return the expression as a `math` element.

    >>> from symgrad.syntax import parse
    >>> print(to_mathml(parse("x**2")).partition(">")[2])
    <mrow><msup><mi>x</mi><mrow><mn>2</mn></mrow></msup></mrow></math>
    """
    return latex_to_mathml(to_latex(expr))


def latex_to_mathml(text: str) -> str:
    """Return the LaTeX of the printer as a `math` element; a command it does not know is set as its name."""
    stack = [_Group()]
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        assert kind is not None  # every alternative has a name
        _READERS.get(kind, _read_atom)(stack, kind, token[0])
    return f'<math xmlns="{_NAMESPACE}" display="block">{stack[0].element()}</math>'


@dataclass(slots=True)
class _Waiting:
    """An element that still needs children: `frac` two, a script one beside its base."""

    tag: str
    count: int
    children: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    """The elements of an open group, and the elements in it that wait for what follows."""

    opening: str = ""
    items: list[str] = field(default_factory=list)
    waiting: list[_Waiting] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def add(self, item: str) -> None:
        """Put an element where it belongs: in the innermost one that waits, or at the end."""
        while self.waiting:
            innermost = self.waiting[-1]
            innermost.children.append(item)
            if len(innermost.children) < innermost.count:
                return
            self.waiting.pop()
            item = f"<{innermost.tag}>{''.join(innermost.children)}</{innermost.tag}>"
        self.items.append(item)

    def script(self, tag: str) -> None:
        """Make the last element the base of a script that follows."""
        base = self.items.pop() if self.items else "<mrow></mrow>"
        self.waiting.append(_Waiting(tag, 2, [base]))

    def element(self) -> str:
        """Return the group as one element."""
        return f"<mrow>{''.join(self.items)}</mrow>"

    def end_cell(self) -> None:
        """Begin a cell of the table."""
        self.rows[-1].append(f"<mtd>{''.join(self.items)}</mtd>")
        self.items = []

    def table(self) -> str:
        """Return the rows as one element."""
        self.end_cell()
        rows = "".join(f"<mtr>{''.join(cells)}</mtr>" for cells in self.rows)
        return f'<mtable columnalign="right left">{rows}</mtable>'


def _read_word(stack: list[_Group], _kind: str, text: str) -> None:
    command, _, word = text[1:-1].partition("{")
    variant = ' mathvariant="bold"' if command == "mathbf" else ' mathvariant="normal"'
    plain = word.replace(r"\_", "_")
    stack[-1].add(f"<mi{variant}>{escape(plain)}</mi>")


def _read_lines(stack: list[_Group], _kind: str, text: str) -> None:
    if text.startswith(r"\begin"):
        stack.append(_Group(rows=[[]]))
    else:
        table = stack.pop().table()
        stack[-1].add(table)


def _read_open(stack: list[_Group], _kind: str, text: str) -> None:
    stack.append(_Group(opening=_fence(text.removeprefix(r"\left"))))


def _read_close(stack: list[_Group], _kind: str, text: str) -> None:
    group = stack.pop()
    closing = _fence(text.removeprefix(r"\right"))
    stack[-1].add(f"<mrow>{group.opening}{''.join(group.items)}{closing}</mrow>")


def _fence(delimiter: str) -> str:
    symbol = delimiter.strip()
    return f'<mo fence="true">{escape(_OPERATORS.get(symbol[1:], symbol))}</mo>' if symbol != "." else ""


def _read_command(stack: list[_Group], _kind: str, text: str) -> None:
    name = text[1:]
    if name in ("frac", "sqrt"):
        stack[-1].waiting.append(_Waiting("mfrac", 2) if name == "frac" else _Waiting("msqrt", 1))
    elif name in _OPERATORS:
        stack[-1].add(f"<mo>{_OPERATORS[name]}</mo>")
    elif name in _LETTERS:
        stack[-1].add(f"<mi>{_LETTERS[name]}</mi>")
    else:
        stack[-1].add(f'<mi mathvariant="normal">{name}</mi>')


def _read_row(stack: list[_Group], _kind: str, _text: str) -> None:
    stack[-1].end_cell()
    stack[-1].rows.append([])


def _read_space(_stack: list[_Group], _kind: str, _text: str) -> None:
    """Leave space to the elements around it."""


def _read_atom(stack: list[_Group], kind: str, text: str) -> None:
    stack[-1].add(f"<mn>{text}</mn>" if kind == "number" else f"<mi>{escape(text)}</mi>")


def _read_character(stack: list[_Group], _kind: str, text: str) -> None:
    match text:
        case "{":
            stack.append(_Group())
        case "}":
            group = stack.pop()
            stack[-1].add(group.element())
        case "^" | "_":
            stack[-1].script("msup" if text == "^" else "msub")
        case "'":
            stack[-1].script("msup")
            stack[-1].add("<mo>′</mo>")
        case "&":
            stack[-1].end_cell()
        case "-":
            stack[-1].add("<mo>−</mo>")  # the minus of mathematics
        case _:
            stack[-1].add(f"<mo>{escape(text)}</mo>")


_READERS: Mapping[str, Callable[[list[_Group], str, str], None]] = {
    "word": _read_word,
    "lines": _read_lines,
    "open": _read_open,
    "close": _read_close,
    "command": _read_command,
    "row": _read_row,
    "space": _read_space,
    "character": _read_character,
}
