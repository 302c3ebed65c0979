"""The physical floor: every resource a roof, each operator as fast as its slowest resource.

Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009, with one roof a memory tier (Ilic et al. 2014). Each operand
is read or written once, from main memory; nothing is launched, filled, drained or queued. No implementation of the operators as
they are counted can be faster on that datasheet; a Winograd convolution multiplies less than is counted, and what stays in a cache
between two operators is not read again.
"""

from __future__ import annotations

from magnitudes.arrays import Real, largest, total
from simulator.cost import Cost
from simulator.machine import Machine
from simulator.network import wire_floor_s
from simulator.structured import structured_gain
from workloads.operator import Collective, Contraction, Convolution, Operator


def roofline_cost(operator: Operator, count: Real, machine: Machine) -> Cost:
    """The floor of one operator on one engine.

    Parameters
    ----------
    operator : Operator
        Sizes may be columns.
    count : Real
        Calls in a pass.
    machine : Machine

    Returns
    -------
    Cost
        `time_s` is the largest of the parts.
    """
    parts = roofs(operator, machine)
    return Cost(operator, count, largest(parts.values()), parts)


def roofs(operator: Operator, machine: Machine) -> dict[str, Real]:
    """Time that each resource alone needs for an operator [s]."""
    if isinstance(operator, Collective):
        return wire_floor_s(operator, machine.system.fabric)
    parts: dict[str, Real] = {}
    if _is_work(operator.matrix_flop):
        parts["matrix"] = operator.matrix_flop / (structured_gain(operator, machine) * machine.matrix_flop_per_s(operator.arithmetic))
    if _is_work(operator.vector_flop):
        parts["vector"] = _vector_s(operator, machine)
    byte = operator.byte
    for tier in machine.tiers:
        parts[tier.name] = byte / tier.bandwidth_byte_per_s
    return parts


def _vector_s(operator: Operator, machine: Machine) -> Real:
    """Elementwise arithmetic at the vector units' rate; what is fused behind a product keeps its own format."""
    if isinstance(operator, Contraction | Convolution):
        return total(e.vector_flop / machine.vector_flop_per_s(e.arithmetic) for e in operator.epilogue)
    return operator.vector_flop / machine.vector_flop_per_s(operator.arithmetic)


def _is_work(flop: Real) -> bool:
    """Whether there is any, on any row."""
    return not (isinstance(flop, float) and flop == 0.0)


def cached_floor_s(operator: Operator, machine: Machine) -> Real:
    """The floor of an operator whose operands all lie in the nearest cache of the engine: no law may be faster [s]."""
    cache = machine.cache or machine.memory
    moved_s = operator.byte / cache.bandwidth_byte_per_s
    if _is_work(operator.matrix_flop):
        return largest([moved_s, operator.matrix_flop / (structured_gain(operator, machine) * machine.matrix_flop_per_s(operator.arithmetic))])
    return moved_s
