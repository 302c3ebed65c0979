"""Bands and their sums: what is covered, what is flagged, how errors add."""

from __future__ import annotations

import numpy as np
import pytest

import roofscape as rs
from simulator.calibration import provenance, table
from simulator.confidence.band import Band
from simulator.confidence.spread import spread


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
