"""From tokens to a syntax tree, by operator precedence.

Each grammar rule is a generator that yields the rule it needs next and is sent the tree it made; `_run` keeps the
waiting rules on a list, so neither nesting nor long chains of operators use Python's own stack.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeAlias, TypeVar

from symgrad.core.notation import ADDITIVE, COMPARISON, MULTIPLICATIVE, POWER, SIGN
from symgrad.errors import FormulaSyntaxError, InvalidValueError, LimitError, Span, UnknownNameError
from symgrad.syntax import ast
from symgrad.syntax.lexer import Token, tokenize
from symgrad.syntax.limits import Limits
from symgrad.syntax.suggestions import attribute_message

_Made = TypeVar("_Made")
_Rule: TypeAlias = Generator[Generator[Any, Any, Any], Any, _Made]  # yields rules, is sent what they made

_BINARY = {
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), COMPARISON),
    **dict.fromkeys(("+", "-"), ADDITIVE),
    **dict.fromkeys(("*", "/", "@", "//"), MULTIPLICATIVE),
    "**": POWER,
}
_SIGNS = ("+", "-")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An operator whose right operand is not complete."""

    token: Token
    precedence: int
    prefix: bool = False


def parse_program(source: str, limits: Limits) -> ast.Program:
    """Return the syntax tree of a text; FormulaSyntaxError or LimitError where it is none."""
    parser = _Parser(source, limits)
    statements = parser.statements()
    return ast.Program(source, statements)


def parse_size(source: str, limits: Limits) -> ast.Tree:
    """Return the tree of a size such as `n - 1`."""
    parser = _Parser(source, limits)
    for token in parser.tokens:
        if token.kind == "string":
            parser.fail("there are no strings in a size", token.span)
    tree = _run(parser.expression())
    if parser.peek().kind != "end":
        parser.fail_at(parser.peek())
    return tree


def _run(rule: _Rule[_Made]) -> _Made:
    waiting: list[Generator[Any, Any, Any]] = [rule]
    made: Any = None
    while True:
        try:
            needed = waiting[-1].send(made)
        except StopIteration as finished:
            waiting.pop()
            made = finished.value
            if not waiting:
                return made  # type: ignore[no-any-return]
        else:
            waiting.append(needed)
            made = None


