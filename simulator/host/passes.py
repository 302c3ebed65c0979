"""Elementwise operators: a library makes one or several loops of them, each a pass over arrays.

numpy has a loop a function and one core to run it; PyTorch has one fused loop and all cores. Which loops numpy needs for a function
that it does not have is how its users write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from magnitudes.arrays import Real, maximum
from magnitudes.datatypes import AnyDataType
from simulator.host.library import Constants, entry
from simulator.host.streams import Stream, cores_of, fork_s, overlapped, stream_parts, threads_for
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Elementwise, Operator, Residency

# numpy's loops for functions that it has no ufunc for: (name of the loop, arrays read). The first reads the input, those behind it reread the result.
SPELT: Mapping[str, tuple[tuple[str, int], ...]] = {
    "triad": (("addu", 1), ("add", 2)),
    "sigmoid": (("addu", 1), ("exp", 1), ("addu", 1), ("div", 1)),
    "silu": (("addu", 1), ("exp", 1), ("addu", 1), ("div", 2)),
    "gelu": (*((("add", 2), ("add", 2), ("addu", 1), ("add", 2), ("addu", 1), ("tanh", 1), ("addu", 1), ("add", 2), ("addu", 1))),),
    "rope": (("add", 2), ("add", 2), ("add", 2), ("copy", 1)),
    "act_and_mul": (("addu", 1), ("exp", 1), ("addu", 1), ("div", 2), ("add", 2)),
}


@dataclass(frozen=True, slots=True)
class Loop:
    """One pass: a function over elements.

    Parameters
    ----------
    function : str
        Its entry in the library's table of instructions.
    elements : Real
    streams : tuple of Stream
    """

    function: str
    elements: Real
    streams: tuple[Stream, ...]
    flop_per_element: Real = 2.0


def loop_parts(loop: Loop, machine: Machine, element: AnyDataType, threads: Real, constants: Constants) -> dict[str, Real]:
    """What arithmetic and each tier alone need for a loop [s]."""
    parts = stream_parts(loop.streams, machine, threads, constants["memory"])
    row = entry(constants, "functions", loop.function)
    slots = row["instructions"] if row["instructions"] > 0.0 else loop.flop_per_element / 2.0 * row["per_instruction"]
    rate = machine.vector_flop_per_s(element) * threads / cores_of(machine)
    parts["vector"] = 2.0 * loop.elements * slots / rate
    return parts


def loop_s(loop: Loop, machine: Machine, element: AnyDataType, threads: Real, constants: Constants) -> Real:
    """Time of a loop without its call [s]."""
    return overlapped(loop_parts(loop, machine, element, threads, constants), machine, constants["memory"]["sharpness"])


def function_of(operator: Elementwise, constants: Constants) -> str:
    """The row of a library's table that serves an operator: by its name, else by its arithmetic."""
    functions = constants["functions"]
    if operator.name in functions or operator.name in SPELT:
        return operator.name
    if operator.name in ("activation", "gate"):
        return "act_and_mul"
    return "default"


def elementwise_cost(operator: Operator, machine: Machine, constants: Constants, call_s: Real, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of an elementwise operator and its parts [s]."""
    assert isinstance(operator, Elementwise)
    parallel = constants["parallel"] > 0.0
    function = function_of(operator, constants)
    threads = threads_for(operator.elements, entry(constants, "functions", function)["grain"], machine) if parallel else 1.0
    loops = _loops(operator, function, reuse, fused=parallel)
    parts: dict[str, Real] = {}
    time_s: Real = fork_s(threads, constants)
    for loop in loops:
        own = loop_parts(loop, machine, operator.arithmetic, threads, constants)
        time_s = time_s + overlapped(own, machine, constants["memory"]["sharpness"]) + call_s * entry(constants, "functions", loop.function)["calls"]
        parts = {name: parts.get(name, 0.0) + part for name, part in own.items()}
    roof_s = operator.vector_flop / machine.vector_flop_per_s(operator.arithmetic)
    return maximum(time_s, roof_s), parts


def _loops(operator: Elementwise, function: str, reuse: Reuse, *, fused: bool) -> list[Loop]:
    """The passes of an operator: one that reads all inputs, or one a function, the result reread by each from the second on."""
    read = [Stream(o.byte, reuse.distance_byte(o)) for o in operator.operands if o.residency is not Residency.OUTPUT]
    output = next(o for o in operator.operands if o.residency is Residency.OUTPUT)
    written = Stream(output.byte, reuse.distance_byte(output), written=True)
    if fused or function not in SPELT:
        return [Loop(function, operator.written, (*read, written), operator.flop_per_element)]
    steps, loops = SPELT[function], []
    for place, (name, arrays) in enumerate(steps):
        again = Stream(output.byte, output.byte * arrays)  # in place: the line is there
        if place == 0:
            streams: tuple[Stream, ...] = (Stream(output.byte, read[0].distance_byte), written)
        else:
            near = Stream(output.byte, output.byte * arrays)
            second = Stream(output.byte, 2.0 * output.byte if function != "triad" else read[0].distance_byte)
            streams = (near, second, again) if arrays == 2 else (near, again)
        loops.append(Loop(name, operator.written, streams))
    return loops
