"""LUT Tensor Core: arrays that look sums up instead of multiplying, in place of an A100's tensor cores.

Not declared: what making tables costs on the vector units (16 to 24 % of a layer, 2.5 % once it is fused), which is that of an unpublished kernel some ten
times slower than its bytes; the error of the paper's own simulator, and perplexities. Its 4 to 6 times less power spans activation formats; table 1 has
11 times for the fp16 of its tensor cores, which is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hardware_specs.catalog import find_system
from hardware_specs.fields import with_values
from hardware_specs.schema import KernelEngine, System
from magnitudes.arrays import as_float
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, Span, number, within
from roofscape.reproductions.shared import Shared
from simulator.estimate import estimate
from simulator.lookup import LookupArray, tensor_core_area_m2, tensor_core_energy_j
from workloads.catalog import find_model
from workloads.feed_forward import DenseFeedForward
from workloads.scenario import Decode, Prefill, Scenario
from workloads.sharding import Parallelism, precision
from workloads.transformer import Transformer
from workloads.unfused import Unfused

TITLE = "Mo et al., LUT Tensor Core: A Software-Hardware Co-Design for LUT-Based Low-Bit LLM Inference, ISCA 2025"

CHIP = "a100-sxm-80gb"
TILE = (2.0, 64.0, 4.0)  # M, N, K: the best in the paper's search
NODE_M = 28e-9
DOT = 4.0  # depth of a tensor core's dot product: one sum for four products (V100 and later, NVIDIA)
MM2 = 1e-6
WHERE = "ISCA 2025, tables of arrays in place of A100's tensor cores, 28 nm"
COMPONENTS = "adders, multiplexers and registers at 45 nm (Dally; NeuroSim; Aladdin), scaled to 28 nm, not a synthesis; tables of 8 bits, sums of 32"
WEIGHT_BIT = 2.0  # of table 1's arrays: their 1248 and 2496 TOPS are with two-bit weights, as its energies and latencies and table 2's areas have it
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
    """The array that does so many times the tensor cores' multiply-adds with two-bit weights; its sums lie in the register file."""
    m, n, k = TILE
    return LookupArray(times * WEIGHT_BIT * _multiply_adds() / (m * n * k), m, n, k, sums_held=False)


def _llama() -> Transformer:
    found = find_model("llama-2-7b")
    assert isinstance(found, Transformer)
    return found


def _rate_tops(times: float) -> Callable[[Shared], float]:
    return lambda _: number(array(times).rate_flop_per_s(_engine(), WEIGHT_BIT)) / 1e12


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
    """Speed-up of a model with two-bit weights over fp16 on the tensor cores."""

    def ours(_: Shared) -> Found:
        model, one = find_model(MODEL), Parallelism()
        before = estimate(model, find_system(CHIP), scenario, one, precision(data_type("fp16")), fidelity="roofline").time_s
        after = estimate(model, machine(times, WEIGHT_BIT), scenario, one, precision(data_type("w2a16")), fidelity="roofline").time_s
        return Found(number(before) / number(after), f"{MODEL}, two-bit weights, at the roofline of both")

    return ours


AREAS = (
    ("A100's tensor cores, 28 nm, a multiprocessor", 0.975, "mm2", lambda _: _tensor_core_mm2()),
    ("A100-LUT-4X, a multiprocessor", 0.187, "mm2", _area_mm2(4.0)),
    ("A100-LUT-8X against the tensor cores", 38.3, "%", _share(8.0)),
    ("tensor cores over A100-LUT-4X in area", Span(4.0, 6.0), "x", lambda shared: 100.0 / _share(4.0)(shared)),
)


# Table 1: density and energy, and a model of 3 billion weights; table 2: against UNPU, step by step ----------------------------------------------------------
SMALL = replace(
    _llama(), name="llama-3b", hidden=3200.0, heads=32.0, kv_heads=32.0, head_dim=100.0, windows=((26.0, None),),
    feed_forwards=((26.0, DenseFeedForward(8640.0)),),
)  # fmt: skip
LATENCIES = {4.0: (106.71 / 42.49, 41.15 / 11.41), 8.0: (106.71 / 38.02, 41.15 / 7.47)}
UNPU = LookupArray(1.0, *TILE, halved=False, prepared=False, sums_held=False)  # an array of 512
STEPS = {  # what is gained, all steps before it included: area and power of UNPU over it
    "weights read as signs": (1.317, 1.301, replace(UNPU, halved=True, flipped=False)),
    "and turned beforehand": (1.351, 1.347, replace(UNPU, halved=True)),
    "and tables made elsewhere": (1.440, 1.442, replace(UNPU, halved=True, prepared=True)),
}
CLOCK_HZ = 1e9  # of the synthesis


