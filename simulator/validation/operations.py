"""What each `op` of a tidy table is as operators: one table from name to class, dimensions and builder.

A builder takes rows of one structure and returns operators whose sizes are columns: a law evaluates all rows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from magnitudes.arrays import Column, Real
from magnitudes.datatypes import DataType
from simulator.validation.eager_models import EAGER_MODELS, Calls, eager_pass
from simulator.validation.expert_loads import active_experts
from simulator.validation.formats import Formats
from workloads.operator import (
    Attention,
    Collective,
    Contraction,
    Convolution,
    Elementwise,
    Gather,
    GroupedContraction,
    Normalization,
    Operator,
    Residency,
    Softmax,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table that the same operators describe, with their dimensions as columns.

    Parameters
    ----------
    formats : Formats
    state : DataType
        Format of cached keys and values.
    columns : mapping of str to Column
    names : mapping of str to str
        Columns of text that choose a structure, such as ``distribution``: one value for all rows.
    """

    op: str
    formats: Formats
    state: DataType
    columns: Mapping[str, Column]
    names: Mapping[str, str]

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def get(self, name: str, default: float) -> Real:
        """A dimension that may be absent, for the whole table or for some rows."""
        column = self.columns.get(name)
        return default if column is None else np.where(np.isnan(column), default, column)


@dataclass(frozen=True, slots=True)
class Operation:
    """One `op`.

    Parameters
    ----------
    family : str
        Class under which its groups are averaged, before the data type.
    dimensions : tuple of str
        Columns that a row must have.
    build : callable
        Rows to operators, each with its number of calls.
    structure : tuple of str
        Columns of text or flags whose values make other operators.
    by_kernel : bool
        Whether the name of the implementation is an input.
    is_model : bool
        Whether it is a whole model: its weights come round once a pass, and the host runs ahead of the device.
    """

    family: str
    dimensions: tuple[str, ...]
    build: Callable[[Rows], Calls]
    structure: tuple[str, ...] = ()
    by_kernel: bool = False
    is_model: bool = False


def _product(rows: Rows, *, weights: bool) -> Calls:
    f = rows.formats
    side = Residency.WEIGHT if weights else Residency.ACTIVATION
    batch = rows.get("batch", 1.0)
    return ((Contraction(name=rows.op, m=rows["m"], n=rows["n"], k=rows["k"], batch=batch, a=f.a, b=f.b, c=f.c, b_residency=side), 1.0),)


def _attention(rows: Rows, *, decode: bool) -> Calls:
    window = rows.get("window", 0.0) if rows.names["windowed"] == "True" else None
    attention = Attention(
        name=rows.op, batch=rows["batch"], heads=rows["heads"], kv_heads=rows["kv_heads"], head_dim=rows["head_dim"], q_len=1.0 if decode else rows["q_len"],
        kv_len=rows["kv_len"], window=window, element=rows.formats.a, state=rows.state,
    )  # fmt: skip
    return ((attention, 1.0),)


def _convolution(rows: Rows) -> Calls:
    f, stride_h, stride_w = rows.formats, rows.get("stride_h", 1.0), rows.get("stride_w", 1.0)
    out_h = np.floor((rows["in_h"] + 2.0 * rows.get("pad_h", 0.0) - rows["kernel_h"]) / stride_h) + 1.0
    out_w = np.floor((rows["in_w"] + 2.0 * rows.get("pad_w", 0.0) - rows["kernel_w"]) / stride_w) + 1.0
    convolution = Convolution(
        name=rows.op, batch=rows["batch"], cin=rows["cin"], cout=rows["cout"], in_h=rows["in_h"], in_w=rows["in_w"], out_h=out_h, out_w=out_w,
        kernel_h=rows["kernel_h"], kernel_w=rows["kernel_w"], stride=np.maximum(stride_h, stride_w), groups=rows.get("groups", 1.0), a=f.a, b=f.b, c=f.c,
    )  # fmt: skip
    return ((convolution, 1.0),)


def _elementwise(rows: Rows, *, reads: float, instructions: float) -> Calls:
    """`instructions` of the vendor's math library an element: each has an issue slot, which a fused multiply-add fills with two flop."""
    plain = Elementwise(
        name=rows.op,
        elements=rows["rows"] * rows["cols"],
        reads=rows.get("reads", reads),
        flop_per_element=2.0 * instructions,
        element=rows.formats.a,
        output=rows.formats.c,
    )
    return ((plain, rows.get("calls", 1.0)),)


def _activation(rows: Rows) -> Calls:
    gated = rows.names["gated"] == "True"
    return _elementwise(rows, reads=2.0 if gated else 1.0, instructions=15.0 if gated else 25.0)


def _softmax(rows: Rows) -> Calls:
    return ((Softmax(name=rows.op, rows=rows["rows"], cols=rows["cols"], element=rows.formats.a), 1.0),)


def _norm(rows: Rows, *, flavour: str) -> Calls:
    return ((Normalization(name=rows.op, rows=rows["rows"], cols=rows["cols"], flavour=flavour, element=rows.formats.a), 1.0),)


def _embedding(rows: Rows) -> Calls:
    return ((Gather(name=rows.op, rows=rows["rows"], width=rows["cols"], table=rows.formats.a, output=rows.formats.c), 1.0),)


