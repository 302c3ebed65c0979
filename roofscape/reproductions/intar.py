"""InTAR: tasks on an FPGA pipelined or one by one, switched from task to task, on the kernels, slices and ports of its artifact.

The artifact's designs stay far from what their slices could do, and not alike: its CNN that goes task by task lets each vector wait for the answer to
its write (which is a claim below), its attention multiplies scores and values at one product a cycle, its perceptron takes 7.6 cycles for each vector
of weights, and its autoencoder writes word by word. Means over them therefore follow neither from sizes nor from patterns alone. Dataflow designs pass
columns of a hidden layer on to a projection that sums outer products; ours cuts rows only, so that its gating network, all of whose weights stream
past, pays the filling of a pipeline that theirs does not.

Not declared: GPT-2 medium against other FPGA designs (3.65 to 39.14 times, 1.72 to 10.44 in DSPs) and against a GPU in power, whose baselines' slices,
clocks and watts are not published with the ratios.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import geometric_mean

from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values, scaled, with_values
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
TABLE = "github.com/OswaldHe/InTAR, benchmark/README.md and sources (on a U280)"
U280 = find_system("alveo-u280")
WORD = data_type("fp16")  # stands for its 16-bit fixed point: a product a slice and cycle
VECTOR_BYTE = 32.0  # of a port: 16 words
PORTS = {"": 2.0, "pipelined": 3.0, "sequential": 1.0}  # that bring weights: one for each of its two cores, one for each matrix, one at a time
PATTERNS = tuple(PORTS)


def _linear(name: str, m: float, n: float, k: float, second: Residency = Residency.WEIGHT) -> Contraction:
    return Contraction(name=name, m=m, n=n, k=k, a=WORD, b=WORD, c=WORD, b_residency=second)


def _convolution(name: str, channels: float, side: float, kernel: float, out: float) -> Convolution:
    return Convolution(
        name=name, batch=1.0, cin=channels, cout=channels, in_h=side, in_w=side, out_h=out, out_w=out, kernel_h=kernel, kernel_w=kernel, stride=1.0,
        a=WORD, b=WORD, c=WORD,
    )  # fmt: skip


def _pointwise(name: str, elements: float, reads: float = 1.0) -> Elementwise:
    return Elementwise(name=name, elements=elements, reads=reads, element=WORD, output=WORD)


def _kernel(*tasks: tuple[Operator, tuple[str, ...]]) -> Workload:
    return Workload(tuple(Node(operator, 1.0, after) for operator, after in tasks))


@dataclass(frozen=True, slots=True)
class Design:
    """A kernel of the artifact: its tasks, and slices and latency [ms] of the design that switches, of dataflow alone, and task by task."""

    tasks: Workload
    slices: tuple[float, float, float]
    latency_ms: tuple[float, float, float]


SIDE = 224.0  # of the CNN's image, which grows twofold twice and shrinks again
DESIGNS = {
    "self-attn": Design(
        _kernel(
            (_linear("q", 256.0, 1024.0, 1024.0), ()), (_linear("k", 256.0, 1024.0, 1024.0), ()), (_linear("v", 256.0, 1024.0, 1024.0), ()),
            (_linear("scores", 256.0, 256.0, 1024.0, Residency.ACTIVATION), ("q", "k")),
            (Softmax(name="softmax", rows=256.0, cols=256.0, element=WORD), ("scores",)),
            (_linear("values", 256.0, 1024.0, 256.0, Residency.ACTIVATION), ("softmax", "v")),
        ),
        (43.0, 51.0, 52.0), (139.0, 252.0, 1267.0),
    ),
    "mlp": Design(
        _kernel(
            (_linear("first", 1.0, 1024.0, 256.0), ()), (_linear("second", 1.0, 2048.0, 1024.0), ("first",)),
            (_linear("third", 1.0, 256.0, 2048.0), ("second",)),
        ),
        (32.0, 36.0, 36.0), (0.582, 0.742, 4.77),
    ),
    "cnn-4L": Design(
        _kernel(
            (_convolution("c1", 1.0, SIDE, 3.0, SIDE), ()), (_pointwise("grown", 4.0 * SIDE**2), ("c1",)),
            (_convolution("c2", 1.0, 2.0 * SIDE, 3.0, 2.0 * SIDE), ("grown",)), (_pointwise("grown again", 16.0 * SIDE**2), ("c2",)),
            (_convolution("c3", 1.0, 4.0 * SIDE, 3.0, 4.0 * SIDE), ("grown again",)), (_pointwise("largest", 4.0 * SIDE**2, 4.0), ("c3",)),
            (_convolution("c4", 1.0, 2.0 * SIDE, 3.0, 2.0 * SIDE), ("largest",)), (_pointwise("largest again", SIDE**2, 4.0), ("c4",)),
        ),
        (439.0, 583.0, 580.0), (0.546, 2.53, 7.63),
    ),
    "vae": Design(
        _kernel(
            (_convolution("e1", 2.0, 28.0, 8.0, 21.0), ()), (_convolution("e2", 2.0, 21.0, 4.0, 18.0), ("e1",)), (_pointwise("sample", 2.0 * 18.0**2), ("e2",)),
            (_convolution("d1", 2.0, 18.0, 8.0, 25.0), ("sample",)), (_convolution("d2", 2.0, 25.0, 4.0, 28.0), ("d1",)),
        ),
        (239.0, 183.0, 190.0), (0.145, 0.232, 1.6),
    ),
    "gating-net": Design(
        _kernel(
            (_linear("up", 32.0, 11008.0, 4096.0), ()), (_linear("gate", 32.0, 11008.0, 4096.0), ()),
            (_pointwise("product", 32.0 * 11008.0, 2.0), ("up", "gate")), (_linear("down", 32.0, 4096.0, 11008.0), ("product",)),
        ),
        (109.0, 109.0, 104.0), (211.0, 211.0, 446.0),
    ),
}  # fmt: skip


def _vectors(side: float) -> float:
    """Vectors in which a square image is written."""
    return side * side * number(WORD.byte) / VECTOR_BYTE


WRITTEN = (_vectors(SIDE), _vectors(2.0 * SIDE), _vectors(2.0 * SIDE), _vectors(SIDE))  # by the CNN's layers, the largest of four where they shrink
ONE_BY_ONE = Workload(tuple(Node(_pointwise(f"vector of c{i}", VECTOR_BYTE / number(WORD.byte)), count) for i, count in enumerate(WRITTEN, start=1)))


def _chip(slices: float, pattern: str) -> System:
    """A U280 with no more than a design's slices and ports."""
    clock_hz = number(field_values(U280)["fpga.clock"])
    values = {
        "fpga.compute_units": slices, "fpga.matrix.fp16": 2.0 * slices * clock_hz, "fpga.vector.fp32": slices * clock_hz / 4.0,
        "hbm.bandwidth": PORTS[pattern] * VECTOR_BYTE * clock_hz,
    }  # fmt: skip
    return with_values(U280, values)


