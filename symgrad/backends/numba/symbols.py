"""C functions that kernels call, and objects they compare with, registered with LLVM under names of our own.

Cached machine code refers to these names, never to addresses, so it can be loaded by another process.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

import llvmlite.binding as llvm
import numpy as np

from symgrad.errors import OperandError

_BLAS, _LAPACK = "scipy.linalg.cython_blas", "scipy.linalg.cython_lapack"
_ALONE = (_BLAS, _LAPACK)  # modules that need nothing of their package


class Library(Enum):
    """Where a function comes from."""

    LIBM = "libm"
    BLAS = "blas"
    LAPACK = "lapack"
    SPECIAL = "special"
    PYTHON = "python"
    NUMPY = "numpy"  # objects, not functions


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A C function; `arity` tells overloads of special functions apart."""

    library: str
    function: str
    arity: int = 0

    @property
    def name(self) -> str:
        """The name that LLVM code uses."""
        return f"symgrad_{self.library}_{self.function}"


def register(symbol: Symbol) -> str:
    """Make the symbol known to LLVM and return its name. OperandError when the platform has no such function."""
    if llvm.address_of_symbol(symbol.name) is None:
        address = _FINDERS[Library(symbol.library)](symbol)
        if address is None:
            raise OperandError(f"there is no function {symbol.function} in {symbol.library} on this platform")
        llvm.add_symbol(symbol.name, address)
    return symbol.name


def has_function(name: str) -> bool:
    """Say whether the C library has a function of this name; exp10 is not in the C standard."""
    return _in_libm(Symbol(Library.LIBM.value, name)) is not None


@cache
def _libm() -> ctypes.CDLL:
    if sys.platform.startswith("linux"):
        for name in ("libm.so.6", "libm.so"):
            try:
                return ctypes.CDLL(name)
            except OSError:
                continue
    return ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)


def _in_libm(symbol: Symbol) -> int | None:
    try:
        function = getattr(_libm(), symbol.function)
    except AttributeError:
        return None
    return ctypes.cast(function, ctypes.c_void_p).value


def _in_blas(symbol: Symbol) -> int | None:
    return _capsule_address(_BLAS, symbol.function)


def _in_lapack(symbol: Symbol) -> int | None:
    return _capsule_address(_LAPACK, symbol.function)


def _in_python(symbol: Symbol) -> int | None:
    return ctypes.cast(getattr(ctypes.pythonapi, symbol.function), ctypes.c_void_p).value


def _in_numpy(symbol: Symbol) -> int | None:
    """Return the address of an object that lives as long as the process."""
    objects = {
        "ndarray": np.ndarray,
        "number": np.float64,
        "float64": np.dtype("float64"),
        "float32": np.dtype("float32"),
    }
    return id(objects[symbol.function])


def _in_special(symbol: Symbol) -> int | None:
    """Pick the overload of cython_special whose arguments are all double."""
    module = "scipy.special.cython_special"
    wanted = f"double ({'double, ' * symbol.arity}int __pyx_skip_dispatch)".encode()
    pattern = re.compile(rf"(__pyx_fuse_[0-9_]+?)?{re.escape(symbol.function)}\Z")
    for name, capsule in _capsules(module).items():
        if pattern.match(name) and _capsule_name(capsule) == wanted:
            return _capsule_address(module, name)
    return None


def _capsules(module: str) -> Mapping[str, object]:
    capsules: Mapping[str, object] = _extension(module).__pyx_capi__
    return capsules


@cache
def _extension(name: str) -> ModuleType:
    """Import an extension module of SciPy without the package around it, which takes a third of a second."""
    package, _, _ = name.rpartition(".")
    if name in sys.modules or package in sys.modules or name not in _ALONE:
        return import_module(name)
    root, _, folder = package.partition(".")
    places = [str(Path(place) / folder) for place in import_module(root).__path__]
    spec = PathFinder.find_spec(name, places)
    if spec is None or spec.loader is None:
        return import_module(name)
    module = sys.modules[name] = module_from_spec(spec)  # where the package will look for it
    try:
        spec.loader.exec_module(module)
    except ImportError:
        del sys.modules[name]
        return import_module(name)
    return module


def _capsule_name(capsule: object) -> bytes:
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    name: bytes = get_name(capsule)
    return name


def _capsule_address(module: str, name: str) -> int | None:
    capsule = _capsules(module).get(name)
    if capsule is None:
        return None
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address: int = get_pointer(capsule, _capsule_name(capsule))
    return address


_FINDERS: dict[Library, Callable[[Symbol], int | None]] = {
    Library.LIBM: _in_libm,
    Library.BLAS: _in_blas,
    Library.LAPACK: _in_lapack,
    Library.SPECIAL: _in_special,
    Library.PYTHON: _in_python,
    Library.NUMPY: _in_numpy,
}
