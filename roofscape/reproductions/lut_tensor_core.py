"""LUT Tensor Core: arrays that look sums up instead of multiplying, in place of an A100's tensor cores."""

from __future__ import annotations

from collections.abc import Callable

from hardware_specs.catalog import find_system
from hardware_specs.fields import with_values
from hardware_specs.schema import KernelEngine, System
from magnitudes.arrays import as_float
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, Span, number, within
from roofscape.reproductions.shared import Shared
from simulator.estimate import estimate
from simulator.lookup import LookupArray, tensor_core_area_m2
from workloads.catalog import find_model
from workloads.scenario import Decode, Prefill, Scenario
from workloads.sharding import Parallelism, precision

TITLE = "Mo et al., LUT Tensor Core: A Software-Hardware Co-Design for LUT-Based Low-Bit LLM Inference, ISCA 2025"

CHIP = "a100-sxm-80gb"
TILE = (2.0, 64.0, 4.0)  # M, N, K: the best in the paper's search
NODE_M = 28e-9
DOT = 4.0  # depth of a tensor core's dot product: one sum for four products (V100 and later, NVIDIA)
MM2 = 1e-6
WHERE = "ISCA 2025, tables of arrays in place of A100's tensor cores, 28 nm"
COMPONENTS = "adders, multiplexers and registers at 45 nm (Dally; NeuroSim; Aladdin), scaled to 28 nm, not a synthesis; tables of 8 bits, sums of 32"
MODEL = "llama-2-13b"
SCENARIOS: dict[str, Scenario] = {"prefill of 2048": Prefill(batch=1.0, prompt=2048.0), "1024 sequences": Decode(batch=1024.0, context=1.0)}


def _engine() -> KernelEngine:
    engine = find_system(CHIP).chip.engine
    assert isinstance(engine, KernelEngine)
    return engine


def _multiply_adds() -> float:
    """Of a multiprocessor's tensor cores in fp16, a clock."""
    engine = _engine()
    return round(as_float(engine.matrix_flop_per_s["fp16"]) / 2.0 / as_float(engine.clock_hz) / as_float(engine.multiprocessors))


def array(times: float) -> LookupArray:
    """The array that does so many times the tensor cores' multiply-adds with one-bit weights."""
    m, n, k = TILE
    return LookupArray(times * _multiply_adds() / (m * n * k), m, n, k)


def _rate_tops(times: float) -> Callable[[Shared], float]:
    return lambda _: number(array(times).rate_flop_per_s(_engine(), 1.0)) / 1e12


def _area_mm2(times: float) -> Callable[[Shared], float]:
    return lambda _: number(array(times).area_m2(NODE_M)) / MM2


def _tensor_core_mm2() -> float:
    return number(tensor_core_area_m2(_multiply_adds(), DOT, NODE_M)) / MM2


def _share(times: float) -> Callable[[Shared], float]:
    """Area against that of the tensor cores [%]."""
    return lambda shared: 100.0 * _area_mm2(times)(shared) / _tensor_core_mm2()


def machine(times: float, weight_bit: float) -> System:
    """An A100 with such arrays."""
    return with_values(find_system(CHIP), {"sm.matrix.bf16": number(array(times).rate_flop_per_s(_engine(), weight_bit))})


def _whole_model(times: float, scenario: Scenario) -> Callable[[Shared], Found]:
    """Speed-up of a model with one-bit weights over fp16 on the tensor cores."""

    def ours(_: Shared) -> Found:
        model, one = find_model(MODEL), Parallelism()
        before = estimate(model, find_system(CHIP), scenario, one, precision(data_type("fp16")), fidelity="roofline").time_s
        after = estimate(model, machine(times, 1.0), scenario, one, precision(data_type("w1a16")), fidelity="roofline").time_s
        return Found(number(before) / number(after), f"{MODEL}, one-bit weights, at the roofline of both")

    return ours


AREAS = (
    ("A100's tensor cores, 28 nm, a multiprocessor", 0.975, "mm2", lambda _: _tensor_core_mm2()),
    ("A100-LUT-4X, a multiprocessor", 0.187, "mm2", _area_mm2(4.0)),
    ("A100-LUT-8X against the tensor cores", 38.3, "%", _share(8.0)),
    ("tensor cores over A100-LUT-4X in area, one-bit weights", Span(4.0, 6.0), "x", lambda shared: 100.0 / _share(4.0)(shared)),
)

CLAIMS = (
    Claim("lut-tensor-core", "A100-LUT-4X, one-bit weights", 1248.0, "TOPS", WHERE, "Qn", within(0.01), "prediction", _rate_tops(4.0)),
    *(
        Claim("lut-tensor-core", words, published, unit, WHERE, "Qn", within(0.25), "prediction", ours, remark=COMPONENTS)
        for words, published, unit, ours in AREAS
    ),
    *(
        Claim(
            "lut-tensor-core", f"end to end with A100-LUT-{times:.0f}X: {words}", Span(2.06, 5.51), "x", "ISCA 2025, end-to-end evaluation", "Qn", within(0.1),
            "prediction", _whole_model(times, scenario), remark="the paper's range spans models, formats and arrays; its tile simulator is not at hand",
        )
        for times in (4.0, 8.0)
        for words, scenario in SCENARIOS.items()
    ),
)  # fmt: skip
