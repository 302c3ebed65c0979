"""The bus between units and companion chip: vectors in, results out, and what both sides exchange."""

from __future__ import annotations

from hardware_specs.schema import NearMemoryEngine
from magnitudes.arrays import Real, where
from simulator.machine import Machine
from simulator.near_memory.timeline import short_s
from workloads.operator import Operator, Residency


def bus_byte_per_s(engine: NearMemoryEngine, machine: Machine) -> Real:
    """Peak of all channels' buses: as the spec says, else a column a short column cycle, else what main memory delivers."""
    if engine.bus_byte_per_s is not None:
        return engine.bus_byte_per_s
    pace_s = short_s(engine)
    if isinstance(pace_s, float) and pace_s == 0.0:
        return machine.memory.bandwidth_byte_per_s
    return engine.channels * engine.column_byte / pace_s


ON_DIE = ("buffer_die", "logic_die")  # units there hand what they all need to each other


def broadcast_s(byte: Real, engine: NearMemoryEngine, machine: Machine) -> Real:
    """Time to give all units the same bytes: each channel's bus carries all of them, or a die's channels together [s]."""
    copies = engine.dies if engine.at in ON_DIE else engine.channels
    return byte * copies / bus_byte_per_s(engine, machine)


def read_out_s(byte: Real, engine: NearMemoryEngine, machine: Machine) -> Real:
    """Time to collect results that lie evenly over the channels [s]."""
    return byte / bus_byte_per_s(engine, machine)


def crossing_byte(operator: Operator, engine: NearMemoryEngine) -> Real:
    """Bytes of a companion's operator that cross the bus: weights and caches always, activations where its own memory does not hold them."""
    stored = operator.byte_of(Residency.WEIGHT) + operator.byte_of(Residency.STATE)
    held = operator.byte - stored <= engine.companion_byte
    return where(held, stored, operator.byte)