def _chip_of(kernel: str, pattern: str) -> System:
    return _chip(DESIGNS[kernel].slices[PATTERNS.index(pattern)], pattern)


def _time_s(tasks: Workload, pattern: str, on: System) -> float:
    return number(total(c.total_s for c in cost_law(machine_of(on), "tile", "kernel", pattern).costs(tasks)))


def _slower(kernel: str, pattern: str) -> float:
    """Time of the design with one pattern for all tasks, beside that of the best of both from task to task."""
    tasks = DESIGNS[kernel].tasks
    return _time_s(tasks, pattern, _chip_of(kernel, pattern)) / _time_s(tasks, "", _chip_of(kernel, ""))


def _slower_to_memory(kernel: str) -> float:
    """What task by task loses where memory is all that takes time, all ports at work either way."""
    alone = scaled(with_values(_chip_of(kernel, ""), {"fpga.launch": 0.0}), dict.fromkeys(("fpga.matrix", "fpga.vector", "sram.bandwidth"), 1e6))
    return _time_s(DESIGNS[kernel].tasks, "sequential", alone) / _time_s(DESIGNS[kernel].tasks, "", alone)


def _published(kernel: str, pattern: str) -> float:
    latencies = DESIGNS[kernel].latency_ms
    return latencies[PATTERNS.index(pattern)] / latencies[0]


def _each(pattern: str, over: Callable[[list[float]], float]) -> Callable[[Shared], Found]:
    def ours(_: Shared) -> Found:
        values = {kernel: _slower(kernel, pattern) for kernel in DESIGNS}
        return Found(
            over(list(values.values())), ", ".join(f"{kernel} {value:.2f} (theirs {_published(kernel, pattern):.2f})" for kernel, value in values.items())
        )

    return ours


def _latency_ms(kernel: str) -> Callable[[Shared], float]:
    return lambda _: 1e3 * _time_s(DESIGNS[kernel].tasks, "", _chip_of(kernel, ""))


def _one_by_one_ms(_: Shared) -> float:
    on = with_values(_chip_of("cnn-4L", "sequential"), {"fpga.launch": 0.0, "fpga.switch": 0.0})  # the same task again
    return 1e3 * _time_s(ONE_BY_ONE, "sequential", on)


CLAIMS = (
    Claim("intar", "faster than dataflow alone", 1.8, "x", WHERE, "S", within(0.3), "prediction", _each("pipelined", geometric_mean),
          remark="each design with its own slices and ports; near by chance: its kernels differ from theirs both ways, as the module says"),
    Claim("intar", "faster than task by task", 7.1, "x", WHERE, "S", within(0.3), "prediction", _each("sequential", geometric_mean),
          remark="their designs that go task by task do not keep slices or ports busy: vectors wait for the answer to the write before them (the CNN's), "
                 "scores meet values at one product a cycle, weights come every 7.6 cycles (the perceptron's)"),
    Claim("intar", "CNN, faster than task by task, at most: by the traffic that stays on chip", _published("cnn-4L", "sequential"), "x", TABLE, "A",
          within(0.0), "bound", lambda _: _slower_to_memory("cnn-4L"), limit="ceiling", remark="were memory all that counts"),
    *(
        Claim("intar", f"latency, {kernel}", design.latency_ms[0], "ms", TABLE, "A", within(0.0), "bound", _latency_ms(kernel), limit="floor",
              remark="all its slices at work at 300 MHz: its two or three cores wait for each other, and loops fill")
        for kernel, design in DESIGNS.items()
    ),
    Claim("intar", "latency, CNN task by task: each vector waits for its write", DESIGNS["cnn-4L"].latency_ms[2], "ms", TABLE, "A", within(0.3), "prediction",
          _one_by_one_ms, remark="31,360 vectors of results, one after the other, each a round trip of HBM"),
)  # fmt: skip
