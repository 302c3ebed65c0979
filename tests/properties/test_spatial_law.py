"""The law of arrays read as regions and as symbols, and what no array may do: gain by a smaller buffer."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorers.question import Question
from explorers.stream import stream
from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values
from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import as_float
from magnitudes.interval import Interval, as_interval
from workloads.catalog import find_model
from workloads.scenario import Decode, Images, Prefill

MACHINES = ("eyeriss", "nvdla", "shidiannao", "tpu-v1", "edge-tpu", "tpu-v4i", "gemmini", "fusemax-edge", "flat-edge")
ASKED = (("resnet-50", Images()), ("mobilenet-v2", Images(batch=4.0)), ("bert-large", Prefill(prompt=384.0)), ("llama-3.2-1b", Decode(context=700.0)))
WHOLE = ("rows", "columns", "arrays")  # counts
ROUNDING = 1e-9
DESIGNS = 16


def question(machine: str, asked: Any) -> Question:
    model, scenario = asked
    engine = find_system(machine).chip.engine
    element = next(f for f in ("bf16", "fp16", "int8") if f in engine.matrix_flop_per_s)
    return Question(find_model(model), find_system(machine), scenario, data_types=(element,), correction=False)


def numbers(own: Question) -> dict[str, float]:
    """What may vary: all numbers of the machine."""
    return {path: as_float(value) for path, value in field_values(own.system).items()}


@st.composite
def regions(draw: Any) -> tuple[Question, dict[str, tuple[float, float]]]:
    own = question(draw(st.sampled_from(MACHINES)), draw(st.sampled_from(ASKED)))
    base = numbers(own)
    box = {}
    for path in draw(st.lists(st.sampled_from(sorted(base)), min_size=1, max_size=4, unique=True)):
        low = base[path] * draw(st.sampled_from([0.25, 0.5, 1.0, 2.0]))
        high = low * draw(st.sampled_from([1.0, 1.05, 2.0, 8.0]))
        box[path] = (float(max(round(low), 1)), float(max(round(high), 1))) if path.split(".")[-1] in WHOLE else (low, high)
    return own, box


@settings(max_examples=60, deadline=None)
@given(region=regions(), seed=st.integers(0, 2**32 - 1))
def test_bounds_hold_every_array_inside(region: tuple[Question, dict[str, tuple[float, float]]], seed: int) -> None:
    own, box = region
    bounds = as_interval(own.estimate({path: Interval(low, high) for path, (low, high) in box.items()}).time_s)
    rng = np.random.default_rng(seed)
    shares = np.concatenate([rng.integers(0, 2, (DESIGNS // 2, len(box))), rng.random((DESIGNS // 2, len(box)))])
    inside = {path: low + shares[:, i] * (high - low) for i, (path, (low, high)) in enumerate(box.items())}
    inside = {path: np.round(values) if path.split(".")[-1] in WHOLE else values for path, values in inside.items()}
    time_s = np.asarray(own.estimate(inside).time_s)
    assert np.all(bounds.low <= time_s * (1.0 + ROUNDING))
    assert np.all(time_s <= bounds.high * (1.0 + ROUNDING))


@pytest.mark.parametrize("machine", MACHINES)
def test_a_point_is_bounded_by_itself(machine: str) -> None:
    """No rule of the law loses anything where nothing varies."""
    for asked in ASKED:
        own = question(machine, asked)
        point = {path: Interval(value, value) for path, value in numbers(own).items()}
        bounds = as_interval(own.estimate(point).time_s)
        assert bounds.low == pytest.approx(bounds.high, rel=1e-9)


@pytest.mark.parametrize("machine", MACHINES)
def test_compiled_columns_are_rows(machine: str) -> None:
    """The formula recorded once, run over columns of everything that a machine has, is what single estimates say."""
    rng = np.random.default_rng(5)
    for asked in ASKED:
        own = question(machine, asked)
        designs = {path: value * 2.0 ** rng.uniform(-1.0, 1.0, 6) for path, value in numbers(own).items()}
        designs = {path: np.maximum(np.round(v), 1.0) if path.split(".")[-1] in WHOLE else v for path, v in designs.items()}
        together = own.compiled(tuple(designs)).run(designs)["time_s"]
        alone = [own.estimate({path: float(v[i]) for path, v in designs.items()}).time_s for i in range(6)]
        assert np.asarray(together).tolist() == alone


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("dataflow", ["", "weight", "output", "input", "row"])
def test_a_smaller_buffer_is_never_faster(machine: str, dataflow: str) -> None:
    system = find_system(machine)
    engine = system.chip.engine
    assert isinstance(engine, SpatialEngine)
    if dataflow:
        system = replace(system, chip=replace(system.chip, engines=(replace(engine, dataflow=dataflow), *system.chip.engines[1:])))
    sizes = np.geomspace(2.0**10, 2.0**28, 60)
    for asked in ASKED:
        own = replace(question(machine, asked), system=system)
        for name in engine.beside:
            time_s = np.broadcast_to(np.asarray(own.estimate({f"{name}.capacity": sizes}).time_s), sizes.shape)
            assert np.all(np.diff(time_s) <= time_s[:-1] * ROUNDING), (asked[0], name)


def test_two_hundred_thousand_arrays_a_second() -> None:
    """ResNet-50 where buffer, memory and the array's sides vary, on two workers: half of it in a second of one core, whatever else runs beside."""
    own = question("nvdla", ASKED[0])
    rng, rows = np.random.default_rng(7), 2**16
    varying = ("convolution-buffer.capacity", "convolution-buffer.bandwidth", "sdram.bandwidth", "cmac.rows", "cmac.columns")
    designs = {path: numbers(own)[path] * 2.0 ** rng.integers(-1, 2, rows) for path in varying}
    program = own.compiled(varying)
    rates = []
    for _ in range(4):
        start = time.process_time()
        min(stream(program, iter([designs] * 2), lambda _, outputs: float(np.min(outputs["time_s"])), 2))
        rates.append(2 * rows / (time.process_time() - start))
    assert max(rates) >= 100_000
