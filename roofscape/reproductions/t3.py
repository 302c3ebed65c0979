"""T3: the sums behind a product exchanged while it is computed, on simulated GPUs of 80 compute units joined by a ring.

That products read 1.56 times less of their operands is not declared: it is what the simulated cache keeps of them once results pass it by, and follows from
its policy, which is not published. What T3 and T3-MCA lose to contention follows from the simulated memory controller: bounds, not predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from statistics import geometric_mean

import numpy as np

from hardware_specs.catalog import find_system
from magnitudes.arrays import Column, largest
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, number, within
from roofscape.reproductions.shared import Shared
from simulator.engines import cost_law
from simulator.estimate import estimate
from simulator.machine import machine_of
from simulator.network import wire_floor_s
from simulator.reuse import Reuse
from simulator.schedule import chain_s, exposed
from simulator.sums import last_sum_s, moved_by_kernels, moved_by_memory
from workloads.catalog import find_model
from workloads.feed_forward import DenseFeedForward
from workloads.operator import Collective, Contraction, Residency
from workloads.scenario import Prefill, Scenario, Train
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
# for these only the products of a layer are asked; their batch is not in our notes, and of products this long it hardly matters
LARGE = {"GPT-3": Model(12288.0, 96.0, 96.0, 4.0), "PALM": Model(18432.0, 118.0, 32.0, 4.0), "MT-NLG": Model(20480.0, 105.0, 128.0, 4.0)}
SEQUENCE = 1024.0
CUTS, LARGE_CUTS = (8.0, 16.0), (32.0,)


def products(models: dict[str, Model], cuts: tuple[float, ...]) -> Iterator[tuple[str, Contraction, float]]:
    """Each sub-layer's product on one of so many GPUs, by name."""
    for name, model in models.items():
        for ranks in cuts:
            for layer, depth in DEPTHS.items():
                product = Contraction(name=layer, m=model.batch * SEQUENCE, n=model.hidden, k=depth * model.hidden / ranks, a=HALF, b=HALF, c=HALF)
                yield f"{name} TP{ranks:.0f} {layer}", product, ranks


def sums_of(product: Contraction, ranks: float, pattern: str = "all_reduce") -> Collective:
    """The exchange of a product's partial sums."""
    return Collective(name="sums", pattern=pattern, message_byte=product.byte_of(Residency.OUTPUT), ranks=ranks)


def gains_of(models: dict[str, Model], cuts: tuple[float, ...]) -> dict[str, float]:
    """Speed-up of each sub-layer by ideal overlap."""
    gains = {}
    for case, product, ranks in products(models, cuts):
        law = cost_law(machine_of(find_system(f"{ranks:.0f}xt3-gpu")), "tile", "kernel", correction=False)
        costs = (law.cost(product, 1.0, WORKING), law.cost(sums_of(product, ranks), 1.0, WORKING))
        gains[case] = number(chain_s(costs)) / number(chain_s(exposed(costs)))
    return gains


@cache
def sub_layers() -> dict[str, float]:
    """Speed-up of each sub-layer of the two models by ideal overlap."""
    return gains_of(MODELS, CUTS)


@cache
def large_sub_layers() -> dict[str, float]:
    """The same of the three large models on 32 GPUs."""
    return gains_of(LARGE, LARGE_CUTS)


@cache
def traffic(part: str) -> dict[str, float]:
    """How many times the bytes of main memory, by kernels over by memories that add: of one part, or of all (``byte``)."""
    cases = {case: (moved_by_kernels(product, ranks), moved_by_memory(product, ranks)) for case, product, ranks in products(MODELS, CUTS)}
    if part == "write":
        return {c: number((a.product_write + a.sum_write) / (b.product_write + b.sum_write)) for c, (a, b) in cases.items()}
    return {c: number(getattr(a, part) / getattr(b, part)) for c, (a, b) in cases.items()}


def _reads(ranks: float) -> Callable[[Shared], float]:
    """How many times fewer reads for the sums, on so many GPUs; alike for all products."""
    return lambda _: next(ratio for case, ratio in traffic("sum_read").items() if f" TP{ranks:.0f} " in case)


def _less(part: str, pick: Callable[[Column], float]) -> Callable[[Shared], Found]:
    """Bytes less [%], over the sub-layers."""

    def ours(_: Shared) -> Found:
        less = 100.0 * (1.0 - 1.0 / np.array(list(traffic(part).values())))
        return Found(float(pick(less)), f"from {less.min():.0f} to {less.max():.0f} %")

    return ours


