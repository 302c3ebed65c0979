"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from magnitudes.errors import InputError
from roofscape.files import check_writable, write_whole


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_whole(str(target), "one")
    write_whole(str(target), "zwei ≥ 2")
    assert target.read_text(encoding="utf-8") == "zwei ≥ 2"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_what_fails_on_the_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.txt"
    write_whole(str(target), "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left on device; free some space"):
        write_whole(str(target), "new")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(("path", "says"), [("", "folder"), ("none/x", "there is no folder"), ("x" * 400, "name too long")])
def test_paths_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, says: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"(?i)cannot write .*{says}"):
        check_writable(path)
    check_writable(None)
    check_writable("x.csv")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="no permission"):
        check_writable(str(tmp_path / "x"))
