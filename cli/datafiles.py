"""Reads --data: arrays by name from a .npz file, vectors by column from a .csv file. Nothing is unpickled."""

from __future__ import annotations

import csv
import warnings
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from symgrad.errors import InvalidValueError, LimitError

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

MOST_ELEMENTS = 10**8
_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_data(path: str, names: Collection[str]) -> dict[str, Array]:
    """Return the arrays of the file that are called as one of `names`.

    InvalidValueError for a file that cannot be read, LimitError for one with more than 1e8 numbers in an array.
    """
    readers = {".npz": _read_npz, ".csv": _read_csv}
    reader = readers.get(Path(path).suffix.lower())
    if reader is None:
        raise InvalidValueError(f"--data: {path} is neither a .npz nor a .csv file")
    try:
        return reader(path, names)
    except OSError as error:
        raise InvalidValueError(f"--data: cannot read {path}: {error.strerror or error}") from None


def _read_npz(path: str, names: Collection[str]) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.namelist() if member.removesuffix(".npy") in names]
            return {member.removesuffix(".npy"): _read_member(archive, member, path) for member in members}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidValueError(f"--data: {path} is not a .npz file ({error})") from None


def _read_member(archive: zipfile.ZipFile, member: str, path: str) -> Array:
    try:
        with archive.open(member) as stream:
            _check_size(stream, member, path)
        with archive.open(member) as stream:
            array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    except ValueError as error:
        raise InvalidValueError(f"--data: {member} of {path} cannot be read: {error}") from None
    if array.dtype.kind not in "biuf":
        raise InvalidValueError(f"--data: {member} of {path} holds {array.dtype}, not real numbers")
    return array


def _check_size(stream: IO[bytes], member: str, path: str) -> None:
    """Look at the shape before the array is read: a small archive can unpack to any size."""
    read_header = _HEADER_READERS.get(np.lib.format.read_magic(stream))
    if read_header is None:
        return
    shape, _, _ = read_header(stream)
    count = 1
    for size in shape:
        count *= size
    if count > MOST_ELEMENTS:
        raise LimitError(f"--data: {member} of {path} has {count} numbers; at most {MOST_ELEMENTS:.0e} are read")


def _read_csv(path: str, names: Collection[str]) -> dict[str, Array]:
    if Path(path).stat().st_size > 20 * MOST_ELEMENTS:
        raise LimitError(f"--data: {path} is larger than {20 * MOST_ELEMENTS:.0e} bytes")
    try:
        header = _read_header(path)
        wanted = [index for index, name in enumerate(header) if name in names]
        if not wanted:
            return {}
        with warnings.catch_warnings(action="ignore"):  # it warns of a file without rows, which is an error below
            table = np.loadtxt(
                path,
                delimiter=",",
                skiprows=1,
                usecols=wanted,
                ndmin=2,
                quotechar='"',
                comments=None,
                encoding="utf-8-sig",
            )
    except UnicodeDecodeError:
        raise InvalidValueError(f"--data: {path} is not UTF-8 text") from None
    except (ValueError, csv.Error) as error:
        raise InvalidValueError(f"--data: {_bad_cell(path) or f'{path}: {error}'}") from None
    if not len(table):
        raise InvalidValueError(f"--data: {path} has a header and no rows")
    return {header[index]: np.ascontiguousarray(column) for index, column in zip(wanted, table.T, strict=True)}


def _read_header(path: str) -> list[str]:
    with Path(path).open(encoding="utf-8-sig", newline="") as stream:
        header = [name.strip() for name in next(csv.reader(stream), [])]
    if not any(header):
        raise InvalidValueError(f"--data: {path} is empty; its first line must name the columns")
    if all(_is_number(name) for name in header):
        raise InvalidValueError(f"--data: the first line of {path} must name the columns, it holds numbers")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InvalidValueError(f"--data: {path} has two columns {twice!r}")
    return header


def _bad_cell(path: str) -> str | None:
    """Return a sentence about the first cell that is not a number, or the first row of another length."""
    with Path(path).open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream)
        header = next(rows)
        for row in rows:
            if row and len(row) != len(header):
                return f"{path}, line {rows.line_num}: {len(row)} columns, the header has {len(header)}"
            for name, cell in zip(header, row, strict=False):
                if not _is_number(cell):
                    return f"{path}, line {rows.line_num}, column {name.strip()}: {cell[:40]!r} is not a number"
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
