"""How LLVM optimises a kernel: the whole module once.

Numba optimises each function when it is emitted, then the module cheaply, for its reference counts, then the module
again. A kernel has no reference counts, so two of the three are lost time.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class KernelLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The machine code of one kernel."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        manager, builder = self._codegen._module_pass_manager()
        manager.run(self._final_module, builder)


class KernelCompiler(Compiler):  # type: ignore[misc]
    """Numba's compiler, which puts what it makes into a `KernelLibrary`."""

    def __init__(self, typing_context: Any, target_context: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing_context, target_context, library, *rest)
        if self.state.library is None:
            self.state.library = KernelLibrary(target_context.codegen(), "kernel")
            self.state.library.enable_object_caching()