def _experts(rows: Rows) -> Calls:
    """A fused layer of routed experts: tokens sorted by expert, gate and up, the gated activation, down, and the weighted sum."""
    f, tokens, topk = rows.formats, rows["tokens"], rows["topk"]
    inner, hidden, experts = rows["inter"] / rows.get("tp", 1.0), rows["hidden"], rows["experts"]
    pairs = tokens * topk
    active = active_experts(tokens, topk, experts, rows.names["distribution"])

    def product(name: str, n: Column, k: Column) -> Operator:
        return GroupedContraction(name=name, rows=pairs, groups=experts, active=active, n=n, k=k, a=f.a, b=f.b, c=f.c)

    return (
        (product("gate_up", 2.0 * inner, hidden), 1.0),
        (Elementwise(name="activation", elements=pairs * inner, reads=2.0, flop_per_element=10.0, element=f.c, output=f.c), 1.0),
        (product("down", hidden, inner), 1.0),
        (Elementwise(name="weighted_sum", elements=tokens * hidden, reads=topk, flop_per_element=2.0, element=f.c, output=f.c), 1.0),
    )  # fmt: skip


def _eager_model(rows: Rows) -> Calls:
    return eager_pass(EAGER_MODELS[rows.names["model"]], rows["batch"], rows["seq"], rows.formats.a, fused=rows.names["option"] == "fusion")


def _collective(rows: Rows, *, pattern: str) -> Calls:
    return ((Collective(name=rows.op, pattern=pattern, message_byte=rows["message_byte"], ranks=rows["ranks"]), 1.0),)


_ATTENTION = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len")
_CONVOLUTION = ("batch", "cin", "cout", "in_h", "in_w", "kernel_h", "kernel_w")
_MATRIX, _GRID, _EXCHANGE = ("m", "n", "k"), ("rows", "cols"), ("message_byte", "ranks")


def _map(reads: float, instructions: float) -> Operation:
    return Operation("elementwise", _GRID, partial(_elementwise, reads=reads, instructions=instructions))


# Instructions an element: CUDA's math library (its pow is a logarithm, a product and an exponential in extended precision).
OPERATIONS: dict[str, Operation] = {
    "gemm": Operation("gemm", _MATRIX, partial(_product, weights=True)),
    "linear": Operation("linear", _MATRIX, partial(_product, weights=True)),
    "bmm": Operation("bmm", ("batch", *_MATRIX), partial(_product, weights=False)),
    "attn_prefill": Operation("attention", _ATTENTION, partial(_attention, decode=False), ("windowed",), by_kernel=True),
    "attn_decode": Operation("attention", _ATTENTION, partial(_attention, decode=True), ("windowed",), by_kernel=True),
    "moe": Operation("moe", ("tokens", "hidden", "inter", "topk", "experts"), _experts, ("distribution",), by_kernel=True),
    "conv_fwd": Operation("convolution", _CONVOLUTION, _convolution),
    "add": _map(2.0, 1.0), "sub": _map(2.0, 1.0), "mul": _map(2.0, 1.0), "div": _map(2.0, 10.0), "pow": _map(2.0, 65.0), "where": _map(3.0, 1.0),
    "addu": _map(1.0, 1.0), "subu": _map(1.0, 1.0), "mulu": _map(1.0, 1.0), "divu": _map(1.0, 10.0), "powu": _map(1.0, 65.0),
    "relu": _map(1.0, 1.0), "tanh": _map(1.0, 20.0), "gelu": _map(1.0, 25.0), "silu": _map(1.0, 15.0), "sigmoid": _map(1.0, 15.0),
    "exp": _map(1.0, 10.0), "copy": _map(1.0, 0.5), "rope": _map(1.0, 6.0),
    "act_and_mul": Operation("elementwise", _GRID, _activation, ("gated",)),
    "softmax": Operation("softmax_norm", _GRID, _softmax),
    "layernorm": Operation("softmax_norm", _GRID, partial(_norm, flavour="layer")),
    "rmsnorm": Operation("softmax_norm", _GRID, partial(_norm, flavour="rms")),
    "embedding": Operation("embedding", _GRID, _embedding),
    "model_inference": Operation("model_inference", ("batch", "seq"), _eager_model, ("model", "option"), is_model=True),
    "all_reduce": Operation("collective", _EXCHANGE, partial(_collective, pattern="all_reduce"), ("ranks_per_node",), by_kernel=True),
    "all_gather": Operation("collective", _EXCHANGE, partial(_collective, pattern="all_gather"), ("ranks_per_node",), by_kernel=True),
    "reduce_scatter": Operation("collective", _EXCHANGE, partial(_collective, pattern="reduce_scatter"), ("ranks_per_node",), by_kernel=True),
    "all_to_all": Operation("collective", _EXCHANGE, partial(_collective, pattern="all_to_all"), ("ranks_per_node",), by_kernel=True),
    "send_recv": Operation("collective", _EXCHANGE, partial(_collective, pattern="send"), ("ranks_per_node",), by_kernel=True),
}  # fmt: skip

ALIASES = {
    "matmul": "gemm", "ln": "layernorm", "layer_norm": "layernorm", "rms_norm": "rmsnorm", "conv2d_fwd": "conv_fwd", "conv2d": "conv_fwd", "conv": "conv_fwd",
    "alltoall": "all_to_all", "allreduce": "all_reduce", "allgather": "all_gather", "reducescatter": "reduce_scatter", "p2p": "send_recv", "send": "send_recv",
    "attn_context": "attn_prefill", "attn_generation": "attn_decode", "silu_and_mul": "act_and_mul", "emb": "embedding",
}  # fmt: skip


def operation_name(op: str) -> str:
    """The name under which an `op` is known here; itself if it is not."""
    key = op.lower()
    return ALIASES.get(key, key)
