"""`symgrad codegen`: a formula and its derivatives as a Python module that needs no symgrad."""

from __future__ import annotations

from pathlib import Path

import click

import symgrad as sg
from symgrad.backends.export import BACKENDS
from symgrad.errors import InvalidValueError

from .display import show
from .options import declaration_options
from .problem import read_problem
from .progress import Working

_STANDARD_OUTPUT = "-"


@click.command("codegen", epilog='Example: symgrad codegen "sum((X @ w - y)**2)" --wrt w -o model.py')
@declaration_options
@click.option(
    "--backend",
    type=click.Choice(list(BACKENDS)),
    default="numpy",
    show_default=True,
    help="NumPy (and SciPy where needed), or loops that Numba compiles.",
)
@click.option("--name", default="value", show_default=True, help="Name of the function; the other is NAME_and_grad.")
@click.option(
    "-o", "--output", metavar="FILE", default=_STANDARD_OUTPUT, help="Write the module to FILE (default: print it)."
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def command(
    text: str | None,
    file: str | None,
    wrt: tuple[str, ...],
    shapes: tuple[str, ...],
    assumptions: tuple[str, ...],
    backend: str,
    name: str,
    output: str,
    force: bool,
) -> None:
    """Write a Python module that computes the formula EXPR (- reads it from standard input) and its derivatives.

    The module has two functions: value(...) and value_and_grad(...), which returns the value and a dict of derivatives
    of the shape of the formula and then that of the input. What it assumes stands in its docstring.

    Exit status: 0, or 2 for bad input and for what the backend cannot say.
    """
    problem = read_problem(text, file, wrt, shapes, assumptions, None, None)
    if output != _STANDARD_OUTPUT and not force:
        _refuse_existing(Path(output))
    with Working("differentiating"):
        source = sg.codegen(problem.formula, list(problem.wrt), backend=backend, name=name)
    if output == _STANDARD_OUTPUT:
        click.echo(source, nl=False)
        return
    _write(Path(output), source, force)
    show((f"wrote {output}", ""))


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise InvalidValueError(f"-o: {path} exists; --force overwrites it")


def _write(path: Path, source: str, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(source)
    except FileExistsError:
        raise InvalidValueError(f"-o: {path} exists; --force overwrites it") from None
    except OSError as error:
        raise InvalidValueError(f"-o: cannot write {path}: {error.strerror or error}") from None
