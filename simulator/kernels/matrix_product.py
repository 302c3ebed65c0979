"""A matrix product on a machine, and a tile of the library's menu laid over it: what the laws of its time and its power share."""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, maximum
from simulator.calibration import table
from simulator.kernels.matrix_library import Arithmetic, Scheduling
from simulator.machine import Machine
from workloads.operator import Contraction

INLINE_CHECKED = ("GDDR5", "GDDR6")  # memories of data-centre cards that keep check bits among the data
NO_LATENCY_S = 1e-12  # a spec that gives no latency leaves the loads in flight unlimited


@dataclass(frozen=True, slots=True)
class Product:
    """A contraction on a machine: what all tiles of the menu share."""

    operator: Contraction
    machine: Machine
    engine: KernelEngine
    menu: Scheduling
    how: Arithmetic
    rate_flop_per_s: Real  # sustained, of one multiprocessor
    memory_byte: Real  # what main memory must deliver or take

    @property
    def feed_byte_per_s(self) -> Real:
        """What the cache delivers to all tiles together."""
        return self.menu.feed * self.machine.nearest.bandwidth_byte_per_s

    @property
    def memory_byte_per_s(self) -> Real:
        """What main memory sustains; GDDR keeps check bits among the data (NVIDIA: ECC takes 6.25 % of its capacity) and fetches them as well.

        GDDR5X and GDDR6X are on cards that are not sold with error correction; GDDR7 checks on its own die.
        """
        share = float(table("matrix")["inline_ecc"]) if self.machine.memory.kind in INLINE_CHECKED else 1.0
        return self.menu.dram_sustained * share * self.machine.memory.bandwidth_byte_per_s

    @property
    def feed_s(self) -> Real:
        """Time of a byte from the cache to all tiles together [s/byte]."""
        return 1.0 / self.feed_byte_per_s

    @property
    def store_s(self) -> Real:
        """Time of a byte of output from all tiles together into the cache [s/byte]."""
        return 1.0 / (self.menu.store * self.machine.nearest.bandwidth_byte_per_s)

    @property
    def port_s(self) -> Real:
        """Time of a byte through one multiprocessor's port [s/byte]."""
        return 1.0 / (self.menu.port * self.engine.clock_hz)

    def stream_s(self, memory_byte: Real, cache_byte: Real) -> Real:
        """Time of a stream of which a part comes from memory, through the cache, and the rest from the cache."""
        return memory_byte * maximum(1.0 / self.memory_byte_per_s, self.feed_s) + cache_byte * self.feed_s

    @property
    def unit_byte_per_s(self) -> Real:
        """What one multiprocessor can draw from memory: loads in flight over latency."""
        shared = self.engine.shared_byte if self.engine.shared_byte is not None else 64.0 * 1024.0
        return float(table("matrix")["inflight"]) * shared / maximum(self.machine.memory.latency_s, NO_LATENCY_S)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of the menu laid over a product: how many there are, their area, and arithmetic, loads and output of each."""

    blocks: Real
    area: float
    mac_s: Real
    load_byte: Real
    store_byte: Real
    widen_s: Real = 0.0
