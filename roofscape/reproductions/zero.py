"""ZeRO: what a rank holds and sends when model states are partitioned over data-parallel ranks."""

from __future__ import annotations

from collections.abc import Callable

from hardware_specs.catalog import find_system
from magnitudes.arrays import total
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, number, within
from roofscape.reproductions.shared import Shared
from simulator.estimate import estimate
from simulator.training.states import STAGES, WEIGHT_BYTE, exchanges, state_byte
from workloads.feed_forward import DenseFeedForward
from workloads.scenario import Train
from workloads.sharding import Parallelism, precision
from workloads.transformer import Transformer
from workloads.unfused import Unfused

TITLE = "Rajbhandari et al., ZeRO: Memory Optimizations Toward Training Trillion Parameter Models, SC 2020"

PARAMETERS, RANKS = 7.5e9, 64.0
MANY_PARAMETERS, MANY_RANKS = 1e12, 1024.0
PARTITIONED = ("nothing", "optimizer states", "optimizer states and gradients", "optimizer states, gradients and weights")
HELD_GB = (120.0, 31.4, 16.6, 1.9)
SENT_ELEMENTS = (2.0, 2.0, 2.0, 3.0)


def _held_gb(parameters: float, ranks: float, stage: int) -> Callable[[Shared], float]:
    return lambda _: number(state_byte(parameters, ranks, stage)) / 1e9


def _sent_elements(stage: int) -> Callable[[Shared], float]:
    """Elements that a rank sends in a step for each parameter."""
    return lambda _: number(total(e.wire_byte for e in exchanges(PARAMETERS, RANKS, stage))) / WEIGHT_BYTE / PARAMETERS


# 100 B on 400 V100 (table 5): 125 layers of width 8192, cut over 16, 32 sequences a replica at once
LAYERS, WIDTH, HEADS, CUT, REPLICAS, SEQUENCES, SEQUENCE = 125.0, 8192.0, 64.0, 16.0, 25.0, 32.0, 1024.0


def _tera(_: Shared) -> Found:
    """Throughput of a GPU, layers computed again included [TFLOP/s]."""
    feed_forward = DenseFeedForward(inner=4.0 * WIDTH, gated=False)
    gpt = Transformer(
        "gpt-100b", WIDTH, HEADS, HEADS, WIDTH / HEADS, ((LAYERS, feed_forward),), ((LAYERS, None),), 50257.0, tied=True, norm="layer", bias=True, rotary=False,
        positions=SEQUENCE,
    )  # fmt: skip
    how = Train(REPLICAS * SEQUENCES, SEQUENCE, SEQUENCES, zero=2.0, recompute=1.0, sequence_parallel=1.0)
    gpus = CUT * REPLICAS
    found = estimate(Unfused(gpt), find_system(f"{gpus:.0f}xv100-sxm3-32gb"), how, Parallelism(tp=CUT, dp=REPLICAS), precision(data_type("fp16")))
    products = 8.0 * LAYERS * 12.0 * WIDTH**2 * how.batch * SEQUENCE  # forward, again, and twice that backward
    return Found(
        number(products / found.time_s / gpus) / 1e12, f"a step takes {number(found.time_s):.0f} s, {number(found.memory.total_byte) / 1e9:.0f} GB a GPU"
    )


CLAIMS = (
    Claim("zero", "throughput of a GPU, 100 B parameters on 400 V100", 38.0, "TFLOP/s", "SC 2020, abstract", "S", within(0.0), "bound", _tera, limit="ceiling",
          reach=0.6, remark="its libraries of 2019 are not those whose rates ours has"),
    *(
        Claim(
            "zero", f"model states a GPU, 7.5 B parameters on 64 GPUs, partitioned: {PARTITIONED[stage]}", HELD_GB[stage], "GB",
            "SC 2020, figure 1 and section 5", "M+", within(0.02), "prediction", _held_gb(PARAMETERS, RANKS, stage),
        )
        for stage in STAGES
    ),
    Claim(
        "zero", "model states a GPU, 1 T parameters on 1024 GPUs, all partitioned", 15.6, "GB", "SC 2020, table 1", "M+", within(0.01), "prediction",
        _held_gb(MANY_PARAMETERS, MANY_RANKS, 3),
    ),
    *(
        Claim(
            "zero", f"elements sent a parameter and step, partitioned: {PARTITIONED[stage]}", SENT_ELEMENTS[stage], "", "SC 2020, section 7", "M+",
            within(0.02), "prediction", _sent_elements(stage), remark="the paper counts N / (N - 1) as one; ours is of 64 ranks",
        )
        for stage in STAGES
    ),
)  # fmt: skip
