"""What moves rows or keeps state: lookups, recurrences, routing to experts, copies between tiers."""

from __future__ import annotations

from magnitudes.arrays import Real, maximum
from simulator.host.library import Constants, entry
from simulator.host.streams import Stream, cores_of, fork_s, overlapped, stream_parts, threads_for
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Gather, Operator, Residency


def move_cost(operator: Operator, machine: Machine, constants: Constants, call_s: Real, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of a lookup or another operator of one loop, and its parts [s].

    Each row of a lookup starts with a miss (`row_clk`), of which some are in flight together.
    """
    row, parallel = entry(constants, "moves", operator.kind), constants["parallel"] > 0.0
    threads = threads_for(operator.byte / 8.0, constants["grain"], machine) if parallel else 1.0
    streams = [Stream(o.byte, reuse.distance_byte(o), written=o.residency is Residency.OUTPUT) for o in operator.operands]
    parts = {name: maximum(row["reach"], 1.0) * part for name, part in stream_parts(streams, machine, threads, constants["memory"]).items()}
    slots = operator.vector_flop / 2.0 * row["per_instruction"] + operator.byte / 8.0 * row["instructions"]
    parts["vector"] = 2.0 * slots / (machine.vector_flop_per_s(operator.arithmetic) * threads / cores_of(machine))
    rows = operator.rows if isinstance(operator, Gather) else 0.0
    starts_s = rows * row["row_clk"] / (machine.engine.clock_hz * threads)
    time_s = overlapped(parts, machine, row["sharpness"]) + starts_s + fork_s(threads, constants) + call_s * row["calls"]
    return maximum(time_s, operator.vector_flop / machine.vector_flop_per_s(operator.arithmetic)), parts
