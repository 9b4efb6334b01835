"""`symgrad cache`: what is in the folder of compiled kernels, and how to empty it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from symgrad.backends.cachefolder import (
    CachedFile,
    cache_bound,
    cache_location,
    clear,
    contents,
    distrust,
)
from symgrad.errors import InvalidValueError

from .display import show

_UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_TIMES = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@click.group("cache", epilog="Example: symgrad cache info")
def command() -> None:
    """Show or clear the folder of compiled kernels.

    It is SYMGRAD_CACHE_DIR, or a folder of the user's. SYMGRAD_CACHE_SIZE bounds it: bytes, or a number with K, M or G
    (512M unless set; 0 keeps nothing). The kernels that were used longest ago go first.
    """


@command.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(as_json: bool) -> None:
    """Print where the folder is, how much is in it and since when.

    The ages are those of the kernels used longest ago and last.
    """
    folder, bound = _folder(), cache_bound()
    problem = distrust(folder) if folder.exists() else ""
    found = contents(folder)
    ages = sorted(max(0.0, time.time() - file.used) for file in found.kernels)
    facts: dict[str, Any] = {
        "folder": str(folder),
        "exists": folder.is_dir(),
        "ignored": problem or None,
        "files": len(found.kernels),
        "bytes": found.size,
        "bound": bound,
        "leftovers": len(found.abandoned),
        "oldest_use_seconds": ages[-1] if ages else None,
        "latest_use_seconds": ages[0] if ages else None,
    }
    if as_json:
        show((json.dumps(facts, indent=2), ""))
        return
    show(("folder  ", "bold"), (f"{folder}{'' if facts['exists'] else ' (does not exist)'}", ""))
    if problem:
        show(("ignored ", "bold"), (problem, "yellow"))
    show(("kernels ", "bold"), (f"{len(found.kernels)}, {_size(found.size)} of at most {_size(bound)}", ""))
    if found.abandoned:
        show(("leftover", "bold"), (f" {_count(found.abandoned, 'temporary file')} of writers that crashed", ""))
    if ages:
        show(("used    ", "bold"), (f"last {_age(ages[0])} ago, the oldest {_age(ages[-1])} ago", ""))


@command.command("clear")
def clear_command() -> None:
    """Remove the compiled kernels, and temporary files that crashed writers left.

    Other files in the folder, and the folder itself, stay.
    """
    folder = _folder()
    if folder.exists() and (problem := distrust(folder)):
        raise InvalidValueError(f"{folder} is not touched: {problem}")
    removed = clear(folder)
    size = sum(file.size for file in removed)
    show((f"removed {_count(removed, 'file')}, {_size(size)}, from {folder}", ""))
    left = contents(folder).kernels
    if left:
        raise InvalidValueError(f"{_count(left, 'file')} in {folder} could not be removed")


def _folder() -> Path:
    try:
        return cache_location()
    except RuntimeError:
        raise InvalidValueError("there is no home folder; set SYMGRAD_CACHE_DIR to a folder") from None


def _count(files: Sequence[CachedFile], what: str) -> str:
    return f"{len(files)} {what}{'' if len(files) == 1 else 's'}"


def _size(count: int) -> str:
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def _age(seconds: float) -> str:
    for length, name in _TIMES:
        number = int(seconds // length)
        if number:
            return f"{number} {name}{'' if number == 1 else 's'}"
    return "less than a second"
