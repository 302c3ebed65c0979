"""Studies that are kept: they go on where they stopped, several processes work on one, and another space's is refused."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from explorers.study import Study, explore
from magnitudes.errors import InputError
from roofscape.cli import main

SPACE = "pim-placement"


def kept(place: str | Path, budget: int, with_: str = "tpe", seed: int = 0) -> Study:
    return explore(SPACE, with_, budget, seed, kept=str(place))


@pytest.mark.parametrize("with_", ["tpe", "nsga2"])
def test_a_study_goes_on_where_it_stopped(tmp_path: Path, with_: str) -> None:
    begun, whole = kept(tmp_path / "s.journal", 20, with_), kept(tmp_path / "s.journal", 40, with_)
    assert (begun.evaluations, whole.evaluations) == (20, 40)
    assert np.array_equal(whole.places[:20], begun.places)
    again = kept(tmp_path / "s.journal", 40, with_)
    assert np.array_equal(again.places, whole.places)


@pytest.mark.parametrize("torn", [1, 17, 100])
def test_a_line_that_a_killed_writer_left_is_cut_off(tmp_path: Path, torn: int) -> None:
    """Twice: what is written behind a torn line must be readable, too."""
    place = tmp_path / "s.journal"
    begun = kept(place, 20)
    place.write_bytes(place.read_bytes()[:-torn])
    again = kept(place, 24)
    assert again.evaluations == 24
    assert np.array_equal(again.places[:19], begun.places[:19])
    assert kept(place, 28).evaluations == 28


def test_a_journal_of_nothing_but_a_torn_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "s.journal").write_bytes(b'{"op_code":0,"work')
    assert kept(tmp_path / "s.journal", 12).evaluations == 12


def test_a_lock_of_a_killed_writer_is_found_from_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is a link to the journal: it has to lead there, or waiting for it would never end."""
    from optuna.storages.journal import JournalFileBackend

    locks = []
    monkeypatch.chdir(tmp_path)
    Path("deep").mkdir()
    monkeypatch.setattr(JournalFileBackend, "__init__", _remembering(JournalFileBackend.__init__, locks))
    kept(Path("deep/s.journal"), 11)
    locks[0].acquire()
    try:
        assert Path("deep/s.journal.lock").resolve() == (tmp_path / "deep" / "s.journal")
        assert Path("deep/s.journal.lock").exists()
    finally:
        locks[0].release()


def _remembering(init: Any, locks: list[Any]) -> Any:
    def wrapped(self: Any, path: str, lock: Any = None) -> None:
        locks.append(lock)
        init(self, path, lock)

    return wrapped


def test_a_full_disk_is_named_and_the_study_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optuna.storages.journal import JournalFileBackend

    place, real, calls = tmp_path / "s.journal", JournalFileBackend.append_logs, []

    def fills_up(self: Any, logs: Any) -> None:
        calls.append(logs)
        if len(calls) == 60:
            with place.open("ab") as file:
                file.write(b'{"half')
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, logs)

    with monkeypatch.context() as full:
        full.setattr(JournalFileBackend, "append_logs", fills_up)
        with pytest.raises(InputError, match="the disk is full; what was told is kept"):
            kept(place, 30)
    assert kept(place, 30).evaluations == 30


def test_a_new_kept_study_is_the_one_in_memory(tmp_path: Path) -> None:
    assert np.array_equal(kept(tmp_path / "s.journal", 25).places, explore(SPACE, "tpe", 25).places)


def test_a_database_serves_as_well(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path}/studies.db"
    assert np.array_equal(kept(place, 12).places, explore(SPACE, "tpe", 12).places)
    assert kept(place, 16).evaluations == 16


def test_seeds_and_explorers_have_studies_of_their_own(tmp_path: Path) -> None:
    place = tmp_path / "s.journal"
    kept(place, 15)
    for other in (kept(place, 15, seed=1), kept(place, 15, "nsga2")):
        assert other.evaluations == 15
    assert np.array_equal(kept(place, 15, seed=1).places, explore(SPACE, "tpe", 15, 1).places)


def test_what_another_process_tells_meanwhile_counts(tmp_path: Path) -> None:
    """One explorer is half way when another, of the same study, comes and does the rest."""
    place, seen = tmp_path / "s.journal", []

    def interrupted(count: int) -> None:
        if count == 15 and not seen:
            seen.append(kept(place, 30).evaluations)

    study = explore(SPACE, "tpe", 40, progress=interrupted, kept=str(place))
    assert seen == [30] and study.evaluations == 40
    assert kept(place, 40).evaluations == 40


def test_a_study_of_another_space_is_refused(tmp_path: Path, project: Path) -> None:
    kept(tmp_path / "s.journal", 5)
    text = (project / "explorers" / "spaces" / f"{SPACE}.yaml").read_text(encoding="utf-8")
    changed = tmp_path / "other.yaml"
    changed.write_text(text.replace("batch: {grid: [1, 2, 4]}", "batch: {grid: [1, 2, 8]}"), encoding="utf-8")
    assert rs.DesignSpace.from_yaml(changed).name == SPACE
    with pytest.raises(InputError, match="keeps a study of another space"):
        explore(str(changed), "tpe", 5, kept=str(tmp_path / "s.journal"))


@pytest.mark.parametrize(("with_", "place", "said"), [
    ("genetic", "s.journal", "genetic keeps no study"), ("exhaustive", "s.journal", "ends with a proof"), ("tpe", "nobody://host/x", "no place for studies"),
    ("tpe", "missing/s.journal", "missing"),
])  # fmt: skip
def test_what_cannot_be_kept_is_said(with_: str, place: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        explore(SPACE, with_, 5, kept=place)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(InputError) as told:
        explore(SPACE, "tpe", 5, kept="nobody://me:secret@host/x")
    assert "secret" not in str(told.value)


def test_the_command_line_keeps_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for budget in ("6", "9"):
        assert main(["explore", SPACE, "--with", "tpe", "--budget", budget, "--study", str(tmp_path / "s.journal"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["evaluations"] == int(budget)
