"""Megatron-LM: training of GPT models of 1.7 to 1008 billion parameters on 32 to 3072 GPUs, weak scaling of three parallelisms together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware_specs.catalog import find_system
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, number, points, within
from roofscape.reproductions.shared import Shared
from simulator.estimate import estimate
from simulator.result import Estimate
from workloads.feed_forward import DenseFeedForward
from workloads.scenario import Train
from workloads.sharding import Parallelism, precision
from workloads.transformer import Transformer
from workloads.unfused import Unfused

TITLE = "Narayanan et al., Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM, SC 2021"

WHERE = "SC 2021, table 1; micro-batches and interleaving as in the authors' scripts (Megatron-LM, examples/sc21/run_table_1.sh)"
SEQUENCE, VOCABULARY = 2048.0, 51200.0
GIGA = 1e9


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: billions of parameters, the model's shape, the cut, the batch, and what each GPU reached [TFLOP/s]."""

    billions: float
    heads: float
    hidden: float
    layers: float
    tp: float
    pp: float
    gpus: float
    batch: float
    published_tera: float
    micro_batch: float
    interleave: float = 1.0

    @property
    def flop(self) -> float:
        """Of a step, layers computed again included (equation 3)."""
        h = self.hidden
        return 96.0 * self.batch * SEQUENCE * self.layers * h**2 * (1.0 + SEQUENCE / (6.0 * h) + VOCABULARY / (16.0 * self.layers * h))


ROWS = (
    Row(1.7, 24, 2304, 24, 1, 1, 32, 512, 137, 16),
    Row(3.6, 32, 3072, 30, 2, 1, 64, 512, 138, 16),
    Row(7.5, 32, 4096, 36, 4, 1, 128, 512, 142, 16),
    Row(18.4, 48, 6144, 40, 8, 1, 256, 1024, 135, 8),
    Row(39.1, 64, 8192, 48, 8, 2, 512, 1536, 138, 4),
    Row(76.1, 80, 10240, 60, 8, 4, 1024, 1792, 140, 2, 3),
    Row(145.6, 96, 12288, 80, 8, 8, 1536, 2304, 148, 2, 2),
    Row(310.1, 128, 16384, 96, 8, 16, 1920, 2160, 155, 1, 2),
    Row(529.6, 128, 20480, 105, 8, 35, 2520, 2520, 163, 1, 3),
    Row(1008.0, 160, 25600, 128, 8, 64, 3072, 3072, 163, 1),
)


def model(row: Row) -> Unfused:
    """A GPT of that shape, its attention as of 2021."""
    feed_forward = DenseFeedForward(inner=4.0 * row.hidden, gated=False)
    gpt = Transformer(
        f"gpt-{row.billions:g}b", row.hidden, row.heads, row.heads, row.hidden / row.heads, ((row.layers, feed_forward),), ((row.layers, None),), VOCABULARY,
        tied=True, norm="layer", bias=True, rotary=False, positions=SEQUENCE,
    )  # fmt: skip
    return Unfused(gpt)


def step(row: Row) -> Estimate:
    """A step of that row: every layer computed again, 32-bit gradients where its scripts sum them so."""
    gradient_byte = 2.0 if row.pp == 1.0 else 4.0  # of DDP=torch, and of DDP=local
    how = Train(row.batch, SEQUENCE, row.micro_batch, recompute=1.0, interleave=row.interleave, gradient_byte=gradient_byte)
    cut = Parallelism(tp=row.tp, pp=row.pp, dp=row.gpus / row.tp / row.pp)
    return estimate(model(row), find_system(f"{row.gpus:g}xa100-sxm-80gb"), how, cut, precision(data_type("fp16")))


def _tera(row: Row) -> Callable[[Shared], Found]:
    def ours(_: Shared) -> Found:
        found = step(row)
        time_s, memory_byte = number(found.time_s), number(found.memory.total_byte)
        return Found(row.flop / time_s / row.gpus / 1e12, f"a step takes {time_s:.3g} s, {memory_byte / GIGA:.0f} GB a GPU")

    return ours


def _billions(row: Row) -> Callable[[Shared], float]:
    return lambda _: model(row).parameters / GIGA


# Whole trainings: billions of tokens, the row, days (section 5.1 and its equation 4)
GPT_3 = Row(174.6, 96, 12288, 96, 8, 8, 1024, 1536, 140, 1)
TRAININGS = {"GPT-3 on 1024 GPUs, 300 billion tokens": (300.0, GPT_3, 34.0), "1 T on 3072 GPUs, 450 billion tokens": (450.0, ROWS[-1], 84.0)}


def _days(billion_tokens: float, row: Row) -> Callable[[Shared], float]:
    return lambda _: billion_tokens * GIGA / (row.batch * SEQUENCE) * number(step(row).time_s) / 86400.0


CLAIMS = (
    *(Claim("megatron", f"days of training, {what}", days, "d", "SC 2021, section 5.1", "M+", within(0.15), "prediction", _days(tokens, row))
      for what, (tokens, row, days) in TRAININGS.items()),
    *(
        Claim("megatron", f"throughput of a GPU at {r.billions:g} B", r.published_tera, "TFLOP/s", WHERE, "A", within(0.15), "prediction", _tera(r))
        for r in ROWS
    ),
    *(Claim("megatron", f"parameters at {r.billions:g} B", r.billions, "B", WHERE, "A", points(0.051), "prediction", _billions(r)) for r in ROWS),
)  # fmt: skip
