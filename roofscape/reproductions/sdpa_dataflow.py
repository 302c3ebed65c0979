"""Attention on streaming dataflow: how deep queues must be, node by node and token by token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

from roofscape.reproductions.claim import Claim, Found, within
from roofscape.reproductions.shared import Shared
from simulator.events.fifo import UNBOUNDED, run, smallest_depth
from simulator.events.fifo_attention import attention_network, long_queues

TITLE = "Sohn, Zhang and Olukotun, Implementing and Optimizing the Scaled Dot-Product Attention on Streaming Dataflow, arXiv 2404.16629"
WHERE = "arXiv 2404.16629"
ROWS, LENGTHS = 6, (64, 256)


def _growth(order: str) -> Callable[[Shared], Found]:
    """Places that a longer row needs more, for each key more."""

    def ours(_: Shared) -> Found:
        queues = [long_queues(order) or attention_network(order, n, ROWS).queues for n in LENGTHS]
        short, long = (smallest_depth(attention_network(order, n, ROWS), q) for n, q in zip(LENGTHS, queues, strict=True))
        return Found((long - short) / (LENGTHS[1] - LENGTHS[0]), f"{short} places for rows of {LENGTHS[0]}, {long} for rows of {LENGTHS[1]}")

    return ours


def _long_queues(order: str) -> Callable[[Shared], Found]:
    """Queues that hold about a row at once where none is limited."""

    def ours(_: Shared) -> Found:
        most = run(attention_network(order, LENGTHS[1], ROWS, UNBOUNDED)).most
        deep = [f"{a} to {b}" for (a, b), held in most.items() if held > LENGTHS[1] / 2]
        return Found(float(len(deep)), ", ".join(deep))

    return ours


def _stops(order: str) -> Callable[[Shared], Found]:
    """Whether a queue a place short of a row stops everything: 1, or 0."""

    def ours(_: Shared) -> Found:
        n = LENGTHS[0]
        stopped = run(replace(attention_network(order, n, ROWS), depths=dict.fromkeys(long_queues(order), n - 1.0)))
        return Found(float(stopped.deadlock), "; ".join(f"{node} waits for {why}" for node, why in stopped.blocked.items()))

    return ours


def _slowdown(length: int) -> Callable[[Shared], float]:
    """Cycles with queues of two places, beside cycles without limits."""

    def ours(_: Shared) -> float:
        network = attention_network("running", length, ROWS)
        cycles, free = run(network).cycles, run(replace(network, depth=UNBOUNDED)).cycles
        return cycles / free if cycles < inf else inf

    return ours


CLAIMS = (
    Claim("sdpa-dataflow", "places a key that naive attention needs", 1.0, "", f"{WHERE}: a queue of O(N)", "S", within(0.0), "prediction", _growth("naive")),
    Claim("sdpa-dataflow", "places a key that softmax with its maximum needs", 1.0, "", f"{WHERE}: queues of O(N)", "S", within(0.0), "prediction",
          _growth("stable")),
    Claim("sdpa-dataflow", "places a key that running maximum and sum need", 0.0, "", f"{WHERE}: O(1)", "S", within(0.0), "prediction", _growth("running")),
    Claim("sdpa-dataflow", "queues of a row, naive", 1.0, "", f"{WHERE}: the way past the row's sum", "S", within(0.0), "prediction", _long_queues("naive")),
    Claim("sdpa-dataflow", "queues of a row, softmax with its maximum", 2.0, "", f"{WHERE}: past maximum and sum", "M+", within(0.0), "prediction",
          _long_queues("stable")),
    Claim("sdpa-dataflow", "queues of a row, running", 0.0, "", f"{WHERE}: none", "S", within(0.0), "prediction", _long_queues("running")),
    Claim("sdpa-dataflow", "naive attention stops with a place less than a row", 1.0, "", f"{WHERE}: stall", "M+", within(0.0), "prediction", _stops("naive")),
    *(Claim("sdpa-dataflow", f"slowdown of the running order with two places, rows of {n}", 1.0, "x", f"{WHERE}: none beside unbounded queues", "M+",
            within(0.0), "prediction", _slowdown(n)) for n in LENGTHS),
)  # fmt: skip
