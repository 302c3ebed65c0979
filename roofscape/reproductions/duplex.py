"""Duplex: an H100-like processor and Logic-PIM beside one HBM, each operator on the one that suits it.

Ours is kernel by kernel and command by command, with launches, refreshes and the wires' latencies; the paper's simulator is its authors'. Tokens fall
on experts by chance, as in the paper, so that the fullest chip sets the pace; the roofs by hand have them spread evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from hardware_specs.catalog import find_system
from magnitudes.arrays import as_float
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, within
from roofscape.reproductions.duplex_units import CLAIMS as UNITS
from roofscape.reproductions.shared import Shared
from simulator.energy import energy_use
from simulator.estimate import estimate
from simulator.result import Estimate
from workloads.catalog import find_model
from workloads.feed_forward import DenseFeedForward, ExpertFeedForward
from workloads.model import Model
from workloads.scenario import Decode, Inference, Scenario
from workloads.sharding import Parallelism, precision
from workloads.transformer import Transformer

TITLE = "Yun et al., Duplex: A Device for Large Language Models with Mixture of Experts, Grouped Query Attention, and Continuous Batching, MICRO 2024"

# GLaM as table I has it: 64 experts of two plain layers in every second block
GLAM = Transformer(
    name="glam", hidden=4096.0, heads=32.0, kv_heads=32.0, head_dim=128.0, windows=((32.0, None),), vocabulary=256000.0,
    feed_forwards=(
        (16.0, DenseFeedForward(16384.0, gated=False, label="_dense")), (16.0, ExpertFeedForward(64.0, 2.0, 16384.0, gated=False, label="_experts")),
    ),
)  # fmt: skip
# table I: the model, the devices of a node; Grok-1 has two nodes
MODELS: dict[str, tuple[Model | str, float]] = {"mixtral": ("mixtral-8x7b", 4.0), "glam": (GLAM, 8.0), "grok-1": ("grok-1", 8.0)}
NODES = {"grok-1": 2.0}
BATCHES, LENGTHS = (32.0, 64.0, 128.0), (256.0, 1024.0, 4096.0)  # figures 11, 14 and 15: of Mixtral and Grok-1
GLAM_LENGTHS = (512.0, 1024.0, 2048.0)  # of GLaM, figure 12 too
GPU, DUPLEX, BANK = "h100-sxm", "duplex", "duplex-bank-pim"
FP16 = precision(data_type("fp16"))


@cache
def found(model: str, *, drawn: bool = True) -> Transformer:
    """A model of the paper, its experts chosen by chance or evenly."""
    which = MODELS[model][0]
    network = find_model(which) if isinstance(which, str) else which
    assert isinstance(network, Transformer)
    parts = tuple((count, replace(part, drawn=drawn) if isinstance(part, ExpertFeedForward) else part) for count, part in network.feed_forwards)
    return replace(network, feed_forwards=parts)


@cache
def run(model: str, device: str, scenario: Scenario, *, spread: bool = True, coprocess: bool = False, replicas: float = 1.0, by_hand: bool = False) -> Estimate:
    """A scenario on the paper's devices.

    Parameters
    ----------
    spread : bool
        Whether each device has experts of its own, or a part of each (expert tensor parallelism).
    coprocess : bool
        Whether processor and Logic-PIM share experts and heads.
    replicas : float
        Times as many devices as the paper gives the model.
    by_hand : bool
        Roofs alone, and experts chosen evenly.
    """
    devices = MODELS[model][1]
    system = find_system(f"{devices * replicas:.0f}x{device}")
    cut = Parallelism(tp=devices, dp=replicas, ep=devices if spread else 1.0)
    fidelity = "roofline" if by_hand else "tile"
    return estimate(found(model, drawn=not by_hand), system, scenario, cut, FP16, fidelity=fidelity, correction=False, coprocess=coprocess)


def time_s(model: str, device: str, scenario: Scenario, **how: Any) -> float:
    """Time of a scenario."""
    return as_float(run(model, device, scenario, **how).time_s)


def generation(batch: float, length: float) -> Inference:
    """Prompts and answers of one length."""
    return Inference(batch=batch, prompt=length, output=length)


def speedup(model: str, batch: float, length: float, over: str = GPU, device: str = DUPLEX, **how: bool) -> float:
    """How many times the throughput of another device, both with experts of their own on each; `how` is the first one's."""
    asked = generation(batch, length)
    return time_s(model, over, asked) / time_s(model, device, asked, **how)


