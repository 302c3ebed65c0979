"""What a source's attention times beside the kernel, and what of it stays in the cache."""

from __future__ import annotations

import pandas as pd

from simulator.validation.run import Options, predicted
from simulator.validation.tidy import tidy


def prompt_us(source: str, kv_dtype: str = "bf16", batch: float = 16.0, device: str = "h100-sxm", kernel: str = "fa3", **sizes: float) -> float:
    row = {
        "source": source, "device": device, "op": "attn_prefill", "dtype": "bf16", "kv_dtype": kv_dtype, "timing": "graph", "kernel": kernel, "batch": batch,
        "heads": 32.0, "kv_heads": 32.0, "head_dim": 128.0, "q_len": 512.0, "measured_us": 1.0, **sizes,
    }  # fmt: skip
    row["kv_len"] = row["q_len"]
    done = predicted(tidy("some.csv", pd.DataFrame([row])), Options(correction=False))
    assert not done.table.unscored, done.table.unscored
    return float(done.table.frame["predicted_us"].iloc[0])


def test_a_framework_s_layer_also_writes_the_new_keys_at_the_pace_of_memory() -> None:
    keys_byte = 2.0 * 16.0 * 512.0 * 32.0 * 128.0 * 2.0
    apart_us = prompt_us("aiconfigurator") - prompt_us("mine")
    assert 2.0 * keys_byte / 3.35e12 < apart_us * 1e-6 < 3.0 * keys_byte / 3.35e12


def test_keys_that_are_kept_in_another_format_are_cast_first() -> None:
    with_cast, without = (prompt_us("aiconfigurator", kv) - prompt_us("mine", kv) for kv in ("fp8", "bf16"))
    assert with_cast > 1.2 * without  # three bytes of the cast and two of the store, for four


def test_operands_count_once_towards_the_cache() -> None:
    """69 MB of operands on an L40S with 96 MB of cache, called over and over, are not drawn from its memory of 864 GB/s."""
    done_us = prompt_us("mine", "fp8", batch=32.0, device="l40s", kernel="flashinfer", heads=64.0, kv_heads=4.0, q_len=64.0)
    assert done_us < 0.8 * 69.2e6 / 864e9 * 1e6
