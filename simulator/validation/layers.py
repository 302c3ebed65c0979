"""A whole transformer layer as one row of a table: the operators that a framework launches, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magnitudes.arrays import Real
from workloads.operator import Attention, Calls, Contraction, Elementwise, Normalization, Operator

if TYPE_CHECKING:
    from simulator.validation.rows import Rows

# Rotary embedding without a kernel of its own: half turned about, joined, two products, a sum (kernel, share of the elements, reads, calls).
TURN = (("addu", 0.5, 1.0, 1.0), ("copy", 1.0, 1.0, 1.0), ("mul", 1.0, 2.0, 2.0), ("add", 1.0, 2.0, 1.0))


def transformer_layer(rows: Rows) -> Calls:
    """Norm, projections, rotary embedding, the cache, attention, a gated network (`inter` wide) and two residual sums."""
    kind, tokens = rows.formats.a, rows["batch"] * rows["q_len"]
    query_width, key_width = rows["heads"] * rows["head_dim"], rows["kv_heads"] * rows["head_dim"]

    def linear(name: str, n: Real, k: Real) -> Operator:
        return Contraction(name=name, m=tokens, n=n, k=k, a=kind, b=rows.formats.b, c=rows.formats.c)

    def plain(name: str, elements: Real, reads: float, flop: float) -> Operator:
        return Elementwise(name=name, elements=elements, reads=reads, flop_per_element=flop, element=kind, output=kind)

    norm = Normalization(name="norm", rows=tokens, cols=rows["hidden"], flavour="rms", element=kind)
    attention = Attention(
        name="attention", batch=rows["batch"], heads=rows["heads"], kv_heads=rows["kv_heads"], q_len=rows["q_len"], kv_len=rows["kv_len"],
        head_dim=rows["head_dim"], element=kind, state=rows.state,
    )  # fmt: skip
    return (
        (norm, 2.0),
        (linear("qkv", query_width + 2.0 * key_width, rows["hidden"]), 1.0),
        *((plain(name, tokens * width * share, reads, 2.0), count) for width in (query_width, key_width) for name, share, reads, count in TURN),
        (plain("copy", tokens * key_width, 1.0, 1.0), 2.0),
        (attention, 1.0),
        (plain("copy", tokens * query_width, 1.0, 1.0), 1.0),
        (linear("out", rows["hidden"], query_width), 1.0),
        (plain("add", tokens * rows["hidden"], 2.0, 2.0), 2.0),
        (linear("gate_up", 2.0 * rows["inter"], rows["hidden"]), 1.0),
        (plain("silu", tokens * rows["inter"], 1.0, 30.0), 1.0),
        (plain("mul", tokens * rows["inter"], 2.0, 2.0), 1.0),
        (linear("down", rows["hidden"], rows["inter"]), 1.0),
    )  # fmt: skip


def linear_layers(rows: Rows) -> Calls:
    """What of a transformer layer is linear: queries, keys, values and the projection behind attention, and a network of two layers without a gate."""
    f, tokens, width = rows.formats, rows["batch"] * rows["q_len"], rows["heads"] * rows["head_dim"]

    def linear(name: str, n: Real, k: Real) -> Operator:
        return Contraction(name=name, m=tokens, n=n, k=k, a=f.a, b=f.b, c=f.c)

    return (
        (linear("projection", width, rows["hidden"]), 3.0),
        (linear("out", rows["hidden"], width), 1.0),
        (linear("up", rows["inter"], rows["hidden"]), 1.0),
        (linear("down", rows["hidden"], rows["inter"]), 1.0),
    )
