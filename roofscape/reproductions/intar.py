"""InTAR: tasks on an FPGA pipelined or one by one, switched from task to task. Sizes of its kernels are only in its sources: those here are assumed.

Not declared: GPT-2 medium against other FPGA designs (3.65 to 39.14 times, 1.72 to 10.44 in DSPs) and against a GPU in power, whose baselines' slices,
clocks and watts are not published with the ratios.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import geometric_mean

from hardware_specs.catalog import find_system
from hardware_specs.fields import scaled, with_values
from hardware_specs.schema import System
from magnitudes.arrays import total
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, number, within
from roofscape.reproductions.shared import Shared
from simulator.engines import cost_law
from simulator.machine import machine_of
from workloads.graph import Node, Workload
from workloads.operator import Contraction, Convolution, Elementwise, Operator, Residency, Softmax

TITLE = "He, Truong, Cao and Cong, InTAR: Inter-Task Auto-Reconfigurable Accelerator Design for High Data Volume Variation in DNNs, arXiv 2502.08807"
WHERE = "arXiv 2502.08807, abstract: mean over five kernels"
INT8 = data_type("int8")
TOKENS, WIDTH, INNER = 256.0, 1024.0, 4096.0  # assumed, of the three kernels of transformers
IMAGE = 224.0  # assumed, of the network of four convolutions; half of it of the autoencoder


def _linear(name: str, m: float, n: float, k: float, second: Residency = Residency.WEIGHT) -> Contraction:
    return Contraction(name=name, m=m, n=n, k=k, a=INT8, b=INT8, c=INT8, b_residency=second)


def _convolution(name: str, cin: float, cout: float, side: float, stride: float = 1.0) -> Convolution:
    out = side / stride
    return Convolution(
        name=name, batch=1.0, cin=cin, cout=cout, in_h=side, in_w=side, out_h=out, out_w=out, kernel_h=3.0, kernel_w=3.0, stride=stride, a=INT8, b=INT8, c=INT8
    )  # fmt: skip


def _pointwise(name: str, reads: float = 1.0) -> Elementwise:
    return Elementwise(name=name, elements=TOKENS * INNER, reads=reads, element=INT8, output=INT8)


def _kernel(*tasks: tuple[Operator, tuple[str, ...]]) -> Workload:
    return Workload(tuple(Node(operator, 1.0, after) for operator, after in tasks))


KERNELS = {
    "self-attn": _kernel(
        (_linear("q", TOKENS, WIDTH, WIDTH), ()), (_linear("k", TOKENS, WIDTH, WIDTH), ()), (_linear("v", TOKENS, WIDTH, WIDTH), ()),
        (_linear("scores", TOKENS, TOKENS, WIDTH, Residency.ACTIVATION), ("q", "k")),
        (Softmax(name="softmax", rows=TOKENS, cols=TOKENS, element=INT8), ("scores",)),
        (_linear("values", TOKENS, WIDTH, TOKENS, Residency.ACTIVATION), ("softmax", "v")),
    ),
    "mlp": _kernel((_linear("up", TOKENS, INNER, WIDTH), ()), (_pointwise("activation"), ("up",)), (_linear("down", TOKENS, WIDTH, INNER), ("activation",))),
    "gating-net": _kernel(
        (_linear("gate", TOKENS, INNER, WIDTH), ()), (_linear("up", TOKENS, INNER, WIDTH), ()), (_pointwise("product", 2.0), ("gate", "up")),
        (_linear("down", TOKENS, WIDTH, INNER), ("product",)),
    ),
    "cnn-4L": _kernel(
        (_convolution("c1", 3.0, 64.0, IMAGE), ()), (_convolution("c2", 64.0, 64.0, IMAGE), ("c1",)),
        (_convolution("c3", 64.0, 128.0, IMAGE, 2.0), ("c2",)), (_convolution("c4", 128.0, 128.0, IMAGE / 2.0), ("c3",)),
    ),
    "vae": _kernel(
        (_convolution("e1", 3.0, 64.0, 128.0, 2.0), ()), (_convolution("e2", 64.0, 128.0, 64.0, 2.0), ("e1",)),
        (_linear("mean", 1.0, 128.0, 128.0 * 32.0 * 32.0), ("e2",)), (_linear("seed", 1.0, 128.0 * 32.0 * 32.0, 128.0), ("mean",)),
        (_convolution("d1", 128.0, 64.0, 64.0), ("seed",)), (_convolution("d2", 64.0, 3.0, 128.0), ("d1",)),
    ),
}  # fmt: skip


U280 = with_values(find_system("alveo-u280"), {"fpga.launch": 0.0})  # once for all tasks, and not theirs
MEMORY_ALONE = scaled(U280, dict.fromkeys(("fpga.matrix", "fpga.vector", "sram.bandwidth"), 1e6))  # one whose HBM is all that takes time


def _time_s(kernel: str, schedule: str, on: System) -> float:
    return number(total(c.total_s for c in cost_law(machine_of(on), "tile", "kernel", schedule).costs(KERNELS[kernel])))


def _slower(kernel: str, schedule: str, on: System = U280) -> float:
    """Time with one pattern for all tasks, beside the best of both from task to task."""
    return _time_s(kernel, schedule, on) / _time_s(kernel, "", on)


def _each(of: Callable[[str], float], over: Callable[[list[float]], float]) -> Callable[[Shared], Found]:
    def ours(_: Shared) -> Found:
        values = {kernel: of(kernel) for kernel in KERNELS}
        return Found(over(list(values.values())), ", ".join(f"{kernel} {value:.2f}" for kernel, value in values.items()))

    return ours


SIZES = (
    "kernels of assumed sizes on a U280 in int8, all its slices at work beside all of its HBM, where arithmetic hides most round trips; the sizes of the "
    "published designs, and the channels and slices that each has, are only in their sources"
)
CLAIMS = (
    Claim("intar", "faster than dataflow alone", 1.8, "x", WHERE, "S", within(0.3), "prediction", _each(lambda k: _slower(k, "pipelined"), geometric_mean),
          remark=SIZES),
    Claim("intar", "faster than dataflow alone, at most", 1.8, "x", WHERE, "S", within(0.0), "bound", _each(lambda k: _slower(k, "pipelined"), max),
          limit="ceiling", reach=0.3, remark="the kernel that gains most"),
    Claim("intar", "faster than task by task", 7.1, "x", WHERE, "S", within(0.3), "prediction", _each(lambda k: _slower(k, "sequential"), geometric_mean),
          remark=SIZES),
    Claim("intar", "faster than task by task, at most: by the traffic that stays on chip", 7.1, "x", WHERE, "S", within(0.0), "bound",
          _each(lambda k: _slower(k, "sequential", MEMORY_ALONE), max), limit="ceiling", reach=0.3,
          remark="the kernel whose tensors vary most, were memory all that counts"),
)  # fmt: skip
