"""Calls of the math library that LLVM's loop vectoriser may widen, through glibc's libmvec.

A call that carries "vector-function-abi-variant" is replaced by a call of the vector function it names, when the
loop around it is vectorised. Three details make it work: the scalar symbol has a name of our own (LLVM turns a known
`exp` back into its intrinsic), the vector functions are listed in @llvm.compiler.used (or they are dropped before the
vectoriser runs), and the wide calls are offered only where the processor has the registers for them.
Without libmvec (macOS, Windows, musl) the plain call remains. The only module that touches llvmlite's internals.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from llvmlite.ir import instructions
from numba.core import cgutils

from symgrad.backends.numba.symbols import Library, Symbol, register

SCALAR_ONLY = "SYMGRAD_SCALAR_MATH"  # set in the environment: never use vector functions
_VECTOR_BITS = {
    "x86_64": (("b", 128, "sse2"), ("d", 256, "avx2"), ("e", 512, "avx512f")),
    "aarch64": (("n", 128, "neon"),),
}


class _RawCallAttributes(instructions.CallInstrAttributes):  # type: ignore[misc]
    """Call attributes plus one string attribute, which llvmlite has no spelling for."""

    def __init__(self, known: Iterable[str], raw: str) -> None:
        super().__init__(known)
        self._raw = raw

    def _to_list(self, *args: Any) -> list[str]:
        return [*super()._to_list(*args), self._raw]


def prefer_wide_vectors(function: ir.Function) -> None:
    """Let the vectoriser use 512-bit registers in `function`, which must not be inlined to keep the attribute."""
    function.attributes.add("noinline")
    set.add(function.attributes, '"prefer-vector-width"="512"')


def math_call(
    builder: ir.IRBuilder, name: str, operands: Sequence[ir.Value], vector: bool = True
) -> tuple[ir.Value, Symbol]:
    """Emit a call of the C function `name` (without the `f` of its float version); return it and its symbol."""
    real = operands[0].type
    function = name + ("f" if isinstance(real, ir.FloatType) else "")
    symbol = Symbol(Library.LIBM.value, function)
    scalar = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(real, [real] * len(operands)), register(symbol)
    )
    call = builder.call(scalar, operands)
    variants = vector_variants(function, len(operands), 32 if function != name else 64) if vector else ()
    known = ("nounwind", "readnone")
    if not variants:
        call.attributes.update(known)
        return call, symbol
    vectors = []
    for lanes, vector_symbol in variants:
        vector = ir.VectorType(real, lanes)
        kind = ir.FunctionType(vector, [vector] * len(operands))
        vectors.append(cgutils.get_or_insert_function(builder.module, kind, vector_symbol))
    keep(builder.module, vectors)
    shape = "v" * len(operands)
    mapping = ",".join(f"_ZGV_LLVM_N{lanes}{shape}_{symbol.name}({vector})" for lanes, vector in variants)
    call.attributes = _RawCallAttributes(known, f'"vector-function-abi-variant"="{mapping}"')
    return call, symbol


def vector_variants(function: str, arity: int, bits: int) -> tuple[tuple[int, str], ...]:
    """Return (lanes, symbol) of the vector versions of a C function that this processor and libmvec have."""
    return () if os.environ.get(SCALAR_ONLY) else _available_variants(function, arity, bits)


@cache
def _available_variants(function: str, arity: int, bits: int) -> tuple[tuple[int, str], ...]:
    if not load_vector_library():
        return ()
    found = []
    features = llvm.get_host_cpu_features()
    for letter, width, feature in _VECTOR_BITS.get(platform.machine(), ()):
        symbol = f"_ZGV{letter}N{width // bits}{'v' * arity}_{function}"
        if features.get(feature, False) and llvm.address_of_symbol(symbol) is not None:
            found.append((width // bits, symbol))
    return tuple(found)


@cache
def load_vector_library() -> bool:
    """Load libmvec, which cached kernels refer to; say whether it is there."""
    if platform.system() != "Linux":
        return False
    try:
        llvm.load_library_permanently("libmvec.so.1")
    except RuntimeError:
        return False
    return True


def keep(module: ir.Module, functions: Sequence[ir.GlobalValue]) -> None:
    """List functions, or variables, in @llvm.compiler.used: LLVM does not drop them."""
    kept: dict[str, ir.GlobalValue] = module.__dict__.setdefault("_symgrad_vector_functions", {})
    if all(function.name in kept for function in functions):
        return
    kept.update((function.name, function) for function in functions)
    pointer = ir.IntType(8).as_pointer()
    array = ir.ArrayType(pointer, len(kept))
    used = module.globals.get("llvm.compiler.used")
    if used is None:
        used = ir.GlobalVariable(module, array, "llvm.compiler.used")
    used.value_type, used.type = array, array.as_pointer()
    used.linkage, used.section = "appending", "llvm.metadata"
    used.initializer = ir.Constant(array, [function.bitcast(pointer) for function in kept.values()])
