"""Attention as a network of nodes: rows of scores stream past, and what must wait for a whole row decides how deep queues must be.

Each score is a token; a value (a row of the value matrix) goes with it as one token, and a result is one token. Three orders of the same sum:

- ``naive``: exponentials wait for the sum of their row before they are divided and weigh values: one queue of a whole row;
- ``stable``: scores also wait for the maximum of their row: two such queues;
- ``running``: maximum and sum run along, results so far are scaled when the maximum grows, and one division at the end of a row does: no queue
  holds more than what two stages need.

After Sohn, Zhang and Olukotun, "Implementing and optimizing the scaled dot-product attention on streaming dataflow", arXiv 2404.16629.
"""

from __future__ import annotations

from magnitudes.names import check_known
from simulator.events.fifo import FifoNode, Network, mapped, reduced, repeated, source

ORDERS = ("naive", "stable", "running")
HEAD = 2  # places of a queue unless it is said otherwise


def attention_network(order: str, length: int, rows: int, depth: float = HEAD) -> Network:
    """Attention of `rows` queries over `length` keys.

    Raises
    ------
    NameMiss
        If the order is not known.
    """
    check_known("order of attention", order, ORDERS)
    scores = (source("query_key", length * rows), mapped("score", "query_key"))
    return Network((*scores, *_NODES[order](length), FifoNode("result", ("divided",))), depth)


def long_queues(order: str) -> tuple[tuple[str, str], ...]:
    """The queues past which a whole row must go before what waits in them is used."""
    return {"naive": (("exponential", "weight"),), "stable": (("score", "shifted"), ("exponential", "weight")), "running": ()}[order]


def _naive(length: int, scores: str = "score") -> tuple[FifoNode, ...]:
    return (
        mapped("exponential", scores), reduced("sum", "exponential", length), repeated("sums", "sum", length),
        mapped("weight", "exponential", "sums"), mapped("weighed", "weight"), reduced("divided", "weighed", length),
    )  # fmt: skip


def _stable(length: int) -> tuple[FifoNode, ...]:
    return (reduced("maximum", "score", length), repeated("maxima", "maximum", length), mapped("shifted", "score", "maxima"), *_naive(length, "shifted"))


def _running(length: int) -> tuple[FifoNode, ...]:
    """`largest` gives each score with the running maximum; `scale` is the factor by which older results shrink where it grew."""
    return (
        mapped("largest", "score"), mapped("exponential", "largest"), mapped("scale", "largest"),
        reduced("sum", "running_sum", length), mapped("running_sum", "exponential", "scale"),
        mapped("running_result", "exponential", "scale"), reduced("total", "running_result", length),
        mapped("divided", "total", "sum"),
    )  # fmt: skip


_NODES = {"naive": _naive, "stable": _stable, "running": _running}
