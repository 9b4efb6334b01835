"""Rewriting: the same function, written so that it is right everywhere, cheap, and readable."""

from symgrad.simplify import rules
from symgrad.simplify.engine import simplify
from symgrad.simplify.textbook import textbook

__all__ = ["rules", "simplify", "textbook"]