def _best(numbers: Sequence[tuple[float, str]]) -> Found:
    value, where = max(numbers)
    return Found(value, f"at {where}")


def lengths_of(model: str) -> tuple[float, ...]:
    """Tokens in and out that the paper asks of a model."""
    return GLAM_LENGTHS if model == "glam" else LENGTHS


def _grid(of: Callable[[float, float], float], model: str = "mixtral", batches: Sequence[float] = BATCHES) -> list[tuple[float, str]]:
    """A figure of a model at the paper's batches and lengths."""
    return [(of(batch, length), f"batch {batch:.0f}, {length:.0f} tokens in and out") for length in lengths_of(model) for batch in batches]


def _mean(numbers: Sequence[tuple[float, str]]) -> float:
    return sum(value for value, _ in numbers) / len(numbers)


def _over_bank(of: Callable[[Sequence[tuple[float, str]]], float | Found]) -> Callable[[Shared], float | Found]:
    """Throughput over Bank-PIM at the batches of figure 14."""
    return lambda _: of(_grid(lambda b, n: speedup("mixtral", b, n, over=BANK), batches=BATCHES[:2]))


def _own_gain(batch: float, length: float, *, spread: bool) -> float:
    """What co-processing (and a part of each expert on each device) gives over Duplex without."""
    asked = generation(batch, length)
    return time_s("mixtral", DUPLEX, asked) / time_s("mixtral", DUPLEX, asked, spread=spread, coprocess=True)


def _shorter(scenario: Callable[[float], Scenario], over: str = GPU, replicas: float = 1.0) -> Callable[[Shared], Found]:
    """Change of GLaM's time at batch 64 against another device, over the paper's lengths [%]."""

    def ours(_: Shared) -> Found:
        ratios = [time_s("glam", DUPLEX, scenario(n), coprocess=True) / time_s("glam", over, scenario(n), replicas=replicas) for n in GLAM_LENGTHS]
        changes = [100.0 * (r - 1.0) for r in ratios]
        return Found(sum(changes) / len(changes), f"from {max(changes):.1f} to {min(changes):.1f} by length")

    return ours


def _step_ms(device: str) -> Callable[[Shared], float]:
    return lambda _: 1e3 * time_s("mixtral", device, Decode(batch=64.0, context=1.5 * 4096.0), by_hand=True)


def savings(model: str) -> list[tuple[float, str]]:
    """Energy of memory, arithmetic and links that Duplex takes less than GPUs at each batch and length: what the paper counts [%]."""

    def joule(device: str, asked: Scenario, **how: Any) -> float:
        use = energy_use(run(model, device, asked, replicas=NODES.get(model, 1.0), **how))
        return sum(as_float(j) for part, j in use.parts.items() if part != "static")

    def saved(batch: float, length: float) -> float:
        asked = generation(batch, length)
        return 100.0 * (1.0 - joule(DUPLEX, asked, spread=False, coprocess=True) / joule(GPU, asked))

    return _grid(saved, model)


def _most_saved(model: str) -> Callable[[Shared], Found]:
    return lambda _: _best(savings(model))


def _mean_saved(_: Shared) -> float:
    return _mean([point for model in MODELS for point in savings(model)])


def _mean_speedup(_: Shared) -> Found:
    """Throughput with all of it over GPUs, over the three models' batches and lengths."""

    def gain(model: str, batch: float, length: float) -> float:
        asked, nodes = generation(batch, length), NODES.get(model, 1.0)
        return time_s(model, GPU, asked, replicas=nodes) / time_s(model, DUPLEX, asked, spread=False, coprocess=True, replicas=nodes)

    means = {model: _mean(_grid(lambda b, n, m=model: gain(m, b, n), model)) for model in MODELS}  # type: ignore[misc]
    return Found(sum(means.values()) / len(means), ", ".join(f"{model} {mean:.2f}" for model, mean in means.items()))


def _requests(_: Shared) -> Found:
    """Highest rate of requests at batch 128, Duplex over GPU."""
    asked = Inference(batch=128.0, prompt=4096.0, output=512.0)
    gpu, duplex = (128.0 / t for t in (time_s("mixtral", GPU, asked), time_s("mixtral", DUPLEX, asked, spread=False, coprocess=True)))
    return Found(duplex / gpu, f"{gpu:.1f} and {duplex:.1f} requests a second, one batch after another")


