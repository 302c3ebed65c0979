"""What each `op` of a tidy table is as operators: one table from name to class, dimensions and builder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from magnitudes.arrays import minimum
from simulator.validation import builders
from simulator.validation.dimensions import MAPPED
from simulator.validation.eager_models import eager_pass, training_pass
from simulator.validation.gradients import gradient_of
from simulator.validation.latent import latent_decode, latent_prefill
from simulator.validation.layers import linear_layers, transformer_layer
from simulator.validation.operation import Operation, Rule
from simulator.validation.recurrent import GATES, recurrent_layer, selective_scan
from simulator.validation.rows import Rows
from simulator.validation.served import FIRST, STEP, served_calls
from workloads.operator import Calls

_WIDTHS = ("nope_dim", "rope_dim", "value_dim")
_GIVEN = (*(f"tile_{d}" for d in MAPPED), *(f"place_{d}" for d in MAPPED), "side")  # a mapping
_MATRIX, _GRID, _EXCHANGE = ("m", "n", "k"), ("rows", "cols"), ("message_byte", "ranks")
_FEW_HEADS = Rule("kv_heads is over heads", lambda rows: rows["kv_heads"] <= rows["heads"])
_SHORT = Rule("kv_len is under q_len", lambda rows: rows["kv_len"] >= rows["q_len"])
_FITTING = Rule("the filter is larger than the padded image", lambda rows: minimum(*builders.sides(rows)) >= 1.0)
_CHANNELS = Rule("groups is over the channels", lambda rows: rows["groups"] <= minimum(rows["cin"], rows["cout"]))
_CHOICE = Rule("topk is over experts", lambda rows: rows["topk"] <= rows["experts"])
_SEVERAL = Rule("ranks is under 2: nothing moves", lambda rows: rows["ranks"] >= 2.0)


def _fused_attention(*, decode: bool) -> Operation:
    length = "kv_len" if decode else "q_len"
    rest = ("kv_heads", "q_len" if decode else "kv_len", "window")
    return Operation(
        "attention", ("batch", "heads", "head_dim", length), partial(builders.attention, decode=decode), rest, ("windowed", "bidirectional", "kv_dtype"),
        (_FEW_HEADS,) if decode else (_FEW_HEADS, _SHORT), by_kernel=True,
    )  # fmt: skip


def _filtered(build: Callable[[Rows], Calls], family: str = "convolution") -> Operation:
    """What a window that moves over an image computes."""
    sizes = ("batch", "cin", "in_h", "kernel_h") if family == "pooling" else ("batch", "cin", "cout", "in_h", "kernel_h")
    rest = ("in_w", "kernel_w", "stride_h", "stride_w", "pad_h", "pad_w")
    if family == "pooling":
        return Operation(family, sizes, build, rest, (), (_FITTING,))
    return Operation(family, sizes, build, (*rest, "groups"), (), (_FITTING, _CHANNELS))


def _exchange(pattern: str) -> Operation:
    return Operation("collective", _EXCHANGE, partial(builders.collective, pattern=pattern), (), ("ranks_per_node",), (_SEVERAL,), by_kernel=True)


def _map(reads: float, instructions: float, call: str = "tensor", library: str = "") -> Operation:
    build = partial(builders.elementwise, reads=reads, instructions=instructions)
    return Operation("elementwise", _GRID, build, ("reads", "calls"), library=library, call=call)


def _scalar(instructions: float) -> Operation:
    """A tensor and a number, which the framework first makes a tensor of."""
    return _map(1.0, instructions, "scalar")


def _unary(instructions: float) -> Operation:
    """A method of one tensor: the framework has one operand to look at."""
    return _map(1.0, instructions, "unary")


def _function(instructions: float) -> Operation:
    """A function of the framework's library of layers, called by way of its module."""
    return _map(1.0, instructions, "function")


def _whole_model(family: str, one_pass: Callable[..., Calls]) -> Operation:
    build = partial(builders.eager_model, one_pass=one_pass)
    return Operation(family, ("batch", "seq"), build, (), ("model", "option"), is_model=True)


