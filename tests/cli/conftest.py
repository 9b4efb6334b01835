"""The command in this process (`run`), and as it is installed (`shell`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from symgrad_cli.app import application


@pytest.fixture
def run() -> Callable[..., Result]:
    def invoke(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(application, list(arguments), input=stdin, prog_name="symgrad")

    return invoke


@pytest.fixture
def shell() -> Callable[..., subprocess.CompletedProcess[str]]:
    script = Path(sys.executable).with_name("symgrad")
    assert script.exists(), "install the project first: pip install -e '.[test]'"

    def invoke(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **extra}
        return subprocess.run(
            [str(script), *arguments], capture_output=True, text=True, timeout=120, env=environment, check=False
        )

    return invoke
