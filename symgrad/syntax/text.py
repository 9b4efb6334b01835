"""Expressions as text that parses back to the same node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import copysign

from symgrad.core.calls import Variadic
from symgrad.core.dims import shape_text
from symgrad.core.expr import REQUIRED, Apply, Expr, Input, Literal, ParameterKind
from symgrad.core.indexing import index_text
from symgrad.core.notation import (
    ADDITIVE,
    ATOM,
    COMPARISON,
    MULTIPLICATIVE,
    POSTFIX,
    SIGN,
    Constant,
    Infix,
    Postfix,
    Prefix,
    SizeName,
    Subscript,
)
from symgrad.core.properties import properties_text
from symgrad.errors import SymgradError
from symgrad.syntax.emission import Piece, emit
from symgrad.syntax.limits import Limits
from symgrad.syntax.naming import declared_sizes, fresh_names, subterms_to_name, used_names
from symgrad.syntax.reading import parse

_LONGEST_SPINE = 8  # see _Writer.flattens


def to_text(expr: Expr) -> str:
    """Return text that `parse` reads as the same node: a formula alone where that is enough, else a definition.

    The one exception is a constant without a value, such as log(-1), which can be built but is refused as text.

    >>> from symgrad.syntax import parse
    >>> to_text(parse("sum((X @ w - y)**2)"))
    'sum((X @ w - y)**2)'
    >>> to_text(parse("f(x[k]) = x + 1"))
    'f(x[k]) = x + 1'
    """
    statements = _statements(expr, flat=True)
    bare = "; ".join(statements)
    if _reads_as(bare, expr):
        return bare
    full = _definition(expr, statements)
    if len(full) > Limits().characters or _reads_as(full, expr):
        return full
    return _definition(expr, _statements(expr, flat=False))


def formula(expr: Expr) -> str:
    """Return the right-hand side alone, for display; `v1 = ...; v2 = ...; body` when it is large.

    >>> from symgrad.syntax import parse
    >>> formula(parse("f(x[k]) = x + 1"))
    'x + 1'
    """
    return "; ".join(_statements(expr, flat=True))


def signature(expr: Expr) -> str:
    """Return the inputs with their shapes.

    >>> from symgrad.syntax import parse
    >>> signature(parse("sum((X @ w - y)**2) + lam*sum(w**2)"))
    'f(X[m,n], w[n], y[m], lam)'
    """
    inputs = expr.inputs
    taken = used_names(expr)
    name = next((name for name in ("f", "g", "h") if name not in taken), None) or next(fresh_names("f", taken))
    return f"{name}({', '.join(map(declaration, inputs.values()))})"


def declaration(node: Input) -> str:
    """Return an input as it stands in a signature: `X[m,n]`, `A[n,n]: spd`, or its name for a scalar."""
    shaped = f"{node.name}[{','.join(map(str, node.shape))}]" if node.shape else node.name
    return f"{shaped}: {properties_text(node.properties)}" if node.properties else shaped


def _reads_as(text: str, expr: Expr) -> bool:
    if len(text) > Limits().characters:
        return False
    try:
        return parse(text) is expr
    except SymgradError:
        return False


def _definition(expr: Expr, statements: list[str]) -> str:
    return "; ".join([*statements[:-1], f"{signature(expr)} = {statements[-1]}"])


def _statements(expr: Expr, flat: bool) -> list[str]:
    taken = used_names(expr)
    names = fresh_names("v", taken)
    sizes = used_names(expr) if flat else declared_sizes(expr)
    writer = _Writer(frozenset(expr.inputs), frozenset(sizes), flat)
    statements: list[str] = []
    for node in subterms_to_name(expr, _nests):
        text = emit(node, writer.pieces)
        writer.named[node] = next(names)
        statements.append(f"{writer.named[node]} = {text}")
    return [*statements, emit(expr, writer.pieces)]


def _nests(node: Expr, operand: Expr) -> bool:
    """Whether the operand's text stands in brackets."""
    if not isinstance(node, Apply) or not operand.operands:
        return False
    if _is_call(node):
        return True
    pieces = [piece for piece in _symbol_pieces(node) if not isinstance(piece, str)]
    return any(part is operand and _binding(operand) < binding for part, binding in pieces)


