"""What repeated measurements leave of a rank."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simulator.validation.ranks import ceiling_of, ranks_of


def rows(noise: float, timing: str = "graph") -> pd.DataFrame:
    """Two operators that are one kernel to a law, at 300 sizes, each measured with its own noise."""
    random = np.random.default_rng(1)
    size = np.exp(random.normal(0.0, 1.0, 300))
    each = [
        pd.DataFrame({"op": op, "byte": size, "flop": size, "predicted_us": size, "measured_us": size * np.exp(random.normal(0.0, noise, 300))})
        for op in ("add", "mul")
    ]
    return pd.concat(each, ignore_index=True).assign(file="f", source="s", timing=timing, dtype="fp32", kernel="", device="d")


def test_what_repeats_exactly_has_no_ceiling_and_noise_lowers_it() -> None:
    assert ceiling_of(rows(0.0)) == pytest.approx(1.0)
    quiet, loud = ceiling_of(rows(0.1)), ceiling_of(rows(1.0))
    assert quiet is not None and loud is not None and 1.0 > quiet > loud


def test_a_prediction_without_error_reaches_about_the_ceiling() -> None:
    (rank,) = ranks_of(rows(1.0))
    assert rank.ceiling == pytest.approx(rank.spearman, abs=0.05)


def test_rows_without_repeats_have_no_ceiling_and_rows_at_the_floor_are_told() -> None:
    alone = rows(0.1, "eager").iloc[:300]
    assert ceiling_of(alone) is None
    (rank,) = ranks_of(alone.assign(predicted_us=np.maximum(alone["predicted_us"], alone["predicted_us"].median())))
    assert rank.hidden == pytest.approx(0.5, abs=0.02) and rank.above is not None
