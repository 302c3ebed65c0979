"""What each `op` of a tidy table is as operators: one table from name to class, dimensions and builder.

A builder takes rows of one structure and returns operators whose sizes are columns: a law evaluates all rows at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from magnitudes.arrays import Condition, Real, floor, maximum, minimum
from simulator.validation.dimensions import MAPPED
from simulator.validation.eager_models import EAGER_MODELS, eager_pass, training_pass
from simulator.validation.expert_loads import active_experts, distribution_problem
from simulator.validation.formats import formats_of, unknown_format
from simulator.validation.gradients import gradient_of
from simulator.validation.latent import latent_decode, latent_prefill
from simulator.validation.layers import linear_layers, transformer_layer
from simulator.validation.recurrent import GATES, recurrent_layer, selective_scan
from simulator.validation.rows import Rows
from simulator.validation.served import FIRST, STEP, model_problem, served_calls
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


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold between the dimensions of a row, and what is said where it does not."""

    broken: str
    holds: Callable[[Rows], Condition]


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
    optional : tuple of str
        Columns that a row may have.
    structure : tuple of str
        Columns of text or flags whose values make other operators.
    rules : tuple of Rule
    by_kernel : bool
        Whether the name of the implementation is an input.
    is_model : bool
        Whether it is a whole model: its weights come round once a pass, and the host runs ahead of the device.
    library : str
        The implementation that its name stands for, where it is not an input.
    call : str
        How a framework calls it: the length of that path in ``host_path`` of ``calibration/timing.json``.
    """

    family: str
    dimensions: tuple[str, ...]
    build: Callable[[Rows], Calls]
    optional: tuple[str, ...] = ()
    structure: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    by_kernel: bool = False
    is_model: bool = False
    library: str = ""
    call: str = "tensor"


def _product(rows: Rows, *, weights: bool) -> Calls:
    f = rows.formats
    side = Residency.WEIGHT if weights else Residency.ACTIVATION
    return ((Contraction(name=rows.op, m=rows["m"], n=rows["n"], k=rows["k"], batch=rows["batch"], a=f.a, b=f.b, c=f.c, b_residency=side), 1.0),)


def _attention(rows: Rows, *, decode: bool) -> Calls:
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


def _sides(rows: Rows) -> tuple[Real, Real]:
    """Height and width of a convolution's result."""
    down = (rows["in_h"] + 2.0 * rows["pad_h"] - rows["kernel_h"]) / rows["stride_h"]
    across = (rows["in_w"] + 2.0 * rows["pad_w"] - rows["kernel_w"]) / rows["stride_w"]
    return floor(down) + 1.0, floor(across) + 1.0


def _convolution(rows: Rows) -> Calls:
    f, (out_h, out_w) = rows.formats, _sides(rows)
    convolution = Convolution(
        name=rows.op, batch=rows["batch"], cin=rows["cin"], cout=rows["cout"], in_h=rows["in_h"], in_w=rows["in_w"], out_h=out_h, out_w=out_w,
        kernel_h=rows["kernel_h"], kernel_w=rows["kernel_w"], stride=maximum(rows["stride_h"], rows["stride_w"]), groups=rows["groups"], a=f.a, b=f.b, c=f.c,
    )  # fmt: skip
    return ((convolution, 1.0),)


def _pool(rows: Rows) -> Calls:
    """Each result from a window of one channel: the image is read once, neighbours share what is in cache."""
    out_h, out_w = _sides(rows)
    elements, reads = rows["batch"] * rows["cin"] * out_h * out_w, rows["in_h"] * rows["in_w"] / (out_h * out_w)
    pooled = Elementwise(name=rows.op, elements=elements, reads=reads, flop_per_element=POOL_FLOP, element=rows.formats.a, output=rows.formats.c)
    return ((pooled, 1.0),)


def _tiling(rows: Rows) -> Tiling:
    """The mapping that rows are given with."""
    return Tiling(**{d: Loop(rows[f"tile_{d}"], rows[f"place_{d}"]) for d in MAPPED}, side=rows["side"])


