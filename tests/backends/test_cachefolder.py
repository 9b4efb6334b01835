"""The folder of compiled kernels: bounded, private, and indifferent to what else is in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from symgrad.backends import cachefolder
from symgrad.backends.cachefolder import JOURNAL, cache_bound, cache_folder, clear, contents, load, prune, save
from symgrad.errors import InvalidValueError

KIB = 1024


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "kernels"
    monkeypatch.setenv(cachefolder.FOLDER_VARIABLE, str(path))
    found = cache_folder()
    assert found == path
    return path


def kernel(folder: Path, number: int) -> Path:
    return folder / cachefolder.kernel_name(f"{number:064x}")


def total(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.kernel"))


def test_what_is_saved_is_loaded(folder):
    save(kernel(folder, 1), b"code")
    assert load(kernel(folder, 1)) == b"code" and load(kernel(folder, 2)) is None


def test_the_bound_holds_after_every_save_and_the_last_used_stay(folder, monkeypatch):
    monkeypatch.setenv(cachefolder.SIZE_VARIABLE, "256K")
    for number in range(60):
        save(kernel(folder, number), b"x" * 10 * KIB)
        os.utime(kernel(folder, number), (1e9 + number, 1e9 + number))
        assert total(folder) <= 256 * KIB
    kept = {int(file.stem, 16) for file in folder.glob("*.kernel")}
    assert max(kept) == 59 and len(kept) >= 20 and kept == set(range(60 - len(kept), 60))


def test_a_used_kernel_outlives_younger_ones(folder, monkeypatch):
    monkeypatch.setenv(cachefolder.SIZE_VARIABLE, "1M")
    for number in range(6):
        save(kernel(folder, number), b"x" * 10 * KIB)
        os.utime(kernel(folder, number), (1e9 + number, 1e9 + number))
    assert load(kernel(folder, 0)) is not None
    prune(folder, 40 * KIB)
    assert {int(file.stem, 16) for file in folder.glob("*.kernel")} == {0, 4, 5}


def test_the_folder_is_scanned_once_in_an_eighth_of_the_bound(folder, monkeypatch):
    scans = []
    scan = os.scandir
    monkeypatch.setattr(cachefolder.os, "scandir", lambda path: scans.append(path) or scan(path))
    monkeypatch.setenv(cachefolder.SIZE_VARIABLE, "8M")
    for number in range(100):
        save(kernel(folder, number), b"x" * 40 * KIB)
    assert len(scans) == 3  # 4 MB came in, 1 MiB at a time
    assert total(folder) == 100 * 40 * KIB


def test_what_is_larger_than_the_bound_is_not_kept(folder, monkeypatch):
    monkeypatch.setenv(cachefolder.SIZE_VARIABLE, "1K")
    save(kernel(folder, 1), b"x" * 2 * KIB)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 512 * 2**20),
        ("0", 0),
        ("1000", 1000),
        ("2k", 2048),
        ("3M", 3 * 2**20),
        ("1 GiB", 2**30),
        ("5MB", 5 * 2**20),
    ],
)
def test_the_bound_is_read_from_the_environment(text, size, monkeypatch):
    monkeypatch.setenv(cachefolder.SIZE_VARIABLE, text)
    assert cache_bound() == size


@pytest.mark.parametrize("text", ["-1", "much", "1.5G", "1e6", "²"])
def test_a_bound_that_cannot_be_read_is_an_error(text, monkeypatch):
    monkeypatch.setenv(cachefolder.SIZE_VARIABLE, text)
    with pytest.raises(InvalidValueError, match="SYMGRAD_CACHE_SIZE is a number of bytes"):
        cache_bound()


def test_only_our_files_are_cleared(folder):
    save(kernel(folder, 1), b"code")
    others = ["notes.txt", "model.kernel", "ABC.kernel", "thing.tmp", f"{1:064x}.kernel.bak"]
    for name in others:
        (folder / name).write_text("mine")
    (folder / "sub").mkdir()
    (folder / "sub" / f"{2:064x}.kernel").write_text("mine")
    (folder / f"{3:064x}.kernel").mkdir()
    assert [file.path for file in clear(folder)] == [kernel(folder, 1)]
    assert {path.name for path in folder.iterdir()} == {*others, "sub", f"{3:064x}.kernel"}


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_link_is_not_followed(folder, tmp_path):
    target = tmp_path / "target"
    target.write_text("mine")
    kernel(folder, 1).symlink_to(target)
    assert clear(folder) == [] and target.exists() and kernel(folder, 1).is_symlink()


def test_what_a_crashed_writer_left_goes_when_it_is_old(folder):
    old, new = folder / f"{'0' * 16}abcd_123.tmp", folder / f"{'1' * 16}abcd_123.tmp"
    for path in (old, new):
        path.write_bytes(b"half a ker")
    hours_ago = time.time() - 7200
    os.utime(old, (hours_ago, hours_ago))
    assert [file.path for file in contents(folder).abandoned] == [old]
    prune(folder, 2**20)
    assert not old.exists() and new.exists()


def test_a_missing_folder_has_nothing_in_it(tmp_path):
    assert contents(tmp_path / "none") == cachefolder.Contents((), ())
    assert clear(tmp_path / "none") == []
    save(kernel(tmp_path / "none", 1), b"code")
    assert not (tmp_path / "none").exists()


def test_a_file_is_no_folder(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("mine")
    monkeypatch.setenv(cachefolder.FOLDER_VARIABLE, str(path))
    assert cache_folder() is None and cachefolder.distrust(path) == "not a folder"
    assert clear(path) == [] and path.read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_folder_of_others_is_ignored(folder, monkeypatch):
    folder.chmod(0o770)
    assert cache_folder() is None and cachefolder.distrust(folder) == "others can write to it"
    folder.chmod(0o700)
    monkeypatch.setattr(cachefolder.os, "getuid", lambda: folder.stat().st_uid + 1)
    assert cache_folder() is None and cachefolder.distrust(folder) == "it belongs to another user"


CHURN = """
import sys
from pathlib import Path
from symgrad.backends.cachefolder import kernel_name, load, save
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
for round in range(150):
    number = (seed + round * 7) % 40
    path = folder / kernel_name(f"{number:064x}")
    content = load(path)
    assert content is None or content == bytes([number]) * 8192, number
    save(path, bytes([number]) * 8192)
"""


def test_writers_readers_and_pruning_at_once(folder, monkeypatch):
    monkeypatch.setenv(cachefolder.SIZE_VARIABLE, "128K")
    running = [subprocess.Popen([sys.executable, "-c", CHURN, str(folder), str(seed)]) for seed in range(4)]
    assert [process.wait(timeout=120) for process in running] == [0] * 4
    assert not list(folder.glob("*.tmp"))
    assert total(folder) <= (128 + 4 * 16) * KIB  # four writers may each be one file ahead of the journal
    assert (folder / JOURNAL).exists() or total(folder) <= 128 * KIB
