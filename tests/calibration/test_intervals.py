"""Bands and their sums: what is covered, what is flagged, how errors add."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import roofscape as rs
from simulator.calibration import provenance, table
from simulator.confidence.band import Band
from simulator.confidence.spread import spread
from simulator.kernels.timing import Timing
from simulator.validation.run import Options, predicted
from simulator.validation.tidy import tidy


def test_a_single_part_keeps_its_band() -> None:
    found = spread(2.0, [(2.0, Band(0.8, 1.5, False, "gemm_16bit"))])
    assert found.low_s == pytest.approx(1.6)
    assert found.high_s == pytest.approx(3.0)


def test_errors_of_a_kind_add_faster_than_errors_of_different_kinds_and_slower_than_one() -> None:
    def width(kinds: tuple[str, str]) -> float:
        return float(spread(2.0, [(1.0, Band(0.5, 2.0, False, k)) for k in kinds]).high_s) - 2.0  # type: ignore[arg-type]

    independent, together = np.sqrt(2.0), 2.0
    assert independent - 1e-12 <= width(("a", "b")) < width(("a", "a")) < together
    c = table("intervals")["correlation"]
    assert width(("a", "a")) == pytest.approx(np.sqrt(2.0 + 2.0 * c["same_kind"]))  # two parts of variance one, correlated


def test_a_part_that_matters_makes_the_whole_extrapolated() -> None:
    strange, known = Band(0.5, 2.0, True, "a"), Band(0.9, 1.1, False, "b")
    assert spread(1.0, [(0.2, strange), (0.8, known)]).extrapolated
    assert not spread(1.0, [(0.05, strange), (0.95, known)]).extrapolated


@pytest.mark.parametrize(("machine", "expected"), [("h100-sxm", False), ("mi300x", True), ("sn40l", True)])
def test_what_was_never_measured_is_flagged_and_wider(machine: str, expected: bool) -> None:
    e = rs.estimate("llama-3-8b", machine, rs.Decode(batch=8.0, context=2048.0))
    found = e.interval90("tpot_s")
    assert found is not None
    assert found.extrapolated == expected
    assert found.low_s < e.time_s < found.high_s or (expected and found.low_s <= e.time_s < found.high_s)
    if machine == "mi300x":
        seen = rs.estimate("llama-3-8b", "h100-sxm", rs.Decode(batch=8.0, context=2048.0)).interval90("tpot_s")
        assert seen is not None
        assert found.high_s / found.low_s > seen.high_s / seen.low_s


def test_columns_of_intervals_are_rows_of_single_ones() -> None:
    batches = np.array([1.0, 16.0, 128.0])
    both = rs.estimate("llama-3-8b", "a100-sxm-80gb", rs.Decode(batch=batches, context=1024.0)).interval90()
    assert both is not None
    for i, batch in enumerate(batches):
        one = rs.estimate("llama-3-8b", "a100-sxm-80gb", rs.Decode(batch=float(batch), context=1024.0)).interval90()
        assert one is not None
        assert (both.low_s[i], both.high_s[i]) == pytest.approx((one.low_s, one.high_s), rel=1e-12)  # type: ignore[index]


def test_every_kind_covers_about_what_it_promises() -> None:
    for kind, error in provenance("intervals")["error"].items():
        assert 0.85 <= error["left_out_coverage90"] <= 0.95, kind


def test_a_fused_layer_has_the_band_of_its_kind_and_not_that_of_a_sum_of_parts() -> None:
    row = {"source": "aiconfigurator", "device": "h100-sxm", "op": "moe", "dtype": "bf16", "timing": "graph", "kernel": "sglang_fused_moe_triton"}
    sizes = {"tokens": 256.0, "hidden": 4096.0, "inter": 14336.0, "topk": 2.0, "experts": 8.0, "tp": 1.0, "distribution": "balanced", "measured_us": 1.0}
    found = predicted(tidy("some.csv", pd.DataFrame([row | sizes])), Options()).table.frame.iloc[0]
    kind = table("intervals")["tile"]["experts_16bit"]
    size = found["predicted_us"] * 1e-6 / Timing("graph").start_s
    regime = int(np.digitize(size, kind["edges"]))
    assert found["low_us"] / found["predicted_us"] == pytest.approx(np.exp(kind["fast"][regime]))
    assert found["high_us"] / found["predicted_us"] == pytest.approx(np.exp(kind["slow"][regime]))


def test_a_served_first_token_is_as_unsure_as_framework_and_device_together() -> None:
    row = {"source": "splitwise", "device": "a100-sxm-80gb", "op": "served_ttft", "dtype": "fp16", "served_model": "llama-2-70b", "tp": 4.0, "batch": 1.0}
    sizes = {"prompt": 4096.0, "output": 128.0, "measured_us": 1.0}
    found = predicted(tidy("some.csv", pd.DataFrame([row | sizes])), Options()).table.frame.iloc[0]
    assert found["low_us"] < table("serving")["first_fast"] * found["predicted_us"]
    assert found["high_us"] > table("serving")["first_slow"] * found["predicted_us"]


def test_throughput_has_the_interval_of_its_time() -> None:
    e = rs.estimate("llama-3-8b", "h100-sxm", rs.Decode(batch=8.0, context=2048.0))
    time, rate = e.interval90(), e.rate90
    assert time is not None and rate is not None
    assert rate == pytest.approx((8.0 / time.high_s, 8.0 / time.low_s)) and rate[0] < e.throughput_token_per_s < rate[1]
    assert e.to_dict()["interval90"]["throughput_token_per_s"] == pytest.approx(list(rate))
    frame = e.to_frame()
    assert float(frame["throughput_low_token_per_s"].iloc[0]) == pytest.approx(rate[0]) and "tpot_high_s" in frame
    with pytest.raises(rs.InputError, match="rate90"):
        e.interval90("throughput_token_per_s")


def test_groups_of_kernels_have_intervals_that_add_neither_as_one_nor_as_independent() -> None:
    d = rs.estimate("llama-3-8b", "h100-sxm", rs.Inference(batch=8.0, prompt=512.0, output=16.0)).to_dict()
    assert {g["phase"] for g in d["groups"]} == {"prefill", "decode"}
    for g in d["groups"]:
        own = [o for o in d["operators"] if (o["kind"], o["phase"]) == (g["kind"], g["phase"])]
        assert g["time_s"] == pytest.approx(sum(o["count"] * o["time_s"] for o in own))
        up = [o["count"] * (o["interval90"][1] - o["time_s"]) for o in own]
        assert sum(u * u for u in up) ** 0.5 <= (g["interval90"][1] - g["time_s"]) * (1 + 1e-9) <= sum(up) * (1 + 2e-9)
