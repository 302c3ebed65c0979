"""Layers by given mappings on Gemmini arrays against their RTL: every row, from documented constants alone and with three fitted ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simulator.calibration import provenance
from simulator.validation.mappings import parsed, side_of

Run = Callable[..., tuple[int, dict[str, Any]]]
MAPPING = "L3[WIO] K2 Q2 - L2[WI] N1 K16X - L1[O] K2 R3 S3 C2 P8 Q4 C32X - L0[W] P1"


def table(**changes: Any) -> pd.DataFrame:
    rows = {
        "source": "mine", "device": "gemmini", "array_dim": 128, "accumulator_entries": 2048, "scratchpad_entries": 2**20, "cin": 64, "cout": 64, "batch": 1,
        "out_h": 8, "out_w": [8, 8], "kernel_h": 3, "kernel_w": 3, "stride_h": 1, "stride_w": 1, "mapping": MAPPING, "rtl_cycles": 1e4,
    }  # fmt: skip
    return pd.DataFrame({**rows, **changes})


@pytest.mark.parametrize(("fitted", "mape", "median"), [(False, 0.135, 0.085), (True, 0.11, 0.062)], ids=["documented", "fitted"])
def test_every_row_is_scored(run: Run, shared: Path, tmp_path: Path, fitted: bool, mape: float, median: float) -> None:
    """Asked for: rank 0.95 and a median error of 30 % from documented constants; the published model has rank 0.97 and a mean error of 26 %."""
    options = ["--csv", str(tmp_path / "rows.csv"), *([] if fitted else ["--left-out"])]
    code, found = run(shared / "data" / "gemmini_rtl.parquet", *options)
    assert code == 0 and found["rows"] == {"scored": 1567, "unscored": 0}
    rows = pd.read_csv(tmp_path / "rows.csv")
    ratio = rows["predicted_us"] / rows["measured_us"]
    assert np.abs(ratio - 1.0).mean() < mape and np.abs(ratio - 1.0).median() < median and 0.93 < ratio.median() < 1.03
    assert rows["predicted_us"].corr(rows["measured_us"], method="spearman") > 0.99
    assert all(group["spearman"] > 0.98 for group in found["groups"]) and len(found["groups"]) == 2


def test_what_was_fitted_says_how_far_off_it_is_on_layers_left_out() -> None:
    error = provenance("commanded")["error"]["mapped"]
    assert error["layers_left_out_mape"] < 0.11 and error["in_sample_mape"] <= error["layers_left_out_mape"] <= error["documented_mape"]


def test_measured_layers_are_never_faster_than_their_array(shared: Path) -> None:
    """Rows stream one a clock: with any array larger than the one that just holds a mapping, layers would have run faster than that."""
    from simulator.validation.run import breakdown, validate

    validation = validate(shared / "data" / "gemmini_rtl.parquet")
    parts = breakdown(validation.frame, validation)
    streamed = np.array([p["execute"] for p in parts]) * 1e6
    assert (validation.frame["measured_us"].to_numpy() / streamed).min() > 1.0


def test_mappings_are_read() -> None:
    found = parsed(MAPPING)
    assert found is not None and found["spread"] == 32.0
    assert {d: found[f"tile_{d}"] for d in "pqkcrs"} == {"p": 8.0, "q": 4.0, "k": 32.0, "c": 64.0, "r": 3.0, "s": 3.0}
    assert (found["loops_k"], found["loops_q"], found["loops_p"]) == (2.0, 2.0, 1.0)
    assert found["place_q"] == 0.0 and found["place_k"] == 1.0  # the innermost loop is written last
    assert parsed("L3[WIO] K2x - L2[WI] N1") is None and parsed("K2") is None and parsed("L3 K2 K2 - L2 N1") is None


def test_the_array_is_the_smallest_that_holds_what_is_spread_in_a_table_of_all_sizes() -> None:
    assert [side_of(128.0, s) for s in (1.0, 3.0, 4.0, 25.0, 64.0)] == [2.0, 4.0, 4.0, 32.0, 64.0]
    assert side_of(16.0, 4.0) == 16.0  # a table of one size means it


@pytest.mark.parametrize("side", [8, 16, 32, 64, 128])
def test_other_array_sizes_are_answered(score: Run, side: int) -> None:
    code, found = score(table(array_dim=side))
    assert code == 0 and found["rows"] == {"scored": 2, "unscored": 0} and found["groups"][0]["op"] == "conv_mapped"


def test_a_layer_of_one_column_runs_as_a_product(score: Run) -> None:
    mapping = "L3[WIO] C2 K4 P1 - L2[WI] N1 K16X - L1[O] C4 C8X - L0[W] P1"
    code, found = score(table(out_h=1, out_w=[1, 1], kernel_h=1, kernel_w=1, mapping=mapping))
    assert code == 0 and found["groups"][0]["op"] == "gemm_mapped"


def test_what_cannot_be_read_is_named(score: Run) -> None:
    odd = pd.concat([table(), table(mapping="L3[WIO] what - L2"), table(cout=128), table(cin=-64)], ignore_index=True)
    _, found = score(odd)
    reasons = " ".join(u["reason"] for u in found["unscored"])
    assert found["rows"] == {"scored": 2, "unscored": 6}
    assert "cannot be read" in reasons and "do not multiply" in reasons
    code, found = score(table().drop(columns=["out_w"]))
    assert code == 2 and "out_w" in found["unscored"][0]["reason"]
