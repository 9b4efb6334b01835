"""`symgrad cache info` and `symgrad cache clear`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from symgrad.backends import cachefolder


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "kernels"
    monkeypatch.setenv(cachefolder.FOLDER_VARIABLE, str(path))
    monkeypatch.setenv(cachefolder.SIZE_VARIABLE, "2M")
    return path


def fill(folder: Path, *sizes: int) -> None:
    folder.mkdir(mode=0o700)
    for number, size in enumerate(sizes):
        cachefolder.save(folder / cachefolder.kernel_name(f"{number:064x}"), b"x" * size)


def test_info(run, folder):
    fill(folder, 1024, 2048)
    os.utime(folder / cachefolder.kernel_name(f"{0:064x}"), (1e9, 1e9))
    done = run("cache", "info")
    assert done.exit_code == 0
    assert str(folder) in done.output and "2, 3.0 KiB of at most 2.0 MiB" in done.output
    assert "days ago" in done.output


def test_info_as_json(run, folder):
    fill(folder, 1024, 2048)
    facts = json.loads(run("cache", "info", "--json").output)
    assert facts["folder"] == str(folder) and facts["exists"] and facts["ignored"] is None
    assert (facts["files"], facts["bytes"], facts["bound"], facts["leftovers"]) == (2, 3072, 2 * 2**20, 0)
    assert 0 <= facts["latest_use_seconds"] <= facts["oldest_use_seconds"] < 3600


def test_info_makes_no_folder(run, folder):
    assert "does not exist" in run("cache", "info").output
    facts = json.loads(run("cache", "info", "--json").output)
    assert (facts["exists"], facts["files"], facts["oldest_use_seconds"]) == (False, 0, None)
    assert not folder.exists()


def test_clear_says_what_it_removed_and_leaves_the_rest(run, folder):
    fill(folder, 1024, 2048)
    (folder / "notes.txt").write_text("mine")
    done = run("cache", "clear")
    assert (done.exit_code, done.output) == (0, f"removed 2 files, 3.0 KiB, from {folder}\n")
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert run("cache", "clear").output == f"removed 0 files, 0 bytes, from {folder}\n"


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_folder_that_others_can_write_is_not_touched(run, folder, monkeypatch):
    fill(folder, 1024)
    folder.chmod(0o777)
    assert "others can write to it" in run("cache", "info").output
    done = run("cache", "clear")
    assert done.exit_code != 0 and "is not touched" in str(done.exception) + done.output
    assert len(list(folder.glob("*.kernel"))) == 1


def test_a_bad_bound_is_bad_input(shell, folder):
    done = shell("cache", "info", SYMGRAD_CACHE_SIZE="large")
    assert done.returncode == 2 and "SYMGRAD_CACHE_SIZE" in done.stderr


def test_the_commands_load_no_numba(folder):
    script = (
        "import sys; from symgrad_cli.app import application\n"
        "for words in (['cache', 'info'], ['cache', 'clear']):\n"
        "    try: application.main(words)\n"
        "    except SystemExit as end: assert not end.code\n"
        "assert not {'numba', 'llvmlite', 'sympy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
