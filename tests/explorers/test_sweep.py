"""Nothing of a sweep is lost: killed at random it resumes to the same bytes, on one process or several; a wrong folder is refused."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from explorers import store as stores
from explorers.pareto import not_dominated
from explorers.query import count, query, write_csv
from explorers.space.catalog import find_space, read_space
from explorers.space.file import space_tree
from explorers.store import StoreError, open_store
from explorers.sweep import sweep
from magnitudes.errors import InputError
from magnitudes.names import NameMiss

NAME, PART = "h100-like-decode", 15_000


def digest(folder: Path) -> str:
    """A digest of all parts."""
    total = hashlib.sha256()
    for part in sorted(folder.glob("part-*.parquet")):
        total.update(part.name.encode())
        total.update(part.read_bytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "results"
    sweep(find_space(NAME), folder, part_size=PART)
    return folder


def test_killed_five_times_it_resumes_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    generator = random.Random(7)
    out = tmp_path / "results"
    slow = (  # each part waits, so that the kill falls into the work
        "import time; from explorers import sweep as s, store; from explorers.space.catalog import find_space\n"
        "write = s.write_part\n"
        "def slowly(*a): time.sleep(0.05); write(*a)\n"
        f"s.write_part = slowly; s.sweep(find_space({NAME!r}), {str(out)!r}, part_size={PART})"
    )
    killed = 0
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", slow], cwd=Path(__file__).parents[2])
        deadline = time.monotonic() + 30
        before = len(list(out.glob("part-*"))) if out.is_dir() else 0
        while process.poll() is None and time.monotonic() < deadline and (not out.is_dir() or len(list(out.glob("part-*"))) <= before):
            time.sleep(0.01)
        time.sleep(generator.random() * 0.1)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed == 5
    assert open_store(out).missing()
    sweep(find_space(NAME), out, part_size=PART)
    assert digest(out) == digest(whole)
    assert not list(out.glob(".*"))


def test_two_processes_give_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    sweep(find_space(NAME), tmp_path / "two", part_size=PART, workers=2)
    assert digest(tmp_path / "two") == digest(whole)


def test_drawn_designs_are_the_seeds(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        sweep(find_space(NAME), tmp_path / name, sample=5000, seed=seed, part_size=2000)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_a_folder_of_another_space_is_refused(whole: Path) -> None:
    tree = space_tree(find_space(NAME)) | {"constraints": ["fits"]}
    other = read_space(yaml.safe_dump(tree, sort_keys=False), "other")
    with pytest.raises(StoreError, match="another space"):
        sweep(other, whole, part_size=PART)
    with pytest.raises(StoreError, match="another size"):
        sweep(find_space(NAME), whole, part_size=PART + 1)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="other files"):
        sweep(find_space(NAME), tmp_path)
    with pytest.raises(StoreError, match="no results folder"):
        open_store(tmp_path)


def test_a_full_disk_is_named_and_nothing_is_left_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    real, calls = pq.write_table, []

    def fails_later(table: object, where: Path, **options: object) -> None:
        calls.append(where)
        if len(calls) == 3:
            Path(where).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(table, where, **options)

    monkeypatch.setattr(pq, "write_table", fails_later)
    with pytest.raises(StoreError, match="the disk is full"):
        sweep(find_space(NAME), tmp_path / "r", part_size=PART)
    assert sorted(p.name for p in (tmp_path / "r").iterdir()) == ["manifest.json", "part-000000.parquet", "part-000001.parquet"]
    monkeypatch.setattr(pq, "write_table", real)
    assert not sweep(find_space(NAME), tmp_path / "r", part_size=PART).missing()


def test_another_version_is_refused(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorers.sweep.versions", lambda: {"roofscape": "9.9"})
    with pytest.raises(StoreError, match="two versions"):
        sweep(find_space(NAME), whole, part_size=PART)
    assert stores.open_store(whole).parts


def test_rows_and_fronts_are_those_of_the_space(whole: Path) -> None:
    space, store = find_space(NAME), open_store(whole)
    scores = space.score(space.places(np.arange(space.grid_size)))
    tpot_s, peak_w = scores.figures["tpot_s"], scores.figures["peak_w"]
    chosen = scores.feasible & (tpot_s < 0.0155) & (peak_w <= 680)
    assert count(store, "tpot_s < 0.0155 and peak_w <= 680") == chosen.sum()
    rows = query(store, "tpot_s < 0.0155 and peak_w <= 680", pareto=["tpot_s", "peak_w", "sm.clock:max"], limit=None)
    figures = np.stack([tpot_s, peak_w, -space.values(space.places(np.arange(space.grid_size)))["sm.clock"]], axis=1)[chosen]
    expected = figures[not_dominated(figures)]
    np.testing.assert_array_equal(np.sort(rows["tpot_s"]), np.sort(expected[:, 0]))
    best = query(store, limit=1)
    assert best["tpot_s"][0] == tpot_s[scores.feasible].min()
    assert (query(store, "dtype == 'fp8'", limit=None)["dtype"] == "fp8").all()


def test_wrong_questions_are_refused(whole: Path) -> None:
    store = open_store(whole)
    with pytest.raises(NameMiss, match="did you mean tpot_s"):
        query(store, "tpots_s < 1")
    with pytest.raises(InputError, match="NAME:min or NAME:max"):
        query(store, pareto=["tpot_s:up"])
    with pytest.raises(InputError, match="unknown function"):
        query(store, "system('x') < 1")


def test_all_rows_are_written_without_being_in_memory_together(whole: Path, tmp_path: Path) -> None:
    """The same rows as the table has; a file that cannot be written leaves nothing."""
    store, file = open_store(whole), tmp_path / "rows.csv"
    rows = query(store, "tpot_s < 0.0155", order="tpot_s", limit=None)
    write_csv(store, file, "tpot_s < 0.0155", order="tpot_s")
    read = pd.read_csv(file)
    assert list(read.columns) == list(rows.columns) and len(read) == len(rows) == count(store, "tpot_s < 0.0155")
    np.testing.assert_array_equal(read["tpot_s"], rows["tpot_s"])
    np.testing.assert_array_equal(np.sort(read["peak_w"]), np.sort(rows["peak_w"]))
    front = tmp_path / "front.csv"
    write_csv(store, front, pareto=["tpot_s", "peak_w"])
    assert len(pd.read_csv(front)) == len(query(store, pareto=["tpot_s", "peak_w"]))
    with pytest.raises(InputError, match="cannot write"):
        write_csv(store, tmp_path / "none" / "rows.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["front.csv", "rows.csv"]


def test_a_page_of_many_rows_is_told_how_many_there_are(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from roofscape.cli import main
    from roofscape.commands import query as command

    asked: list[int] = []
    monkeypatch.setattr(command, "query", lambda *a, **k: asked.append(k["limit"]) or query(*a, **k))
    assert main(["query", str(whole), "--html", str(tmp_path / "p.html"), "--limit", "3"]) == 0
    page = (tmp_path / "p.html").read_text()
    found = count(open_store(whole))
    assert f"{found:,} rows" in page and f"The first 500 of {found:,}; --csv writes all." in page
    assert asked == [500]  # never all of them


def test_what_a_question_cannot_ask_is_said(whole: Path, tmp_path: Path) -> None:
    store = open_store(whole)
    with pytest.raises(InputError, match="no answer to that question"):
        query(store, "tpot_s == 'fast'")
    assert count(store, "where(tpot_s < 0.0155, 1, 0) == 1") == count(store, "tpot_s < 0.0155")
    broken = tmp_path / "broken"
    shutil.copytree(whole, broken)
    (broken / "part-000001.parquet").write_bytes(b"PAR1 is not all")
    with pytest.raises(InputError, match="cannot be read"):
        query(broken, "tpot_s < 1")


def test_a_notebook_sweeps_and_asks(tmp_path: Path) -> None:
    import roofscape as rs

    store = rs.sweep("pim-placement", tmp_path / "r", sample=64, seed=1)
    rows = rs.query(tmp_path / "r", "tpot_s < 1", pareto=["tpot_s"])
    assert len(rows) >= 1 and rows.tpot_s.min() == rs.query(store, order="tpot_s", limit=1).tpot_s.iloc[0]
    with pytest.raises(rs.InputError, match="no results folder"):
        rs.query(tmp_path / "none")


def test_a_folder_is_written_as_games(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from explorers.environments.trajectories import read_trajectories
    from roofscape.cli import main

    sweep("pim-placement", tmp_path / "r", sample=16, seed=1)
    assert main(["query", str(tmp_path / "r"), "--trajectories", str(tmp_path / "games.parquet")]) == 0
    assert "16 games of 6 steps" in capsys.readouterr().out
    assert read_trajectories(tmp_path / "games.parquet").rewards.shape == (16, 6)
    assert main(["query", str(tmp_path / "r"), "tpot_s < 1", "--trajectories", str(tmp_path / "games.parquet")]) == 2


@pytest.mark.filterwarnings("ignore")
def test_a_ray_cluster_gives_the_same_table(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed (extra ray)")
    sweep("pim-placement", tmp_path / "alone", sample=64, seed=1, part_size=16)
    sweep("pim-placement", tmp_path / "ray", sample=64, seed=1, part_size=16, ray="auto")  # none runs here: one is made
    assert not ray.is_initialized()
    for number in range(4):
        name = f"part-{number:06d}.parquet"
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
