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

from simulator.validation.eager_models import EAGER_MODELS
from simulator.validation.tidy import Table, TableError, Unscored, as_numbers, tidy

if TYPE_CHECKING:
    import pandas as pd


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
    return tidy(file, as_numbers(frame.assign(**{ours: frame[theirs] for ours, theirs in sides.items()}), sides))


def _deepbench_convolutions(file: str, frame: pd.DataFrame) -> Table:
    """DeepBench: ``n`` images of ``c`` channels, ``w`` by ``h``; ``k`` filters, ``s_w`` by ``r_h``."""
    ours = {
        "batch": "n", "cin": "c", "cout": "k", "in_h": "h", "in_w": "w", "kernel_h": "r_h", "kernel_w": "s_w", "stride_h": "stride_v", "stride_w": "stride_h",
    }  # fmt: skip
    kept = frame[["source", "device", "op", "dtype", "measured_us", "pad_h", "pad_w"]]
    return tidy(file, as_numbers(kept.assign(**{name: frame[theirs] for name, theirs in ours.items()}), [*ours, "pad_h", "pad_w"]))


def _deepbench_products(file: str, frame: pd.DataFrame) -> Table:
    """DeepBench's column-major (m, k) by (k, n): the weights, in front, are our second operand, so that rows and columns change places."""
    return tidy(file, frame.assign(m=frame["n"], n=frame["m"]))


def _expert_layers(file: str, frame: pd.DataFrame) -> Table:
    return tidy(file, as_numbers(frame, ["tp"]))


def _element_collectives(file: str, frame: pd.DataFrame) -> Table:
    """aiconfigurator: ``message_size`` counts elements; what gathers and scatters count is the total."""
    element_byte = frame["dtype"].astype(str).map({"int8": 1.0, "fp8": 1.0, "float32": 4.0, "fp32": 4.0}).fillna(2.0)
    impl, stack = frame["impl"].astype(str), frame.get("framework", frame["impl"]).astype(str)
    impl = impl.where(~((impl == "nccl") & stack.str.startswith("trtllm")), "trtllm")  # its own kernels take small messages
    timing = impl.str.endswith("_eager").map({True: "eager", False: "graph"})
    frame = frame.assign(message_byte=frame["message_size"].astype("float64") * element_byte, ranks=frame["num_gpus"], kernel=impl, timing=timing)
    return tidy(file, frame)


def _byte_collectives(file: str, frame: pd.DataFrame) -> Table:
    """Vidur: bytes of a rank; some of the ranks share a node."""
    return tidy(file, frame.assign(message_byte=frame["bytes"], ranks=frame["num_gpus"], ranks_per_node=frame["gpus_per_node"].astype(int).astype(str)))


def _serving_layers(file: str, frame: pd.DataFrame) -> Table:
    """Vidur's vector layers. A block without a gate (phi-2) runs attention and network side by side and so adds twice."""
    gated = frame["gated"].astype(float) > 0.0
    twice = (frame["op"].astype(str) == "add") & ~gated
    return tidy(file, frame.assign(gated=gated.map({True: "True", False: "False"}), calls=twice.map({True: 2.0, False: 1.0})))


def _compass(file: str, frame: pd.DataFrame) -> Table:
    """LLMCompass: operators with sizes, and the layers of GPT-3 on 4 chips, which bear names only."""
    layers = frame["op"].astype(str).str.startswith("gpt3_layer")
    phase = frame.loc[layers, "op"].astype(str).str.split(":").str[0]
    decode = int(phase.str.contains("decode").sum())
    plain = tidy(file, as_numbers(frame[~layers], ["m", "n", "k", "rows", "cols"]))
    lost = [
        Unscored("layer of GPT-3 in decoding: its context is not published", decode, file),
        Unscored("layer of GPT-3 in prefill: rows carry no dimensions", int(layers.sum()) - decode, file),
    ]
    return Table(file, plain.frame, (*plain.unscored, *(u for u in lost if u.rows)))


