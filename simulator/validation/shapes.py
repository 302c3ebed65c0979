"""Tables that are not tidy yet, by their columns: each shape has a reader that returns tidy columns.

The shapes are those of public data sets (NeuSight, Vidur, aiconfigurator, DeepBench, LLMCompass) as they are; what a column means is
said in their README.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from magnitudes.arrays import as_float
from simulator.validation.columns import flags, numbers, texts
from simulator.validation.formats import formats_of
from simulator.validation.gpt3_layer import with_sizes
from simulator.validation.mappings import with_mappings
from simulator.validation.served import FIRST, STEP
from simulator.validation.tidy import Table, Unscored, missing_columns, tidy

if TYPE_CHECKING:
    import pandas as pd

ATTACC_CYCLE_NS = 0.769  # clock of its simulator: HBM3 at 5.2 Gb/s a pin, four bits a clock
LONGEST_ANSWER = 615.0  # tokens at which Splitwise's generation stops


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape of table.

    Parameters
    ----------
    columns : frozenset of str
        It is recognised by having all of these.
    read : callable
        ``(file name, frame) -> Table``.
    """

    name: str
    columns: frozenset[str]
    read: Callable[[str, pd.DataFrame], Table]


def read_frame(file: str, frame: pd.DataFrame) -> Table:
    """A tidy table from any frame whose shape we know.

    Raises
    ------
    TableError
        If a column that every row needs is missing.
    """
    have = frozenset(frame.columns)
    shape = next((s for s in SHAPES if s.columns <= have), None)
    return shape.read(file, frame) if shape else tidy(file, frame)


def _square_convolutions(file: str, frame: pd.DataFrame) -> Table:
    """NeuSight: square images and filters."""
    sides = {"in_h": "hw", "in_w": "hw", "kernel_h": "ksize", "kernel_w": "ksize", "stride_h": "stride", "stride_w": "stride", "pad_h": "pad", "pad_w": "pad"}
    return tidy(file, frame.assign(**{ours: frame[theirs] for ours, theirs in sides.items() if theirs in frame.columns}))


def _deepbench_convolutions(file: str, frame: pd.DataFrame) -> Table:
    """DeepBench: ``n`` images of ``c`` channels, ``w`` by ``h``; ``k`` filters, ``s_w`` by ``r_h``."""
    ours = {
        "batch": "n", "cin": "c", "cout": "k", "in_h": "h", "in_w": "w", "kernel_h": "r_h", "kernel_w": "s_w", "stride_h": "stride_v", "stride_w": "stride_h",
    }  # fmt: skip
    return tidy(file, frame.assign(**{name: frame[theirs] for name, theirs in ours.items()}))


def _deepbench_products(file: str, frame: pd.DataFrame) -> Table:
    """DeepBench's column-major (m, k) by (k, n): the weights, in front, are our second operand, so that rows and columns change places."""
    return tidy(file, frame.assign(m=frame["n"], n=frame["m"]))


def _element_collectives(file: str, frame: pd.DataFrame) -> Table:
    """aiconfigurator: ``message_size`` counts elements; what gathers and scatters count is the total."""
    if "dtype" not in frame.columns:
        raise missing_columns(frame, ["dtype"])
    frame = frame.assign(message_byte=numbers(frame["message_size"]) * texts(frame["dtype"]).map(_element_byte), ranks=frame["num_gpus"])
    if "impl" not in frame.columns:
        return tidy(file, frame)
    impl, stack = texts(frame["impl"]), texts(frame["framework"] if "framework" in frame.columns else frame["impl"])
    impl = impl.where(~((impl == "nccl") & stack.str.startswith("trtllm")), "trtllm")  # its own kernels take small messages
    return tidy(file, frame.assign(kernel=impl, timing=impl.str.endswith("_eager").map({True: "eager", False: "graph"})))


def _element_byte(dtype: str) -> float:
    """Bytes of an element that is sent; of two, where nobody knows the type (its rows are left out later)."""
    formats = formats_of(dtype)
    return as_float(formats.a.bits) / 8.0 if formats else 2.0


def _byte_collectives(file: str, frame: pd.DataFrame) -> Table:
    """Vidur: bytes of a rank; some of the ranks share a node."""
    frame = frame.assign(message_byte=frame["bytes"], ranks=frame["num_gpus"])
    return tidy(file, frame.assign(ranks_per_node=frame["gpus_per_node"]) if "gpus_per_node" in frame.columns else frame)


def _serving_layers(file: str, frame: pd.DataFrame) -> Table:
    """Vidur's vector layers. A block without a gate (phi-2) runs attention and network side by side and so adds twice."""
    twice = (texts(frame["op"]) == "add") & (flags(frame["gated"]) == "False") if "op" in frame.columns else False
    return tidy(file, frame.assign(calls=np.where(twice, 2.0, 1.0)))


