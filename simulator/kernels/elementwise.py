"""Elementwise kernels and copies: one vectorised pass over the operands, bound by memory, cache or arithmetic."""

from __future__ import annotations

from magnitudes.arrays import Real, largest, minimum, total
from magnitudes.datatypes import DATA_TYPES
from simulator.calibration import table
from simulator.kernels.timing import Timing
from simulator.machine import Machine
from simulator.reuse import Reuse
from simulator.traffic import cache_byte_per_s, held_byte, miss_share, sustained_byte_per_s
from workloads.operator import Operator

FP32 = DATA_TYPES["fp32"]


def streaming_parts(operator: Operator, machine: Machine, reuse: Reuse) -> dict[str, Real]:
    """What memory, cache and vector units each need for one pass over an operator's operands [s].

    Little's law does not bind: a vectorised kernel keeps 16 bytes a load and several loads a thread in flight, more than any
    current memory's bandwidth times latency.
    """
    parts = {machine.memory.name: missed_byte(operator, machine, reuse) / sustained_byte_per_s(machine)}
    if machine.cache is not None:
        parts[machine.cache.name] = operator.byte / cache_byte_per_s(machine)
    math = table("streaming")["math_rate"]
    rate = minimum(machine.vector_flop_per_s(operator.arithmetic), machine.vector_flop_per_s(FP32))  # narrower formats are widened for arithmetic
    parts["vector"] = operator.vector_flop / (math.get(machine.chip.vendor, math["default"]) * rate)
    return parts


def missed_byte(operator: Operator, machine: Machine, reuse: Reuse) -> Real:
    """Bytes of an operator that main memory must deliver or take."""
    if machine.cache is None:
        return operator.byte
    c, capacity = table("streaming"), held_byte(machine)
    return total(o.byte * miss_share(reuse.distance_byte(o), capacity, c["cache_share"], c["cache_power"]) for o in operator.operands if not _is_zero(o.byte))


def _is_zero(byte: Real) -> bool:
    return isinstance(byte, float) and byte == 0.0


def elementwise_parts(operator: Operator, machine: Machine, timing: Timing, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of an elementwise kernel, and its parts [s]."""
    parts = streaming_parts(operator, machine, reuse)
    time_s = timing.finish_s(largest(parts.values()), "tensor")
    return time_s, parts
