"""GenZ: the golden operators of its tests, as our roofline sees them on the platforms that the tests describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware_specs.catalog import find_system
from hardware_specs.fields import with_values
from hardware_specs.schema import System
from roofscape.reproductions.claim import Claim, number, within
from roofscape.reproductions.shared import Shared
from simulator.estimate import estimate
from simulator.machine import machine_of
from simulator.roofline import roofline_cost
from workloads.catalog import find_model
from workloads.operator import Contraction, Residency
from workloads.scenario import Decode, Prefill, Scenario

TITLE = "Bambhaniya et al., Demystifying AI Platform Design for Distributed Inference of Next-Generation LLM models (GenZ), 2024"

SUSTAINED = 0.8  # share of both rates
GIB = 2.0**30
WHERE = "GenZ-LLM-Analyzer, tests/golden"
PROMPT = 1024.0


@dataclass(frozen=True, slots=True)
class Golden:
    """One row of a golden table: a product on weights, or of heads with their keys or values.

    Parameters
    ----------
    name : str
    heads, m, n, k : float
        So many products of (m, k) by (k, n), alike.
    time_ms : float
    weights : bool
    """

    name: str
    heads: float
    m: float
    n: float
    k: float
    time_ms: float
    weights: bool = True


PLATFORMS = {
    "TPU": with_values(find_system("tpu-v4"), {"mxu.matrix.bf16": SUSTAINED * 300e12, "hbm.bandwidth": SUSTAINED * 1200.0 * GIB}),
    "GH200": with_values(find_system("gh200"), {"sm.matrix.bf16": SUSTAINED * 2000e12, "hbm.bandwidth": SUSTAINED * 4900.0 * GIB}),
}
GOLDEN = {
    ("Llama-2-7B decode", "TPU"): (
        Golden("scores, 1024 keys", 32.0, 1.0, 1024.0, 128.0, 0.0082095464, weights=False),
        Golden("scores, 32 keys", 32.0, 1.0, 32.0, 128.0, 0.00026424726, weights=False),
        Golden("values, 1024 keys", 32.0, 1.0, 128.0, 1024.0, 0.0082095464, weights=False),
        Golden("values, 32 keys", 32.0, 1.0, 128.0, 32.0, 0.00026424726, weights=False),
        Golden("output product", 1.0, 1.0, 4096.0, 4096.0, 0.0325531430),
    ),
    ("Llama-2-7B prefill", "TPU"): (
        Golden("scores", 32.0, 1024.0, 1024.0, 128.0, 0.0813802083, weights=False),
        Golden("values", 32.0, 1024.0, 128.0, 1024.0, 0.0813802083, weights=False),
        Golden("output product", 1.0, 1024.0, 4096.0, 4096.0, 0.1431655765),
    ),
    ("Mixtral-8x7B decode", "GH200"): (
        Golden("qkv product", 1.0, 1.0, 6144.0, 4096.0, 0.0119592327),
        Golden("scores, 1024 keys", 8.0, 4.0, 1024.0, 128.0, 0.00051576264, weights=False),
        Golden("values, 1024 keys", 8.0, 4.0, 128.0, 1024.0, 0.00051576264, weights=False),
        Golden("output product", 1.0, 1.0, 4096.0, 4096.0, 0.0079729984),
        Golden("gate and up product of two experts", 1.0, 1.0, 57344.0, 4096.0, 0.1116150901),
        Golden("down product of two experts", 1.0, 1.0, 4096.0, 28672.0, 0.0558078100),
    ),
    ("Mixtral-8x7B prefill", "GH200"): (
        Golden("qkv product", 1.0, 1024.0, 6144.0, 4096.0, 0.0322122547),
        Golden("scores", 8.0, 4096.0, 1024.0, 128.0, 0.0184351084, weights=False),
        Golden("values", 8.0, 4096.0, 128.0, 1024.0, 0.0184351084, weights=False),
        Golden("output product", 1.0, 1024.0, 4096.0, 4096.0, 0.0214748365),
        Golden("gate and up product of all experts", 1.0, 256.0, 229376.0, 4096.0, 0.4748286033),
        Golden("down product of all experts", 1.0, 256.0, 4096.0, 114688.0, 0.2376634247),
    ),
}
WHOLE: dict[str, tuple[Scenario, dict[str, float]]] = {  # operators of a whole model's estimate, by our names
    "decode": (Decode(batch=1.0, context=PROMPT), {"qkv": 0.09765837, "gate_up": 0.17497083, "down": 0.08748568}),
    "prefill": (Prefill(prompt=PROMPT), {"qkv": 0.42949673, "gate_up": 0.76951497, "down": 0.38475749}),
}


def _operator_ms(golden: Golden, system: System) -> Callable[[Shared], float]:
    """Time of one operator at the roofline."""
    residency = Residency.WEIGHT if golden.weights else Residency.STATE
    product = Contraction(name=golden.name, batch=golden.heads, m=golden.m, n=golden.n, k=golden.k, b_residency=residency)
    return lambda _: 1e3 * number(roofline_cost(product, 1.0, machine_of(system)).time_s)


def _model_ms(operator: str, scenario: Scenario) -> Callable[[Shared], float]:
    """Time of one call of an operator in an estimate of Llama-2-7B."""

    def ours(_: Shared) -> float:
        costs = estimate(find_model("llama-2-7b"), PLATFORMS["TPU"], scenario, fidelity="roofline").costs
        return 1e3 * number(next(c.time_s for c in costs if c.operator.name == operator))

    return ours


CLAIMS = (
    *(
        Claim("genz", f"Llama-2-7B {phase} on TPU: {name}", published, "ms", WHERE, "A", within(0.001), "prediction", _model_ms(name, scenario))
        for phase, (scenario, golden) in WHOLE.items()
        for name, published in golden.items()
    ),
    *(
        Claim("genz", f"{case} on {name}: {g.name}", g.time_ms, "ms", WHERE, "A", within(0.001), "prediction", _operator_ms(g, PLATFORMS[name]))
        for (case, name), rows in GOLDEN.items()
        for g in rows
    ),
)  # fmt: skip
