"""From rows of an `op` to operators.

A builder takes rows of one structure and returns operators whose sizes are columns: a law evaluates all rows at once.
"""

from __future__ import annotations

from collections.abc import Callable

from magnitudes.arrays import Real, floor, maximum
from simulator.validation.dimensions import MAPPED
from simulator.validation.eager_models import EAGER_MODELS
from simulator.validation.expert_loads import active_experts
from simulator.validation.rows import Rows
from workloads.operator import (
    Attention,
    Calls,
    Collective,
    Contraction,
    Convolution,
    Elementwise,
    Gather,
    GroupedContraction,
    Loop,
    Normalization,
    Operator,
    Residency,
    Softmax,
    Tiling,
)  # fmt: skip

POOL_FLOP = 9.0  # of a window of 3 x 3, the usual one: memory decides


def product(rows: Rows, *, weights: bool) -> Calls:
    f = rows.formats
    side = Residency.WEIGHT if weights else Residency.ACTIVATION
    return ((Contraction(name=rows.op, m=rows["m"], n=rows["n"], k=rows["k"], batch=rows["batch"], a=f.a, b=f.b, c=f.c, b_residency=side), 1.0),)


def attention(rows: Rows, *, decode: bool) -> Calls:
    attention = Attention(
        name=rows.op, batch=rows["batch"], heads=rows["heads"], kv_heads=rows["kv_heads"], head_dim=rows["head_dim"], q_len=1.0 if decode else rows["q_len"],
        kv_len=rows["kv_len"], window=rows["window"] if rows.is_true("windowed") else None, causal=not rows.is_true("bidirectional"), decoding=decode,
        element=rows.formats.a, state=rows.state,
    )  # fmt: skip
    return ((attention, 1.0),)


def stored(attention: Attention) -> Calls:
    """What writes the new keys and values of a prompt to their cache: a cast first where they are kept in another format."""
    new = attention.batch * attention.kv_heads * attention.kv_dim * attention.q_len
    store = Elementwise(name="cache_write", elements=0.0, state_elements=new, flop_per_element=0.0, element=attention.state, state=attention.state)
    if attention.element == attention.state:
        return ((store, 1.0),)
    cast = Elementwise(name="cast", elements=new, flop_per_element=0.0, element=attention.element, output=attention.state)
    return ((cast, 1.0), (store, 1.0))


def sides(rows: Rows) -> tuple[Real, Real]:
    """Height and width of a convolution's result."""
    down = (rows["in_h"] + 2.0 * rows["pad_h"] - rows["kernel_h"]) / rows["stride_h"]
    across = (rows["in_w"] + 2.0 * rows["pad_w"] - rows["kernel_w"]) / rows["stride_w"]
    return floor(down) + 1.0, floor(across) + 1.0


def convolution(rows: Rows) -> Calls:
    f, (out_h, out_w) = rows.formats, sides(rows)
    convolution = Convolution(
        name=rows.op, batch=rows["batch"], cin=rows["cin"], cout=rows["cout"], in_h=rows["in_h"], in_w=rows["in_w"], out_h=out_h, out_w=out_w,
        kernel_h=rows["kernel_h"], kernel_w=rows["kernel_w"], stride=maximum(rows["stride_h"], rows["stride_w"]), groups=rows["groups"], a=f.a, b=f.b, c=f.c,
    )  # fmt: skip
    return ((convolution, 1.0),)


def pool(rows: Rows) -> Calls:
    """Each result from a window of one channel: the image is read once, neighbours share what is in cache."""
    out_h, out_w = sides(rows)
    elements, reads = rows["batch"] * rows["cin"] * out_h * out_w, rows["in_h"] * rows["in_w"] / (out_h * out_w)
    pooled = Elementwise(name=rows.op, elements=elements, reads=reads, flop_per_element=POOL_FLOP, element=rows.formats.a, output=rows.formats.c)
    return ((pooled, 1.0),)


def tiling(rows: Rows) -> Tiling:
    """The mapping that rows are given with."""
    return Tiling(**{d: Loop(rows[f"tile_{d}"], rows[f"place_{d}"]) for d in MAPPED}, side=rows["side"])


