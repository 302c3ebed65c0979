"""Softmax and norms over rows.

PyTorch has one kernel: rows are dealt to cores, a row is read as often as the kernel walks over it, from near caches after the first time.
numpy's users write five or six loops, some of which have a start for every row.
"""

from __future__ import annotations

from magnitudes.arrays import Real, maximum, total
from simulator.host.library import Constants, entry
from simulator.host.streams import Stream, cores_of, fork_s, overlapped, stream_parts, threads_for
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Normalization, Operand, Operator, Residency, Softmax

NAMES = {"rms": "rmsnorm", "layer": "layernorm", "batch": "layernorm"}


def row_name(operator: Operator) -> str:
    """The row of a library's table for an operator over rows."""
    return NAMES[operator.flavour] if isinstance(operator, Normalization) else "softmax"


def row_cost(operator: Operator, machine: Machine, constants: Constants, call_s: Real, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of an operator over rows and its parts [s].

    The constants of a library: ``instructions`` an element, ``row_clk`` of each row's start, ``again`` times that a row is walked over after
    the first, ``calls`` of functions in all, ``sharpness`` of the overlap.
    """
    assert isinstance(operator, Softmax | Normalization)
    row, engine = entry(constants, "rows", row_name(operator)), machine.engine
    threads = threads_for(operator.rows * operator.cols, constants["row_grain"], machine) if constants["parallel"] > 0.0 else 1.0
    share = threads / cores_of(machine)
    parts = stream_parts(_streams(operator, row, reuse, whole=not constants["parallel"] > 0.0), machine, threads, constants["memory"])
    elements = operator.rows * operator.cols
    parts["vector"] = 2.0 * elements * row["instructions"] / (machine.vector_flop_per_s(operator.arithmetic) * share)
    starts_s = operator.rows * row["row_clk"] / (engine.clock_hz * threads)
    time_s = overlapped(parts, machine, row["sharpness"]) + starts_s + fork_s(threads, constants) + call_s * row["calls"]
    return maximum(time_s, operator.vector_flop / machine.vector_flop_per_s(operator.arithmetic)), parts


def _streams(operator: Softmax | Normalization, row: Constants, reuse: Reuse, *, whole: bool) -> list[Stream]:
    """Every operand once, then the rows again: from as far as one row ago, or the whole array where each loop runs over all of it (`whole`)."""
    operands: tuple[Operand, ...] = operator.operands
    first = [Stream(o.byte, reuse.distance_byte(o), written=o.residency is Residency.OUTPUT) for o in operands]
    output_byte = total(o.byte for o in operands if o.name == "output")
    distance = 2.0 * output_byte if whole else 2.0 * output_byte / operator.rows
    return [*first, Stream(output_byte * row["again"], distance, written=False)]
