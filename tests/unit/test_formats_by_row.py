"""A row's format gives the answer that the format gives alone, whichever units serve it."""

from __future__ import annotations

import numpy as np
import pytest

import roofscape as rs

MIXED = ["fp16", "fp32", "fp16", "bf16"]


@pytest.mark.parametrize("machine", ["t4", "h100-sxm", "p100-pcie"])
@pytest.mark.parametrize("fidelity", ["roofline", "tile"])
@pytest.mark.parametrize(("model", "scenario"), [("resnet-50", rs.Images(batch=8.0)), ("bert-base", rs.Prefill(batch=4.0, prompt=256.0))])
def test_formats_by_row_are_those_alone(machine: str, fidelity: str, model: str, scenario: rs.Images | rs.Prefill) -> None:
    together = rs.estimate(model, on=machine, scenario=scenario, dtype=MIXED, fidelity=fidelity)
    alone = [rs.estimate(model, on=machine, scenario=scenario, dtype=name, fidelity=fidelity).time_s for name in MIXED]
    assert np.allclose(together.time_s, alone, rtol=1e-12)  # type: ignore[arg-type]