def _mapped_product(rows: Rows) -> Calls:
    f = rows.formats
    product = Contraction(name=rows.op, m=rows["m"], n=rows["n"], k=rows["k"], batch=rows["batch"], a=f.a, b=f.b, c=f.c, tiling=_tiling(rows))
    return ((product, 1.0),)


def _mapped_convolution(rows: Rows) -> Calls:
    """A layer whose results are said, not the image: that is what their filters and steps need, without padding."""
    f, (across, down) = rows.formats, (rows["stride_w"], rows["stride_h"])
    convolution = Convolution(
        name=rows.op, batch=rows["batch"], cin=rows["cin"], cout=rows["cout"], in_h=rows["out_h"] * down, in_w=rows["out_w"] * across, out_h=rows["out_h"],
        out_w=rows["out_w"], kernel_h=rows["kernel_h"], kernel_w=rows["kernel_w"], stride=maximum(across, down), a=f.a, b=f.b, c=f.c, tiling=_tiling(rows),
    )  # fmt: skip
    return ((convolution, 1.0),)


def _elementwise(rows: Rows, *, reads: float, instructions: float, by_row: bool = True) -> Calls:
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


def _activation(rows: Rows) -> Calls:
    gated = rows.is_true("gated")  # without a gate it is the framework's own kernel, which does not go by rows
    return _elementwise(rows, reads=2.0 if gated else 1.0, instructions=15.0 if gated else 25.0, by_row=gated)


def _softmax(rows: Rows) -> Calls:
    return ((Softmax(name=rows.op, rows=rows["rows"], cols=rows["cols"], element=rows.formats.a), 1.0),)


def _norm(rows: Rows, *, flavour: str) -> Calls:
    return ((Normalization(name=rows.op, rows=rows["rows"], cols=rows["cols"], flavour=flavour, element=rows.formats.a), 1.0),)


def _embedding(rows: Rows) -> Calls:
    return ((Gather(name=rows.op, rows=rows["rows"], width=rows["cols"], table=rows.formats.a, output=rows.formats.c), 1.0),)


def _experts(rows: Rows) -> Calls:
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


def _eager_model(rows: Rows, *, one_pass: Callable[..., Calls]) -> Calls:
    return one_pass(EAGER_MODELS[rows.names["model"]], rows["batch"], rows["seq"], rows.formats.a, fused=rows.names["option"] == "fusion")


def _collective(rows: Rows, *, pattern: str) -> Calls:
    return ((Collective(name=rows.op, pattern=pattern, message_byte=rows["message_byte"], ranks=rows["ranks"]), 1.0),)


POOL_FLOP = 9.0  # of a window of 3 x 3, the usual one: memory decides
_WIDTHS = ("nope_dim", "rope_dim", "value_dim")
_GIVEN = (*(f"tile_{d}" for d in MAPPED), *(f"place_{d}" for d in MAPPED), "side")  # a mapping
_MATRIX, _GRID, _EXCHANGE = ("m", "n", "k"), ("rows", "cols"), ("message_byte", "ranks")
_FEW_HEADS = Rule("kv_heads is over heads", lambda rows: rows["kv_heads"] <= rows["heads"])
_SHORT = Rule("kv_len is under q_len", lambda rows: rows["kv_len"] >= rows["q_len"])
_FITTING = Rule("the filter is larger than the padded image", lambda rows: minimum(*_sides(rows)) >= 1.0)
_CHANNELS = Rule("groups is over the channels", lambda rows: rows["groups"] <= minimum(rows["cin"], rows["cout"]))
_CHOICE = Rule("topk is over experts", lambda rows: rows["topk"] <= rows["experts"])
_SEVERAL = Rule("ranks is under 2: nothing moves", lambda rows: rows["ranks"] >= 2.0)


