"""Machine code on disk: found by a hash of everything that shaped it, ignored when damaged or not ours."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core import serialize
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

from symgrad.backends.cachefolder import cache_folder, kernel_name, load, save
from symgrad.backends.numba.entry import entry_symbol
from symgrad.backends.numba.layout import Layout
from symgrad.backends.numba.symbols import Symbol, register
from symgrad.backends.numba.vector_math import SCALAR_ONLY, load_vector_library
from symgrad.backends.options import Options
from symgrad.lowering import kernel_ir
from symgrad.lowering.kernel_ir import Program


@dataclass(frozen=True, slots=True)
class MachineCode:
    """Numba's compilation result, which owns the machine code, and the key in its functions' names."""

    result: Any
    key: str

    @property
    def address(self) -> int:
        """The address of the C function."""
        address: int = self.result.library.get_pointer_to_function(entry_symbol(self.key))
        return address


def cached_compilation(program: Program, layout: Layout, options: Options, use_disk: bool) -> MachineCode:
    """Return the machine code of a program, from the cache folder if it is there."""
    name = cache_key(program, options)
    key = name[:24]
    folder = cache_folder() if use_disk else None
    path = None if folder is None else folder / kernel_name(name)
    if path is not None:
        found = _load(path)
        if found is not None:
            return MachineCode(found, key)
    from symgrad.backends.numba.emission import compile_function  # the compiler: not needed on a hit

    result, symbols = compile_function(program, layout, options, key)
    if path is not None:
        _save(path, result, symbols)
    return MachineCode(result, key)


def cache_key(program: Program, options: Options) -> str:
    """Return the hash of the program and of all that the machine code depends on."""
    versions = (_emission_hash(), llvmlite.__version__, numba.__version__, np.__version__, sys.version, sys.platform)
    processor = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    library = (str(bool(os.environ.get(SCALAR_ONLY))), str(load_vector_library()))
    parts = "\0".join((*versions, *processor, *library, str(options), str(program)))
    return hashlib.sha256(parts.encode()).hexdigest()


@cache
def _emission_hash() -> str:
    """Return the hash of the sources that make code of a program: another version of them may make other code."""
    return hashlib.sha256(b"".join(source.read_bytes() for source in emission_sources())).hexdigest()


def emission_sources() -> list[Path]:
    """Return this package's sources and those of the lowering, which says for instance what a loop carries along."""
    folders = Path(__file__).parent, Path(kernel_ir.__file__).parent
    return [source for folder in folders for source in sorted(folder.glob("*.py"))]


def _load(path: Path) -> Any | None:
    """Return the compilation result in a file; None when there is none, or it is damaged."""
    content = load(path)
    if content is None:
        return None
    try:
        digest, payload = content[:32], content[32:]
        if hashlib.sha256(payload).digest() != digest:
            return None
        symbols, reduced = pickle.loads(payload)
        for library, function, arity in symbols:
            register(Symbol(library, function, arity))
        context = cpu_target.target_context
        rtsys.initialize(context)  # the memory functions that unboxing calls; the rest of Numba stays unloaded
        return CompileResult._rebuild(context, *reduced)
    except Exception:  # whatever is wrong with the file, the kernel can be compiled again
        return None


def _save(path: Path, result: Any, symbols: tuple[Symbol, ...]) -> None:
    content = serialize.dumps(([(s.library, s.function, s.arity) for s in symbols], result._reduce()))
    save(path, hashlib.sha256(content).digest() + content)
