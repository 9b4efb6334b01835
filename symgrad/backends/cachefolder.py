"""The folder of compiled kernels: where it is, what is in it, and how it stays within its bound.

It imports no numba, so that `symgrad cache` starts at once. A file is found by its name alone and is written in one
step, so readers and writers need no lock. Its time of modification is that of its last use: a hit renews it, and
pruning removes the files that were used longest ago.

Nobody scans the folder to know whether it has grown too large. Every writer appends a byte for each 4 KiB it saved to
the journal, which tells all processes how much came in since the folder was last pruned (a short append is atomic).
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from symgrad.errors import InvalidValueError

FOLDER_VARIABLE = "SYMGRAD_CACHE_DIR"
SIZE_VARIABLE = "SYMGRAD_CACHE_SIZE"
DEFAULT_BOUND = 512 * 2**20
JOURNAL = "journal"
_UNIT = 4096  # bytes that one byte of the journal stands for
_SHARE = 8  # the folder is pruned when an eighth of the bound came in, and an eighth is then free
_ABANDONED = 3600.0  # seconds after which the temporary file of a writer is taken to be left over
_KERNEL = re.compile(r"[0-9a-f]{64}\.kernel")
_TEMPORARY = re.compile(r"[0-9a-f]{16}[a-z0-9_]+\.tmp")
_BOUND = re.compile(r"(\d+)\s*([KMG]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
_FACTORS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of ours: its size in bytes, and when it was last used."""

    path: Path
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Contents:
    """The kernels in the folder, and the temporary files that crashed writers left there."""

    kernels: tuple[CachedFile, ...]
    abandoned: tuple[CachedFile, ...]

    @property
    def size(self) -> int:
        """The bytes of all of them."""
        return sum(file.size for file in (*self.kernels, *self.abandoned))


def kernel_name(key: str) -> str:
    """Return the name of the file of a kernel, whose key is a SHA-256 in hexadecimal digits."""
    return f"{key}.kernel"


def cache_location() -> Path:
    """Return where the folder is or would be. RuntimeError when the user has no home folder."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else _user_cache() / "symgrad"


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def cache_folder() -> Path | None:
    """Return the folder, made if need be; None when there can be none that only this user writes to."""
    try:
        folder = cache_location()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: no home folder
        return None
    return None if distrust(folder) else folder


def distrust(folder: Path) -> str:
    """Return why nothing may be loaded from a folder; empty if only this user can write to it."""
    try:
        status = folder.stat()
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISDIR(status.st_mode):
        return "not a folder"
    if not hasattr(os, "getuid"):
        return ""
    if status.st_uid != os.getuid():
        return "it belongs to another user"
    return "others can write to it" if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""


def cache_bound() -> int:
    """Return the largest size of the folder in bytes: SYMGRAD_CACHE_SIZE, such as 200M, or 512 MiB.

    InvalidValueError for a size that cannot be read.

    >>> cache_bound() >= 0
    True
    """
    given = os.environ.get(SIZE_VARIABLE, "").strip()
    if not given:
        return DEFAULT_BOUND
    match = _BOUND.fullmatch(given)
    if match is None:
        raise InvalidValueError(f"{SIZE_VARIABLE} is a number of bytes such as 1000000, 200M or 2G, not {given!r}")
    return int(match[1]) * _FACTORS[match[2].upper()]


def load(path: Path) -> bytes | None:
    """Return what is in a file of the folder and note that it was used; None when it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):  # a folder that cannot be written
        os.utime(path)
    return content


def save(path: Path, content: bytes) -> None:
    """Write a file in one step, so that no process sees half of it; prune the folder when it is time.

    A folder that cannot be written is no error. What is larger than the bound is not kept.
    """
    bound = cache_bound()
    if len(content) > bound:
        return
    with suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem[:16], suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        if _note(path.parent, len(content)) > bound // _SHARE:
            prune(path.parent, bound)


def _note(folder: Path, size: int) -> int:
    """Enter a saved file in the journal; return the bytes that came in since the folder was pruned."""
    journal = os.open(folder / JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(journal, b"." * -(-size // _UNIT))
        return os.fstat(journal).st_size * _UNIT
    finally:
        os.close(journal)


def prune(folder: Path, bound: int) -> None:
    """Remove what was used longest ago until an eighth of the bound is free, and what crashed writers left.

    Another process may prune, read or write at the same time: a file that is gone is no error, and a reader that
    finds none compiles.
    """
    with suppress(OSError):
        (folder / JOURNAL).unlink()
    found = contents(folder)
    remove(found.abandoned)
    room = bound - bound // _SHARE
    for file in sorted(found.kernels, key=_last_use, reverse=True):
        room -= file.size
        if room < 0:
            remove([file])


def _last_use(file: CachedFile) -> float:
    return file.used


def contents(folder: Path) -> Contents:
    """Return what of ours is in the folder; nothing when it cannot be read. Other files are left out."""
    kernels: list[CachedFile] = []
    abandoned: list[CachedFile] = []
    now = time.time()
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            file = _file(entry)
            if file is None:
                continue
            if _KERNEL.fullmatch(entry.name):
                kernels.append(file)
            elif _TEMPORARY.fullmatch(entry.name) and now - file.used > _ABANDONED:
                abandoned.append(file)
    return Contents(tuple(kernels), tuple(abandoned))


def _file(entry: os.DirEntry[str]) -> CachedFile | None:
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        status = entry.stat(follow_symlinks=False)
    except OSError:  # removed by another process in between
        return None
    return CachedFile(Path(entry.path), status.st_size, status.st_mtime)


def remove(files: Iterable[CachedFile]) -> list[CachedFile]:
    """Remove files; return those that are gone by it."""
    removed: list[CachedFile] = []
    for file in files:
        with suppress(OSError):
            file.path.unlink()
            removed.append(file)
    return removed


def clear(folder: Path) -> list[CachedFile]:
    """Remove every kernel, the journal and what crashed writers left; return the kernels and leftovers removed."""
    found = contents(folder)
    with suppress(OSError):
        (folder / JOURNAL).unlink()
    return remove((*found.kernels, *found.abandoned))
