"""What `estimate` takes, `question`, `compare` and `elasticities` take too, and mean the same by it."""

from __future__ import annotations

from typing import Any

import pytest

import roofscape as rs
from magnitudes.arrays import as_float
from workloads.adapters import Adapters

FEATURES: dict[str, tuple[rs.Decode, dict[str, Any]]] = {
    "draft": (rs.Decode(speculate=4.0, acceptance=0.7), {"draft": "llama-3.2-1b"}),
    "adapters": (rs.Decode(batch=8.0), {"lora": Adapters(16, 8, ("qkv", "out"))}),
    "zeros": (rs.Decode(), {"sparsity": 0.8}),
    "two of four": (rs.Decode(), {"sparsity": "2:4"}),
    "evicted": (rs.Decode(batch=16.0, context=8192.0, kv_keep=1024.0), {}),
    "narrow cache": (rs.Decode(batch=16.0, context=8192.0), {"kv_dtype": "fp8"}),
    "narrow activations": (rs.Decode(), {"activation_dtype": "fp8"}),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_the_same_answer_by_every_way(feature: str) -> None:
    scenario, options = FEATURES[feature]
    expected = as_float(rs.estimate("llama-3-8b", "h100-sxm", scenario, **options).time_s)
    assert as_float(rs.question("llama-3-8b", "h100-sxm", scenario, **options).estimate({}).time_s) == pytest.approx(expected, rel=1e-12)
    assert as_float(rs.compare("llama-3-8b", ["h100-sxm"], scenario, **options)["h100-sxm"].time_s) == pytest.approx(expected, rel=1e-12)
    assert expected != as_float(rs.estimate("llama-3-8b", "h100-sxm", rs.Decode(batch=scenario.batch, context=scenario.context)).time_s)


def test_elasticities_of_a_model_with_its_draft() -> None:
    scenario, options = FEATURES["draft"]
    found = rs.elasticities("llama-3-8b", "h100-sxm", scenario, **options)
    assert found["hbm.bandwidth"] < -0.5


@pytest.mark.parametrize(("name", "byte"), [("fp8", 1.0), ("int8", 1.0), ("int4", 0.5 + 2 / 128)])
def test_narrow_keys_and_values(name: str, byte: float) -> None:
    """llama-3-8b: 32 layers of 8 key and 8 value heads of 128; bytes with their scales, faster steps, products still in 16 bits."""
    ask = rs.Decode(batch=64.0, context=8191.0)
    wide, narrow = (rs.estimate("llama-3-8b", "h200-sxm", ask, kv_dtype=kv) for kv in (None, name))
    assert as_float(narrow.memory.state_byte) == pytest.approx(64 * 8192 * 32 * 2 * 8 * 128 * byte)
    assert as_float(narrow.time_s) < as_float(wide.time_s)
    assert as_float(narrow.time_s) > as_float(wide.time_s) * byte / 2  # weights do not shrink, and kernels convert
