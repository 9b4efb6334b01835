"""Expressions in LaTeX, as a textbook sets them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from symgrad.core.calls import Variadic
from symgrad.core.dims import Dim, Shape
from symgrad.core.expr import Apply, Expr, Input, Literal, ParameterKind
from symgrad.core.indexing import index_text
from symgrad.core.notation import (
    ADDITIVE,
    ATOM,
    COMPARISON,
    MULTIPLICATIVE,
    POSTFIX,
    POWER,
    SIGN,
    Constant,
    Indexed,
    Infix,
    Postfix,
    Prefix,
    SizeName,
    Subscript,
)
from symgrad.syntax.emission import Piece, emit
from symgrad.syntax.naming import fresh_names, subterms_to_name, used_names
from symgrad.syntax.text import nested_rows

_GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
        *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta"),
        *("Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
    )
)
_SHORT_GREEK = {"lam": "lambda", "eps": "varepsilon"}
_RELATIONS = {"<=": r"\le", ">=": r"\ge", "==": "=", "!=": r"\ne"}
_PLACEHOLDER = re.compile(r"\{([0-9])\}")
_FILLED = re.compile(r"(?<!\\operatorname)\{([0-9]|[a-z])\}")  # an operand, or a parameter such as an exponent
_OPERATOR = re.compile(r"\} \\[a-z]+ \{")  # {0} \otimes {1}
_DELIMITED = re.compile(  # \left| {0} \right| or \sqrt{{{0}}}
    r"\\left(?:\\[a-zA-Z]+|[|(\[])\s*\{0\}\s*\\right(?:\\[a-zA-Z]+|[|)\]])\Z|\\[a-z]+\{\{\{0\}\}\}\Z"
)
_TRAILING = re.compile(r"(.*?[A-Za-z])([0-9]+)\Z")


def to_latex(expr: Expr) -> str:
    r"""Return the expression in LaTeX; a large one as lines `v_1 = ...` whose last is the result.

    >>> from symgrad.syntax import parse
    >>> print(to_latex(parse("lam*sum(w**2)/2 + x_1")))
    \frac{\lambda \sum\left(w^{2}\right)}{2} + x_{1}
    """
    writer = _Writer()
    names = fresh_names("v", used_names(expr))
    lines: list[str] = []
    for node in subterms_to_name(expr, _may_nest):
        text = emit(node, writer.pieces)
        writer.named[node] = name_latex(next(names))
        lines.append(f"{writer.named[node]} &= {text}")
    body = emit(expr, writer.pieces)
    if not lines:
        return body
    return r"\begin{aligned}" + r" \\ ".join([*lines, f"&{body}"]) + r"\end{aligned}"


def name_latex(name: str) -> str:
    r"""Return a name as it is set: Greek letters, trailing digits as a subscript, words upright.

    >>> print(name_latex("lam"), name_latex("x12"), name_latex("rate"), name_latex("w_out"))
    \lambda x_{12} \mathrm{rate} w_{\mathrm{out}}
    """
    first, *rest = [part for part in name.split("_") if part] or [name]
    digits = _TRAILING.match(first)
    if digits is not None:
        first, rest = digits[1], [digits[2], *rest]
    subscript = ",".join(part if part.isdigit() else _word_latex(part) for part in rest)
    return f"{_word_latex(first)}_{{{subscript}}}" if subscript else _word_latex(first)


def _word_latex(word: str) -> str:
    if word in _SHORT_GREEK or word in _GREEK:
        return "\\" + _SHORT_GREEK.get(word, word)
    return word if len(word) == 1 and word != "_" else _upright(r"\mathrm", word)


def _may_nest(_node: Expr, operand: Expr) -> bool:
    return bool(operand.operands)


@dataclass(slots=True)
class _Writer:
    named: dict[Expr, str] = field(default_factory=dict)

    def pieces(self, node: Expr, binding: int) -> Sequence[Piece]:
        if node in self.named:
            return (self.named[node],)
        inside, strength = self.content(node)
        return (r"\left(", *inside, r"\right)") if strength < binding else inside

    def content(self, node: Expr) -> tuple[Sequence[Piece], int]:
        """Return the pieces of a node and how strongly they bind."""
        if isinstance(node, Input):
            return (name_latex(node.name),), ATOM
        if isinstance(node, Literal):
            return _number(node.value)
        assert isinstance(node, Apply)
        match node.op.notation:
            case Constant():
                return (node.op.latex,), ATOM
            case SizeName():
                return (_size_latex(*node.op.arguments(node).values()),), ATOM
            case Prefix(symbol=symbol):
                return (symbol, (node.operands[0], POWER)), SIGN
            case Infix() if not node.op.latex:
                return self.infix(node, node.op.notation)
            case Subscript():
                (index,) = node.op.arguments(node).values()
                inside = index_text(index)  # type: ignore[arg-type]
                return ("{", (node.operands[0], POSTFIX), f"}}_{{{inside}}}"), POSTFIX
            case Indexed():
                return self.indexed(node), ATOM
        plain = not node.op.arguments(node) or not isinstance(node.op.notation, Postfix)
        if plain and node.operands and _PLACEHOLDER.search(node.op.latex):
            return self.template(node)
        return self.call(node), ATOM if node.operands else POWER

    def infix(self, node: Apply, notation: Infix) -> tuple[Sequence[Piece], int]:
        left, right = node.operands
        precedence = notation.precedence
        match notation.symbol:
            case "/":
                return (r"\frac{", (left, 0), "}{", (right, 0), "}"), POWER
            case "*":
                return self.product(left, right, _product_sign(left, right))
            case "@":
                row = r"^{\top}" if left.ndim == 1 and not _is_row(left) else ""
                lefts: list[Piece] = [(left, POSTFIX if row else MULTIPLICATIVE), row]
                return (*lefts, " ", (right, _right_binding(right, POWER))), MULTIPLICATIVE
        symbol = _RELATIONS.get(notation.symbol, notation.symbol)
        stronger = precedence == COMPARISON or notation.symbol == "-"
        right_binding = _right_binding(right, precedence + stronger)
        return ((left, precedence + (precedence == COMPARISON)), f" {symbol} ", (right, right_binding)), precedence

    def product(self, left: Expr, right: Expr, sign: str) -> tuple[Sequence[Piece], int]:
        binding = POWER if left.ndim and right.ndim else MULTIPLICATIVE  # x \odot (A y), but c A y
        return ((left, MULTIPLICATIVE), sign, (right, _right_binding(right, binding))), MULTIPLICATIVE

    def template(self, node: Apply) -> tuple[Sequence[Piece], int]:
        values = node.op.arguments(node)
        text = node.op.latex
        pieces: list[Piece] = []
        position = 0
        for match in _FILLED.finditer(text):
            before, after = text[: match.start()], text[match.end() :]
            pieces.append(_unescaped(text[position : match.start()]))
            if match[1].isdigit():
                pieces.append((node.operands[int(match[1])], _placeholder_binding(before, after)))
            else:
                pieces.append(str(values[match[1]]))
            position = match.end()
        pieces.append(_unescaped(text[position:]))
        return pieces, _template_binding(text)

    def indexed(self, node: Apply) -> Sequence[Piece]:
        r"""Return `\left[\sum_{j} A_{ij} B_{jk}\right]_{ik}`: entries, and the letters of the axes of the result."""
        (subscripts,) = node.op.arguments(node).values()
        left, _, result = str(subscripts).partition("->")
        summed = "".join(dict.fromkeys(letter for letter in left if letter not in result + ","))
        pieces: list[Piece] = [r"\left["] if result else []
        if summed:
            pieces.append(rf"\sum_{{{summed}}} ")
        for position, (letters, x) in enumerate(zip(left.split(","), node.operands, strict=True)):
            space = [" "] if position else []
            entry = [f"_{{{letters}}}"] if letters else []
            pieces += [*space, "{", (x, ATOM if letters else POWER), "}", *entry]
        return [*pieces, rf"\right]_{{{result}}}"] if result else ["{", *pieces, "}"]

    def call(self, node: Apply) -> Sequence[Piece]:
        has_word = node.op.latex and not (node.operands and _PLACEHOLDER.search(node.op.latex))
        word = node.op.latex if has_word else _upright(r"\operatorname", node.op.name)
        parameters = _parameters_latex(node)
        pieces: list[Piece] = [word, f"_{{{parameters}}}" if parameters else ""]
        if not node.operands:
            return pieces
        operands: list[Piece] = [(operand, 0) for operand in node.operands]
        if node.op.variadic is Variadic.NESTED:
            return [r"\left[\begin{matrix}", *_matrix(node, operands), r"\end{matrix}\right]"]
        pieces.append(r"\left(")
        for position, operand in enumerate(operands):
            pieces += [", ", operand] if position else [operand]
        return [*pieces, r"\right)"]


def _matrix(node: Apply, operands: Sequence[Piece]) -> Sequence[Piece]:
    """Return the operands in rows, as they are nested in the call."""
    rest = iter(operands)
    pieces: list[Piece] = []
    for count in nested_rows(node):
        pieces += [r" \\ "] if pieces else []
        for column in range(count):
            pieces += [" & ", next(rest)] if column else [next(rest)]
    return pieces


def _number(value: int | float) -> tuple[Sequence[Piece], int]:
    text = repr(value)
    strength = SIGN if text.startswith("-") else ATOM
    if "e" not in text:
        return (text,), strength
    mantissa, exponent = text.split("e")
    power = f"10^{{{int(exponent)}}}"
    return (power if mantissa == "1" else rf"{mantissa} \cdot {power}",), min(strength, MULTIPLICATIVE)


def _product_sign(left: Expr, right: Expr) -> str:
    if left.ndim and right.ndim:
        return r" \odot "
    return r" \cdot " if isinstance(_first(right), Literal) else " "


def _right_binding(right: Expr, binding: int) -> int:
    """A term that begins with a sign stands in brackets on the right of an operator."""
    first = _first(right)
    signed = isinstance(first, Literal) and repr(first.value).startswith("-")
    signed = signed or (isinstance(first, Apply) and isinstance(first.op.notation, Prefix))
    return ATOM + 1 if signed and binding <= POWER else binding


def _first(node: Expr) -> Expr:
    """Return the node that is written first."""
    while isinstance(node, Apply) and isinstance(node.op.notation, Infix | Postfix | Subscript):
        if isinstance(node.op.notation, Infix) and node.op.notation.symbol == "/":
            return node
        node = node.operands[0]
    return node


def _is_row(node: Expr) -> bool:
    """Whether a vector is written as a row already: x^T A."""
    if not isinstance(node, Apply) or not isinstance(node.op.notation, Infix) or node.op.notation.symbol != "@":
        return False
    return node.operands[0].ndim == 1


def _placeholder_binding(before: str, after: str) -> int:
    if (before.endswith("{{") and after.startswith("}}")) or re.search(r"\\left(?:\\[a-zA-Z]+|[|(\[])\s*\Z", before):
        return 0
    return POSTFIX if after.startswith(("^", "_")) else POWER


def _template_binding(text: str) -> int:
    if _DELIMITED.match(text):
        return ATOM
    if _OPERATOR.search(text):
        return ADDITIVE
    return MULTIPLICATIVE if " " in text.strip() else POWER


def _unescaped(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _upright(command: str, name: str) -> str:
    escaped = name.replace("_", r"\_")
    return f"{command}{{{escaped}}}"


def _size_latex(size: object) -> str:
    if isinstance(size, Dim) and size.name is not None:
        return name_latex(size.name)
    return str(size).replace("*", " ")


def _shape_latex(shape: Shape) -> str:
    return r" \times ".join(map(_size_latex, shape))


def _parameters_latex(node: Apply) -> str:
    kinds = {parameter.name: parameter.kind for parameter in node.op.parameters}
    return ",\\,".join(_parameter_latex(kinds[name], name, value) for name, value in node.op.arguments(node).items())


def _parameter_latex(kind: ParameterKind, name: str, value: object) -> str:
    match kind, value:
        case ParameterKind.SHAPE, tuple():
            return _shape_latex(value)
        case ParameterKind.INDEX, tuple():
            return f"[{index_text(value)}]"
        case ParameterKind.SIZE, _:
            return _size_latex(value)
        case ParameterKind.FLAG, _:
            return rf"\mathrm{{{name}}}"
    return rf"\mathrm{{{name}}}={value}"
