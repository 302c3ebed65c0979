"""An engine and its tiers at work together: tiles are double-buffered, so that the slowest resource sets the pace once the first tile is there."""

from __future__ import annotations

from collections.abc import Mapping

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Real, largest, minimum, where
from magnitudes.datatypes import by_format
from simulator.machine import Machine
from simulator.roofline import roofs
from simulator.spatial.folds import array_cycle, operand_read_byte
from simulator.spatial.product import Product
from simulator.spatial.tilings import traffic_byte
from simulator.unserved import unserved
from workloads.operator import Operator

Parts = dict[str, Real]


def spatial_engine(machine: Machine) -> SpatialEngine:
    """The array of a machine."""
    engine = machine.engine
    assert isinstance(engine, SpatialEngine)
    return engine


def step_s(product: Product, machine: Machine) -> Real:
    """One step of all arrays: a multiply-add of every element in the product's format [s].

    A format at twice the clock's rate steps twice a cycle, one that runs on the vector units alone as slowly as they do.
    """
    engine = spatial_engine(machine)
    return 2.0 * engine.arrays * engine.rows * engine.columns / machine.matrix_flop_per_s(product.element)


def matrix_s(product: Product, machine: Machine) -> Real:
    """What multiplying takes: folds of the array, or the lanes' steps where the array does not know the format [s]."""
    array_s = array_cycle(product, spatial_engine(machine)) * step_s(product, machine)
    served = by_format(product.element, lambda o: 0.0 if unserved(machine.engine, o) else 1.0)
    if isinstance(served, float):
        return array_s if served else product.flop / machine.matrix_flop_per_s(product.element)
    return where(served > 0.0, array_s, product.flop / machine.matrix_flop_per_s(product.element))


def product_parts(product: Product, machine: Machine) -> Parts:
    """What the arrays and each tier alone need for a product [s]; every tier carries what the buffer in front of it cannot hold."""
    engine = spatial_engine(machine)
    parts: Parts = {"matrix": matrix_s(product, machine)}
    nearest, *behind = machine.tiers
    parts[nearest.name] = operand_read_byte(product, engine) / nearest.bandwidth_byte_per_s
    for buffer, tier in zip(machine.tiers, behind, strict=False):
        parts[tier.name] = traffic_byte(product, buffer.capacity_byte) / tier.bandwidth_byte_per_s
    return parts


def fill_s(product: Product, machine: Machine) -> Real:
    """Until the first tile is there: memory's latency and one load of the arrays' elements [s]."""
    engine = spatial_engine(machine)
    elements = engine.arrays * engine.rows * engine.columns
    byte = minimum(elements * product.element.byte, product.b_byte)
    return machine.memory.latency_s + byte / machine.memory.bandwidth_byte_per_s


def above_roofs(parts: Mapping[str, Real], operator: Operator, machine: Machine) -> Parts:
    """The parts, none of them under the roof of its resource."""
    floor = roofs(operator, machine)
    names = [*parts, *(n for n in floor if n not in parts)]
    return {name: largest(p[name] for p in (parts, floor) if name in p) for name in names}
