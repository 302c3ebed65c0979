"""One schema, many families: a PIM, an RDU, a spatial array and a flash device, each as a user would write it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import yaml

from hardware_specs import catalog
from hardware_specs.loader import SpecError, read_chip
from hardware_specs.schema import ENGINES, Chip, Link, NearMemoryEngine, SpatialEngine, StreamingEngine, Tier
from magnitudes.units import bare_name

PIM = """
name: bank-pim
title: 5 HBM3 stacks with units in the banks, beside an xPU's HBM port
family: pim
source: AttAcc (ASPLOS 2024), table 2, rounded
tiers:
  banks: {kind: HBM3-PIM, capacity: 80 GiB, bandwidth: 84 TB/s, latency: 30 ns, read_energy: 0.9 pJ/bit}
  host: {kind: DDR5, capacity: 1 TiB, bandwidth: 300 GB/s}
engines:
  units:
    execution: near_memory
    beside: banks
    at: bank
    clock: 650 MHz
    channels: 80
    banks: 64
    units: 2560
    row: 1 KiB
    activate: 24.7 ns
    precharge: 24.7 ns
    refresh: 338 ns
    refresh_interval: 6.59 us
    vector: {fp16: 106 TFLOP/s}
tdp: 116 W
"""

RDU = """
name: dataflow-rdu
title: compute and memory units on a mesh, with HBM and DDR behind
family: rdu
sources:
  chip: {kind: datasheet, title: "a reconfigurable dataflow unit as SambaNova describes SN40L (2024), rounded"}
  guess: {kind: assumed, title: "a few microseconds to start a section from hardware"}
tiers:
  pmu: {kind: SRAM, capacity: 520 MiB @chip, bandwidth: 100 TB/s @guess}
  hbm: {kind: HBM3, capacity: 64 GiB @chip, bandwidth: 1.6 TB/s @chip}
  ddr: {kind: DDR5, capacity: 1.5 TiB @chip, bandwidth: 200 GB/s @chip}
engines:
  fabric:
    execution: streaming
    beside: [pmu, hbm]
    clock: 1.6 GHz @guess
    compute_units: 1040 @chip
    memory_units: 1040 @chip
    memory_unit: 0.5 MiB @chip
    launch: 3 us @guess
    orchestration: hardware
    matrix: {bf16: 638 TFLOP/s @chip}
    vector: {fp32: 40 TFLOP/s @guess}
"""

ARRAY = """
name: edge-array
title: one weight-stationary array with a vector unit
family: array
source: a teaching design
tiers:
  buffer: {kind: SRAM, capacity: 512 KiB, bandwidth: 256 GB/s, read_energy: 1.2 pJ/B}
  dram: {kind: LPDDR4, capacity: 4 GiB, bandwidth: 25.6 GB/s, latency: 80 ns}
engines:
  array:
    execution: spatial
    beside: [buffer, dram]
    clock: 1 GHz
    arrays: 1
    rows: 32
    columns: 32
    dataflow: weight
    vector_lanes: 32
    matrix: {int8: 2.048 TOP/s}
    vector: {fp32: 64 GFLOP/s}
area: 2.5 mm2
"""

FLASH = """
name: flash-drive
title: a drive whose channels compute, and the controller's cores beside its DRAM
family: storage
source: a teaching design after in-storage attention papers
tiers:
  dram: {kind: LPDDR4, capacity: 16 GiB, bandwidth: 34 GB/s, latency: 90 ns}
  nand: {kind: NAND, capacity: 4 TiB, bandwidth: 19.2 GB/s, latency: 40 us}
engines:
  channels:
    execution: near_memory
    beside: [nand]
    at: flash_channel
    clock: 400 MHz
    channels: 16
    banks: 8
    units: 16
    row: 16 KiB
    vector: {fp16: 0.4 TFLOP/s}
  cores:
    execution: host
    beside: [dram, nand]
    cores: 8
    clock: 2 GHz
    vector: {fp32: 128 GFLOP/s}
price: 900 USD
"""

WRONG = """
name: three-mistakes
source: a test
tiers:
  hbm: {kind: HBM3, capacity: 80 GB, bandwith: 3 TB/s, bandwidth: 3 TB/s}
engines:
  sm:
    execution: kernel
    beside: [hbn]
    clock: 1.8 TB/s
    vector: {fp32: 60 TFLOP/s}
