"""Products by table: weights of a few bits choose among sums of activations that were made beforehand.

K activations have 2^K signed sums, half of them up to their sign (Mo et al., LUT Tensor Core, ISCA 2025): a table of 2^(K-1) entries serves N
columns of one-bit weights at once, and weights of w bits take w passes. A lookup stands for K multiply-adds.

Energy of what is no adder, multiplier or register is that of an integer adder of the same area: multiplexers and shifters are gates as adders are.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import Any

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real
from simulator.energy_tables import components
from simulator.scaling import area_factor, energy_factor

SUM_BIT = 32.0
MOST_BITS = 8.0  # of a weight: its bits take a pass each, whose sums are shifted by its place


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
    halved : bool
        Whether tables hold half of the sums, the others being theirs with the other sign.
    flipped : bool
        Whether weights are stored so that they choose from a half table as they are; else their bits are turned by their sign on the way.
    prepared : bool
        Whether tables are made elsewhere, by an operator of their own; else each tile adds its tables up.
    sums_held : bool
        Whether the sums have registers in the array.
    """

    tiles: Real
    m: Real
    n: Real
    k: float
    entry_bit: Real = 8.0
    halved: bool = True
    flipped: bool = True
    prepared: bool = True
    sums_held: bool = True

    @property
    def multiply_adds(self) -> Real:
        """One-bit multiply-adds that all tiles do in a clock."""
        return self.tiles * self.m * self.n * self.k

    @property
    def entries(self) -> float:
        """Of a table."""
        return float(2.0 ** (self.k - 1.0 if self.halved else self.k))

    def rate_flop_per_s(self, engine: KernelEngine, weight_bit: Real) -> Real:
        """Peak of all multiprocessors with weights of so many bits."""
        return 2.0 * self.multiply_adds * engine.multiprocessors * engine.clock_hz / weight_bit

    def area_m2(self, node_m: Real) -> Real:
        """Area of all tiles: tables, weights, and for each lookup a multiplexer, a sign, a shifter, an adder and the register of its sum."""
        table: dict[str, Any] = components()["area"]
        sum_ = table["add"]["int32"] + (SUM_BIT * table["register_bit"] if self.sums_held else 0.0)
        tables = self.m * self.entries * self.entry_bit * table["register_bit"]
        weights = self.n * self.k * table["register_bit"]  # a bit each, for all rows
        lookup = self._choosing_m2 + self._sign_bytes * table["add"]["int8"] + sum_
        area: Real = self.tiles * (self.m * self.n * lookup + self.m * self._making * table["add"]["int8"] + tables + weights) * area_factor(node_m)
        return area

    def power_w(self, node_m: Real, clock_hz: Real) -> Real:
        """Power of all tiles, a lookup a clock each, with new weights each clock and tables that stay."""
        table: dict[str, Any] = components()["operation"]["add"]
        gates = table["int8"] / components()["area"]["add"]["int8"]  # energy for an area of gates
        sum_ = table["int32"] + (SUM_BIT * components()["register"] / 8.0 if self.sums_held else 0.0)
        lookup = self._choosing_m2 * gates + self._sign_bytes * table["int8"] + sum_
        weights = self.n * self.k * components()["register"] / 8.0
        power: Real = self.tiles * (self.m * self.n * lookup + self.m * self._making * table["int8"] + weights) * energy_factor(node_m) * clock_hz
        return power

    @property
    def _choosing_m2(self) -> Real:
        """Gates of one lookup that choose an entry and shift it, at the reference node; and that turn the weights' bits, where they are not stored so."""
        bit: float = components()["area"]["mux_bit"]
        turned = 0.0 if self.flipped or not self.halved else self.k - 1.0
        return ((self.entries - 1.0) * self.entry_bit + log2(MOST_BITS) * (self.entry_bit + MOST_BITS) + turned) * bit

    @property
    def _sign_bytes(self) -> Real:
        return self.entry_bit / 8.0

    @property
    def _making(self) -> Real:
        """Adders of 8 bits that make a row's table: one an entry, where it is made in the array."""
        return 0.0 if self.prepared else self.entries * self.entry_bit / 8.0


def tensor_core_area_m2(multiply_adds: Real, depth: float, node_m: Real) -> Real:
    """Area of units that multiply in 16 bits and add `depth` products and a sum up in 32, so many multiply-adds a clock.

    Products are aligned to the largest and added as integers; only the sum is normalised and rounded, and has a register (Fasi et al., Numerical behavior
    of NVIDIA tensor cores, PeerJ Computer Science 2021). What a floating-point adder has beyond its integer one aligns with one half, and normalises
    and rounds with the other.
    """
    table = components()["area"]
    half: float = (table["add"]["fp16"] - table["add"]["int8"] * 2.0) / 2.0  # an adder of 16 bits is two of 8
    each = table["multiply"]["fp16"] + half + table["add"]["int32"]
    area: Real = multiply_adds * (each + (half + SUM_BIT * table["register_bit"]) / depth) * area_factor(node_m)
    return area


def tensor_core_energy_j(depth: float, node_m: Real) -> Real:
    """Energy of one multiply-add of such units [J]."""
    table = components()["operation"]
    half: float = (table["add"]["fp16"] - table["add"]["int8"] * 2.0) / 2.0
    held: float = SUM_BIT * components()["register"] / 8.0
    energy: Real = (table["multiply"]["fp16"] + half + table["add"]["int32"] + (half + held) / depth) * energy_factor(node_m)
    return energy
