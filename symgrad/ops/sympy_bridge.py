"""The bridge to SymPy, both ways. SymPy itself is imported when the bridge is first crossed."""

from symgrad.ops.sympy_reader import from_sympy
from symgrad.ops.sympy_writer import to_sympy

__all__ = ["from_sympy", "to_sympy"]
