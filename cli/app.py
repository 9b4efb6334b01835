"""The `symgrad` command: its subcommands by name, and what becomes of errors.

Subcommands are imported when they are called, so that `symgrad --help` imports nothing of the library.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NoReturn

import click

from .exit_status import BAD_INPUT, INTERRUPTED, PASSED

COMMANDS: Mapping[str, str] = {
    "derive": "Print the derivative of a formula and check it.",
    "verify": "Check the derivative of a formula.",
    "explain": "Say what made a value or a derivative NaN or infinite.",
    "codegen": "Write a formula and its derivatives as a Python module.",
    "ops": "List the functions of the language.",
    "bench": "Time a formula and its derivative beside what else is installed.",
    "cache": "Show or clear the folder of compiled kernels.",
}


class Application(click.Group):
    """A group whose commands are modules beside this one: `derive` is `derive.command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f".{cmd_name}", __package__).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was called; that nobody reads on is not an error."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()
            return PASSED
        return code

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command and exit: 0, 1 and 3 as the command says, 2 for bad input, 70 for a bug of symgrad."""
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
        except click.ClickException as error:
            _show_usage(error)
            code = BAD_INPUT
        except click.Abort:
            code = INTERRUPTED
        except Exception as error:
            # imported here: it needs the library, which `symgrad --help` does not load
            from .failures import explain

            code = explain(error)
        sys.exit(code if isinstance(code, int) else PASSED)


def _show_usage(error: click.ClickException) -> None:
    error.show()
    option = getattr(error, "option_name", "")
    if isinstance(error, click.NoSuchOption) and not option.startswith("--"):
        click.echo("A formula that begins with a minus goes last, behind --: symgrad derive -- '-x**2'", err=True)


def _discard_output() -> None:
    """Leave nothing for the interpreter to flush at exit: whoever read our output has gone."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """Print the version and exit."""
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"symgrad {version('symgrad')}")
    ctx.exit()


@click.group(
    cls=Application,
    epilog='Example: symgrad derive "sum((X @ w - y)**2) + lam*sum(w**2)" --wrt w',
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Print the version and exit.",
)
def application() -> None:
    """From a formula to its derivative, a Numba kernel and a check of both."""


def main() -> NoReturn:
    """Run the command line; the entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    application.main()
