"""Convolutions on processors: windows copied out and one product (numpy's users), or a direct kernel over blocked channels (oneDNN in PyTorch)."""

from __future__ import annotations

from magnitudes.arrays import Real, maximum
from simulator.host.library import Constants, entry
from simulator.host.passes import Loop, loop_s
from simulator.host.products import Product, product_cost
from simulator.host.streams import Stream
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Convolution, Operator, Residency


def convolution_cost(operator: Operator, machine: Machine, constants: Constants, call_s: Real, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of a convolution as the product that it is, and its parts [s]: a row an output pixel, a column an output channel."""
    assert isinstance(operator, Convolution)
    row = entry(constants, "convolution", operator.a.name)
    depth = operator.cin / operator.groups * operator.kernel_h * operator.kernel_w
    pixels = operator.batch * operator.out_h * operator.out_w
    product = Product(operator.groups, pixels, operator.cout / operator.groups, depth, operator.a)
    streams = [Stream(o.byte, reuse.distance_byte(o), written=o.residency is Residency.OUTPUT) for o in operator.operands]
    before_s: Real = 0.0
    if not constants["parallel"] > 0.0:
        window_byte = pixels * operator.groups * depth * operator.a.byte
        written = Stream(window_byte, reuse.distance_byte(operator.operands[0]) + window_byte, written=True)
        before_s = loop_s(
            Loop("windows", pixels * operator.groups * depth, (Stream(window_byte, operator.operands[0].byte), written)), machine, operator.a, 1.0, constants
        )
        runs = pixels * operator.groups * depth / maximum(operator.kernel_w, 1.0)  # what lies side by side is a row of a window
        before_s = before_s + runs * row["run_clk"] / machine.engine.clock_hz
        streams[0] = Stream(window_byte, window_byte)
    time_s, parts = product_cost(product, streams, machine, row, constants["memory"])
    return before_s + time_s + call_s * row["calls"], {**parts, "vector": before_s}
