"""The command as installed: help, what it imports, pipes, and what happens to errors."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from symgrad_cli import app, derive, failures

HEAVY = ("numba", "llvmlite", "sympy", "scipy", "mpmath", "matplotlib")


def loaded_by(*arguments: str) -> set[str]:
    """Return the top-level modules that a command line has imported when it ends."""
    program = f"""
import sys
from symgrad_cli.app import application
try:
    application.main({list(arguments)!r}, prog_name="symgrad")
except SystemExit:
    pass
print("\\nmodules:", *{{name.partition(".")[0] for name in sys.modules}})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stdout.rpartition("modules:")[2].split())


def test_help_imports_nothing_of_the_library():
    loaded = loaded_by("--help")
    assert "click" in loaded
    assert loaded.isdisjoint({*HEAVY, "symgrad", "numpy", "rich"})


def test_derive_without_verification_imports_no_heavy_library():
    loaded = loaded_by("derive", "sum((X @ w - y)**2) + lam*sum(w**2)", "--no-verify")
    assert "symgrad" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_piped_derivation_imports_no_rich():
    assert "rich" not in loaded_by("derive", "x**2", "--no-verify", "--format", "json")


@pytest.mark.parametrize("command", ["derive", "verify", "ops"])
def test_every_command_has_help_with_an_example(shell, command):
    done = shell(command, "--help")
    assert done.returncode == 0
    assert f"Example: symgrad {command}" in done.stdout


def test_the_group_has_help_with_an_example(shell):
    done = shell("--help")
    assert done.returncode == 0 and "Example: symgrad derive" in done.stdout
    assert all(name in done.stdout for name in app.COMMANDS)


def test_the_short_helps_agree_with_the_commands(run):
    for name, summary in app.COMMANDS.items():
        assert summary.endswith(".") and run(name, "--help").exit_code == 0


def test_the_version_is_printed(run):
    import symgrad

    assert run("--version").output == f"symgrad {symgrad.__version__}\n"


def test_no_command_shows_the_help(run):
    result = run()
    assert result.exit_code == 2 and "Commands:" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("dervie", "x"),
        ("derive",),
        ("derive", "x", "--wat"),
        ("derive", "x", "--format", "pdf"),
        ("derive", "x", "y"),
        ("derive", "x", "-f", "model.txt"),
        ("verify", "x", "--points", "0"),
        ("verify", "x", "--seed", "one"),
        ("verify",),
    ],
)
def test_usage_errors(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and "Error: " in result.stderr


def test_a_formula_that_looks_like_an_option_gets_a_hint(run):
    result = run("derive", "-x**2")
    assert result.exit_code == 2 and "behind --" in result.stderr
    assert run("derive", "--no-verify", "--", "-x**2").exit_code == 0


def fail_with(error: BaseException):
    def failing(*_arguments: object, **_options: object) -> None:
        raise error

    return failing


def test_a_bug_is_reported_without_a_traceback(run, monkeypatch):
    monkeypatch.setattr(derive, "read_problem", fail_with(RuntimeError("planted")))
    result = run("derive", "x")
    assert result.exit_code == 70
    assert "bug of symgrad (RuntimeError: planted)" in result.stderr and "Traceback" not in result.stderr


def test_a_bug_shows_its_traceback_when_asked(run, monkeypatch):
    monkeypatch.setattr(derive, "read_problem", fail_with(RuntimeError("planted")))
    monkeypatch.setenv("SYMGRAD_DEBUG", "1")
    assert "Traceback" in run("derive", "x").stderr


def test_an_interrupt_ends_with_130(run, monkeypatch):
    monkeypatch.setattr(derive, "read_problem", fail_with(KeyboardInterrupt()))
    result = run("derive", "x")
    assert result.exit_code == 130 and "Traceback" not in result.stderr


def test_too_little_memory_is_said(capsys):
    assert failures.explain(MemoryError()) == 2
    assert "memory" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error():
    script = Path(sys.executable).with_name("symgrad")
    process = subprocess.Popen([script, "ops"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    stderr = process.stderr.read()
    assert process.wait(timeout=120) == 0
    assert stderr == b""


def test_output_that_the_locale_cannot_show_is_escaped(shell):
    done = shell("derive", "x", "--at", "é=1", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_commands_are_click_commands():
    context = click.Context(app.application)
    for name in app.COMMANDS:
        command = app.application.get_command(context, name)
        assert isinstance(command, click.Command) and command.name == name
    assert app.application.get_command(context, "os") is None


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_on_a_terminal_only(no_color, coloured):
    import pty

    script = Path(sys.executable).with_name("symgrad")
    main, terminal = pty.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm-256color", "COLUMNS": "40"}
    formula = "sin(x)*cos(y)*exp(x*y)*tanh(x - y)*sqrt(1 + x**2)"
    process = subprocess.Popen(
        [script, "derive", formula, "--no-verify", "--wrt", "x"], stdout=terminal, stderr=terminal, env=environment
    )
    os.close(terminal)
    output = b""
    while True:
        try:
            block = os.read(main, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not block:
            break
        output += block
    assert process.wait(timeout=60) == 0
    assert (b"\x1b[" in output) is coloured
    assert formula.encode() in output  # not wrapped, though the terminal is narrow
