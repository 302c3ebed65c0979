"""Any model runs on any chip: every model meets a few chips and every chip a few models, at both fidelities; `benchmarks/cross_product.py` tries all."""

from __future__ import annotations

import math

import pytest

import roofscape as rs
from hardware_specs.catalog import chip_names
from workloads.catalog import model_names
from workloads.operator import Convolution

CHIPS, MODELS = chip_names(), model_names()
STRIDES = (0, 37, 83)  # how far along the chips each model looks: coprime to their number or not, all chips are met


def partners(chip: int) -> list[str]:
    """The models that a chip meets."""
    return [MODELS[(chip + stride) % len(MODELS)] for stride in STRIDES]


def test_every_model_meets_a_chip() -> None:
    assert {model for chip in range(len(CHIPS)) for model in partners(chip)} == set(MODELS)


@pytest.mark.parametrize("chip", range(len(CHIPS)), ids=CHIPS)
def test_models_run_and_are_not_faster_than_the_roofline(chip: int) -> None:
    for model in partners(chip):
        tile, roof = (rs.estimate(model, on=CHIPS[chip], fidelity=fidelity) for fidelity in ("tile", "roofline"))
        assert math.isfinite(float(tile.time_s)) and float(roof.time_s) > 0.0
        winograd = 4.0 if any(isinstance(c.operator, Convolution) for c in roof.costs) else 1.0  # whose convolutions multiply up to four times less
        assert float(tile.time_s) * winograd >= float(roof.time_s) * (1.0 - 1e-9), model
        assert tile.fidelity in ("tile", "roofline")
