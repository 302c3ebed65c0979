"""The last-level cache under streams that come round again: sharp for one stream, soft for many operands."""

from __future__ import annotations

from magnitudes.arrays import Real, maximum, minimum
from simulator.calibration import constant
from simulator.machine import Machine

FAR = 1e6  # capacities: what comes round later than that is from memory, and powers of it stay in range


def byte_s(reuse_byte: Real, machine: Machine, memory_share: float, cache_share: float) -> Real:
    """Seconds a byte of a stream that comes round every `reuse_byte`: from the cache what stayed there, else from memory.

    Parameters
    ----------
    memory_share, cache_share : float
        Sustained shares of both bandwidths.
    """
    from_memory_s = 1.0 / (memory_share * machine.memory.bandwidth_byte_per_s)
    if machine.cache is None:
        return from_memory_s
    from_cache_s = 1.0 / (cache_share * machine.cache.bandwidth_byte_per_s)
    from_memory_s = maximum(from_memory_s, from_cache_s)  # on its way it passes the cache
    ratio = minimum(reuse_byte / (constant("attention", "resident_share") * machine.cache.capacity_byte), FAR)
    square = ratio * ratio
    fourth = square * square
    eighth = fourth * fourth
    return from_memory_s + (from_cache_s - from_memory_s) / (1.0 + eighth * eighth)
