"""From text to tokens. Everything that is too long, too deep or not ASCII is refused here, before any parsing."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from symgrad.errors import FormulaSyntaxError, LimitError, OperandError, Span, SymgradError
from symgrad.syntax.limits import Limits

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*)
      | (?P<newline>\n)
      | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<symbol>\*\*|//|<=|>=|==|!=|[-+*/@<>=()\[\],:;.])""",
    re.VERBOSE,
)
_STRING = re.compile(r"""(?P<string>"[^"'\n]*"|'[^"'\n]*')""")
_BEFORE_STRING = ("(", ",", "=")  # anywhere else a quote is another language's transpose
_CLOSING = {"(": ")", "[": "]"}

# What other languages write, and what to write here; the longest spelling that fits is taken.
_FOREIGN_SYMBOLS = {
    "^": "powers are written **",
    ".*": "* works on each entry already; write * without the dot",
    "./": "/ works on each entry already; write / without the dot",
    ".^": "** works on each entry already; write **",
    "'": "the transpose is written .T",
    '"': "there are no strings in a formula",
    "`": "there are no strings in a formula",
    "&": "there is no 'and'; multiply the conditions, as in (a > 0)*(b > 0)",
    "|": "there is no 'or'; use maximum(a > 0, b > 0)",
    "!": "there is no 'not'; compare with == 0",
    "~": "there is no 'not'; compare with == 0",
    "%": "there is no remainder; comments start with #",
    "{": "use round brackets ( ) for grouping",
    "}": "use round brackets ( ) for grouping",
    "\\": "this is not LaTeX: write the name of the function alone",
}
_LOOK_ALIKES = {
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{MIDDLE DOT}": "*",
    "\N{DOT OPERATOR}": "*",
    "\N{DIVISION SIGN}": "/",
    "\N{SUPERSCRIPT TWO}": "**2",
    "\N{SUPERSCRIPT THREE}": "**3",
    "\N{SQUARE ROOT}": "sqrt",
    "\N{N-ARY SUMMATION}": "sum",
    "\N{GREEK SMALL LETTER LAMDA}": "lam",
    "\N{GREEK SMALL LETTER PI}": "pi",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{NO-BREAK SPACE}": "a space",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text: `kind` is number, name, string, symbol, separator or end."""

    kind: str
    text: str
    span: Span


def tokenize(source: str, limits: Limits) -> list[Token]:
    """Return the tokens of `source`, an `end` token last.

    Newlines outside brackets and `;` are separators, newlines inside brackets are space.
    LimitError for a text or nesting over the limits, FormulaSyntaxError for a character that has no place here.
    """
    _check_text(source, limits)
    tokens: list[Token] = []
    open_brackets: list[Token] = []
    position = 0
    while position < len(source):
        match = _string(source, position, tokens) or _TOKEN.match(source, position)
        if match is None or (match.lastgroup != "string" and _foreign_symbol(source, position)):
            raise _unreadable(source, position)
        kind, text, span = match.lastgroup or "", match.group(), Span(position, match.end())
        position = match.end()
        if kind == "space" or (kind == "newline" and open_brackets):
            continue
        if kind == "newline" or (text == ";" and not open_brackets):
            kind = "separator"
        token = Token(kind, text, span)
        if kind == "number":
            _check_number(source, token, limits)
        _track_brackets(source, token, open_brackets, limits)
        tokens.append(token)
    if open_brackets:
        raise FormulaSyntaxError(
            f"'{open_brackets[-1].text}' is never closed", span=open_brackets[-1].span, source=source
        )
    tokens.append(Token("end", "", Span(len(source), len(source))))
    return tokens


def _string(source: str, position: int, tokens: list[Token]) -> re.Match[str] | None:
    """Return the string that begins here, where an argument may begin."""
    allowed = bool(tokens) and tokens[-1].text in _BEFORE_STRING
    return _STRING.match(source, position) if allowed else None


def _check_text(source: str, limits: Limits) -> None:
    if not isinstance(source, str):
        raise OperandError(f"a formula is a str, not {type(source).__name__}")
    if len(source) > limits.characters:
        raise LimitError(
            f"the text has {len(source):,} characters; the limit is {limits.characters:,}",
            span=Span(limits.characters, limits.characters + 1),
            source=source,
        )


def _check_number(source: str, token: Token, limits: Limits) -> None:
    after = source[token.span.end : token.span.end + 1]
    if after.isalnum() or after == "_":
        raise FormulaSyntaxError(
            f"'{token.text[:20]}{after}' is not a number; write * to multiply", span=token.span, source=source
        )
    if len(token.text) > limits.digits:
        raise LimitError(
            f"a number of {len(token.text):,} characters; the limit is {limits.digits}", span=token.span, source=source
        )


def _track_brackets(source: str, token: Token, open_brackets: list[Token], limits: Limits) -> None:
    if token.text in _CLOSING:
        open_brackets.append(token)
        if len(open_brackets) > limits.depth:
            raise LimitError(f"brackets are nested deeper than {limits.depth}", span=token.span, source=source)
        return
    if token.text not in _CLOSING.values():
        return
    if not open_brackets:
        raise FormulaSyntaxError(f"'{token.text}' closes nothing", span=token.span, source=source)
    opened = open_brackets.pop()
    if _CLOSING[opened.text] != token.text:
        raise FormulaSyntaxError(
            f"'{token.text}' does not close '{opened.text}'", span=opened.span.merge(token.span), source=source
        )


def _foreign_symbol(source: str, position: int) -> str:
    for length in (2, 1):
        text = source[position : position + length]
        if text in _FOREIGN_SYMBOLS and len(text) == length and source[position : position + 2] != "!=":
            return text
    return ""


def _unreadable(source: str, position: int) -> SymgradError:
    character = source[position]
    symbol = _foreign_symbol(source, position)
    if symbol:
        message, length = f"'{symbol}' has no meaning here; {_FOREIGN_SYMBOLS[symbol]}", len(symbol)
    elif character.isascii() and character.isprintable():
        message, length = f"'{character}' has no meaning in a formula", 1
    else:
        message, length = _describe_character(character, position), 1
    return FormulaSyntaxError(message, span=Span(position, position + length), source=source)


def _describe_character(character: str, position: int) -> str:
    name = unicodedata.name(character, "a control character" if ord(character) < 32 else "unnamed")
    hint = f"; write {_LOOK_ALIKES[character]}" if character in _LOOK_ALIKES else "; a formula is written in ASCII"
    return f"the character U+{ord(character):04X} ({name}) at position {position} is not allowed{hint}"