"""


def tree(text: str) -> dict[str, Any]:
    loaded = yaml.safe_load(text)
    assert isinstance(loaded, dict)
    return loaded


def test_pim() -> None:
    chip, citations = read_chip(tree(PIM), "text")
    engine = chip.engine
    assert isinstance(engine, NearMemoryEngine)
    assert engine.units == 2560.0
    assert engine.row_byte == 1024.0
    assert engine.activate_s == pytest.approx(24.7e-9)
    assert engine.refresh_interval_s == pytest.approx(6.59e-6)
    assert chip.main_memory(engine).name == "banks"
    assert chip.main_memory(engine).read_energy_j_per_byte == pytest.approx(0.9e-12 * 8)
    spill = chip.spill_tier(engine)
    assert spill is not None
    assert spill.name == "host"
    assert citations["tiers.banks.bandwidth"].kind == "assumed"


def test_rdu() -> None:
    chip, citations = read_chip(tree(RDU), "text")
    engine = chip.engine
    assert isinstance(engine, StreamingEngine)
    assert engine.memory_unit_byte * engine.memory_units == chip.tier("pmu").capacity_byte
    assert engine.launch_s == pytest.approx(3e-6)
    assert engine.orchestration == "hardware"
    assert chip.main_memory(engine).name == "hbm"
    spill = chip.spill_tier(engine)
    assert spill is not None
    assert spill.name == "ddr"
    assert citations["engines.fabric.matrix.bf16"].kind == "datasheet"
    assert citations["engines.fabric.launch"].kind == "assumed"


def test_spatial_array() -> None:
    chip, _ = read_chip(tree(ARRAY), "text")
    engine = chip.engine
    assert isinstance(engine, SpatialEngine)
    assert engine.matrix_flop_per_s["int8"] == engine.rows * engine.columns * 2 * engine.clock_hz
    assert engine.dataflow == "weight"
    assert chip.area_m2 == pytest.approx(2.5e-6)
    assert chip.spill_tier(engine) is None


def test_computational_flash_has_two_engines_beside_two_tiers() -> None:
    chip, _ = read_chip(tree(FLASH), "text")
    channels, cores = chip.engines
    assert isinstance(channels, NearMemoryEngine)
    assert channels.at == "flash_channel"
    assert chip.main_memory(channels) == chip.main_memory(cores) == chip.tier("nand")
    assert cores.beside == ("dram", "nand")
    assert chip.price_usd == 900.0


def test_three_mistakes_are_reported_together() -> None:
    with pytest.raises(SpecError) as caught:
        read_chip(tree(WRONG), "three.yaml")
    text = str(caught.value)
    assert len(caught.value.mistakes) == 3
    assert "tiers.hbm.bandwith" in text and "did you mean bandwidth" in text
    assert "engines.sm.clock" in text and "Hz" in text
    assert "engines.sm.beside" in text and "did you mean hbm" in text


@pytest.mark.parametrize("record", [Tier, Link, Chip, *ENGINES.values()])
def test_no_two_fields_are_spelled_alike_in_files(record: type) -> None:
    keys = [bare_name(f.name) for f in fields(record)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock: 650 MHz", "clock: 0 Hz", "engines.units.clock: '0 Hz' is zero"),
        ("bandwidth: 84 TB/s", "bandwidth: 0 B/s", "tiers.banks.bandwidth: '0 B/s' is zero"),
        ("beside: banks", "beside: []", "engines.units.beside: names no tier"),
        ("latency: 30 ns", "latency: -30 ns", "tiers.banks.latency: '-30 ns' is negative"),
    ],
)
def test_a_value_that_cannot_be_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError, match="1 mistake") as caught:
        read_chip(tree(PIM.replace(old, new)), "text")
    assert message in str(caught.value)


def test_counts_before_or_behind_a_name() -> None:
    for name in ("4xa100-sxm-80gb", "4 x A100-SXM-80GB", "A100-SXM-80GB x4"):
        system = catalog.find_system(name)
        assert (system.chips, system.chip.name) == (4.0, "a100-sxm-80gb")


def test_a_system_is_no_chip() -> None:
    assert catalog.is_system("DGX H100")
    with pytest.raises(SpecError, match="is a system of chips, not one chip"):
        catalog.find("dgx-h100")