def _efficiency_tera(_: Shared) -> float:
    """Of the tensor cores [TFLOP/s/W]."""
    return 2.0 / number(tensor_core_energy_j(DOT, NODE_M)) / 1e12


def _lookups_tera(times: float) -> Callable[[Shared], float]:
    """Of the array with two-bit weights [TOPS/W]."""
    return lambda _: 2.0 / WEIGHT_BIT * number(array(times).multiply_adds * CLOCK_HZ / array(times).power_w(NODE_M, CLOCK_HZ)) / 1e12


def _denser(times: float) -> Callable[[Shared], float]:
    return lambda shared: times * _tensor_core_mm2() / _area_mm2(times)(shared)


def _gain(step: LookupArray, *, power: bool) -> Callable[[Shared], float]:
    if power:
        return lambda _: number(UNPU.power_w(NODE_M, CLOCK_HZ)) / number(step.power_w(NODE_M, CLOCK_HZ))
    return lambda _: number(UNPU.area_m2(NODE_M)) / number(step.area_m2(NODE_M))


def _small_model(times: float, scenario: Scenario) -> Callable[[Shared], float]:
    """Speed-up of the 3 B model with two-bit weights over fp16 on the tensor cores."""

    def ours(_: Shared) -> float:
        model = Unfused(SMALL) if isinstance(scenario, Prefill) else SMALL  # scores are written and read, where there are any
        before = estimate(model, find_system(CHIP), scenario, Parallelism(), precision(data_type("fp16")), fidelity="roofline").time_s
        after = estimate(model, machine(times, WEIGHT_BIT), scenario, Parallelism(), precision(data_type("w2a16")), fidelity="roofline").time_s
        return number(before) / number(after)

    return ours


def _claim(what: str, published: float, unit: str, where: str, ours: Callable[[Shared], float], remark: str) -> Claim:
    return Claim("lut-tensor-core", what, published, unit, where, "Q", within(0.25), "prediction", ours, remark=remark)


FINAL = STEPS["and tables made elsewhere"][2]
TABLES = (
    _claim("A100's tensor cores, 28 nm, energy efficiency", 2.98, "TFLOP/s/W", "table 1", _efficiency_tera, COMPONENTS),
    *(_claim(f"A100-LUT-{times:.0f}X, energy efficiency", published, "TOPS/W", "table 1", _lookups_tera(times), COMPONENTS)
      for times, published in ((4.0, 33.32), (8.0, 33.65))),
    _claim("A100-LUT-8X over the tensor cores, operations a second and area", 20.9, "x", "section 4.4", _denser(8.0), COMPONENTS),
    _claim("A100-LUT-8X over the tensor cores, operations a joule", 11.2, "x", "section 4.4",
           lambda shared: _lookups_tera(8.0)(shared) / _efficiency_tera(shared), COMPONENTS),
    _claim("area of UNPU's array of 512", 0.01727, "mm2", "table 2", lambda _: number(UNPU.area_m2(NODE_M)) / MM2, COMPONENTS),
    _claim("area of LUT Tensor Core's array of 512", 0.01199, "mm2", "table 2", lambda _: number(FINAL.area_m2(NODE_M)) / MM2, COMPONENTS),
    _claim("power of UNPU's array of 512", 23.39, "mW", "table 2", lambda _: 1e3 * number(UNPU.power_w(NODE_M, CLOCK_HZ)), COMPONENTS),
    _claim("power of LUT Tensor Core's array of 512", 16.22, "mW", "table 2", lambda _: 1e3 * number(FINAL.power_w(NODE_M, CLOCK_HZ)), COMPONENTS),
    *(_claim(f"less {what} than UNPU, {words}", published[power], "x", "table 2", _gain(step, power=bool(power)), COMPONENTS)
      for words, (*published, step) in STEPS.items() for power, what in enumerate(("area", "power"))),
    *(_claim(f"3 B, two-bit weights, with A100-LUT-{times:.0f}X over fp16: {words}", published, "x", "table 1", _small_model(times, scenario),
             "at the roofline of both; the paper's LUT-8X keeps twice as much in registers")
      for times, row in LATENCIES.items() for published, (words, scenario) in zip(row, SCENARIOS.items(), strict=True)),
)  # fmt: skip

CLAIMS = (
    *TABLES,
    Claim("lut-tensor-core", "A100-LUT-4X, two-bit weights", 1248.0, "TOPS", WHERE, "Qn", within(0.01), "prediction", _rate_tops(4.0)),
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
