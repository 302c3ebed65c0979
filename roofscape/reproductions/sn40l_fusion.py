"""SN40L's fused sections: what fusion gains, and what it gains that hardware starts them, over the benchmarks of Table III.

Each bar of figure 10 is of one benchmark, but only their ranges are in the text. A start by the host is three commands, program load, argument load and
execute (section IV-D); what they take is not published, nor how many sequences prefill and training have at once. Two latents stand for both, over 37 claims.
SparseGPT's training (87.5 % zeros) is not declared: where its zeros lie, and what units skip of them, is not published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from hardware_specs.catalog import find_system
from hardware_specs.schema import StreamingEngine, System
from magnitudes.arrays import total
from roofscape.reproductions.claim import Claim, Found, Span, number, within
from roofscape.reproductions.shared import Shared
from simulator.engines import cost_law
from simulator.machine import machine_of
from simulator.streaming.plan import sections_of
from simulator.training.step import Trained
from workloads.catalog import find_model
from workloads.graph import Node, Workload
from workloads.operator import Contraction, Elementwise, Fused, Operator, Residency
from workloads.scenario import Decode, Prefill, Train
from workloads.sharding import Parallelism, Precision

WHERE = "arXiv 2405.07518"
NODE, SOCKET = "sn40l-node", "sambanova-sn40l"
TP8, BF16 = Parallelism(tp=8.0), Precision()
PROGRAM_S, SEQUENCES = 28e-6, 8.0
LATENTS = (f"program of one operator, loaded by the host: {PROGRAM_S * 1e6:.0f} us", f"sequences at once in prefill and training: {SEQUENCES:.0f}")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A row of Table III: eight sockets, one sequence at a time in decoding."""

    model: str
    phase: str
    context: float

    def __str__(self) -> str:
        return f"{self.phase} of {self.model} at {self.context / 1024.0:.0f}K"

    def workload(self) -> Workload:
        """The operators on each socket."""
        model = find_model(self.model)
        if self.phase == "train":
            how = Train(batch=SEQUENCES, sequence=self.context, micro_batch=SEQUENCES)
            return Trained(model, how=how).workload(how.passes()[0], TP8, BF16)
        scenario = Prefill(SEQUENCES, self.context) if self.phase == "prefill" else Decode(1.0, self.context)
        return model.workload(scenario.passes()[0], TP8, BF16)


WHOLE = (  # those of whole models
    ("llama-2-7b", 4096.0), ("mistral-7b", 2048.0), ("mistral-7b", 4096.0), ("falcon-40b", 2048.0), ("llama-2-70b", 4096.0), ("bloom-176b", 8192.0),
    ("llava-1.5-7b", 4096.0),
)  # fmt: skip
BENCHMARKS = {phase: tuple(Benchmark(model, phase, context) for model, context in WHOLE) for phase in ("prefill", "decode")}
BENCHMARKS["train"] = (Benchmark("llama-2-7b", "train", 4096.0),)


def started_by(who: str, name: str = NODE) -> System:
    """A machine with its sections started by the host, which loads their programs, or by hardware."""
    system = find_system(name)
    engine = system.chip.engine
    assert isinstance(engine, StreamingEngine)
    return replace(system, chip=replace(system.chip, engines=(replace(engine, orchestration=who, program_s=PROGRAM_S),)))


def run_s(load: Workload, system: System, schedule: str = "") -> float:
    """One pass of a workload."""
    return number(total(c.total_s for c in cost_law(machine_of(system), "tile", "graph", schedule).costs(load)))


@dataclass(frozen=True, slots=True)
class Times:
    """A benchmark in the paper's three configurations [s]."""

    unfused: float
    software: float
    hardware: float

    @property
    def fusion(self) -> float:
        return self.unfused / self.software

    @property
    def start(self) -> float:
        return self.software / self.hardware

    @property
    def both(self) -> float:
        return self.unfused / self.hardware


def times_of(load: Workload, name: str = NODE) -> Times:
    """Every operator a section that the host starts; fused; and started by hardware."""
    return Times(run_s(load, started_by("host", name), "sequential"), run_s(load, started_by("host", name)), run_s(load, started_by("hardware", name)))


@cache
def times(benchmark: Benchmark) -> Times:
    """Those of a benchmark on eight sockets."""
    return times_of(benchmark.workload())


def _of(gain: str, benchmark: Benchmark) -> Callable[[Shared], float]:
    return lambda _: float(getattr(times(benchmark), gain))


def _end(gain: str, pick: Callable[[Iterator[tuple[float, str]]], tuple[float, str]], phase: str = "decode") -> Callable[[Shared], Found]:
    """An end of the gains over the benchmarks of a phase."""
    return lambda _: Found(*pick((float(getattr(times(b), gain)), str(b)) for b in BENCHMARKS[phase]))


