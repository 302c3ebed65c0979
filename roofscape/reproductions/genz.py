"""GenZ: the golden operators of its tests, as our roofline sees them on the platform that the tests describe."""

from __future__ import annotations

from collections.abc import Callable

from hardware_specs.catalog import find_system
from hardware_specs.fields import with_values
from hardware_specs.schema import System
from roofscape.reproductions.claim import Claim, number, within
from roofscape.reproductions.shared import Shared
from simulator.estimate import estimate
from workloads.catalog import find_model
from workloads.scenario import Decode, Prefill, Scenario

TITLE = "Bambhaniya et al., Demystifying AI Platform Design for Distributed Inference of Next-Generation LLM models (GenZ), 2024"

FLOP_PER_S, BYTE_PER_S, EFFICIENCY = 300e12, 1200.0 * 2.0**30, 0.8  # the platform "TPU" of the tests, and the share of both that it sustains
PROMPT = 1024.0
WHERE = "GenZ-LLM-Analyzer, tests/golden, Llama-2-7B on a TPU"
DECODE_MS = {"qkv": 0.09766, "gate and up": 0.17497, "down": 0.08749}
PREFILL_MS = {"qkv": 0.42950, "gate and up": 0.76951, "down": 0.38476}
OPERATORS = {"qkv": "qkv", "gate and up": "gate_up", "down": "down"}  # GenZ's words, ours


def platform() -> System:
    """A TPU with the rates of the tests."""
    return with_values(find_system("tpu-v4"), {"mxu.matrix.bf16": EFFICIENCY * FLOP_PER_S, "hbm.bandwidth": EFFICIENCY * BYTE_PER_S})


def _time_ms(operator: str, scenario: Scenario) -> Callable[[Shared], float]:
    """Time of one call of an operator."""

    def ours(_: Shared) -> float:
        costs = estimate(find_model("llama-2-7b"), platform(), scenario, fidelity="roofline").costs
        return 1e3 * number(next(c.time_s for c in costs if c.operator.name == OPERATORS[operator]))

    return ours


CLAIMS = tuple(
    Claim("genz", f"{operator} product, {words}", published, "ms", WHERE, "A", within(0.001), "prediction", _time_ms(operator, scenario))
    for words, golden, scenario in (("decode", DECODE_MS, Decode(batch=1.0, context=PROMPT)), (f"prefill of {PROMPT:.0f}", PREFILL_MS, Prefill(prompt=PROMPT)))
    for operator, published in golden.items()
)