def _sums_faster(ranks: float) -> Callable[[Shared], float]:
    """What a reduce-scatter gains where memories add [%]: the last sum is not waited for."""

    def ours(_: Shared) -> float:
        system = find_system(f"{ranks:.0f}xt3-gpu")
        product = next(p for _case, p, _ranks in products(MODELS, (ranks,)))
        sums = sums_of(product, ranks, "reduce_scatter")
        wire_s = number(largest(wire_floor_s(sums, system.fabric).values()))
        return 100.0 * number(last_sum_s(sums.message_byte, ranks, system.chip.tier("hbm").bandwidth_byte_per_s)) / wire_s

    return ours


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


def _end_to_end(scenario_of: Callable[[Model], Scenario]) -> dict[str, float]:
    gains = {}
    for name, model in MODELS.items():
        for ranks in CUTS:
            system, scenario = find_system(f"{ranks:.0f}xt3-gpu"), scenario_of(model)
            times = [
                number(estimate(transformer(name), system, scenario, Parallelism(tp=ranks), precision(HALF), timing="kernel", overlap=overlap).time_s)
                for overlap in (False, True)
            ]
            gains[f"{name} TP{ranks:.0f}"] = times[0] / times[1]
    return gains


@cache
def prompts() -> dict[str, float]:
    """Speed-up of the prompt phase by ideal overlap."""
    return _end_to_end(lambda model: Prefill(batch=model.batch, prompt=SEQUENCE))


@cache
def training() -> dict[str, float]:
    """Speed-up of a step of training by ideal overlap."""
    return _end_to_end(lambda model: Train(batch=model.batch, sequence=SEQUENCE, micro_batch=model.batch))


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


IDEAL = "ours is overlap without contention, which no design exceeds"
BOUNDS = (  # design, what, published, ours
    ("T3", "geometric mean of sub-layers", 20.0, _mean(sub_layers)),
    ("T3", "most of sub-layers", 39.0, _most(sub_layers)),
    ("T3-MCA", "geometric mean of sub-layers", 30.0, _mean(sub_layers)),
    ("T3-MCA", "most of sub-layers", 47.0, _most(sub_layers)),
    ("T3-MCA", "geometric mean of sub-layers of GPT-3, PALM and MT-NLG on 32 GPUs", 29.0, _mean(large_sub_layers)),
    ("T3-MCA", "most of sub-layers of GPT-3, PALM and MT-NLG on 32 GPUs", 35.0, _most(large_sub_layers)),
    ("T3", "mean of the prompt phase end to end", 9.0, _mean(prompts)),
    ("T3", "most of the prompt phase end to end", 12.0, _most(prompts)),
    ("T3-MCA", "mean of the prompt phase end to end", 12.0, _mean(prompts)),
    ("T3-MCA", "most of the prompt phase end to end", 15.0, _most(prompts)),
    ("T3", "mean of training end to end", 7.0, _mean(training)),
    ("T3", "most of training end to end", 9.0, _most(training)),
    ("T3-MCA", "mean of training end to end", 10.0, _mean(training)),
    ("T3-MCA", "most of training end to end", 12.0, _most(training)),
)
MOVED = "ASPLOS 2024, data movement"
CACHES = "products read their operands once here and there; the simulated cache keeps more of them where results pass it by, which adds to the published figure"


def _claim(what: str, published: float, unit: str, where: str, ours: Callable[[Shared], float | Found], remark: str = "") -> Claim:
    return Claim("t3", what, published, unit, where, "Qn", within(0.15), "prediction", ours, remark=remark)


CLAIMS = (
    *(
        _claim(f"ideal overlap of product and reduce-scatter: {words}", published, "%", WHERE, gains, REMARK)
        for words, published, gains in (("geometric mean", 35.0, _mean(sub_layers)), ("most", 50.0, _most(sub_layers)))
    ),
    *(_claim(f"reduce-scatter where memories add, {ranks:.0f} GPUs: faster", gain, "%", WHERE, _sums_faster(ranks), "the last sum is not waited for")
      for ranks, gain in ((8.0, 7.0), (16.0, 3.0))),
    *(_claim(f"reads for the sums, {ranks:.0f} GPUs: fewer", fewer, "x", MOVED, _reads(ranks)) for ranks, fewer in ((8.0, 2.5), (16.0, 2.2))),
    _claim("reads for the sums, geometric mean: fewer", 2.4, "x", MOVED, lambda _: geometric_mean(traffic("sum_read").values())),
    _claim("writes of products and sums, mean: less", 10.0, "%", MOVED, _less("write", np.mean)),
    _claim("data moved by a sub-layer, mean: less", 22.0, "%", MOVED, _less("byte", np.mean), CACHES),
    Claim("t3", "data moved by a sub-layer, most: less", 36.0, "%", MOVED, "Qn", within(0.0), "bound", _less("byte", np.max), limit="floor", reach=0.6,
          remark=CACHES),
    *(Claim("t3", f"{design}: {words}", published, "%", WHERE, "Qn", within(0.0), "bound", gains, limit="ceiling", remark=IDEAL)
      for design, words, published, gains in BOUNDS),
)  # fmt: skip