# gain -> what it is, and its range by phase
GAINS = {
    "fusion": ("fusion", {"prefill": Span(1.5, 3.0), "decode": Span(1.0, 13.0), "train": Span(1.5, 3.0)}),
    "start": ("sections started by hardware", {"prefill": Span(1.0, 1.1), "decode": Span(1.4, 8.0), "train": Span(1.0, 1.1)}),
}
ENDS = (  # a gain and an end of it over the decode benchmarks
    ("fusion and starts by hardware, decode: most", "both", max, 13.0, "section VI-A and abstract: Mistral has most"),
    ("fusion and starts by hardware, decode: least", "both", min, 2.0, "abstract and section IX"),
    ("sections started by hardware, decode: most", "start", max, 8.0, "section VI-A"),
    ("sections started by hardware, decode: least", "start", min, 1.4, "section VI-A"),
)
RANGES = (
    *(Claim("sn40l", f"{words}, {benchmark}", spans[phase], "x", f"{WHERE}, section VI-A: range over the benchmarks", "Q", within(0.05), "fit",
            _of(gain, benchmark), latents=LATENTS, remark="both latents for all benchmarks")
      for gain, (words, spans) in GAINS.items() for phase in spans for benchmark in BENCHMARKS[phase]),
    *(Claim("sn40l", words, published, "x", f"{WHERE}, {where}", "Q", within(0.15), "fit", _end(gain, pick), latents=LATENTS)
      for words, gain, pick, published, where in ENDS),
)  # fmt: skip


def _memory_share(_: Shared) -> Found:
    """Most of HBM's peak that weights, keys and values come to in fused decoding, over the benchmarks [%]."""
    peak = find_system(NODE).chip.tier("hbm").bandwidth_byte_per_s
    shares = {}
    for benchmark in BENCHMARKS["decode"]:
        byte = total(n.count * (n.operator.byte_of(Residency.WEIGHT) + n.operator.byte_of(Residency.STATE)) for n in benchmark.workload().nodes)
        shares[benchmark.model] = 100.0 * number(byte / peak) / times(benchmark).hardware
    best = max(shares, key=lambda m: shares[m])
    return Found(shares[best], f"{best}; from {min(shares.values()):.0f} over the benchmarks")


def _sections_ratio(_: Shared) -> Found:
    machine, load = machine_of(find_system(NODE)), find_model("llama-2-7b").workload(Prefill(1.0, 4096.0).passes()[0], TP8, BF16)
    alone, fused = (sum(s.count for s in sections_of(load, machine, how)) for how in ("sequential", ""))
    return Found(alone / fused, f"{alone:.0f} sections, {fused:.0f} fused")


OTHERS = (
    Claim("sn40l", "share of HBM's peak that fused decoding reaches", 85.0, "%", f"{WHERE}, section VI-B", "Q", within(0.05), "prediction", _memory_share,
          remark="what HBM sustains is taken from the paper; starts, fills and exchanges are ours"),
    Claim("sn40l", "sections without and with fusion, prefill of llama-2-7b", 11.0, "x", f"{WHERE}, Figure 11", "Q", within(0.1), "prediction",
          _sections_ratio),
)  # fmt: skip


# A Monarch FFT -----------------------------------------------------------------------------------------------------------------------------------------
ENDS_WIDTH, INNER = 134.0, 3.07  # fitted: columns in and out, and how many times as many there are between
ROWS = 768.0 * 2.0**20 / ENDS_WIDTH  # a sequence of 2^20 in 768 channels, assumed: intensities do not depend on it
SHAPES = (f"columns in and out, {ENDS_WIDTH:.0f}", f"columns between the products, {INNER:g} times as many")
INTENSITIES = {"nothing": 39.5, "first product, twiddle and transpose": 102.6, "everything": 410.4}


def monarch() -> Workload:
    """Two products with twiddle factors and a transpose between them."""
    inner = INNER * ENDS_WIDTH
    operators: tuple[Operator, ...] = (
        Contraction(name="gemm0", m=ROWS, n=inner, k=ENDS_WIDTH), Elementwise(name="mul", elements=ROWS * inner),
        Elementwise(name="transpose", elements=ROWS * inner, flop_per_element=0.0), Contraction(name="gemm1", m=ROWS, n=ENDS_WIDTH, k=inner),
    )  # fmt: skip
    return Workload(tuple(Node(o, 1.0, (before.name,) if before else ()) for o, before in zip(operators, (None, *operators), strict=False)))


def _intensity(fused: str) -> Callable[[Shared], float]:
    operators = tuple(node.operator for node in monarch().nodes)
    first = {"nothing": 1, "first product, twiddle and transpose": 3, "everything": 4}[fused]
    together = Fused(name="fused", operators=operators[:first], shares=(1.0,) * first)
    byte = total([together.byte, *(o.byte for o in operators[first:])])
    return lambda _: number(total(o.flop for o in operators)) / number(byte)


MONARCH = (
    *(Claim("sn40l", f"operations a byte of a Monarch FFT, fused: {what}", published, "op/B", f"{WHERE}, Table I", "Q", within(0.05), "fit", _intensity(what),
            latents=SHAPES, remark="shapes are only in a figure; two latents for three numbers")
      for what, published in INTENSITIES.items()),
    Claim("sn40l", "fusion, FlashFFTConv of a million on one socket", 13.0, "x", f"{WHERE}, section VI-A", "Q", within(0.3), "fit",
          lambda _: times_of(monarch(), SOCKET).both, latents=SHAPES, remark="with the shapes that Table I was fitted with, 768 channels"),
    Claim("sn40l", "sections started by hardware, FlashFFTConv: one call", 1.0, "x", f"{WHERE}, section VI-A", "Q", within(0.1), "fit",
          lambda _: times_of(monarch(), SOCKET).start, latents=(*LATENTS[:1], *SHAPES)),
)  # fmt: skip

CLAIMS = (*RANGES, *OTHERS, *MONARCH)
