"""What `roofscape validate` prints and writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from roofscape.cli import main
from roofscape.report.accuracy import drawn_rows
from simulator.validation.scores import bias, coverage, group_scores, mape, mean_abs_log, spearman

Run = Callable[..., tuple[int, dict[str, Any]]]
Products = Callable[..., pd.DataFrame]
KEYS = ["file", "source", "device", "op", "dtype", "kernel", "rows", "mape", "median_ape", "mean_abs_log", "bias", "spearman", "coverage90", "width90"]


def test_json_has_the_documented_keys(score: Run, products: Products) -> None:
    code, found = score(products(measured_us=[10.0 + i for i in range(10)]))
    assert code == 0 and set(found) == {"groups", "headline", "unscored", "rows", "hosts", "fitted", "options", "notes"}
    (group,) = found["groups"]
    assert list(group) == KEYS and group["kernel"] is None and 0.0 <= group["coverage90"] <= 1.0 and -1.0 <= group["spearman"] <= 1.0
    assert found["headline"]["gemm_16bit"]["few_rows"] is True  # ten rows: shown though no mean should count them
    assert found["rows"] == {"scored": 10, "unscored": 0}


def test_metrics_by_hand() -> None:
    predicted, measured = np.array([1.0, 2.0, 8.0]), np.array([2.0, 2.0, 4.0])
    assert mape(predicted, measured) == pytest.approx((0.5 + 0.0 + 1.0) / 3)
    assert mean_abs_log(predicted, measured) == pytest.approx(2 * np.log(2) / 3)
    assert bias(predicted, measured) == pytest.approx(0.0)
    assert spearman(predicted, measured) == pytest.approx(np.sqrt(3) / 2)  # ranks 1 2 3 and 1.5 1.5 3
    assert spearman(predicted, np.ones(3)) is None
    assert coverage(measured, np.array([1.0, 3.0, np.nan]), np.array([3.0, 4.0, np.nan])) == 0.5


def test_intervals_where_a_frame_has_them_are_counted() -> None:
    shared = {"file": "f", "source": "s", "device": "d", "op": "gemm", "named": "mm", "dtype": "bf16", "kernel": "", "timing": "graph"}
    frame = pd.DataFrame({**shared, "measured_us": [1.0, 2.0], "predicted_us": [1.0, 1.0], "low_us": [0.5, 0.5], "high_us": [1.5, 1.5]})
    (found,) = group_scores(frame)
    assert found.coverage90 == 0.5 and found.op == "mm" and found.family == "gemm_16bit"
    assert found.width90 == pytest.approx(3.0)  # high over low
    (bare,) = group_scores(frame.drop(columns=["low_us", "high_us"]))
    assert bare.coverage90 is None and bare.width90 is None


def test_widths_of_intervals_are_printed(products: Products, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    products().to_parquet(tmp_path / "t.parquet")
    assert main(["validate", str(tmp_path / "t.parquet"), "--html", str(tmp_path / "page.html")]) == 0
    assert re.search(r"gemm_16bit .* \d\.\d\dx", capsys.readouterr().out)
    assert "<th" in (page := (tmp_path / "page.html").read_text()) and ">width<" in page


def test_groups_of_few_rows_are_not_averaged(score: Run, products: Products) -> None:
    many = pd.concat([products()] * 4, ignore_index=True)
    _, alone = score(many)
    _, both = score(pd.concat([many, products(device="A100-SXM-80GB", measured_us=1e6)], ignore_index=True))
    assert len(both["groups"]) == 2
    assert both["headline"]["gemm_16bit"]["mape"] == alone["headline"]["gemm_16bit"]["mape"]


def test_a_sample_takes_rows_of_every_group(score: Run, products: Products) -> None:
    _, found = score(pd.concat([products(device=d) for d in ("H100-SXM", "A100-SXM-80GB")], ignore_index=True), "--sample", "3")
    assert [g["rows"] for g in found["groups"]] == [3, 3]


def test_files_are_written_and_terminals_told(products: Products, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    products(op=["gemm"] * 8 + ["gemmm"] * 2, source="</script><b>&").to_parquet(tmp_path / "table.parquet")
    code = main(["validate", str(tmp_path / "table.parquet"), "--csv", str(tmp_path / "rows.csv"), "--html", str(tmp_path / "page.html")])
    told = capsys.readouterr().out
    assert code == 0 and "did you mean gemm" in told and "8 rows scored, 2 not" in told
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert len(rows) == 8 and {"predicted_us", "measured_us", "bound", "flop", "byte"} <= set(rows.columns)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 6e6 and "Worst rows" in page and "</script><b>" not in page and "&lt;/script&gt;&lt;b&gt;&amp;" in page


def test_a_page_of_many_rows_stays_small(products: Products) -> None:
    shared = {"file": "f", "source": "s", "named": "mm", "dtype": "bf16", "kernel": "", "flop": 1e9, "byte": 1e6}
    frame = pd.DataFrame({**shared, "device": np.repeat(["a", "b", "c"], [50_000, 30, 5]), "measured_us": 1.0, "predicted_us": 1.0, "bound": "hbm"})
    drawn = drawn_rows(frame, 1000)
    assert len(drawn) <= 1000 and drawn["device"].value_counts()[["b", "c"]].tolist() == [30, 5] and (drawn["device"] == "a").sum() > 800


def test_a_machine_without_a_tile_law_is_scored_by_its_roofline_and_says_so(score: Run, products: Products) -> None:
    code, found = score(products(device="gemmini", dtype="int8"))
    assert code == 0
    assert not found["notes"] or "roofline" in found["notes"][0]