def _fused_attention(*, decode: bool) -> Operation:
    length = "kv_len" if decode else "q_len"
    rest = ("kv_heads", "q_len" if decode else "kv_len", "window")
    return Operation(
        "attention", ("batch", "heads", "head_dim", length), partial(_attention, decode=decode), rest, ("windowed", "bidirectional", "kv_dtype"),
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
    return Operation("collective", _EXCHANGE, partial(_collective, pattern=pattern), (), ("ranks_per_node",), (_SEVERAL,), by_kernel=True)


def _map(reads: float, instructions: float, call: str = "tensor", library: str = "") -> Operation:
    return Operation("elementwise", _GRID, partial(_elementwise, reads=reads, instructions=instructions), ("reads", "calls"), library=library, call=call)


def _scalar(instructions: float) -> Operation:
    """A tensor and a number, which the framework first makes a tensor of."""
    return _map(1.0, instructions, "scalar")


def _unary(instructions: float) -> Operation:
    """A method of one tensor: the framework has one operand to look at."""
    return _map(1.0, instructions, "unary")


def _function(instructions: float) -> Operation:
    """A function of the framework's library of layers, called by way of its module."""
    return _map(1.0, instructions, "function")


# Instructions an element: CUDA's math library (its pow is a logarithm, a product and an exponential in extended precision).
OPERATIONS: dict[str, Operation] = {
    "gemm": Operation("gemm", _MATRIX, partial(_product, weights=True), ("batch",)),
    "linear": Operation("linear", _MATRIX, partial(_product, weights=True), ("batch",)),
    "bmm": Operation("bmm", ("batch", *_MATRIX), partial(_product, weights=False)),
    "attn_prefill": _fused_attention(decode=False),
    "attn_decode": _fused_attention(decode=True),
    "attn_near_memory": Operation(
        "near_memory", ("heads", "head_dim", "kv_len"), partial(_attention, decode=True), ("batch", "kv_heads"), ("windowed", "bidirectional"),
    ),
    "moe": Operation("moe", ("tokens", "hidden", "inter", "topk", "experts"), _experts, ("tp",), ("distribution",), (_CHOICE,), by_kernel=True),
    "conv_fwd": _filtered(_convolution),
    "conv_bwd_data": _filtered(gradient_of(_convolution, "input")), "conv_bwd_filter": _filtered(gradient_of(_convolution, "filter")),
    "maxpool": _filtered(_pool, "pooling"), "avgpool": _filtered(_pool, "pooling"),
    "mla_prefill": Operation("attention", ("batch", "heads", "q_len"), latent_prefill, ("kv_len", *_WIDTHS), ("kv_dtype",), (_SHORT,), by_kernel=True),
    "mla_decode": Operation("attention", ("batch", "heads", "kv_len"), latent_decode, ("q_len", "kv_rank", "rope_dim"), ("kv_dtype",), by_kernel=True),
    **{name: Operation("recurrent", ("batch", "hidden", "seq"), partial(recurrent_layer, gates=gates), ("inputs",)) for name, gates in GATES.items()},
    "ssm_scan": Operation("recurrent", ("batch", "seq", "channels"), selective_scan, ("state_dim",)),
    "gemm_mapped": Operation("mapped", (*_MATRIX, *_GIVEN), _mapped_product, ("batch",)),
    "conv_mapped": Operation(
        "mapped", ("cin", "cout", "out_h", "kernel_h", *_GIVEN), _mapped_convolution, ("batch", "out_w", "kernel_w", "stride_h", "stride_w"),
    ),
    "add": _map(2.0, 1.0), "sub": _map(2.0, 1.0), "mul": _map(2.0, 1.0), "div": _map(2.0, 10.0), "pow": _map(2.0, 65.0), "where": _map(3.0, 1.0),
    "addu": _scalar(1.0), "subu": _scalar(1.0), "mulu": _scalar(1.0), "divu": _scalar(10.0), "powu": _map(1.0, 65.0, "power"),  # the exponent stays a number
    "relu": _map(1.0, 1.0, "clamp"), "tanh": _unary(20.0), "gelu": _function(25.0), "silu": _function(15.0), "sigmoid": _function(15.0),
    "maximum": _map(2.0, 1.0), "minimum": _map(2.0, 1.0), "neg": _unary(1.0), "abs": _unary(1.0), "sqrt": _unary(8.0), "rsqrt": _unary(8.0),
    "log": _unary(10.0), "sin": _unary(20.0), "cos": _unary(20.0), "dropout": _map(1.25, 20.0, "function"),  # a mask of bytes, and Philox's numbers
    "exp": _unary(10.0), "copy": _map(1.0, 0.5), "triad": _map(2.0, 1.0), "rope": _map(1.0, 6.0, library="pos_encoding_kernels"),
    "act_and_mul": Operation("elementwise", _GRID, _activation, ("calls",), ("gated",), library="activation_kernels"),
    "softmax": Operation("softmax_norm", _GRID, _softmax),
    "batchnorm": _map(1.0, 1.0, "function"),  # with its statistics fixed: a factor and a shift
    "cumsum": _map(1.0, 2.0), "quantize": _map(1.0, 4.0),  # a sum along rows in one pass; a scale, a rounding and two limits
    "layernorm": Operation("softmax_norm", _GRID, partial(_norm, flavour="layer")),
    "rmsnorm": Operation("softmax_norm", _GRID, partial(_norm, flavour="rms")),
    "embedding": Operation("embedding", _GRID, _embedding),
    "layer": Operation(
        "layer", ("batch", "heads", "head_dim", "q_len", "hidden", "inter"), transformer_layer, ("kv_heads", "kv_len"), (), (_FEW_HEADS, _SHORT),
    ),
    "linears": Operation("linear_layers", ("batch", "heads", "head_dim", "q_len", "hidden", "inter"), linear_layers),
    "model_inference": Operation("model_inference", ("batch", "seq"), partial(_eager_model, one_pass=eager_pass), (), ("model", "option"), is_model=True),
    "model_training": Operation("model_training", ("batch", "seq"), partial(_eager_model, one_pass=training_pass), (), ("model", "option"), is_model=True),
    FIRST: Operation("served_ttft", ("batch", "prompt"), partial(served_calls, decode=False), ("output", "tp"), ("served_model",), is_model=True),
    STEP: Operation("served_tpot", ("batch", "prompt"), partial(served_calls, decode=True), ("output", "tp"), ("served_model",), is_model=True),
    "all_reduce": _exchange("all_reduce"), "all_gather": _exchange("all_gather"), "reduce_scatter": _exchange("reduce_scatter"),
    "all_to_all": _exchange("all_to_all"), "send_recv": _exchange("send"),
    "broadcast": _exchange("all_gather"), "reduce": _exchange("reduce_scatter"),  # round the same ring: the whole message passes every link
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Structure:
    """A column of text that chooses a structure.

    Parameters
    ----------
    meaning : str
    problem : callable
        Why a value cannot be used; empty where it can. An empty value is what a row does not say.
    """

    meaning: str
    problem: Callable[[str], str] = lambda _: ""


def _format_problem(name: str) -> str:
    return "" if not name or formats_of(name) else f"kv_dtype: {unknown_format(name)}"


def _node_problem(ranks: str) -> str:
    return "" if not ranks or (ranks.replace(".0", "").isdigit() and float(ranks) >= 1.0) else f"ranks_per_node is no count: {ranks!r}"


def _model_problem(model: str) -> str:
    return "" if model in EAGER_MODELS else f"whole model {model!r}, whose sizes the table does not say (known: {', '.join(EAGER_MODELS)})"


STRUCTURES = {
    "kv_dtype": Structure("data type of cached keys and values (default: as ``dtype``)", _format_problem),
    "gated": Structure("whether the activation multiplies the two halves of its input (default: no)"),
    "distribution": Structure("how tokens are dealt to experts: ``balanced``, ``power_law_ALPHA``, or evenly by chance (default)", distribution_problem),
    "ranks_per_node": Structure("chips that share a node, where it is not the machine's own number (default)", _node_problem),
    "model": Structure(f"a whole model: {', '.join(EAGER_MODELS)}", _model_problem),
    "served_model": Structure("a model of the catalogue, served by a framework", model_problem),
    "option": Structure("``fusion`` where a compiler has joined elementwise operators"),
}