# Instructions an element: CUDA's math library (its pow is a logarithm, a product and an exponential in extended precision).
OPERATIONS: dict[str, Operation] = {
    "gemm": Operation("gemm", _MATRIX, partial(builders.product, weights=True), ("batch",)),
    "linear": Operation("linear", _MATRIX, partial(builders.product, weights=True), ("batch",)),
    "bmm": Operation("bmm", ("batch", *_MATRIX), partial(builders.product, weights=False)),
    "attn_prefill": _fused_attention(decode=False),
    "attn_decode": _fused_attention(decode=True),
    "attn_near_memory": Operation(
        "near_memory", ("heads", "head_dim", "kv_len"), partial(builders.attention, decode=True), ("batch", "kv_heads"), ("windowed", "bidirectional"),
    ),
    "moe": Operation("moe", ("tokens", "hidden", "inter", "topk", "experts"), builders.experts, ("tp",), ("distribution",), (_CHOICE,), by_kernel=True),
    "conv_fwd": _filtered(builders.convolution),
    "conv_bwd_data": _filtered(gradient_of(builders.convolution, "input")), "conv_bwd_filter": _filtered(gradient_of(builders.convolution, "filter")),
    "maxpool": _filtered(builders.pool, "pooling"), "avgpool": _filtered(builders.pool, "pooling"),
    "mla_prefill": Operation("attention", ("batch", "heads", "q_len"), latent_prefill, ("kv_len", *_WIDTHS), ("kv_dtype",), (_SHORT,), by_kernel=True),
    "mla_decode": Operation("attention", ("batch", "heads", "kv_len"), latent_decode, ("q_len", "kv_rank", "rope_dim"), ("kv_dtype",), by_kernel=True),
    **{name: Operation("recurrent", ("batch", "hidden", "seq"), partial(recurrent_layer, gates=gates), ("inputs",)) for name, gates in GATES.items()},
    "ssm_scan": Operation("recurrent", ("batch", "seq", "channels"), selective_scan, ("state_dim",)),
    "gemm_mapped": Operation("mapped", (*_MATRIX, *_GIVEN), builders.mapped_product, ("batch",)),
    "conv_mapped": Operation(
        "mapped", ("cin", "cout", "out_h", "kernel_h", *_GIVEN), builders.mapped_convolution, ("batch", "out_w", "kernel_w", "stride_h", "stride_w"),
    ),
    "add": _map(2.0, 1.0), "sub": _map(2.0, 1.0), "mul": _map(2.0, 1.0), "div": _map(2.0, 10.0), "pow": _map(2.0, 65.0), "where": _map(3.0, 1.0),
    "addu": _scalar(1.0), "subu": _scalar(1.0), "mulu": _scalar(1.0), "divu": _scalar(10.0), "powu": _map(1.0, 65.0, "power"),  # the exponent stays a number
    "relu": _map(1.0, 1.0, "clamp"), "tanh": _unary(20.0), "gelu": _function(25.0), "silu": _function(15.0), "sigmoid": _function(15.0),
    "maximum": _map(2.0, 1.0), "minimum": _map(2.0, 1.0), "neg": _unary(1.0), "abs": _unary(1.0), "sqrt": _unary(8.0), "rsqrt": _unary(8.0),
    "log": _unary(10.0), "sin": _unary(20.0), "cos": _unary(20.0), "dropout": _map(1.25, 20.0, "function"),  # a mask of bytes, and Philox's numbers
    "exp": _unary(10.0), "copy": _map(1.0, 0.5), "triad": _map(2.0, 1.0), "rope": _map(1.0, 6.0, library="pos_encoding_kernels"),
    "act_and_mul": Operation("elementwise", _GRID, builders.activation, ("calls",), ("gated",), library="activation_kernels"),
    "softmax": Operation("softmax_norm", _GRID, builders.softmax),
    "batchnorm": _map(1.0, 1.0, "function"),  # with its statistics fixed: a factor and a shift
    "cumsum": _map(1.0, 2.0), "quantize": _map(1.0, 4.0),  # a sum along rows in one pass; a scale, a rounding and two limits
    "layernorm": Operation("softmax_norm", _GRID, partial(builders.norm, flavour="layer")),
    "rmsnorm": Operation("softmax_norm", _GRID, partial(builders.norm, flavour="rms")),
    "embedding": Operation("embedding", _GRID, builders.embedding),
    "layer": Operation(
        "layer", ("batch", "heads", "head_dim", "q_len", "hidden", "inter"), transformer_layer, ("kv_heads", "kv_len"), (), (_FEW_HEADS, _SHORT),
    ),
    "linears": Operation("linear_layers", ("batch", "heads", "head_dim", "q_len", "hidden", "inter"), linear_layers),
    "model_inference": _whole_model("model_inference", eager_pass), "model_training": _whole_model("model_training", training_pass),
    FIRST: Operation("served_ttft", ("batch", "prompt"), partial(served_calls, decode=False), ("output", "tp"), ("served_model",), is_model=True),
    STEP: Operation("served_tpot", ("batch", "prompt"), partial(served_calls, decode=True), ("output", "tp"), ("served_model",), is_model=True),
    "all_reduce": _exchange("all_reduce"), "all_gather": _exchange("all_gather"), "reduce_scatter": _exchange("reduce_scatter"),
    "all_to_all": _exchange("all_to_all"), "send_recv": _exchange("send"),
    "broadcast": _exchange("all_gather"), "reduce": _exchange("reduce_scatter"),  # round the same ring: the whole message passes every link
}  # fmt: skip
