"""Products in a format that an engine's matrix units lack: the estimate says where they run, how much slower, and what to ask instead."""

from __future__ import annotations

import numpy as np
import pytest

from hardware_specs.catalog import find_system
from magnitudes.datatypes import DATA_TYPES, DataTypeChoice
from simulator.estimate import estimate
from simulator.result import Estimate
from workloads.catalog import find_model
from workloads.scenario import Images, Prefill
from workloads.sharding import Precision, precision


def asked(model: str, system: str, dtype: str) -> Estimate:
    scenario = Images(1.0) if model == "resnet-18" else Prefill(1.0, 128.0)
    return estimate(find_model(model), find_system(system), scenario, formats=precision(DATA_TYPES[dtype]))


@pytest.mark.parametrize(("machine", "unit", "times"), [("edge-tpu", "mxu", "64"), ("tpu-v1", "mxu", "256"), ("gemmini", "pe", "128")])
def test_an_array_of_int8_says_what_it_does_not_multiply(machine: str, unit: str, times: str) -> None:
    (note,) = asked("resnet-18", machine, "bf16").notes
    assert note.startswith(f"the matrix units of {unit} multiply int8 and not bf16: stem, ")
    assert f"{times} times slower" in note and "--dtype int8" in note
    assert not asked("resnet-18", machine, "int8").notes


def test_attention_keeps_the_format_of_the_stream_and_says_so() -> None:
    (note,) = asked("bert-base", "gemmini", "int8").notes
    assert "attention runs on its vector units" in note and "whatever format weights have" in note


def test_the_bound_is_the_unit_that_works() -> None:
    costs = {c.operator.name: c for c in asked("bert-base", "gemmini", "bf16").costs}
    assert costs["qkv"].bound == "vector" and "matrix" not in costs["qkv"].parts
    assert "matrix" in {c.operator.name: c for c in asked("bert-base", "gemmini", "int8").costs}["qkv"].parts


@pytest.mark.parametrize(
    ("machine", "dtype"), [("fusemax-cloud", "bf16"), ("h100-sxm", "fp8"), ("v100-sxm2-32gb", "bf16"), ("eyeriss", "fp16"), ("duplex", "bf16")]
)
def test_nothing_is_said_where_matrix_units_multiply(machine: str, dtype: str) -> None:
    assert not [n for n in asked("bert-base", machine, dtype).notes if "matrix units" in n]


def test_columns_of_formats_name_the_one_that_is_not_served() -> None:
    element = DataTypeChoice((DATA_TYPES["bf16"], DATA_TYPES["int8"]), np.array([0.0, 1.0]))
    formats = Precision(element, element, DATA_TYPES["bf16"], DATA_TYPES["bf16"])
    found = estimate(find_model("resnet-18"), find_system("edge-tpu"), Images(1.0), formats=formats)
    assert "int8 and not bf16" in found.notes[0]
    times = np.asarray(found.time_s)
    assert times[0] == pytest.approx(float(np.asarray(asked("resnet-18", "edge-tpu", "bf16").time_s)))