class _Parser:
    def __init__(self, source: str, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self.tokens = tokenize(source, limits)
        self.position = 0
        self.nodes = 0

    # --- tokens ---

    def peek(self, ahead: int = 0) -> Token:
        return self.tokens[min(self.position + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.peek()
        self.position += 1
        return token

    def at(self, text: str) -> bool:
        token = self.peek()
        return token.kind == "symbol" and token.text == text

    def accept(self, text: str) -> bool:
        if not self.at(text):
            return False
        self.position += 1
        return True

    def expect(self, text: str, where: str) -> Token:
        if not self.at(text):
            self.fail(f"expected '{text}' {where}, found {_described(self.peek())}", self.peek().span)
        return self.take()

    def fail(self, message: str, span: Span) -> NoReturn:
        raise FormulaSyntaxError(message, span=span, source=self.source)

    def fail_at(self, token: Token) -> NoReturn:
        before = self.tokens[self.position - 1] if self.position else None
        if token.text == "=":
            self.fail("'=' has no place here; only a name or f(x, ...) is assigned, and == compares", token.span)
        if before is not None and before.text in ("lambda", "def", "import", "if", "for", "return", "not"):
            self.fail(f"there is no '{before.text}' in a formula, which is one expression", before.span)
        if token.text in ("and", "or", "if", "is", "in", "for", "not", "else"):
            self.fail(f"there is no '{token.text}' in a formula; use where(condition, a, b) or comparisons", token.span)
        if before is not None and token.kind in ("name", "number"):
            self.fail(f"expected an operator before {_described(token)}; write * to multiply", token.span)
        self.fail(f"{_described(token)} has no place here", token.span)

    def count(self, tree: ast.Tree) -> ast.Tree:
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            raise LimitError(
                f"the formula has more than {self.limits.nodes:,} nodes", span=tree.span, source=self.source
            )
        return tree

    # --- statements ---

    def statements(self) -> tuple[ast.Statement, ...]:
        found: list[ast.Statement] = []
        while True:
            while self.peek().kind == "separator":
                self.take()
            if self.peek().kind == "end":
                break
            found.append(self.statement())
            if self.peek().kind not in ("separator", "end"):
                self.fail_at(self.peek())
        if not found:
            self.fail("there is no formula in the text", Span(0, len(self.source)))
        return tuple(found)

    def statement(self) -> ast.Statement:
        if self.peek().kind == "name" and self.peek(1).text == "=":
            target = self.take()
            self.take()
            return ast.Statement(_run(self.expression()), ast.Name(target.text, target.span))
        if self.peek().kind == "name" and self.peek(1).text == "(" and self.is_definition():
            target = self.take()
            parameters = self.declarations()
            self.expect("=", "after the parameters")
            return ast.Statement(_run(self.expression()), ast.Name(target.text, target.span), parameters)
        several = self.several_names()
        return ast.Statement(_run(self.expression()), several=several)

    def several_names(self) -> tuple[ast.Name, ...]:
        """Read `a, b =` or `(a, b) =`, if that stands here; otherwise nothing."""
        start = self.position
        bracket = self.accept("(")
        names: list[ast.Name] = []
        while self.peek().kind == "name":
            token = self.take()
            names.append(ast.Name(token.text, token.span))
            if not self.accept(","):
                break
        comma = self.tokens[self.position - 1].text == "," or len(names) > 1
        if comma and (not bracket or self.accept(")")) and self.accept("="):
            return tuple(names)
        self.position = start
        return ()

    def is_definition(self) -> bool:
        depth = 0
        for index in range(self.position + 1, len(self.tokens)):
            text = self.tokens[index].text
            depth += (text in ("(", "[")) - (text in (")", "]"))
            if depth == 0:
                return self.tokens[index + 1].text == "="
        return False

    def declarations(self) -> tuple[ast.Declaration, ...]:
        self.take()
        found: list[ast.Declaration] = []
        while not self.at(")"):
            token = self.take()
            if token.kind != "name":
                self.fail(f"expected the name of a parameter, found {_described(token)}", token.span)
            sizes: tuple[ast.Tree, ...] = ()
            if self.at("["):
                opened = self.peek().span
                brackets = _run(self.brackets())
                sizes = brackets.items
                if not sizes:
                    self.fail(f"a scalar parameter is written {token.text}, without brackets", opened)
            found.append(ast.Declaration(token.text, sizes, token.span, self.properties()))
            if not self.accept(","):
                break
        self.expect(")", "after the parameters")
        return tuple(found)

    def properties(self) -> tuple[ast.Name, ...]:
        """Read what is assumed of a parameter: `: lower invertible`."""
        if not self.accept(":"):
            return ()
        found: list[ast.Name] = []
        while self.peek().kind == "name":
            token = self.take()
            found.append(ast.Name(token.text, token.span))
        if not found:
            self.fail(f"expected what is assumed, such as symmetric, found {_described(self.peek())}", self.peek().span)
        return tuple(found)

    # --- expressions ---

    def expression(self) -> _Rule[ast.Tree]:
        operands: list[ast.Tree] = []
        waiting: list[_Waiting] = []
        while True:
            while self.peek().kind == "symbol" and self.peek().text in _SIGNS:
                waiting.append(_Waiting(self.take(), SIGN, prefix=True))
            operands.append((yield self.postfix()))
            token = self.peek()
            precedence = _BINARY.get(token.text) if token.kind == "symbol" else None
            self.reduce(operands, waiting, precedence or 0)
            if precedence is None:
                return operands[0]
            if precedence == COMPARISON and waiting and waiting[-1].precedence == COMPARISON:
                self.fail("comparisons are not chained; write (a < b)*(b < c)", token.span)
            waiting.append(_Waiting(self.take(), precedence))

    def reduce(self, operands: list[ast.Tree], waiting: list[_Waiting], precedence: int) -> None:
        while waiting and (
            waiting[-1].precedence > precedence
            or (waiting[-1].precedence == precedence and precedence not in (POWER, COMPARISON))
        ):
            operator = waiting.pop()
            right = operands.pop()
            if operator.prefix:
                operands.append(self.count(_signed(operator.token, right)))
                continue
            left = operands.pop()
            token = operator.token
            operands.append(self.count(ast.Binary(token.text, left, right, token.span, left.span.merge(right.span))))

    def postfix(self) -> _Rule[ast.Tree]:
        tree: ast.Tree = yield self.atom()
        while True:
            if self.at("["):
                index: ast.Brackets = yield self.brackets()
                tree = self.count(ast.Subscript(tree, index, tree.span.merge(index.span)))
            elif self.accept("."):
                token = self.take()
                if token.text != "T":
                    self.fail_attribute(tree, token)
                tree = self.count(ast.Transpose(tree, tree.span.merge(token.span)))
            elif self.at("("):
                self.fail(
                    "only a function's name can be called; write * to multiply", tree.span.merge(self.peek().span)
                )
            else:
                return tree

    def fail_attribute(self, tree: ast.Tree, token: Token) -> NoReturn:
        if token.kind != "name":
            self.fail(f"expected T after '.', found {_described(token)}", token.span)
        base = tree.name if isinstance(tree, ast.Name) else ""
        raise UnknownNameError(
            attribute_message(base, token.text), span=tree.span.merge(token.span), source=self.source
        )

    def atom(self) -> _Rule[ast.Tree]:
        token = self.take()
        if token.kind == "number":
            return self.count(self.number(token))
        if token.kind == "string":
            return self.count(ast.Text(token.text[1:-1], token.span))
        if token.kind == "name" and self.at("("):
            return self.count((yield self.call(token)))
        if token.kind == "name":
            return self.count(ast.Name(token.text, token.span))
        if token.kind == "symbol" and token.text == "(":
            grouped: ast.Tree = yield self.group(token)
            return grouped
        if token.kind in ("end", "separator"):
            self.fail("the formula ends where a value is expected", self.last_span())
        return self.fail(f"expected a value, found {_described(token)}", token.span)

    def last_span(self) -> Span:
        return self.tokens[max(self.position - 2, 0)].span

    def number(self, token: Token) -> ast.Number:
        if token.text.isdigit():
            return ast.Number(int(token.text), token.span)
        value = float(token.text)
        if value == float("inf"):
            raise InvalidValueError(
                "a number in a formula must be finite and below 1.8e308", span=token.span, source=self.source
            )
        return ast.Number(value, token.span)

    def group(self, opened: Token) -> _Rule[ast.Tree]:
        if self.at(")"):
            return self.count(ast.Sequence((), opened.span.merge(self.take().span)))
        first: ast.Tree = yield self.argument()
        if not self.at(",") and not isinstance(first, ast.Brackets):
            span = opened.span.merge(self.expect(")", "after the expression").span)
            return (
                replace(first, span=span, closed=True) if isinstance(first, ast.Number) else replace(first, span=span)
            )
        items = [first]
        while self.accept(",") and not self.at(")"):
            items.append((yield self.argument()))
        return self.count(ast.Sequence(tuple(items), opened.span.merge(self.expect(")", "after the tuple").span)))

    def call(self, name: Token) -> _Rule[ast.Tree]:
        self.take()
        arguments: list[ast.Tree] = []
        keywords: list[ast.Keyword] = []
        while not self.at(")"):
            if self.peek().kind == "name" and self.peek(1).text == "=":
                keyword = self.take()
                self.take()
                value: ast.Tree = yield self.argument()
                if any(keyword.text == other.name for other in keywords):
                    self.fail(f"{keyword.text}= is given twice", keyword.span)
                keywords.append(ast.Keyword(keyword.text, value, keyword.span))
            else:
                arguments.append((yield self.argument()))
                if keywords:
                    self.fail("arguments without a name come before those with one", arguments[-1].span)
            if not self.accept(","):
                break
        closed = self.expect(")", "after the arguments")
        return ast.Call(name.text, tuple(arguments), tuple(keywords), name.span, name.span.merge(closed.span))

    def argument(self) -> _Rule[ast.Tree]:
        found: ast.Tree = yield (self.brackets() if self.at("[") else self.expression())
        return found

    def brackets(self) -> _Rule[ast.Brackets]:
        opened = self.take()
        items: list[ast.Tree] = []
        while not self.at("]"):
            items.append((yield self.index_item()))
            if not self.accept(","):
                break
        closed = self.expect("]", "after the index")
        brackets = ast.Brackets(tuple(items), opened.span.merge(closed.span))
        self.count(brackets)
        return brackets

    def index_item(self) -> _Rule[ast.Tree]:
        first = self.peek().span
        parts: list[ast.Tree | None] = []
        while True:
            absent = self.at(":") or self.at(",") or self.at("]")
            parts.append(None if absent else (yield self.argument()))
            if len(parts) == 3 or not self.accept(":"):
                break
        if len(parts) == 1:
            if parts[0] is None:
                self.fail(f"expected an index, found {_described(self.peek())}", self.peek().span)
            return parts[0]
        start, stop, step = [*parts, None][:3]
        return self.count(ast.Slice(start, stop, step, first.merge(self.tokens[self.position - 1].span)))


def _signed(sign: Token, operand: ast.Tree) -> ast.Tree:
    span = sign.span.merge(operand.span)
    if isinstance(operand, ast.Number) and not operand.closed:
        return ast.Number(-operand.value if sign.text == "-" else operand.value, span, closed=True)
    return ast.Unary(sign.text, operand, span)


def _described(token: Token) -> str:
    if token.kind == "end":
        return "the end of the text"
    if token.kind == "separator":
        return "the end of the line" if token.text == "\n" else "';'"
    return f"'{token.text[:40]}'"
