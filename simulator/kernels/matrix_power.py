"""What a chip's power limit adds to a matrix product."""

from __future__ import annotations

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, maximum, sqrt
from simulator.calibration import table
from simulator.kernels.matrix_library import density, energy_scale, usual_hz
from simulator.kernels.matrix_product import Product
from simulator.kernels.matrix_width import rated_hz, whole_flop_per_clock
from simulator.machine import Machine
from simulator.reuse import Reuse
from simulator.structured import structured_gain

# Where 7 and 5 nm parts reach their least voltage; datasheets do not say. Under their limits an A100, H100, L40S and B200 all run at 1.3 to 1.4 GHz.
CALM_HZ = 1.4e9
USUAL_AREA_M2 = 6e-6  # of a multiprocessor with its share of cache and links, where no area is published: GA100 7.6, GH100 6.2, AD102 4.3 mm2


def throttle_s(p: Product, busy_s: Real, reuse: Reuse) -> Real:
    """What the power limit adds, once heat and regulators have reacted.

    A busy chip draws for its area at every clock (clock tree, schedulers, register files, caches), whatever it multiplies, besides the
    energy of each operation and byte. Where that is more than the limit allows, the clock falls to what the arithmetic then lasts for,
    and the energy with the clock (the square of the voltage falls about as fast) as far as the voltage can fall.
    """
    chip = p.machine.chip
    if chip.tdp_w is None:
        return 0.0
    at_rest_s = _least_joule(p, reuse.switching) / chip.tdp_w
    calm_s = _clocks(p) / CALM_HZ  # at the highest clock that the least voltage allows
    deficit_s = maximum(0.0, maximum(at_rest_s, sqrt(at_rest_s * calm_s)) - busy_s * (1.0 + reuse.spare))
    around_s = busy_s + reuse.busy_s
    return deficit_s * around_s / (around_s + p.menu.throttle_s)


def _clocks(p: Product) -> Real:
    """Clocks of what runs with the chip's clock, at the least: arithmetic, and the loads of the largest tile from the cache."""
    rows, columns = p.menu.tiles[0]
    o = p.operator
    load_byte = o.batch * o.m * o.n * o.k * (o.a.byte / columns + p.menu.second_share * o.b.byte / rows)
    arithmetic_s = o.matrix_flop / (p.rate_flop_per_s * p.engine.multiprocessors)
    clocks: Real = maximum(arithmetic_s * rated_hz(p.machine), load_byte / p.feed_byte_per_s * usual_hz(p.machine))
    return clocks


def _least_joule(p: Product, switching: float) -> Real:
    """Energy of a product at the least voltage; operands that are all zero switch nothing."""
    c = table("matrix")
    flop = p.operator.matrix_flop / structured_gain(p.operator, p.machine)
    clocks = flop / whole_flop_per_clock(p.machine, p.operator.a)
    switched = switching * 1e-12 * (p.how.pj_per_flop * energy_scale(p.machine) * flop + c["pj_per_byte"] * p.memory_byte)
    joule: Real = switched + c["joule_per_m2_clock"] * density(p.machine) * area_m2(p.machine) * clocks
    return joule


def area_m2(machine: Machine) -> Real:
    """Area of all compute dies."""
    if machine.chip.area_m2 is not None:
        return machine.chip.area_m2
    engine = machine.engine
    assert isinstance(engine, KernelEngine)
    return USUAL_AREA_M2 * engine.multiprocessors
