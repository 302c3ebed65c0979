"""Predictions on a fixed grid are what they were: a regression blocks, an intended drift is shown and written with ``make snapshot``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def grid() -> ModuleType:
    """The grid beside this file."""
    spec = importlib.util.spec_from_file_location("snapshot_grid", Path(__file__).parent / "grid.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_predictions_have_not_drifted(grid: ModuleType) -> None:
    header, *kept = grid.FILE.read_text(encoding="utf-8").splitlines()
    assert header == grid.HEADER
    table = grid.differences(kept, grid.predictions())
    assert not table, "\n".join(["", *table, "If this drift is meant, write the predictions anew with `make snapshot` and say in the commit why they moved."])


def test_the_file_is_sorted_and_small(grid: ModuleType) -> None:
    text = grid.FILE.read_text(encoding="utf-8")
    kept = text.splitlines()[1:]
    assert kept == sorted(set(kept))
    assert len(text) < 100_000


def test_a_drift_is_told(grid: ModuleType) -> None:
    old = ["tile,m,c,s,bound,hbm", "tile,m,c,s,time_s,1.0", "tile,m,c,s,gone,2.0"]
    new = ["tile,m,c,s,bound,matrix", "tile,m,c,s,time_s,1.1", "tile,m,c,s,come,3.0"]
    table = "\n".join(grid.differences(old, new))
    for text in ("hbm", "matrix", "+10.000%", "gone", "come"):
        assert text in table
    assert grid.differences(old, old) == []
    assert grid.differences(old[1:2], ["tile,m,c,s,time_s,1.0000000001"]) == []
    assert grid.differences(old[1:2], ["tile,m,c,s,time_s,1.00000001"])
