"""NGPC: a cluster of neural-field processors beside a GPU's multiprocessors, bounded by what it leaves to the GPU.

Not declared: up to 58 times of one application, which takes a larger share of its time in the kernels than the published mean, and the 1.5 to 55 times that
GPUs fall short of 4K at 60 frames, which are measured frames.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from roofscape.reproductions.claim import Claim, number, within
from roofscape.reproductions.shared import Shared
from simulator.amdahl import whole_gain

TITLE = "Mubarik et al., Hardware Acceleration of Neural Graphics (NGPC), ISCA 2023"

KERNEL_SHARE = 0.72  # of the time in encoding and network, with a multi-resolution hash grid
REST_GAIN = 9.94  # of the other kernels, fused
PROCESSOR_GAIN = 2.2  # fitted: one processor of the cluster over the GPU on encoding and network
PUBLISHED = {8: 12.0, 16: 20.0, 32: 33.0, 64: 39.0}
WHERE = "abstract: end to end over an RTX 3090, hash grid, mean of four applications"


def _gain(processors: float) -> Callable[[Shared], float]:
    return lambda _: number(whole_gain([(KERNEL_SHARE, PROCESSOR_GAIN * processors), (1.0 - KERNEL_SHARE, REST_GAIN)]))


CLAIMS = (
    Claim(
        "ngpc", "NGPC-64, end to end, against what the fused rest allows", PUBLISHED[64], "x", WHERE, "S", within(0.10), "bound", _gain(inf), limit="ceiling",
        reach=0.9, remark="one share for all applications here; in the paper a mean of four speed-ups, which lies above the speed-up at the mean share",
    ),
    *(
        Claim(
            "ngpc", f"NGPC-{processors}, end to end", published, "x", WHERE, "S", within(0.25), "fit", _gain(float(processors)),
            latents=("speed-up of one processor over the GPU on encoding and network",),
            remark="one latent for four points; the applications' own shares, which would bend the curve, are not published",
        )
        for processors, published in PUBLISHED.items()
    ),
)  # fmt: skip
