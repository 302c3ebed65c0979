"""Backward passes in tables: a training step of whole models, held against measurements that nothing was fitted on, and the gradients of convolutions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simulator.validation.run import validate

CONVOLUTION = {
    "source": "deepbench", "device": "V100-SXM2-16GB", "dtype": "fp32", "batch": 16.0, "cin": [64.0, 256.0, 512.0], "cout": [64.0, 512.0, 128.0],
    "in_h": [56.0, 7.0, 28.0], "kernel_h": [3.0, 3.0, 1.0], "pad_h": [1.0, 1.0, 0.0], "measured_us": 100.0,
}  # fmt: skip


def test_training_steps_that_nothing_was_fitted_on(shared: Path) -> None:
    groups = {g.device: g for g in validate(shared / "data" / "neusight_e2e.parquet").scores if g.op == "model_training"}
    assert {name: g.rows for name, g in groups.items()} == {"MI100": 3, "V100-PCIe-32GB": 3}
    assert groups["V100-PCIe-32GB"].mape < 0.08
    assert groups["MI100"].mape < 0.17  # products whose sides are turned are slower there than those of a forward pass, which are all that we know


def test_gradients_of_a_convolution_take_about_as_long_as_itself(score: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path) -> None:
    frames = [pd.DataFrame({**CONVOLUTION, "op": op}) for op in ("conv_fwd", "conv_bwd_inputs", "conv_bwd_params")]
    code, said = score(pd.concat(frames, ignore_index=True))
    assert code == 0
    assert {g["op"] for g in said["groups"]} == {"conv_fwd", "conv_bwd_inputs", "conv_bwd_params"}
    bias = {g["op"]: g["bias"] for g in said["groups"]}
    assert bias["conv_bwd_inputs"] == pytest.approx(bias["conv_fwd"], abs=0.3)
    assert bias["conv_bwd_params"] == pytest.approx(bias["conv_fwd"], abs=0.5)


@pytest.mark.parametrize(
    "row",
    [
        {"op": "mla_prefill", "heads": 128.0, "q_len": 4096.0},
        {"op": "context_mla", "heads": 16.0, "q_len": 512.0, "kv_len": 4096.0},
        {"op": "mla_decode", "heads": 128.0, "kv_len": 4096.0, "kernel": "flashmla"},
        {"op": "mla_generation", "heads": 16.0, "kv_len": 4096.0, "kv_dtype": "fp8"},
        {"op": "lstm", "hidden": 1024.0, "seq": 50.0},
        {"op": "selective_scan", "seq": 2048.0, "channels": 5120.0},
        {"op": "maxpool", "cin": 64.0, "in_h": 112.0, "kernel_h": 3.0, "stride_h": 2.0, "pad_h": 1.0},
    ],
)
def test_operators_of_no_shared_table_are_predicted(row: dict[str, Any], score: Callable[..., tuple[int, dict[str, Any]]]) -> None:
    frame = pd.DataFrame(
        {"source": "lab", "device": "H100-SXM", "dtype": "bf16", "batch": [1.0, 4.0, 16.0, 64.0], "measured_us": [10.0, 20.0, 40.0, 80.0], **row}
    )
    code, said = score(frame)
    assert code == 0, said
    assert said["rows"]["scored"] == 4
    assert said["groups"][0]["spearman"] > 0.9
