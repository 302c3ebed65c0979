"""Everything that is no product: vector lanes beside the array, fed from memory."""

from __future__ import annotations

from magnitudes.arrays import Real, largest, where
from simulator.machine import Machine
from simulator.roofline import roofs
from simulator.spatial.overlap import Parts, spatial_engine
from workloads.operator import Normalization, Operator, Residency, Softmax

# Times that a row is read again where it does not stay in the buffer: a softmax looks for its maximum and its sum first, a norm for its mean square.
AGAIN = {Softmax: 2.0, Normalization: 1.0}


def lanes_cost(operator: Operator, machine: Machine, library: str) -> tuple[Real, Parts]:
    """Time of an operator on the vector lanes, and what each resource alone needs [s]."""
    parts = roofs(operator, machine)
    if isinstance(operator, Softmax | Normalization):
        parts = _by_rows(operator, parts, machine)
    return largest(parts.values()) + machine.memory.latency_s, parts


def _by_rows(operator: Softmax | Normalization, parts: Parts, machine: Machine) -> Parts:
    """Parts with what rows that are longer than the buffer are read again, and the steps that lanes need for a softmax."""
    read = operator.byte_of(Residency.ACTIVATION)
    row_byte = operator.cols * operator.element.byte
    memory = machine.memory
    if machine.cache is not None:
        again = where(row_byte <= machine.tiers[0].capacity_byte / 2.0, 0.0, AGAIN[type(operator)])
        parts = {**parts, memory.name: parts[memory.name] + again * read / memory.bandwidth_byte_per_s}
    if isinstance(operator, Softmax):
        lanes_s = operator.rows * operator.cols * softmax_step(machine) * lane_step_s(machine)
        parts = {**parts, "vector": largest([parts["vector"], lanes_s])}
    return parts


def exponential_step(machine: Machine) -> Real:
    """Steps of a lane for an exponential: one where nobody says more."""
    steps = spatial_engine(machine).lane_exponential
    return 1.0 if steps is None else steps


def softmax_step(machine: Machine) -> Real:
    """Steps of a lane for each score of a softmax: maximum, difference, exponential, sum.

    The quotient is taken of what is summed with the weights, as results leave the array.
    """
    return 3.0 + exponential_step(machine)


def lane_step_s(machine: Machine) -> Real:
    """One instruction for one element, over all lanes; nothing where their number is not known [s]."""
    engine = spatial_engine(machine)
    if isinstance(engine.vector_lanes, float) and engine.vector_lanes == 0.0:
        return 0.0
    return 1.0 / (engine.vector_lanes * engine.clock_hz)
