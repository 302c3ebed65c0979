"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explorers.environments.trajectories import Trajectories, write_trajectories
from magnitudes.errors import InputError
from magnitudes.files import check_writable, whole, write_whole
from simulator.measurement.environment import MeasurementError
from simulator.measurement.trace import append, begin, finish, partial_path, read_partial


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_whole(str(target), "one")
    write_whole(target, "zwei ≥ 2")
    assert target.read_text(encoding="utf-8") == "zwei ≥ 2"
    assert names(tmp_path) == ["a.txt"]
    umask = os.umask(0)
    os.umask(umask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.txt").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "there" / "a.txt")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "a.txt").read_text() == "new"


@pytest.mark.parametrize(("number", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "the disk is full"), (errno.EIO, "Input/output error")])
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_what_fails_on_the_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str, where: str) -> None:
    target = tmp_path / "a.txt"
    write_whole(target, "old")

    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os if where == "fsync" else Path, where, full)
    with pytest.raises(InputError, match=rf"cannot write .*a.txt: {says}; free some space or choose another place"):
        write_whole(target, "new")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_system_that_refuses_more_bytes(tmp_path: Path) -> None:
    """A limit of the system stands for a full disk: no function is replaced."""
    (tmp_path / "a.bin").write_bytes(b"old")
    program = f"from magnitudes.files import write_whole; write_whole({str(tmp_path / 'a.bin')!r}, bytes(200_000))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    assert "InputError: cannot write" in done.stderr and "File too large; free some space" in done.stderr
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_whatever_ends_the_block_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("half")
        assert names(tmp_path) == [unfinished.name]
        raise KeyboardInterrupt
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "folder"),
        ("none/x", "there is no folder"),
        ("x" * 400, "name too long"),
        ("/dev/null", "a device or a pipe"),
        ("/dev/stdout", "a device or a pipe"),
        ("a", ""),
    ],
)
def test_paths_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, says: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").symlink_to("a")
    with pytest.raises(InputError, match=rf"(?i)cannot write .*{says}"):
        check_writable(path)
    with pytest.raises(MeasurementError, match="cannot write"), whole(path, error=MeasurementError):
        raise AssertionError("the block of a path that cannot be written is not entered")
    check_writable(None)
    check_writable("x.csv")
    check_writable("x" * 255)
    write_whole("x" * 255, "the longest name")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="no permission"):
        check_writable(str(tmp_path / "x"))


ENVIRONMENT: Mapping[str, str] = {"processor": "one"}
ROW: Mapping[str, Any] = {"op": "add", "rows": 1, "measured_us": 2.0}


def _trace(path: Path) -> None:
    finish(path, ENVIRONMENT, [ROW])


def _games(path: Path) -> None:
    one = Trajectories("bandit", "monotone", "", np.zeros((1, 2, 1), np.float32), np.zeros((1, 1, 1), np.int64), np.zeros((1, 1)))
    write_trajectories(one, path)


@pytest.mark.parametrize(("write", "kept"), [(_trace, ["a.parquet", "a.parquet.partial"]), (_games, ["a.parquet", "a.parquet.partial"])])
def test_tables_are_as_whole_as_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], kept: list[str]) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"old")
    partial_path(path).write_text("rows")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="the disk is full"):
        write(path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == kept


def test_a_full_disk_while_rows_are_measured_keeps_those_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    assert begin(path, ENVIRONMENT) == []
    append(path, ROW)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(MeasurementError, match="the disk is full"):
            begin(path, ENVIRONMENT)
        patched.setattr(Path, "open", full)
        with pytest.raises(MeasurementError, match="make room and run the same command again"):
            append(path, ROW)
    assert list(read_partial(partial_path(path)).rows) == [ROW]
    assert begin(path, ENVIRONMENT) == [ROW]
