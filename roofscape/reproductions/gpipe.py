"""GPipe: what filling and draining leaves of a pipeline's speed-up.

Not declared: rows of 1 and 4 micro-batches, which exceed what filling and draining leave (4.8 against 2.9 times, 8 stages and 4 micro-batches): the published
numbers are over two stages with one micro-batch, whose own losses are not; and AmoebaNet, whose stages are of unequal length.
"""

from __future__ import annotations

from collections.abc import Callable

from roofscape.reproductions.claim import Claim, number, within
from roofscape.reproductions.shared import Shared
from simulator.schedule import step_s
from workloads.sharding import Parallelism

TITLE = "Huang et al., GPipe: Efficient Training of Giant Neural Networks using Pipeline Parallelism, NeurIPS 2019"

PARTS = 32.0
PUBLISHED = {2: 1.8, 4: 3.4, 8: 6.3}


def _gain(stages: float) -> Callable[[Shared], float]:
    """Speed-up over one device, which computes the micro-batches one after another."""
    return lambda _: PARTS / number(step_s(1.0, Parallelism(pp=stages, microbatches=PARTS), steady=False))


CLAIMS = tuple(
    Claim(
        "gpipe", f"transformer in {stages} stages, 32 micro-batches, over one device", published, "x", "NeurIPS 2019, table 2", "M+", within(0.0), "bound",
        _gain(float(stages)), limit="ceiling", reach=0.9, remark="ours has stages of one length and nothing to send",
    )
    for stages, published in PUBLISHED.items()
)  # fmt: skip
