"""The layers, who may import what, and names: read from the sources, without importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each layer may import those of the lines above it; the packages of one line do not import each other.
LAYERS = [
    {"symgrad.errors"},
    {"symgrad.core"},
    {"symgrad.ops"},
    {"symgrad.syntax", "symgrad.diff", "symgrad.simplify", "symgrad.lowering"},
    {"symgrad.backends", "symgrad.steps"},
    {"symgrad.verification"},
    {"symgrad.report"},
    {"symgrad.arguments", "symgrad.testing"},
    {"symgrad.api"},
    {"symgrad.checking"},
    {"symgrad"},
    {"cli"},
]
# Who may import a library: prefixes of module names.
IMPORTERS = {
    "numba": ("symgrad.backends.numba",),
    "llvmlite": ("symgrad.backends.numba",),
    "click": ("cli",),
    "jinja2": ("symgrad.report",),
    "rich": ("cli", "symgrad.report"),
    "sympy": ("symgrad.ops",),
}
RULES = {"symgrad.ops", "symgrad.diff", "symgrad.simplify"}
EVALUATORS = ("eval", "exec", "sympify")
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "tools"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    module_name(path): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("symgrad", "cli")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
PACKAGES = {module_name(path) for folder in ("symgrad", "cli") for path in (ROOT / folder).rglob("__init__.py")}


def layer_of(module: str) -> str:
    parts = module.split(".")
    return parts[0] if parts[0] == "cli" else ".".join(parts[:2])


def rank_of(module: str) -> int:
    return next(rank for rank, packages in enumerate(LAYERS) if layer_of(module) in packages)


def imported_names(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield the modules that an import statement names; `from a import b` gives a.b where that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if module in PACKAGES else module.split(".")[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in SOURCES else base


def own_imports(module: str, tree: ast.AST) -> set[str]:
    return {name for name in imported_names(module, tree) if name in SOURCES and name != module}


def test_every_module_has_a_layer():
    assert [module for module in SOURCES if not any(layer_of(module) in packages for packages in LAYERS)] == []


def test_imports_go_down_the_layers():
    wrong = [
        f"{module} imports {other}"
        for module, tree in SOURCES.items()
        for other in own_imports(module, tree)
        if layer_of(module) != layer_of(other) and rank_of(other) >= rank_of(module)
    ]
    assert wrong == []


def test_there_are_no_import_cycles():
    graph = {module: own_imports(module, tree) for module, tree in SOURCES.items()}
    left = dict(graph)
    while free := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in free:
            del left[module]
    assert sorted(left) == []


def test_the_command_does_not_import_itself_by_the_name_of_its_folder():
    named = [m for m, tree in SOURCES.items() for name in imported_names(m, tree) if name.startswith("symgrad_cli")]
    absolute = [
        module
        for module, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] == "cli"
    ]
    assert named == [] and absolute == []


@pytest.mark.parametrize("library", IMPORTERS)
def test_who_imports_a_library(library):
    wrong = [
        module
        for module, tree in SOURCES.items()
        if any(name.partition(".")[0] == library for name in imported_names(module, tree))
        and not module.startswith(IMPORTERS[library])
    ]
    assert wrong == []


def test_no_module_is_called_vaguely():
    assert [module for module in SOURCES if module.rpartition(".")[2] in VAGUE] == []


def test_rules_are_named_functions():
    """Lambdas and functions called _ have no name in a traceback; where rules live, a lambda is a sort key or wrong."""
    lambdas, nameless = [], []
    for module, tree in SOURCES.items():
        keys = {node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "key"}
        for node in ast.walk(tree):
            if isinstance(node, ast.Lambda) and node not in keys and layer_of(module) in RULES:
                lambdas.append(f"{module}:{node.lineno}")
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "_":
                nameless.append(f"{module}:{node.lineno}")
    assert lambdas == [] and nameless == []


def test_nothing_evaluates_text():
    """The one `exec` is that of generated kernels, in the cache of the Numba backend."""
    calls = [
        module
        for module, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EVALUATORS
    ]
    assert [module for module in calls if not module.startswith("symgrad.backends.numba")] == []


def test_files_are_short_enough_to_read():
    long = {module: node for module, tree in SOURCES.items() if (node := _last_line(tree)) > 600}
    assert long == {}


def _last_line(tree: ast.Module) -> int:
    return max((node.end_lineno or 0 for node in tree.body), default=0)
