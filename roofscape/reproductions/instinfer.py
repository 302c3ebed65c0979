"""InstInfer: decode attention beside flash on computational drives, against keys and values that are read from a drive for the GPU.

Not declared: 3.11 times over FlexGen with SparQ, whose kept keys come through a file system in an unpublished layout, and 4.6 % over DeepSpeed, whose host
time a step is not published; rates of the engine's parts are parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from hardware_specs.catalog import find_system
from hardware_specs.fields import scaled
from hardware_specs.schema import NearMemoryEngine
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, number, within
from roofscape.reproductions.shared import Shared
from simulator.estimate import estimate
from simulator.offload.block import Layer, step_s
from simulator.storage.flash import page_tokens, sparse_share
from workloads.catalog import find_model
from workloads.operator import Attention
from workloads.scenario import Decode
from workloads.sharding import precision

TITLE = "Pan et al., InstInfer: In-Storage Attention Offloading for Cost-Effective Long-Context LLM Inference, arXiv 2409.04992, 2024"

MODEL, BATCH, CONTEXT = "opt-13b", 64.0, 1024.0 + 512.0  # the mean context of 1024 tokens that follow 1024
HALF = data_type("fp16")
DRIVE = find_system("a6000-csd")
PER_DRIVE = ("csd.internal", "csd.bus", "csd.matrix", "csd.vector", "csd.channels", "csd.units", "flash.bandwidth", "flash.capacity")
KEPT = 1.0 / 8.0  # SparF's share of elements and of tokens
DRIVE_RATE = 1.32e9  # fitted: what FlexGen's file system yields of a drive
SOFTWARE_S = 0.0575  # fitted: what either runtime spends a layer besides
COMMANDS = 0.45  # fitted: share of that which belongs to access, as commands to drives do
CLUSTERING = 0.73  # fitted: how far kept tokens lie together in pages; 0 would be anywhere
DENSE = ("bytes a second of FlexGen's drive", "time of the runtimes a layer")
SHARES = (*DENSE, "share of the runtimes' time that is access")
SPARSE = (*DENSE, "clustering of kept tokens in pages")
WHERE = "arXiv 2409.04992, evaluation: OPT-13B in fp16, 1024 tokens after 1024, RTX A6000"
SCOPE = "one batch of 64 stands for all"


@dataclass(frozen=True, slots=True)
class Step:
    """One decode step: attention beside flash, the rest on the GPU, and what the keys and values take in pages."""

    flash_s: float
    gpu_s: float
    layers: float
    state_byte: float
    sparse: float


@cache
def step(drives: float) -> Step:
    """A decode step with that many drives, heads dealt to them."""
    system = scaled(DRIVE, dict.fromkeys(PER_DRIVE, drives))
    found = estimate(find_model(MODEL), system, Decode(batch=BATCH, context=CONTEXT), formats=precision(HALF))
    costs = found.passes[0].costs
    (attention,) = [c for c in costs if isinstance(c.operator, Attention)]
    engine, operator = system.chip.engines[-1], attention.operator
    assert isinstance(engine, NearMemoryEngine) and isinstance(operator, Attention)
    tokens = page_tokens(operator.head_dim, HALF.bits / 8.0, engine.row_byte)
    flash_s, layers = number(attention.total_s), number(attention.count)
    gpu_s = sum(number(c.total_s) for c in costs) - flash_s
    return Step(flash_s, gpu_s, layers, number(found.memory.state_byte), number(sparse_share(KEPT, tokens, CLUSTERING)))


def flexgen_s() -> float:
    """A step of FlexGen: all keys and values from the drive, layer by layer, then computed with."""
    one = step(1.0)
    layer = Layer(one.gpu_s / one.layers, load_byte=one.state_byte / one.layers, software_s=SOFTWARE_S)
    return number(step_s(one.layers, layer, DRIVE_RATE, DRIVE_RATE, overlap=False))


def instinfer_s(drives: float, share: float = 1.0) -> float:
    """A step of InstInfer: attention on the drives at that share of the dense bytes, the rest on the GPU, one after the other."""
    one = step(drives)
    layer = Layer((one.gpu_s + share * one.flash_s) / one.layers, software_s=SOFTWARE_S)
    return number(step_s(one.layers, layer, 1.0, 1.0, overlap=False))


def _dense(drives: float) -> Callable[[Shared], float]:
    return lambda _: flexgen_s() / instinfer_s(drives)


def _sparse(_: Shared) -> Found:
    return Found(instinfer_s(1.0) / instinfer_s(1.0, step(1.0).sparse), f"{100 * step(1.0).sparse:.0f} % of the dense bytes")


def _sparse_over_flexgen(_: Shared) -> float:
    return flexgen_s() / instinfer_s(1.0, step(1.0).sparse)


def _sparse_limit(_: Shared) -> float:
    """Speed-up of SparF if kept tokens filled whole pages and nothing but flash took time."""
    return 1.0 / number(sparse_share(KEPT, 16.0, 1.0))


def _kept(drives: float, *, sparse: bool) -> float:
    """Share of the dense bytes that attention reads."""
    return step(drives).sparse if sparse else 1.0


def _access_share(*, sparse: bool) -> Callable[[Shared], float]:
    kept = _kept(1.0, sparse=sparse)
    return lambda _: 100.0 * (kept * step(1.0).flash_s + _commands_s()) / instinfer_s(1.0, kept)


def _commands_s() -> float:
    """Time of a step in which runtimes tell drives what to do."""
    return COMMANDS * SOFTWARE_S * step(1.0).layers


def _flexgen_share(_: Shared) -> float:
    return 100.0 * (step(1.0).state_byte / DRIVE_RATE + _commands_s()) / flexgen_s()


def _access_cut(*, sparse: bool) -> Callable[[Shared], float]:
    return lambda _: 100.0 * (1.0 - _kept(1.0, sparse=sparse) * step(1.0).flash_s / (step(1.0).state_byte / DRIVE_RATE))


def _scaling_limit(*, sparse: bool) -> Callable[[Shared], float]:
    """Speed-up of 20 drives over one where runtimes take nothing."""

    def ours(_: Shared) -> float:
        one, many = (_kept(n, sparse=sparse) * step(n).flash_s + step(n).gpu_s for n in (1.0, 20.0))
        return one / many

    return ours


CLAIMS = (
    Claim("instinfer", "dense over FlexGen, one drive", 6.85, "x", WHERE, "Q", within(0.15), "fit", _dense(1.0), latents=DENSE, remark=SCOPE),
    Claim("instinfer", "dense over FlexGen, two drives", 10.5, "x", WHERE, "Q", within(0.15), "fit", _dense(2.0), latents=DENSE, remark=SCOPE),
    Claim("instinfer", "SparF 1/8 over dense, most", 2.08, "x", WHERE, "Q", within(0.15), "fit", _sparse, latents=SPARSE, remark=SCOPE),
    Claim("instinfer", "SparF 1/8 over FlexGen, most", 11.1, "x", WHERE, "Q", within(0.15), "fit", _sparse_over_flexgen, latents=SPARSE, remark=SCOPE),
    *(
        Claim("instinfer", f"access to keys and values, share of a step {words}", published, "%", WHERE, "Qn", within(0.15), "fit", ours, latents=latents)
        for words, published, ours, latents in (
            ("of FlexGen", 98.9, _flexgen_share, SHARES),
            ("with dense attention on the drive", 80.7, _access_share(sparse=False), SHARES),
            ("with SparF", 76.4, _access_share(sparse=True), (*SHARES, SPARSE[-1])),
        )
    ),
    *(
        Claim(
            "instinfer", f"time of access to keys and values, {words}, less than FlexGen", published, "%", WHERE, "Qn", within(0.1), "fit",
            _access_cut(sparse=sparse), latents=SPARSE if sparse else DENSE,
        )
        for words, published, sparse in (("dense", 88.1, False), ("SparF", 94.0, True))
    ),
    Claim(
        "instinfer", "SparF 1/8 over dense, against pages full of kept tokens", 2.08, "x", WHERE, "Q", within(0.0), "bound", _sparse_limit, limit="ceiling",
        remark="fewer bytes than an eighth of the keys' elements and an eighth of the pages cannot be read",
    ),
    Claim(
        "instinfer", "dense, 20 drives over one", 8.99, "x", WHERE, "Qn", within(0.0), "bound", _scaling_limit(sparse=False), limit="ceiling",
        remark="ours leaves out runtimes, whose part at that batch is not published",
    ),
    Claim(
        "instinfer", "SparF, 20 drives over one", 7.29, "x", WHERE, "Qn", within(0.0), "bound", _scaling_limit(sparse=True), limit="ceiling",
        remark="ours leaves out runtimes, whose part at that batch is not published",
    ),
)  # fmt: skip
