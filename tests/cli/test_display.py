"""Output through rich, as on a terminal, says the same as the plain one; progress shows on a terminal only."""

import io
import sys
import time

import pytest
from symgrad_cli import display, progress
from symgrad_cli.progress import Working


def yes() -> bool:
    return True


@pytest.mark.parametrize("arguments", [("derive", "sin(x)*y", "--no-verify", "--hessian"), ("ops", "tanh")])
def test_rich_lines_are_the_plain_ones(run, monkeypatch, arguments):
    plain = run(*arguments).stdout
    monkeypatch.setattr(display, "colourful", yes)
    assert run(*arguments).stdout == plain


def test_the_table_of_ops_on_a_terminal(run, monkeypatch):
    monkeypatch.setattr(display, "colourful", yes)
    monkeypatch.setenv("COLUMNS", "300")
    output = run("ops").stdout
    assert "1 - tanh(x)**2" in output and "function" in output.splitlines()[0]


def test_the_report_on_a_terminal(run, monkeypatch):
    monkeypatch.setattr(display, "colourful", yes)
    monkeypatch.setenv("COLUMNS", "200")
    result = run("verify", "x**2", "--points", "1")
    assert (
        result.exit_code == 0
        and "PASS: 1 of 1 derivative block at 1 point" in result.stdout
        and "route" in result.stdout
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("variables", "expected"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_when_there_are_colours(monkeypatch, variables, expected):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert display.colourful() is expected
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not display.colourful()


def wait_for(working: Working) -> None:
    for _ in range(500):
        if working._status is not None:
            return
        time.sleep(0.01)
    pytest.fail("no spinner came")


def test_slow_work_shows_how_far_it_is(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    with Working("verifying") as working:
        wait_for(working)
        working.advance(1, 3)
        assert working._status.status == "verifying (1 of 3)"
    assert "verifying" in terminal.getvalue()


def test_quick_work_shows_nothing(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Working("verifying") as working:
        working.advance(1, 3)
    assert terminal.getvalue() == ""


def test_a_pipe_shows_nothing(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    with Working("verifying") as working:
        assert working._timer is None
    assert pipe.getvalue() == ""
