"""What of an operand still lies in a cache, and what memory sustains."""

from __future__ import annotations

from magnitudes.arrays import Real, maximum, power
from simulator.calibration import constant, table
from simulator.machine import Machine


def miss_share(reuse_byte: Real, capacity_byte: Real, share: float, sharpness: float) -> Real:
    """Share of an operand that a cache no longer holds.

    A smooth step where the reuse distance passes the capacity: ``1 - 1 / (1 + (distance / (share * capacity)) ** sharpness)``.

    Parameters
    ----------
    reuse_byte : Real
        Bytes touched since the operand was last touched.
    capacity_byte : Real
    share : float
        Of the capacity that data to be used again may fill before it is evicted.
    sharpness : float
        How abruptly.
    """
    ratio = reuse_byte / (share * capacity_byte)
    steep = ratio * ratio * ratio * ratio if sharpness == 4.0 else power(ratio, sharpness)
    return steep / (1.0 + steep)


def held_byte(machine: Machine) -> Real:
    """Bytes of different data that the last cache holds.

    Caches in two partitions keep a copy of what both halves of the chip read (GA100, GH100, GB100): half of their capacity counts.

    Raises
    ------
    AssertionError
        If the machine has no cache: the caller asks before.
    """
    assert machine.cache is not None
    copies: float = table("matrix")["cache_copies"].get(machine.chip.generation, 1.0)
    return machine.cache.capacity_byte / copies


def sustained_byte_per_s(machine: Machine) -> Real:
    """Main-memory bandwidth that a streaming kernel sustains."""
    share = table("streaming")["dram_sustained"]
    sustained: float = share.get(machine.chip.generation, share["default"])
    return sustained * machine.memory.bandwidth_byte_per_s


def cache_byte_per_s(machine: Machine) -> Real:
    """Last-level cache bandwidth that a streaming kernel sustains, under the usual mixture of reads and writes.

    No less than what memory behind it sustains: all of that comes through the cache.

    Raises
    ------
    AssertionError
        If the machine has no cache: the caller asks before.
    """
    assert machine.cache is not None
    return maximum(constant("streaming", "cache_sustained") * machine.cache.bandwidth_byte_per_s, sustained_byte_per_s(machine))
