"""ZeRO: what a rank holds and sends when model states are partitioned over data-parallel ranks."""

from __future__ import annotations

from collections.abc import Callable

from magnitudes.arrays import total
from roofscape.reproductions.claim import Claim, number, within
from roofscape.reproductions.shared import Shared
from simulator.training.states import STAGES, WEIGHT_BYTE, exchanges, state_byte

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


CLAIMS = (
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