def _compass(file: str, frame: pd.DataFrame) -> Table:
    """LLMCompass: operators with sizes, and the layers of GPT-3 on 4 chips, which bear names only: a prompt's sizes are known."""
    import pandas as pd

    op = texts(frame["op"])
    layers = op.str.startswith("gpt3_layer")
    if not layers.any():
        return tidy(file, frame)
    decode = layers & op.str.contains("decode")
    known = tidy(file, pd.concat([frame[~layers], with_sizes(frame[layers & ~decode])]))
    lost = Unscored("layer of GPT-3 in decoding: its context is not published", int(decode.sum()), file)
    return Table(file, known.frame, (*known.unscored, *([lost] if lost.rows else [])))


def _model_operators(file: str, frame: pd.DataFrame) -> Table:
    """NeuSight's operators inside models: sizes from ``FwOps``, one operator a row."""
    import pandas as pd

    said = (texts(frame[c]) for c in ("OpName", "FwOps", "InputShapes", "OutputShape"))
    rows = [_model_operator(*words) for words in zip(*said, strict=True)]
    sizes = pd.DataFrame(rows, index=frame.index)
    return tidy(file, pd.concat([frame.drop(columns=[c for c in sizes.columns if c in frame.columns]), sizes], axis=1))


def _model_operator(name: str, ops: str, inputs: str, output: str) -> dict[str, Any]:
    """One operator: the product's sizes, or the output as rows and columns; without sizes where they cannot be read."""
    op = name.lower().removeprefix("vec")
    try:
        return {"op": op, **_model_sizes(ops, inputs, output)}
    except (ValueError, SyntaxError, TypeError, IndexError, ZeroDivisionError, KeyError):
        return {"op": op}


def _model_sizes(ops: str, inputs: str, output: str) -> dict[str, float]:
    kind, sizes = ast.literal_eval(ops)[0] if ops.startswith("[[") else ("", ())
    if kind == "BMM":
        return dict(zip(("batch", "m", "k", "n"), map(float, sizes), strict=True))
    if kind == "Linear":
        return dict(zip(("m", "k", "n"), map(float, sizes), strict=True))
    shape: tuple[int, ...] = ast.literal_eval(output)
    cols = float(shape[-1]) if shape else 1.0
    reads = sum(prod(s) for s in ast.literal_eval(inputs)) / prod(shape)  # a mask is broadcast: fewer elements than the output
    return {"rows": prod(shape) / cols, "cols": cols, "reads": float(reads)}


def _whole_models(file: str, frame: pd.DataFrame) -> Table:
    """NeuSight: forward passes (and training steps) of whole models, in eager mode."""
    op = "model_" + texts(frame["mode"]).replace({"inf": "inference", "train": "training"})
    return tidy(file, frame.assign(op=op, measured_us=1e3 * numbers(frame["measured_ms"])))


def _served_models(file: str, frame: pd.DataFrame) -> Table:
    """Splitwise: a row a setting, with the time to first token and the time per output token; generation stops near 615 tokens."""
    import pandas as pd

    ours = {"device": "hardware", "served_model": "model", "batch": "batch_size", "prompt": "prompt_size", "tp": "tensor_parallel"}
    common = frame.assign(**{name: frame[theirs] for name, theirs in ours.items()})
    if "dtype" not in frame.columns:
        common["dtype"] = "fp16"
    if "token_size" in frame.columns:
        common["output"] = numbers(frame["token_size"]).clip(upper=LONGEST_ANSWER)
    both = [common.assign(op=op, measured_us=1e3 * numbers(frame[column])) for op, column in ((FIRST, "ttft_ms"), (STEP, "tpot_ms"))]
    table = tidy(file, pd.concat(both, ignore_index=True))
    outlier = (table.frame["op"] == FIRST) & (numbers(table.frame["tp"]) == 2.0) & (numbers(table.frame["batch"]) == 64.0)
    return table.without(outlier, "an outlier of the data set: the first token of batch 64 at tensor parallelism 2")


def _processing_in_memory(file: str, frame: pd.DataFrame) -> Table:
    """AttAcc: cycles of decode attention on one stack, by where its units sit and whether its power is limited; commands it counted are outcomes."""
    place = texts(frame["pim_type"]).str.upper().map({"BA": "bank", "BG": "bank-group", "BUFFER": "buffer"}).fillna("of an unknown place")
    free = flags(frame["power_constraint"]) == "False"
    device: pd.Series[str] = "attacc-" + place + np.where(free & (place != "buffer"), "-unlimited", "")
    width = numbers(frame["bytes_per_element"])
    dtype = width.map({1.0: "fp8", 2.0: "fp16", 4.0: "fp32"}).fillna("of an unknown width")
    measured_us = ATTACC_CYCLE_NS * 1e-3 * numbers(frame["cycle"])
    return tidy(file, frame.assign(device=device, op="attn_near_memory", dtype=dtype, timing="kernel", measured_us=measured_us))


GEMMINI_CLOCK_HZ = 1e9  # of our spec: its table counts cycles


