"""Weights of which some are zero: their bytes, what spreading them costs, what sparse units leave out."""

from __future__ import annotations

import numpy as np
import pytest

import roofscape as rs
from explorers.question import Question
from hardware_specs.fields import with_values
from magnitudes.arrays import as_float
from magnitudes.datatypes import data_type
from magnitudes.errors import InputError
from magnitudes.sparsity import sparse
from simulator.machine import machine_of
from simulator.roofline import roofs
from simulator.structured import structured_gain
from workloads.catalog import find_model
from workloads.operator import Contraction


@pytest.mark.parametrize(
    ("name", "sparsity", "byte"),
    [("bf16", "2:4", 1 + 2 / 16), ("bf16", 0.8, 0.2 * 4), ("bf16", 0.0, 2), ("bf16", 0.3, 2), ("fp8", 0.9, 0.1 * 3), ("bf16", 0.5, 2)],
)
def test_bytes_an_element(name: str, sparsity: object, byte: float) -> None:
    """Half of the values and two bits each; or the values left with 16 bits each, where that is less than all of them."""
    assert as_float(sparse(data_type(name), sparsity).byte) == pytest.approx(byte)


def test_more_zeros_are_never_more_bytes_and_decode_faster() -> None:
    share = np.linspace(0.0, 0.95, 20)
    found = rs.estimate("opt-30b", "a100-sxm-80gb", rs.Decode(batch=8, context=512), sparsity=share)
    assert np.all(np.diff(np.asarray(found.memory.weight_byte)) <= 0)
    times = np.asarray(found.time_s)
    assert times[16] < 0.55 * times[0]  # 0.8
    alone = [as_float(rs.estimate("opt-30b", "a100-sxm-80gb", rs.Decode(batch=8, context=512), sparsity=s).time_s) for s in (0.0, 0.8)]
    assert times[[0, 16]] == pytest.approx(alone, rel=1e-12)


def test_many_rows_gain_nothing_from_zeros_but_power() -> None:
    def seconds(sparsity: float | None, **limits: float) -> float:
        return as_float(rs.estimate("llama-3-8b", with_values(rs.system("h100-sxm"), limits), rs.Prefill(batch=8), sparsity=sparsity).time_s)

    assert seconds(0.8, tdp=1e6) > seconds(None, tdp=1e6)  # spread out again for each row of tiles
    assert seconds(0.8) > 0.998 * seconds(None)  # bytes that are not moved leave a little of the power limit


def test_two_of_four_halve_the_products_on_units_made_for_it() -> None:
    product = Contraction(name="p", m=8192.0, n=8192.0, k=8192.0, b=sparse(data_type("bf16"), "2:4"))  # type: ignore[arg-type]
    for chip, gain in (("h100-sxm", 2.0), ("v100-sxm2", 1.0), ("tpu-v5e", 1.0)):
        machine = machine_of(rs.system(chip))
        assert structured_gain(product, machine) == gain
        assert as_float(roofs(product, machine)["matrix"]) == pytest.approx(product.matrix_flop / gain / machine.matrix_flop_per_s(product.a))  # type: ignore[operator]
    times = [as_float(rs.estimate("llama-3-8b", "h100-sxm", rs.Prefill(batch=8), sparsity=s).time_s) for s in (None, "2:4")]
    assert 0.5 < times[1] / times[0] < 0.85


def test_a_share_varies_in_a_question() -> None:
    question = Question(find_model("llama-3-8b"), rs.system("h100-sxm"), rs.Decode(batch=4))
    asked = np.array([0.0, 0.6, 0.8])
    times = question.compiled(("sparsity",)).run({"sparsity": asked})["time_s"]
    assert np.asarray(times) == pytest.approx(np.asarray(rs.estimate("llama-3-8b", "h100-sxm", rs.Decode(batch=4), sparsity=asked).time_s), rel=1e-9)


@pytest.mark.parametrize(("sparsity", "says"), [("1:4", "use 2:4"), (1.0, "sparsity is 1"), (-0.1, "sparsity is -0.1"), ([0.5, 1.5], "sparsity is 1.5")])
def test_no_sparsity(sparsity: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        rs.estimate("llama-3-8b", "h100-sxm", sparsity=sparsity)
