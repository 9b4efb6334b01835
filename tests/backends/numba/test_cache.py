"""Machine code on disk: found by a second process, ignored when damaged, never an obstacle."""

import os
import subprocess
import sys

import numpy as np
import pytest

from symgrad.backends import cachefolder
from symgrad.backends.numba import cache as disk
from symgrad.backends.numba import compile_program
from symgrad.backends.options import Options
from symgrad.core.dims import named
from symgrad.core.expr import Input, lookup
from symgrad.lowering import lower

n = named("n")
v, A = Input("v", (n,)), Input("A", (n, n))

SECOND_PROCESS = """
import sys
import numpy as np
import symgrad.ops
from symgrad.backends.numba import cache, compile_program
from symgrad.core.dims import named
from symgrad.core.expr import Input, lookup
from symgrad.lowering import lower
v, A = Input("v", (named("n"),)), Input("A", (named("n"), named("n")))
program = lower([lookup("digamma")(lookup("exp")(v)), A @ v, lookup("solve")(A, v)], [v, A])
kernel = compile_program(program)
print(*(float(result.sum()) for result in kernel([np.ones(3), np.eye(3) * 2], {"n": 3})))
other = compile_program(lower([lookup("sin")(v)], [v]))
print(float(other([np.ones(1)], {"n": 1})[0][0]))
print("symgrad.backends.numba.emission" in sys.modules)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "kernels"
    monkeypatch.setenv(cachefolder.FOLDER_VARIABLE, str(path))
    return path


def value(program=None):
    kernel = compile_program(program or lower([lookup("exp")(v) + 1], [v]))
    return kernel([np.zeros(2)], {"n": 2})[0]


def kernels(folder):
    return sorted(folder.glob("*.kernel"))


def run_again():
    done = subprocess.run([sys.executable, "-c", SECOND_PROCESS], capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:3]


def test_a_second_process_finds_the_kernels_and_compiles_nothing(folder):
    first, second = run_again(), run_again()
    assert first[:2] == second[:2]
    assert (first[2], second[2]) == ("True", "False")
    assert len(kernels(folder)) == 2


def test_the_folder_is_private(folder):
    value()
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700
        assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_file_is_replaced(folder, damage):
    value()
    (file,) = kernels(folder)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    np.testing.assert_array_equal(value(), [2.0, 2.0])
    assert len(file.read_bytes()) > len(whole) // 2
    assert disk._load(file) is not None


def test_a_file_with_a_right_hash_and_wrong_content_is_ignored(folder):
    value()
    (file,) = kernels(folder)
    payload = b"not a pickle"
    file.write_bytes(disk.hashlib.sha256(payload).digest() + payload)
    np.testing.assert_array_equal(value(), [2.0, 2.0])


def test_no_folder_is_no_obstacle(tmp_path, monkeypatch):
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv(cachefolder.FOLDER_VARIABLE, str(occupied / "below"))
    assert cachefolder.cache_folder() is None
    np.testing.assert_array_equal(value(), [2.0, 2.0])


def test_a_folder_that_cannot_be_written_is_no_obstacle(folder, monkeypatch):
    def refuse(*_args, **_keywords):
        raise PermissionError("read-only")

    monkeypatch.setattr(cachefolder.tempfile, "mkstemp", refuse)
    np.testing.assert_array_equal(value(), [2.0, 2.0])
    assert not list(folder.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_folder_that_others_can_write_is_not_trusted(folder):
    folder.mkdir()
    folder.chmod(0o777)
    value()
    assert not list(folder.iterdir())


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_no_obstacle(folder):
    folder.mkdir(mode=0o500)
    np.testing.assert_array_equal(value(), [2.0, 2.0])
    assert not list(folder.iterdir())


WRITER = """
import sys
import numpy as np
import symgrad.ops
from symgrad.backends.numba import compile_program
from symgrad.core.dims import named
from symgrad.core.expr import Input, lookup
from symgrad.lowering import lower
v = Input("v", (named("n"),))
print("ready", flush=True)
sys.stdin.readline()
own = float(sys.argv[1])
for number in (1.0, 2.0, own):
    found = compile_program(lower([lookup("exp")(v) + number], [v]))([np.zeros(2)], {"n": 2})[0]
    assert (found == 1 + number).all(), (number, found)
"""


def test_processes_may_compile_into_one_folder_at_once(folder):
    """Three write the same kernels and one of their own at the same time, and each gets right numbers."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(10 + k)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for k in range(3)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    assert len(kernels(folder)) == 2 + 3 and not list(folder.glob("*.tmp"))
    assert all(disk._load(file) is not None for file in kernels(folder))


def test_a_hit_makes_a_kernel_recent(folder):
    value()
    (file,) = kernels(folder)
    os.utime(file, (1e9, 1e9))
    np.testing.assert_array_equal(value(), [2.0, 2.0])
    assert file.stat().st_mtime > 1e9 + 1


def test_with_a_bound_of_nothing_nothing_is_kept(folder, monkeypatch):
    monkeypatch.setenv(cachefolder.SIZE_VARIABLE, "0")
    np.testing.assert_array_equal(value(), [2.0, 2.0])
    assert not list(folder.iterdir())


def test_the_key_depends_on_program_dtype_and_options(monkeypatch):
    one, other = lower([v + 1], [v]), lower([v + 2], [v])
    plain = Options()
    keys = {disk.cache_key(one, plain), disk.cache_key(other, plain), disk.cache_key(one, Options("float32"))}
    keys.add(disk.cache_key(one, Options(reproducible=True)))
    monkeypatch.setenv("SYMGRAD_SCALAR_MATH", "1")
    keys.add(disk.cache_key(one, plain))
    assert len(keys) == 5 and disk.cache_key(lower([v + 1], [v]), plain) in keys


def test_the_key_covers_every_module_of_the_lowering_that_the_emission_imports():
    sources = disk.emission_sources()
    covered = {f"symgrad.lowering.{source.stem}" for source in sources if source.parent.name == "lowering"}
    lines = [line for x in sources if x.parent.name == "numba" for line in x.read_text().splitlines()]
    imported = {line.split()[1] for line in lines if line.startswith("from symgrad.lowering.")}
    assert {"symgrad.lowering.shifting", "symgrad.lowering.looporder"} <= imported <= covered