def _model_operators(file: str, frame: pd.DataFrame) -> Table:
    """NeuSight's operators inside models: sizes from ``FwOps``, one operator a row."""
    import pandas as pd

    said = (frame[c].astype(str) for c in ("OpName", "FwOps", "InputShapes", "OutputShape"))
    rows = [_model_operator(*words) for words in zip(*said, strict=True)]
    sizes = pd.DataFrame(rows, index=frame.index)
    return tidy(file, pd.concat([frame[["source", "device", "dtype", "measured_us"]], sizes], axis=1))


def _model_operator(name: str, ops: str, inputs: str, output: str) -> dict[str, Any]:
    """One operator: the product's sizes, or the output as rows and columns."""
    op = name.lower().removeprefix("vec")
    kind, sizes = ast.literal_eval(ops)[0] if ops.startswith("[[") else ("", ())
    if kind == "BMM":
        return {"op": op, "batch": float(sizes[0]), "m": float(sizes[1]), "k": float(sizes[2]), "n": float(sizes[3])}
    if kind == "Linear":
        return {"op": op, "m": float(sizes[0]), "k": float(sizes[1]), "n": float(sizes[2])}
    shape = ast.literal_eval(output)
    cols = float(shape[-1]) if shape else 1.0
    reads = sum(prod(s) for s in ast.literal_eval(inputs)) / prod(shape)  # a mask is broadcast: fewer elements than the output
    return {"op": op, "rows": prod(shape) / cols, "cols": cols, "reads": float(reads)}


def _whole_models(file: str, frame: pd.DataFrame) -> Table:
    """NeuSight: forward passes (and training steps) of whole models, in eager mode."""
    frame = frame.assign(op="model_" + frame["mode"].astype(str).replace({"inf": "inference", "train": "training"}), measured_us=1e3 * frame["measured_ms"])
    table = tidy(file, as_numbers(frame, ["batch", "seq"]).assign(option=frame["option"].astype(str), model=frame["model"].astype(str)))
    unknown = (table.frame["op"] == "model_inference") & ~table.frame["model"].isin(EAGER_MODELS)
    return table.without(unknown, f"whole models whose sizes the table does not say; known: {', '.join(EAGER_MODELS)}")


def _simulated(reason: str) -> Callable[[str, pd.DataFrame], Table]:
    """A shape that is known and has no execution model yet."""

    def read(file: str, frame: pd.DataFrame) -> Table:
        return Table(
            file, frame.iloc[:0].assign(device="", op="", dtype="", measured_us=0.0, source="", timing="", kernel=""), (Unscored(reason, len(frame), file),)
        )

    return read


def _shape(name: str, columns: str, read: Callable[[str, pd.DataFrame], Table]) -> Shape:
    return Shape(name, frozenset(columns.split()), read)


# The first whose columns are all there reads the table; what none claims is read as tidy.
SHAPES: tuple[Shape, ...] = (
    _shape("square convolutions", "cin cout ksize hw measured_us", _square_convolutions),
    _shape("DeepBench convolutions", "w h c n k s_w r_h stride_h stride_v measured_us", _deepbench_convolutions),
    _shape("DeepBench products", "m n k ta tb measured_us", _deepbench_products),
    _shape("fused expert layers", "tokens hidden inter topk experts distribution measured_us", _expert_layers),
    _shape("collectives by elements", "message_size num_gpus impl measured_us", _element_collectives),
    _shape("collectives by bytes", "bytes num_gpus gpus_per_node measured_us", _byte_collectives),
    _shape("vector layers of serving", "rows cols gated layer measured_us", _serving_layers),
    _shape("operators and layers", "op m n k rows cols measured_us", _compass),
    _shape("whole models", "model mode seq batch option measured_ms", _whole_models),
    _shape("operators inside models", "FwOps OpName OutputShape measured_us", _model_operators),
    _shape("Gemmini in RTL simulation", "mapping rtl_cycles array_dim", _simulated("no execution model for the spatial array Gemmini yet")),
    _shape("processing in memory", "pim_type cycle power_constraint", _simulated("no execution model for processing in memory yet")),
    _shape("FuseMax", "variant model traffic latency", _simulated("no execution model for the FuseMax array yet")),
)


def check_known(file: str, frame: pd.DataFrame) -> None:
    """Refuse a table of which no reader could use a row.

    Raises
    ------
    TableError
    """
    if not len(frame.columns) or not len(frame):
        raise TableError(f"{file}: the table is empty")
