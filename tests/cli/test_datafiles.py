"""Files for --data: what is read, and what is refused."""

import zipfile

import numpy as np
import pytest
from symgrad_cli import datafiles
from symgrad_cli.datafiles import read_data

from symgrad import InvalidValueError, LimitError


def test_columns_of_a_csv_are_vectors(tmp_path):
    path = tmp_path / "line.CSV"
    path.write_text('﻿x, y ,"note"\n1,2,a\n3,4e1,b\n')
    found = read_data(str(path), {"x", "y"})
    assert {name: column.tolist() for name, column in found.items()} == {"x": [1, 3], "y": [2, 40]}


def test_other_columns_are_not_looked_at(tmp_path):
    path = tmp_path / "line.csv"
    path.write_text("x,label\n1,a\n")
    assert read_data(str(path), {"q"}) == {}


def test_arrays_of_an_npz_are_read_by_name(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, X=np.eye(2), n=np.array([3]), other=np.array([object()], dtype=object))
    found = read_data(str(path), {"X", "n"})
    assert found["X"].tolist() == [[1, 0], [0, 1]] and found["n"].tolist() == [3]


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", "x,y\n", "no rows"),
        ("a.csv", "1,2\n3,4\n", "must name the columns"),
        ("a.csv", "x,x\n1,2\n", "two columns 'x'"),
        ("a.csv", "x,y\n1,2\n3\n", "line 3: 1 columns, the header has 2"),
        ("a.csv", "x,y\n1,2\n3,q\n", "line 3, column y: 'q' is not a number"),
        ("a.csv", "x,y\n1,\n", "line 2, column y: '' is not a number"),
        ("a.csv", b"x,y\n\xff\xfe,1\n", "not UTF-8"),
        ("a.csv", b"\xff\xfe\x00", "not UTF-8"),
        ("a.npz", "not an archive", "not a .npz file"),
        ("a.npz", b"", "not a .npz file"),
        ("a.txt", "x\n1\n", "neither"),
        ("missing.csv", None, "cannot read"),
        ("missing.npz", None, "cannot read"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        write(path, content)
    with pytest.raises(InvalidValueError, match=said):
        read_data(str(path), {"x", "y"})


def test_a_folder_is_refused(tmp_path):
    folder = tmp_path / "folder.npz"
    folder.mkdir()
    with pytest.raises(InvalidValueError, match="cannot read"):
        read_data(str(folder), {"x"})


def test_objects_are_not_unpickled(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvalidValueError, match="pickle"):
        read_data(str(path), {"x"})


def test_text_is_not_a_number(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array(["a"]))
    with pytest.raises(InvalidValueError, match="not real numbers"):
        read_data(str(path), {"x"})


def test_a_broken_member_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"garbage")
    with pytest.raises(InvalidValueError, match="cannot be read"):
        read_data(str(path), {"x"})


def test_an_array_is_not_unpacked_before_its_size_is_known(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros(1001))
    monkeypatch.setattr(datafiles, "MOST_ELEMENTS", 1000)
    with pytest.raises(LimitError, match="1001 numbers"):
        read_data(str(path), {"x"})


def test_a_csv_beyond_the_limit_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("x\n" + "1\n" * 50)
    monkeypatch.setattr(datafiles, "MOST_ELEMENTS", 1)
    with pytest.raises(LimitError, match="larger than"):
        read_data(str(path), {"x"})
