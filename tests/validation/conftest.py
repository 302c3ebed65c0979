"""Small tables, and the command that scores them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from roofscape.cli import main

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def products() -> Callable[..., pd.DataFrame]:
    """Ten rows of a matrix product on an H100, with some columns changed."""
    sizes = [2.0 ** (i + 1) for i in range(10)]
    rows = {"source": "lab", "device": "H100-SXM", "op": "gemm", "dtype": "bf16", "m": sizes, "n": 4096, "k": 4096, "measured_us": 20.0}
    return lambda **changes: pd.DataFrame({**rows, **changes})


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """`roofscape validate PATH --json`: the exit code and what was printed, which must be JSON without NaN."""

    def call(path: Path | str, *options: str) -> tuple[int, dict[str, Any]]:
        code = main(["validate", str(path), "--json", *options])
        printed = capsys.readouterr().out
        return code, json.loads(printed, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))

    return call


@pytest.fixture
def score(run: Run, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Scores of one frame, written as parquet."""

    def call(frame: pd.DataFrame, *options: str) -> tuple[int, dict[str, Any]]:
        frame.to_parquet(tmp_path / "table.parquet")
        return run(tmp_path / "table.parquet", *options)

    return call