def _is_call(node: Apply) -> bool:
    """Whether a node is written `name(...)`: its op has no symbol, or has one but the node has parameters."""
    match node.op.notation:
        case Subscript():
            return False
        case Infix() | Prefix() | Postfix():
            return bool(node.op.arguments(node))
    return True


def _binding(node: Expr) -> int:
    """Return how strongly the outermost part of a node's text binds."""
    if isinstance(node, Literal):
        return SIGN if copysign(1.0, node.value) < 0 else ATOM
    if not isinstance(node, Apply) or _is_call(node):
        return ATOM
    match node.op.notation:
        case Infix(precedence=precedence) | Prefix(precedence=precedence):
            return precedence
        case Postfix() | Subscript():
            return POSTFIX
    return ATOM


def _symbol_pieces(node: Apply, flat: bool = False) -> Sequence[Piece]:
    """Return the pieces of a node that is written with a symbol; `flat` without brackets on the right."""
    match node.op.notation:
        case Infix(symbol=symbol, precedence=precedence, right_associative=True):
            left, right = node.operands
            return ((left, precedence + 1), symbol, (right, SIGN))
        case Infix(symbol=symbol, precedence=precedence):
            left, right = node.operands
            spaced = symbol if precedence == MULTIPLICATIVE and symbol != "@" else f" {symbol} "
            return (
                (left, _left_binding(node, left)),
                spaced,
                (right, precedence + (not flat or _is_inner_product(right))),
            )
        case Prefix(symbol=symbol, precedence=precedence):
            return (symbol, (node.operands[0], precedence))
        case Postfix(symbol=symbol):
            return (_base(node), symbol)
        case Subscript():
            (index,) = node.op.arguments(node).values()
            return (_base(node), f"[{index_text(index)}]")  # type: ignore[arg-type]
    raise TypeError(f"{node.op.name} is written as a call")


def _left_binding(node: Apply, left: Expr) -> int:
    """How strongly the left operand must bind: `(x @ y)*z` keeps its brackets, because `x @ y*z` misleads."""
    precedence = _binding(node)
    misleads = precedence == MULTIPLICATIVE and _is_inner_product(left) and not _is_inner_product(node)
    return precedence + (misleads or _mixes_products(node, left) or precedence == COMPARISON)


def _mixes_products(node: Apply, left: Expr) -> bool:
    """Is it `(A*B) @ C` or `(A @ B)*C` for arrays? Without the brackets a reader has to know which product is first."""
    if _binding(node) != MULTIPLICATIVE or _binding(left) != MULTIPLICATIVE or not isinstance(left, Apply):
        return False
    if not all(x.ndim for x in (*node.operands, *left.operands)):
        return False
    return _symbol(node) != _symbol(left) and "@" in (_symbol(node), _symbol(left))


def _symbol(node: Apply) -> str:
    return node.op.notation.symbol if isinstance(node.op.notation, Infix) else ""


def _is_inner_product(node: Expr) -> bool:
    """Is the node a number made by `@`?"""
    if not isinstance(node, Apply) or node.ndim or not isinstance(node.op.notation, Infix):
        return False
    return node.op.notation.symbol == "@"


def _base(node: Apply) -> Piece:
    (operand,) = node.operands
    return operand, ATOM + 1 if isinstance(operand, Literal) else POSTFIX


def parameter_text(kind: ParameterKind, value: object) -> str:
    """Return a static parameter as it is written in a call."""
    match kind:
        case ParameterKind.SHAPE if isinstance(value, tuple) and len(value) == 1:
            return str(value[0])
        case ParameterKind.SHAPE:
            return shape_text(value)  # type: ignore[arg-type]
        case ParameterKind.SUBSCRIPTS:
            return f'"{value}"'
        case ParameterKind.INDEX:
            return f"[{index_text(value)}]"  # type: ignore[arg-type]
    return str(value)


