"""The Python face: columns where a number may stand, and refusals of what is no design."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import roofscape as rs

NAN = float("nan")


def test_a_sweep_of_batches_as_a_table() -> None:
    """The question of the issue: Mixtral on four chips, 200 batches in one call."""
    batches = np.geomspace(1, 512, 200)
    found = rs.estimate("mixtral-8x7b", on="4xh100-sxm", scenario=rs.Decode(batch=batches, context=4096), tp=4)
    table = found.to_frame()
    assert len(found) == len(table) == 200
    assert table["batch"].tolist() == batches.tolist()
    assert table["time_s"].iloc[-1] > 4 * table["time_s"].iloc[0]
    assert (table["time_s"] / table["time_s"].cummax()).min() > 0.99, "a larger batch may fill its waves better, but not by much"
    assert {"time_s", "tpot_s", "throughput_token_per_s", "fits", "bound", "memory_byte"} <= set(table.columns)


@pytest.mark.parametrize(
    ("path", "column"),
    [("hbm.bandwidth", [2e12, 3e12, 4e12]), ("sm.matrix.bf16", [5e14, 1e15, 2e15]), ("tdp", [400.0, 550.0, 700.0]), ("l2.capacity", [2e7, 5e7, 1e8])],
)
def test_any_hardware_number_may_be_a_column(path: str, column: list[float]) -> None:
    together = rs.estimate("gpt2-xl", "h100-sxm", rs.Prefill(batch=4, prompt=512), set={path: column})
    alone = [rs.estimate("gpt2-xl", "h100-sxm", rs.Prefill(batch=4, prompt=512), set={path: value}).time_s for value in column]
    np.testing.assert_allclose(np.broadcast_to(together.time_s, 3), alone, rtol=1e-12)  # type: ignore[arg-type]


def test_rows_that_cannot_be_cut_are_infeasible_with_their_reason() -> None:
    found = rs.estimate("llama-3-8b", "8xh100-sxm", rs.Decode(batch=8, context=1024), tp=np.array([2.0, 3.0, 8.0, 16.0]))
    assert found.feasible.tolist() == [True, False, True, False]  # type: ignore[union-attr]
    assert "divide" in found.to_dict(1)["reason"]
    assert found.to_dict(0)["reason"] is None


def test_compare_and_elasticities() -> None:
    several = rs.compare("gpt2", ["t4", rs.system("h100-sxm")], rs.Decode(batch=1))
    assert list(several) == ["t4", "h100-sxm"]
    assert several["t4"].time_s > several["h100-sxm"].time_s
    found = rs.elasticities("llama-3-8b", "h100-sxm", rs.Decode(batch=1, context=2048), fidelity="roofline")
    assert found["hbm.bandwidth"] == pytest.approx(-1, abs=0.02)
    assert next(iter(found)) == "hbm.bandwidth"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scenario": rs.Decode(batch=NAN)}, "batch is nan"), ({"scenario": rs.Decode(batch=np.array([1, NAN]))}, "batch is nan"),
        ({"scenario": rs.Decode(batch=np.array([]))}, r"batch has shape \(0,\)"), ({"scenario": rs.Decode(batch=np.ones((2, 2)))}, r"shape \(2, 2\)"),
        ({"scenario": rs.Decode(batch=np.ones(2), context=np.ones(3))}, "differ in length .*batch 2, context 3"), ({"scenario": 3}, "is no scenario"),
        ({"tp": "a"}, "is no number"), ({"tp": []}, r"tp has shape \(0,\)"), ({"tp": NAN}, "--tp is nan"), ({"dtype": []}, r"dtype has shape"),
        ({"dtype": 3}, "no name of a data type"), ({"dtype": ["bf16", 3]}, "no name of a data type"), ({"set": {"hbm.bandwidth": "4TB/s"}}, "is no number"),
        ({"set": {"hbm.bandwidth": [1e12, NAN]}}, "hbm.bandwidth is set to nan"), ({"set": {"hbm.bandwith": 1e12}}, "did you mean hbm.bandwidth"),
        ({"fidelity": "exact"}, "unknown fidelity"), ({"dtype": ["bf16", "fp8"], "scenario": rs.Decode(batch=np.ones(3))}, "differ in length"),
    ],
)  # fmt: skip
def test_what_is_no_design(options: Mapping[str, Any], says: str) -> None:
    with pytest.raises(rs.InputError, match=says):
        rs.estimate("gpt2", "h100-sxm", **options)
