"""Formats of weights alone: what widening costs, against what was published of kernels that do it."""

from __future__ import annotations

import numpy as np
import pytest

import roofscape as rs
from hardware_specs.schema import KernelEngine
from magnitudes.arrays import as_float
from magnitudes.datatypes import data_type, data_type_choice
from simulator.engines import cost_law
from simulator.kernels.widening import widening_s
from simulator.machine import machine_of
from simulator.reuse import Reuse
from workloads.operator import Contraction

COLD = Reuse(weight_byte=1e12, state_byte=1e12, activation_byte=1e12)


def product_s(chip: str, rows: float, weights: str) -> float:
    """A linear layer of Marlin's benchmark: 72 K by 18 K."""
    law = cost_law(machine_of(rs.system(chip)), "tile", "kernel")
    operator = Contraction(name="linear", m=rows, n=18432.0, k=73728.0, b=data_type(weights), a=data_type("fp8" if weights == "fp8" else "bf16"))
    return as_float(law.cost(operator, 1.0, COLD).time_s)


def test_instructions_over_lanes() -> None:
    engine = machine_of(rs.system("a100-sxm-80gb")).engine
    assert isinstance(engine, KernelEngine)
    assert widening_s(data_type("w4a16"), 6400.0, engine) == pytest.approx(17 / 8 * 6400 / (64 * 1.41e9))
    assert widening_s(data_type("bf16"), 6400.0, engine) == 0.0
    column = widening_s(data_type_choice(["bf16", "w8a16"], [0, 1]), 6400.0, engine)
    assert np.asarray(column) == pytest.approx([0.0, 1.5 * 6400 / (64 * 1.41e9)])


def test_as_published_of_marlin() -> None:
    """On an A10 within 5 % of the ideal 3.87x up to 32 rows, less and less at 64 and 128, then parity (arXiv 2408.11743)."""
    gain = {rows: product_s("a10", rows, "bf16") / product_s("a10", rows, "w4a16") for rows in (1.0, 16.0, 32.0, 64.0, 128.0, 256.0, 8192.0)}
    for rows in (1.0, 16.0, 32.0):
        assert gain[rows] == pytest.approx(3.87, rel=0.05)
    assert 3.0 > gain[64.0] > gain[128.0] > 1.2
    assert 0.9 < gain[8192.0] <= gain[256.0] < 1.1


@pytest.mark.parametrize("chip", ["a100-sxm-80gb", "h100-sxm"])
def test_at_large_batches_widening_costs_what_it_saved(chip: str) -> None:
    few, many = ({w: product_s(chip, rows, w) for w in ("bf16", "w4a16", "fp8")} for rows in (1.0, 8192.0))
    assert few["w4a16"] < 0.45 * few["bf16"]
    assert many["w4a16"] > many["bf16"]
    if chip == "h100-sxm":
        assert product_s(chip, 256.0, "w4a16") > product_s(chip, 256.0, "fp8")
