"""Standalone modules: a formula and its derivatives as Python source that needs NumPy or Numba, and not symgrad."""

from symgrad.backends.export.module import BACKENDS, write_module

__all__ = ["BACKENDS", "write_module"]
