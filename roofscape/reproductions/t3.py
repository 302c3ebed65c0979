"""T3: the sums behind a product exchanged while it is computed, on simulated GPUs of 80 compute units joined by a ring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from hardware_specs.catalog import find_system
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, number, within
from roofscape.reproductions.shared import Shared
from simulator.engines import cost_law
from simulator.estimate import estimate
from simulator.machine import machine_of
from simulator.reuse import Reuse
from simulator.schedule import chain_s, exposed
from workloads.catalog import find_model
from workloads.feed_forward import DenseFeedForward
from workloads.operator import Collective, Contraction
from workloads.scenario import Prefill
from workloads.sharding import Parallelism, precision
from workloads.transformer import Transformer

TITLE = "Pati et al., T3: Transparent Tracking & Triggering for Fine-grained Overlap of Compute & Collectives, ASPLOS 2024"

HALF = data_type("fp16")
DEPTHS = {"OP": 1.0, "FC-2": 4.0, "FC-1 backward": 4.0, "IP backward": 3.0}  # contraction of each sub-layer, in widths, before it is cut
WORKING = Reuse(1e9, 1e9, 0.0, 1.0)  # inside a model
WHERE = "ASPLOS 2024, evaluation of sub-layers, Mega-GPT-2 and T-NLG with 8 and 16 GPUs"
REMARK = "the GPU's peak is not published: MI100's rate of a compute unit is taken; 150 GB/s read as each way"


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the paper: its width, layers, heads, and the sequences of 1024 tokens in a batch."""

    hidden: float
    layers: float
    heads: float
    batch: float


MODELS = {"Mega-GPT-2": Model(3072.0, 74.0, 32.0, 16.0), "T-NLG": Model(4256.0, 78.0, 32.0, 8.0)}  # heads: a number that all cuts divide
SEQUENCE = 1024.0
CUTS = (8.0, 16.0)


@cache
def sub_layers() -> dict[str, float]:
    """Speed-up of each sub-layer by ideal overlap."""
    gains = {}
    for name, model in MODELS.items():
        tokens = model.batch * SEQUENCE
        for ranks in CUTS:
            law = cost_law(machine_of(find_system(f"{ranks:.0f}xt3-gpu")), "tile", "kernel", correction=False)
            message = Collective(name="sums", pattern="all_reduce", message_byte=tokens * model.hidden * HALF.bits / 8.0, ranks=ranks)
            for layer, depth in DEPTHS.items():
                product = Contraction(name=layer, m=tokens, n=model.hidden, k=depth * model.hidden / ranks, a=HALF, b=HALF, c=HALF)
                costs = (law.cost(product, 1.0, WORKING), law.cost(message, 1.0, WORKING))
                gains[f"{name} TP{ranks:.0f} {layer}"] = number(chain_s(costs)) / number(chain_s(exposed(costs)))
    return gains


def transformer(name: str) -> Transformer:
    """A model of the paper, as a GPT-2 of its width."""
    model, base = MODELS[name], find_model("gpt2")
    assert isinstance(base, Transformer)
    network = base.feed_forwards[0][1]
    assert isinstance(network, DenseFeedForward)
    network = replace(network, inner=4.0 * model.hidden)
    return replace(
        base, name=name, hidden=model.hidden, heads=model.heads, kv_heads=model.heads, head_dim=model.hidden / model.heads,
        feed_forwards=((model.layers, network),), windows=((model.layers, None),),
    )  # fmt: skip


@cache
def prompts() -> dict[str, float]:
    """Speed-up of the prompt phase by ideal overlap."""
    gains = {}
    for name, model in MODELS.items():
        for ranks in CUTS:
            system, scenario = find_system(f"{ranks:.0f}xt3-gpu"), Prefill(batch=model.batch, prompt=SEQUENCE)
            times = [
                number(estimate(transformer(name), system, scenario, Parallelism(tp=ranks), precision(HALF), timing="kernel", overlap=overlap).time_s)
                for overlap in (False, True)
            ]
            gains[f"{name} TP{ranks:.0f}"] = times[0] / times[1]
    return gains


def _mean(gains: Callable[[], dict[str, float]]) -> Callable[[Shared], Found]:
    """The geometric mean of what is gained [%]."""

    def ours(_: Shared) -> Found:
        values = np.array(list(gains().values()))
        return Found(100.0 * (float(np.exp(np.log(values).mean())) - 1.0), f"{len(values)} cases, from {100 * (values.min() - 1):.0f} %")

    return ours


def _most(gains: Callable[[], dict[str, float]]) -> Callable[[Shared], Found]:
    """The most that is gained [%], and where."""

    def ours(_: Shared) -> Found:
        case, gain = max(gains().items(), key=lambda item: item[1])
        return Found(100.0 * (gain - 1.0), case)

    return ours


CLAIMS = (
    *(
        Claim(
            "t3", f"ideal overlap of product and reduce-scatter: {words}", published, "%", WHERE, "Qn", within(0.15), "prediction", gains, remark=REMARK,
        )
        for words, published, gains in (("geometric mean", 35.0, _mean(sub_layers)), ("most", 50.0, _most(sub_layers)))
    ),
    *(
        Claim(
            "t3", f"{design}: {words}", published, "%", WHERE, "Qn", within(0.0), "bound", gains, limit="ceiling",
            remark="ours is overlap without contention, which no design exceeds",
        )
        for design, words, published, gains in (
            ("T3", "geometric mean of sub-layers", 20.0, _mean(sub_layers)),
            ("T3", "most of sub-layers", 39.0, _most(sub_layers)),
            ("T3-MCA", "geometric mean of sub-layers", 30.0, _mean(sub_layers)),
            ("T3-MCA", "most of sub-layers", 47.0, _most(sub_layers)),
            ("T3-MCA", "mean of the prompt phase end to end", 12.0, _mean(prompts)),
            ("T3-MCA", "most of the prompt phase end to end", 15.0, _most(prompts)),
        )
    ),
)  # fmt: skip
