"""What is installed: the package list against the tree, versions, and the command."""

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import symgrad

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_list_of_packages_is_the_tree():
    library = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "symgrad").rglob("__init__.py")}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == library | {"symgrad_cli"}
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {"symgrad_cli": "cli"}
    assert list((ROOT / "cli").rglob("__init__.py")) == [ROOT / "cli" / "__init__.py"]


def test_every_folder_with_modules_is_a_package():
    folders = {path.parent for path in (ROOT / "symgrad").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_version_is_said_once_everywhere():
    assert symgrad.__version__ == PROJECT["project"]["version"] == metadata.version("symgrad")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {symgrad.__version__}" in changes


def test_types_are_shipped():
    assert (ROOT / "symgrad" / "py.typed").exists()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"]["symgrad"]


def test_files_beside_the_modules_are_shipped():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["symgrad"]
    shipped = {path for pattern in patterns for path in (ROOT / "symgrad").glob(pattern)}
    files = [path for path in (ROOT / "symgrad").rglob("*.*") if path.is_file() and "__pycache__" not in path.parts]
    beside = {path for path in files if path.suffix != ".py"}
    assert beside == shipped and len(shipped) >= 3


def test_the_command_is_installed():
    (script,) = metadata.entry_points(group="console_scripts", name="symgrad")
    assert script.value == "symgrad_cli.app:main"
    assert callable(script.load())


@pytest.mark.parametrize(
    "name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "docs/design.md", "docs/verification.md"]
)
def test_the_papers_are_there(name):
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_what_is_public_is_there():
    assert [name for name in symgrad.__all__ if not hasattr(symgrad, name)] == []
    assert len(set(symgrad.__all__)) == len(symgrad.__all__)


def collected(seed: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_tests_are_collected_in_the_same_order_under_the_same_names():
    """pytest-xdist refuses workers that disagree: ids and orders depend on no hash seed and no address."""
    once, again = collected("1"), collected("2")
    assert len(once) > 1000 and once == again