def call_arguments(node: Apply) -> list[str]:
    """Return the parameters of a call: the required ones by position, others by keyword."""
    kinds = {parameter.name: parameter for parameter in node.op.parameters}
    written: list[str] = []
    for name, value in node.op.arguments(node).items():
        if kinds[name].kind is ParameterKind.ROWS:
            continue
        text = parameter_text(kinds[name].kind, value)
        written.append(text if kinds[name].default is REQUIRED else f"{name}={text}")
    return written


def listed(node: Apply, operands: Sequence[Piece], parameters: Sequence[Piece]) -> Sequence[Piece]:
    """Return what stands between the brackets of a call: operands and parameters as the op takes them."""
    match node.op.variadic:
        case Variadic.SPREAD:
            return separated([*parameters, *operands])
        case Variadic.GROUPED:
            group = [*separated(operands), ",)" if len(operands) == 1 else ")"]
            return ["(", *group, *(piece for parameter in parameters for piece in (", ", parameter))]
        case Variadic.NESTED:
            return ["[", *_in_rows(node, operands), "]"]
    return separated([*operands, *parameters])


def nested_rows(node: Apply) -> tuple[int, ...]:
    """Return how many operands each row of the call has."""
    rows = next(node.op.arguments(node)[p.name] for p in node.op.parameters if p.kind is ParameterKind.ROWS)
    assert isinstance(rows, tuple)
    return rows


def _in_rows(node: Apply, operands: Sequence[Piece]) -> Sequence[Piece]:
    rest = iter(operands)
    pieces: list[Piece] = []
    for count in nested_rows(node):
        pieces += [", ["] if pieces else ["["]
        pieces += [*separated([next(rest) for _ in range(count)]), "]"]
    return pieces


def separated(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces with commas between them."""
    written: list[Piece] = []
    for piece in pieces:
        written += [", ", piece] if written else [piece]
    return written


@dataclass(slots=True)
class _Writer:
    """Writes nodes; `flat` drops the brackets of `2*(X.T @ r)` where reading without them gives the same node."""

    inputs: frozenset[str]
    sizes: frozenset[str]
    flat: bool
    named: dict[Expr, str] = field(default_factory=dict)

    def pieces(self, node: Expr, binding: int) -> Sequence[Piece]:
        if node in self.named:
            return (self.named[node],)
        inside = self.content(node)
        return ("(", *inside, ")") if _binding(node) < binding else inside

    def content(self, node: Expr) -> Sequence[Piece]:
        if isinstance(node, Input):
            return (node.name,)
        if isinstance(node, Literal):
            return (repr(node.value),)
        assert isinstance(node, Apply)
        match node.op.notation:
            case Constant() if node.op.name not in self.inputs | self.sizes:
                return (node.op.name,)
            case SizeName():
                (size,) = node.op.arguments(node).values()
                if str(size) in self.sizes - self.inputs:
                    return (str(size),)
        if _is_call(node):
            return self.call(node)
        return _symbol_pieces(node, flat=self.flat and self.flattens(node))

    def flattens(self, node: Apply) -> bool:
        """Whether `a op (b op c)` may lose its brackets: the builders make the same node of `(a op b) op c`."""
        precedence = _binding(node)
        if not isinstance(node.op.notation, Infix) or precedence not in (ADDITIVE, MULTIPLICATIVE):
            return False
        left, right = node.operands
        spine: list[Apply] = []
        while isinstance(right, Apply) and right not in self.named and _binding(right) == precedence:
            last = right.operands[1]
            bracketed = _symbol(right) == "@" and isinstance(last, Apply) and _symbol(last) != "@"
            if len(spine) == _LONGEST_SPINE or (_binding(last) == precedence and not bracketed):
                return False
            spine.append(right)
            right = right.operands[0]
        if not spine:
            return False
        try:
            built = node.op(left, right)
            for part in reversed(spine):
                built = part.op(built, part.operands[1])
        except SymgradError:
            return False
        return built is node

    def call(self, node: Apply) -> Sequence[Piece]:
        operands = [(operand, 0) for operand in node.operands]
        return [node.op.name, "(", *listed(node, operands, call_arguments(node)), ")"]
