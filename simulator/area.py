"""Area from the same template as energy: arithmetic units, the registers that feed them, and the memories on the die.

What a die has besides (control, interconnect, interfaces) is not counted, so that the template is a floor of a real chip's area.
"""

from __future__ import annotations

from hardware_specs.schema import Chip, Engine, KernelEngine, SpatialEngine
from magnitudes.arrays import Real, largest, minimum, total
from simulator.energy_tables import components
from simulator.prices import ACCUMULATES, node_of
from simulator.scaling import area_factor

ON_DIE = ("SRAM",)  # kinds of tiers that lie on the die
ELEMENT_BIT = 96.0  # registers of an array's element: two operands of 16 bits, a sum of 32, and the same again for what comes next


def engine_area(engine: Engine, node_m: Real) -> dict[str, Real]:
    """Area of an engine's arithmetic and registers [m2]."""
    table = components()["area"]
    factor = area_factor(node_m)
    matrix = [_pairs(rate, engine) * _multiply_add_m2(name) for name, rate in engine.matrix_flop_per_s.items() if name in table["multiply"]]
    vector = [_lanes(rate, engine) * _multiply_add_m2(name) for name, rate in engine.vector_flop_per_s.items() if name in table["multiply"]]
    parts: dict[str, Real] = {}
    if matrix:
        parts["matrix"] = largest(matrix) * factor  # narrower formats share the units of the widest
    if vector:
        parts["vector"] = largest(vector) * factor
    if isinstance(engine, SpatialEngine):
        elements = engine.arrays * engine.rows * engine.columns
        parts["registers"] = elements * ELEMENT_BIT * table["register_bit"] * factor
        if engine.element_exponential is not None:  # elements look for maxima, too: a comparator of 16 bits is two adders of 8
            parts["comparators"] = elements * 2.0 * table["add"]["int8"] * factor
    if isinstance(engine, KernelEngine):
        stored = total(b for b in (engine.register_byte, engine.shared_byte) if b is not None)
        parts["registers"] = engine.multiprocessors * stored * 8.0 * table["sram_bit"] * factor
    return parts


def _lanes(flop_per_s: Real, engine: Engine) -> Real:
    """Multiply-adders of the vector units: no more than lanes, where an array's elements do such work besides."""
    pairs = _pairs(flop_per_s, engine)
    return pairs if not isinstance(engine, SpatialEngine) or engine.element_exponential is None else minimum(pairs, engine.vector_lanes)


def _pairs(flop_per_s: Real, engine: Engine) -> Real:
    """Multiply-adders that a rate takes."""
    return flop_per_s / 2.0 / engine.clock_hz


def _multiply_add_m2(name: str) -> float:
    return multiply_add_m2(name, ACCUMULATES.get(name, "fp32"))


def multiply_add_m2(multiplied: str, added: str) -> float:
    """A multiplier and an adder, each in a format by name, at the reference node [m2]."""
    table = components()["area"]
    return float(table["multiply"][multiplied] + table["add"][added])


def buffer_area_m2(byte: Real, node_m: Real) -> Real:
    """A buffer of SRAM with one port: half of it cells [m2]."""
    area: Real = byte * 8.0 * components()["area"]["sram_bit"] * area_factor(node_m)
    return area


def vias_area_m2(lines: Real, pitch_m: Real) -> Real:
    """Vias through a die, one a line, as far apart as their pitch says [m2]."""
    return lines * pitch_m * pitch_m


def area_parts(chip: Chip) -> dict[str, Real]:
    """Area of a chip by part, from the template: engines and memories on the die by name [m2]."""
    node_m = node_of(chip)
    parts: dict[str, Real] = {}
    for engine in chip.engines:
        parts |= {f"{engine.name}.{name}": area for name, area in engine_area(engine, node_m).items()}
    for tier in chip.tiers:
        if tier.kind in ON_DIE:
            parts[tier.name] = buffer_area_m2(tier.capacity_byte, node_m)
    return parts


def template_area_m2(chip: Chip) -> Real:
    """Area of all that the template counts."""
    return total(area_parts(chip).values())


def chip_area_m2(chip: Chip) -> Real:
    """Area of a chip's dies: as published, else the template's."""
    return template_area_m2(chip) if chip.area_m2 is None else chip.area_m2
