"""Mean power of GPUs that serve a model, against what was measured: A100s, two models, three degrees of parallelism (Splitwise).

One constant of the model, the share of the limit that a GPU draws while kernels run, comes from the same group's power model of decoding GPUs, so
that the level is not independent; how power moves with model, batch and prompt is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import roofscape as rs
from simulator.energy import energy_use

MODELS = {"bloom-176b": "bloom-176b", "llama2-70b": "llama-2-70b"}
LIMIT_W = 400.0
LONGEST_PROMPT = 4096.0  # of 8192 tokens the table has a sixth of the power for Llama: these runs did not work through


@pytest.fixture(scope="module")
def rows(shared: Path) -> pd.DataFrame:
    """Measured shares of the limit, and ours."""
    frame = pd.read_parquet(shared / "data" / "splitwise_e2e.parquet")
    frame = frame[(frame["average_power"] > 0.0) & (frame["prompt_size"] <= LONGEST_PROMPT)]
    return frame.assign(ours=[_share(r) for r in frame.itertuples()])


def _share(r: object) -> float:
    """Mean power of a GPU over its limit."""
    scenario = rs.Inference(batch=float(r.batch_size), prompt=float(r.prompt_size), output=float(r.token_size))  # type: ignore[attr-defined]
    machine = f"{int(r.tensor_parallel)}xa100-sxm-80gb"  # type: ignore[attr-defined]
    e = rs.estimate(MODELS[r.model], on=machine, scenario=scenario, timing="eager", dtype="fp16")  # type: ignore[attr-defined]
    return float(energy_use(e).chip_power_w) / LIMIT_W  # type: ignore[arg-type]


def test_mean_power_of_served_models(rows: pd.DataFrame) -> None:
    error = rows["ours"] / rows["average_power"] - 1.0
    by_case = error.groupby([rows["model"], rows["tensor_parallel"]], observed=True).agg(["mean", lambda e: e.abs().mean()])
    print(f"{len(rows)} rows: {error.abs().mean():.1%} on average, median {error.abs().median():.1%}\n{by_case}")
    assert len(rows) >= 40 and error.abs().mean() <= 0.16 and error.abs().median() <= 0.12
    assert np.all(rows["ours"] < 1.0)
