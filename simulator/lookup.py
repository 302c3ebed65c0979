"""Products by table: weights of a few bits choose among sums of activations that were made beforehand.

K activations have 2^K signed sums, half of them up to their sign (Mo et al., LUT Tensor Core, ISCA 2025): a table of 2^(K-1) entries serves N
columns of one-bit weights at once, and weights of w bits take w passes. A lookup stands for K multiply-adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real
from simulator.energy_tables import components
from simulator.scaling import area_factor

SUM_BIT = 32.0


@dataclass(frozen=True, slots=True)
class LookupArray:
    """Tiles of lookup units in a multiprocessor.

    Parameters
    ----------
    tiles : Real
    m, n, k : Real
        Rows of activations, columns of weights, and activations of a table, of one tile.
    entry_bit : Real
        Bits of a table's entry.
    """

    tiles: Real
    m: Real
    n: Real
    k: float
    entry_bit: Real = 8.0

    @property
    def multiply_adds(self) -> Real:
        """One-bit multiply-adds that all tiles do in a clock."""
        return self.tiles * self.m * self.n * self.k

    @property
    def entries(self) -> float:
        """Of a table."""
        return float(2.0 ** (self.k - 1.0))

    def rate_flop_per_s(self, engine: KernelEngine, weight_bit: Real) -> Real:
        """Peak of all multiprocessors with weights of so many bits."""
        return 2.0 * self.multiply_adds * engine.multiprocessors * engine.clock_hz / weight_bit

    def area_m2(self, node_m: Real) -> Real:
        """Area of all tiles: tables, and for each lookup a multiplexer, a sign, an adder and the register of its sum."""
        table: dict[str, Any] = components()["area"]
        multiplexer = (self.entries - 1.0) * self.entry_bit * table["mux_bit"]
        sign = self.entry_bit / 8.0 * table["add"]["int8"]
        sum_ = table["add"]["int32"] + SUM_BIT * table["register_bit"]
        tables = self.m * self.entries * self.entry_bit * table["register_bit"]
        area: Real = self.tiles * (self.m * self.n * (multiplexer + sign + sum_) + tables) * area_factor(node_m)
        return area


def tensor_core_area_m2(multiply_adds: Real, depth: float, node_m: Real) -> Real:
    """Area of units that multiply in 16 bits and add up in 32, so many a clock, with one sum's register for each `depth` of them."""
    table = components()["area"]
    each: float = table["multiply"]["fp16"] + table["add"]["fp16"] + SUM_BIT / depth * table["register_bit"]
    return multiply_adds * each * area_factor(node_m)