def _mapped_layers(file: str, frame: pd.DataFrame) -> Table:
    """DOSA: cycles of layers by given mappings on Gemmini arrays; a layer of one column and one-pixel filters ran as a product."""
    needed = [c for c in ("cin", "cout", "out_h", "out_w", "kernel_h", "kernel_w") if c not in frame.columns]
    if needed:
        raise missing_columns(frame, needed)
    frame, lost, wrong = with_mappings(frame)
    product = (numbers(frame["out_w"]) == 1.0) & (numbers(frame["kernel_h"]) == 1.0) & (numbers(frame["kernel_w"]) == 1.0)
    ours = frame.assign(
        device="gemmini", op=product.map({True: "gemm_mapped", False: "conv_mapped"}), dtype="int8", timing="kernel",
        m=frame["out_h"], n=frame["cout"], k=frame["cin"], measured_us=1e6 / GEMMINI_CLOCK_HZ * numbers(frame["rtl_cycles"]),
    )  # fmt: skip
    table = tidy(file, ours)
    of_table = frame.index.isin(table.frame.index)
    table = table.without(lost[of_table], "a mapping that cannot be read", "mapping")
    return table.without(wrong[of_table & ~lost], "a mapping whose factors do not multiply to the layer's sizes", "mapping")


FUSEMAX_BATCH = 64.0
# hidden, head, heads, inner (FuseMax, MICRO 2024, its models of BERT-Base, Transformer-XL, T5-small's encoder and XLM)
FUSEMAX_MODELS = {"BERT": (768, 64, 12, 3072), "TrXL": (1024, 64, 16, 4096), "T5": (512, 64, 8, 2048), "XLM": (2048, 128, 16, 8192)}
FUSEMAX_SIDE = 256.0  # elements along a side of its own array
FUSEMAX_MACHINES = {"arch": "fusemax-cloud", "binding": "fusemax-cloud", "proposal": "fusemax-cloud"}  # the others run on FLAT's


def _fusemax(file: str, frame: pd.DataFrame, devices: pd.Series[str] | None = None) -> Table:
    """FuseMax's artifact: attention by variant (``attn-...``), or the linear layers beside it (``end2end-...``), seconds a layer."""
    import pandas as pd

    part, chain = (texts(frame["variant"]).str.partition("-")[place] for place in (0, 2))
    sizes = pd.DataFrame([FUSEMAX_MODELS.get(m, (np.nan,) * 4) for m in texts(frame["model"])], columns=["hidden", "head_dim", "heads", "inter"])
    length = texts(frame["seq_len"]).map(_tokens)
    device = chain.map(FUSEMAX_MACHINES).fillna("flat-cloud") if devices is None else devices
    ours = sizes.set_index(frame.index).assign(
        device=device, source="fusemax", op=part.map({"attn": "attn_prefill", "end2end": "linears"}).fillna(""),
        dtype="bf16", timing="graph", kernel=chain, batch=FUSEMAX_BATCH, q_len=length, causal=False, measured_us=1e6 * numbers(frame["latency"]),
    )  # fmt: skip
    return tidy(file, ours)


def _fusemax_sizes(file: str, frame: pd.DataFrame) -> Table:
    """FuseMax's sweep over sizes of its array: attention to sequences of 256K, the binding of its own configuration."""
    sides = numbers(frame["PE_dim"])
    rows = frame.assign(variant="attn-binding", seq_len="256K")
    return _fusemax(file, rows, sides.map(lambda side: "fusemax-cloud" if side == FUSEMAX_SIDE else f"fusemax-{side:.0f}"))


def _tokens(length: str) -> float:
    """A length such as ``64K`` or ``1M`` in tokens, with powers of two; NaN where it is none."""
    try:
        return float(length[:-1]) * {"K": 2.0**10, "M": 2.0**20}[length[-1:].upper()]
    except (ValueError, KeyError):
        return float("nan")


def _shape(name: str, columns: str, read: Callable[[str, pd.DataFrame], Table]) -> Shape:
    return Shape(name, frozenset(columns.split()), read)


# The first whose columns are all there reads the table; what none claims is read as tidy.
SHAPES: tuple[Shape, ...] = (
    _shape("square convolutions", "cin cout ksize hw measured_us", _square_convolutions),
    _shape("DeepBench convolutions", "w h c n k s_w r_h stride_h stride_v measured_us", _deepbench_convolutions),
    _shape("DeepBench products", "m n k ta tb measured_us", _deepbench_products),
    _shape("collectives by elements", "message_size num_gpus measured_us", _element_collectives),
    _shape("collectives by bytes", "bytes num_gpus measured_us", _byte_collectives),
    _shape("vector layers of serving", "rows cols gated layer measured_us", _serving_layers),
    _shape("operators and layers", "op m n k rows cols measured_us", _compass),
    _shape("whole models", "model mode seq batch measured_ms", _whole_models),
    _shape("served models", "model hardware prompt_size batch_size tensor_parallel ttft_ms tpot_ms", _served_models),
    _shape("operators inside models", "FwOps OpName OutputShape measured_us", _model_operators),
    _shape("Gemmini in RTL simulation", "mapping rtl_cycles array_dim", _mapped_layers),
    _shape("processing in memory", "pim_type cycle power_constraint kv_len heads head_dim bytes_per_element", _processing_in_memory),
    _shape("FuseMax", "variant model seq_len latency", _fusemax),
    _shape("FuseMax, array sizes", "variant model PE_dim latency", _fusemax_sizes),
)