def mapped_product(rows: Rows) -> Calls:
    f = rows.formats
    product = Contraction(name=rows.op, m=rows["m"], n=rows["n"], k=rows["k"], batch=rows["batch"], a=f.a, b=f.b, c=f.c, tiling=tiling(rows))
    return ((product, 1.0),)


def mapped_convolution(rows: Rows) -> Calls:
    """A layer whose results are said, not the image: that is what their filters and steps need, without padding."""
    f, (across, down) = rows.formats, (rows["stride_w"], rows["stride_h"])
    convolution = Convolution(
        name=rows.op, batch=rows["batch"], cin=rows["cin"], cout=rows["cout"], in_h=rows["out_h"] * down, in_w=rows["out_w"] * across, out_h=rows["out_h"],
        out_w=rows["out_w"], kernel_h=rows["kernel_h"], kernel_w=rows["kernel_w"], stride=maximum(across, down), a=f.a, b=f.b, c=f.c, tiling=tiling(rows),
    )  # fmt: skip
    return ((convolution, 1.0),)


def elementwise(rows: Rows, *, reads: float, instructions: float, by_row: bool = True) -> Calls:
    """`instructions` of the vendor's math library an element: each has an issue slot, which a fused multiply-add fills with two flop."""
    plain = Elementwise(
        name=rows.op,
        elements=rows["rows"] * rows["cols"],
        reads=rows.get("reads", reads),
        flop_per_element=2.0 * instructions,
        cols=rows["cols"] if by_row else None,
        element=rows.formats.a,
        output=rows.formats.c,
    )
    return ((plain, rows["calls"]),)


def activation(rows: Rows) -> Calls:
    gated = rows.is_true("gated")  # without a gate it is the framework's own kernel, which does not go by rows
    return elementwise(rows, reads=2.0 if gated else 1.0, instructions=15.0 if gated else 25.0, by_row=gated)


def softmax(rows: Rows) -> Calls:
    return ((Softmax(name=rows.op, rows=rows["rows"], cols=rows["cols"], element=rows.formats.a), 1.0),)


def norm(rows: Rows, *, flavour: str) -> Calls:
    return ((Normalization(name=rows.op, rows=rows["rows"], cols=rows["cols"], flavour=flavour, element=rows.formats.a), 1.0),)


def embedding(rows: Rows) -> Calls:
    return ((Gather(name=rows.op, rows=rows["rows"], width=rows["cols"], table=rows.formats.a, output=rows.formats.c), 1.0),)


def experts(rows: Rows) -> Calls:
    """A fused layer of routed experts: tokens sorted by expert, gate and up, the gated activation, down, and the weighted sum."""
    f, tokens, topk, experts = rows.formats, rows.column("tokens"), rows.column("topk"), rows.column("experts")
    inner, hidden = rows["inter"] / rows["tp"], rows["hidden"]
    pairs = tokens * topk
    active = active_experts(tokens, topk, experts, rows.names["distribution"])

    def product(name: str, n: Real, k: Real) -> Operator:
        return GroupedContraction(name=name, rows=pairs, groups=experts, active=active, n=n, k=k, a=f.a, b=f.b, c=f.c)

    return (
        (product("gate_up", 2.0 * inner, hidden), 1.0),
        (Elementwise(name="activation", elements=pairs * inner, reads=2.0, flop_per_element=10.0, element=f.c, output=f.c), 1.0),
        (product("down", hidden, inner), 1.0),
        (Elementwise(name="weighted_sum", elements=tokens * hidden, reads=topk, flop_per_element=2.0, element=f.c, output=f.c), 1.0),
    )  # fmt: skip


def eager_model(rows: Rows, *, one_pass: Callable[..., Calls]) -> Calls:
    return one_pass(EAGER_MODELS[rows.names["model"]], rows["batch"], rows["seq"], rows.formats.a, fused=rows.names["option"] == "fusion")


def collective(rows: Rows, *, pattern: str) -> Calls:
    return ((Collective(name=rows.op, pattern=pattern, message_byte=rows["message_byte"], ranks=rows["ranks"]), 1.0),)
