"""What of an operand still lies in a cache, and what memory sustains."""

from __future__ import annotations

from magnitudes.arrays import Real
from simulator.machine import Machine

# Share of the datasheet bandwidth that a streaming kernel sustains. Measured: 0.73 to 0.92 over P100 to MI100 (mean of NeuSight's elementwise
# operators, each device judged by the mean of the others: folds 0.78 to 0.87); what is lost goes to refresh, turnarounds and row misses.
DRAM_SUSTAINED = 0.82
# Share of a cache that data to be used again may fill before it is evicted, and how sharply: aiconfigurator's replays with rotating copies.
CACHE_SHARE, CACHE_POWER = 0.8, 4.0
# Share of the last-level cache's read bandwidth under the usual mixture of reads and writes: Vidur's `add` on an A100.
CACHE_SUSTAINED = 0.6


def miss_share(reuse_byte: Real, capacity_byte: Real, share: float = CACHE_SHARE, power: float = CACHE_POWER) -> Real:
    """Share of an operand that a cache no longer holds.

    A smooth step where the reuse distance passes the capacity: ``1 - 1 / (1 + (distance / (share * capacity)) ** power)``.

    Parameters
    ----------
    reuse_byte : Real
        Bytes touched since the operand was last touched.
    capacity_byte : Real
    """
    ratio = reuse_byte / (share * capacity_byte)
    steep = ratio * ratio * ratio * ratio if power == 4.0 else ratio**power
    return steep / (1.0 + steep)


def sustained_byte_per_s(machine: Machine) -> Real:
    """Main-memory bandwidth that a streaming kernel sustains."""
    return DRAM_SUSTAINED * machine.memory.bandwidth_byte_per_s
