"""Every machine of the catalogue with a small transformer, a mixture of experts and a CNN: an answer always, and never under the physical floor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import roofscape as rs
from hardware_specs import catalog
from hardware_specs.loader import SpecError
from magnitudes.arrays import as_float
from simulator.engines import TILE_LAWS
from simulator.result import Estimate
from workloads.operator import Residency
from workloads.scenario import Images, Scenario

MACHINES = [*catalog.chip_names(), *catalog.system_names()]
BATCH = np.array([1.0, 16.0, 128.0])
QUESTIONS: dict[str, tuple[Scenario, ...]] = {
    "llama-3.2-1b": (rs.Prefill(batch=BATCH, prompt=512.0), rs.Decode(batch=BATCH, context=1024.0)),
    "qwen3-30b-a3b": (rs.Prefill(batch=BATCH, prompt=512.0), rs.Decode(batch=BATCH, context=1024.0)),
    "resnet-50": (Images(batch=BATCH),),
}


def cached_floor_s(roofline: Estimate, on: str) -> Any:
    """The floor where feature maps may wait in a cache for the next layer: of memory, each operator owes its weights alone.

    Behind 48 MB and more of cache, layers of a CNN do beat the roofline, which fetches every operand from main memory.
    """
    memory = catalog.find_system(on).chip.main_memory(catalog.find_system(on).chip.engine)
    total: Any = 0.0
    for cost in roofline.passes[0].costs:
        others = [part for name, part in cost.parts.items() if name != memory.name]
        weights_s = as_float(cost.operator.byte_of(Residency.WEIGHT)) / as_float(memory.bandwidth_byte_per_s)
        total = total + cost.count * np.maximum(weights_s, np.max(np.stack(np.broadcast_arrays(*others)), axis=0))
    return total


@pytest.mark.parametrize("on", MACHINES)
@pytest.mark.parametrize("of", QUESTIONS)
def test_every_machine_answers(of: str, on: str) -> None:
    """Rows that do not fit are answered too: `fits` says so."""
    for scenario in QUESTIONS[of]:
        floor = rs.estimate(of, on, scenario, fidelity="roofline")
        tile = rs.estimate(of, on, scenario, fidelity="tile")
        assert np.all(np.isfinite(floor.time_s)) and np.all(np.greater(floor.time_s, 0.0))
        lowest_s = cached_floor_s(floor, on) if of == "resnet-50" else floor.time_s
        assert np.all(np.greater_equal(tile.time_s, np.multiply(lowest_s, 1.0 - 1e-9)))


@pytest.mark.parametrize("on", catalog.chip_names())
def test_answer_says_which_law_gave_it(on: str) -> None:
    chip = catalog.find_system(on).chip
    estimate = rs.estimate("llama-3.2-1b", on, rs.Decode(batch=8.0, context=1024.0), fidelity="tile")
    has_law = chip.engine.execution in TILE_LAWS
    assert estimate.fidelity == ("tile" if has_law else "roofline")
    assert has_law or any("no tile law" in note for note in estimate.notes)


@pytest.mark.parametrize("on", catalog.chip_names())
@pytest.mark.parametrize("dtype", ["fp32", "fp16", "fp8", "int8", "int4", "nvfp4"])
def test_every_machine_serves_every_format(on: str, dtype: str) -> None:
    """A format without units is widened to one that has them, or runs on vector units."""
    estimate = rs.estimate("llama-3.2-1b", on, rs.Decode(batch=BATCH, context=1024.0), dtype=dtype)
    assert np.all(np.isfinite(estimate.time_s))


def test_chips_without_fabric_are_the_only_ones_that_do_not_join() -> None:
    for name in catalog.chip_names():
        if catalog.find(name).fabric:
            assert catalog.find_system(f"2x{name}").chips == 2.0
        else:
            with pytest.raises(SpecError, match="names no fabric"):
                catalog.find_system(f"2x{name}")
