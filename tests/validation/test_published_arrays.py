"""Arrays against what their makers publish: frames a second of NVDLA's seven example configurations, and AlexNet on Eyeriss. Nothing is fitted."""

from __future__ import annotations

import numpy as np
import pytest

import roofscape as rs
from hardware_specs.catalog import find_system
from magnitudes.datatypes import DATA_TYPES
from simulator.machine import MachineError, machine_of
from simulator.spatial.hierarchy import Loops
from simulator.spatial.machines import hierarchy_of
from simulator.spatial.search import search

# NVDLA primer, example area and performance: multiply-accumulators, buffer [KB], SDRAM [GB/s], ResNet-50 [frames/s]; rows x columns as the hardware's
# specification splits them, inputs' channels by kernels.
NVDLA = [
    (2048, 64, 32, 512, 20.0, 269.0), (1024, 64, 16, 256, 15.0, 153.0), (512, 32, 16, 256, 10.0, 93.0), (256, 32, 8, 256, 5.0, 46.0),
    (128, 16, 8, 256, 2.0, 20.0), (64, 8, 8, 128, 1.0, 7.3), (32, 8, 4, 128, 0.5, 3.6),
]  # fmt: skip
# AlexNet's convolutions as they ran on the chip, four images, grouped (Krizhevsky et al. 2012).
ALEXNET = [
    Loops(96, 3, 55, 55, 11, 11, 4, 4, 227, 227), Loops(128, 48, 27, 27, 5, 5, 4, 1, 27, 27, 2), Loops(384, 256, 13, 13, 3, 3, 4, 1, 13, 13),
    Loops(192, 192, 13, 13, 3, 3, 4, 1, 13, 13, 2), Loops(128, 192, 13, 13, 3, 3, 4, 1, 13, 13, 2),
]  # fmt: skip


def test_nvdla_makes_as_many_frames_as_its_primer_says() -> None:
    """The five larger ones within 10 %; the two smallest, of 64 and 32 multipliers, are published 28 % slower than our folds."""
    ratios = []
    for macs, rows, columns, buffer, bandwidth, frames in NVDLA:
        changed = {
            "cmac.rows": rows, "cmac.columns": columns, "convolution-buffer.capacity": buffer * 1e3, "sdram.bandwidth": bandwidth * 1e9,
            "cmac.matrix.int8": macs * 2e9,
        }  # fmt: skip
        ratios.append(1.0 / float(rs.estimate("resnet-50", on="nvdla", dtype="int8", set=changed).time_s) / frames)
    print(np.round(ratios, 3))
    assert np.all(np.abs(np.log(ratios[:5])) < 0.10)
    assert np.all(np.abs(np.log(ratios)) < 0.37)


def test_alexnet_on_eyeriss_runs_at_the_frames_measured() -> None:
    """35 frames/s at 200 MHz, four images at a time (Chen et al., JSSC 2017): mappings searched for each layer, by time."""
    machine = machine_of(find_system("eyeriss"))
    clocks = [float(search(layer, hierarchy_of(machine, layer, DATA_TYPES["fp16"], 2.0), "time").clock[0]) for layer in ALEXNET]
    frames = 4.0 / (sum(clocks) / 200e6)
    print(frames)
    assert frames == pytest.approx(35.0, rel=0.10)


def test_each_array_of_two_memories_is_a_hierarchy() -> None:
    layer = Loops(64, 64, 14, 14, 3, 3, in_x=14, in_y=14)
    for name in ("eyeriss", "nvdla", "tpu-v1", "edge-tpu", "gemmini", "fusemax-edge"):
        found = search(layer, hierarchy_of(machine_of(find_system(name)), layer, DATA_TYPES["int8"]))
        assert found.at_most[0] >= 1.0
    with pytest.raises(MachineError, match="shidiannao has no memory behind sram"):
        hierarchy_of(machine_of(find_system("shidiannao")), layer, DATA_TYPES["int8"])
