"""How those whose tables we know have measured: what their tables leave to the README."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A benchmark's habits.

    Parameters
    ----------
    timing : str
        ``kernel``, ``graph`` or ``eager``, where a table has no column `timing`.
    weight_copies : float
        Copies of the weights that its products take in turn, so that caches do not flatter them, or weights of other products in between.
    inputs : bool
        Whether its products take what else they read in as many copies, too: on an L40S, whose cache keeps 100 MB, activations and weights alike
        come from memory from 17 MB on, a sixth of that, while outputs still stay at 64 MB.
    softmax : mapping of str to str
        Version of the framework whose softmax it ran, by the chip's vendor: on NVIDIA's chips NeuSight's times do not tell rows of whole vectors, which
        2.1 stages, from others, and step up where 2.0 doubles its block, at 2,056 columns; on AMD's they do as 2.1 does.
    stores_keys : bool
        Whether its attention to a prompt also writes the new keys and values to their cache: it times a serving framework's layer, not a kernel.
    zeros : bool
        Whether operands of 16 bits are all zero, which draws less power: DeepBench copies uniform numbers between 0 and 1 into integers
        (`rand` of its nvidia/tensor.h), so that only those of 32 bits are random.
    """

    timing: str
    weight_copies: float = 1.0
    inputs: bool = False
    softmax: Mapping[str, str] = field(default_factory=dict)
    stores_keys: bool = False
    zeros: bool = False


USUAL = Source("graph")
# aiconfigurator replays graphs over up to 6 copies, and for attention SGLang's layer, which stores keys first.
# Vidur reads a profiler while a block of four products runs again and again (vidur/profiling/mlp/mlp_impl.py); NeuSight and LLMCompass time
# eager calls; DeepBench calls back to back.
SOURCES = {
    "aiconfigurator": Source("graph", 6.0, inputs=True, stores_keys=True),
    "aic": Source("graph", 6.0, inputs=True, stores_keys=True),
    "vidur": Source("kernel", weight_copies=4.0),
    "neusight": Source("eager", softmax={"NVIDIA": "pytorch-2.0"}),
    "llmcompass": Source("eager", softmax={"NVIDIA": "pytorch-2.0"}),
    "splitwise": Source("eager"),
    "deepbench": Source("graph", zeros=True),
}


def source_of(name: str) -> Source:
    """The habits behind a source's name, or a file's that begins with it; the usual ones where nobody knows it."""
    key = name.lower()
    return next((habits for known, habits in SOURCES.items() if key.startswith(known)), USUAL)