def _claim(
    what: str, published: float, unit: str, where: str, ours: Callable[[Shared], float | Found], share: float = 0.15, sure: str = "Q", remark: str = ""
) -> Claim:
    return Claim("duplex", what, published, unit, where, sure, within(share), "prediction", ours, remark=remark)


DRAWN = "tokens fall on experts by chance"
SWITCHES = "ours opens rows and refreshes, which its peak rates leave out"
MOVING = "as figure 15, DRAM and arithmetic alone; Logic-PIM's way out of a die priced as that to the pins, where its own is shorter by an unpublished part"
SAVED = {"mixtral": 33.28, "glam": 42.03, "grok-1": 34.59}
SPANS = "ours spans two nodes with replicas of the attention, whose experts are exchanged over InfiniBand"

CLAIMS = (
    _claim("a decode step of Mixtral, batch 64, on GPUs", 10.8, "ms", "roofs by hand, before communication", _step_ms(GPU), 0.10, "D"),
    _claim("a decode step of Mixtral, batch 64, on Duplex", 4.6, "ms", "roofs by hand, before communication", _step_ms(DUPLEX), 0.15, "D"),
    _claim(
        "throughput over GPUs, Mixtral, 4096 tokens in and out, at most", 2.51, "x", "section 7",
        lambda _: _best([(speedup("mixtral", b, 4096.0), f"batch {b:.0f}") for b in BATCHES]), remark=DRAWN,
    ),
    _claim("throughput over GPUs, Mixtral, 256 tokens in and out, batch 64", 2.05, "x", "section 7", lambda _: speedup("mixtral", 64.0, 256.0), remark=DRAWN),
    _claim(
        "gain of co-processing, mean", 1.04, "x", "section 7", lambda _: _mean(_grid(lambda b, n: _own_gain(b, n, spread=True))), 0.05,
        remark="two experts a device are dealt whole",
    ),
    _claim("gain of co-processing with a part of each expert on each device, at most", 1.36, "x", "section 7",
           lambda _: _best(_grid(lambda b, n: _own_gain(b, n, spread=False))), 0.05),
    _claim("throughput over GPUs with all of it, at most", 2.67, "x", "abstract",
           lambda _: _best(_grid(lambda b, n: speedup("mixtral", b, n, spread=False, coprocess=True))), remark=DRAWN),
    _claim("throughput of Bank-PIM over GPUs, Mixtral, 4096 tokens, batch 32", 2.17, "x", "section 7",
           lambda _: speedup("mixtral", 32.0, 4096.0, device=BANK), remark=SWITCHES),
    _claim("throughput of Bank-PIM over GPUs, Mixtral, 256 tokens, batch 64", 1.18, "x", "section 7", lambda _: speedup("mixtral", 64.0, 256.0, device=BANK)),
    _claim("throughput over Bank-PIM, Mixtral, mean", 1.49, "x", "section 7", _over_bank(_mean)),
    _claim("throughput over Bank-PIM, Mixtral, at most", 1.80, "x", "section 7", _over_bank(_best)),
    _claim("median time between tokens against GPUs, GLaM, batch 64", -58.3, "%", "section 7",
           _shorter(lambda n: Decode(batch=64.0, context=1.5 * n)), remark=DRAWN),
    _claim("latency of a request against GPUs, GLaM, batch 64", -60.2, "%", "section 7", _shorter(lambda n: generation(64.0, n)), remark=DRAWN),
    _claim("latency of a request against twice as many GPUs, GLaM, batch 64", -35.38, "%", "section 7",
           _shorter(lambda n: generation(64.0, n), replicas=2.0), 0.20, remark=SPANS),
    _claim("highest rate of requests over GPUs, Mixtral, 4096 in, 512 out, batch 128", 14.0 / 9.0, "x", "section 7: 14 against 9 a second", _requests),
    _claim("throughput over GPUs with all of it, mean of three models", 2.07, "x", "section 10", _mean_speedup,
           remark="continuous batching admits prompts between decode steps, where Duplex gains least; ours are taken beforehand"),
    *(_claim(f"energy less than GPUs, at most, {model}", published, "%", "section 7", _most_saved(model), remark=MOVING)
      for model, published in SAVED.items()),
    _claim("energy less than GPUs, mean of three models", 28.19, "%", "section 10", _mean_saved, remark=MOVING),
    *UNITS,
)  # fmt: skip
