"""Energy and clocks of a matrix product, under a chip's power limit."""

from __future__ import annotations

from magnitudes.arrays import Real, maximum
from simulator.calibration import table
from simulator.kernels.matrix_library import energy_scale, usual_hz
from simulator.kernels.matrix_product import Product
from simulator.kernels.matrix_width import rated_hz
from simulator.kernels.power_limit import area_joule, power_limit_s
from simulator.reuse import Reuse
from simulator.structured import structured_gain


def throttle_s(p: Product, busy_s: Real, reuse: Reuse) -> Real:
    """What the power limit adds to a product."""
    if p.machine.chip.tdp_w is None:
        return 0.0
    return power_limit_s(p.machine, _least_joule(p, reuse.switching), _clocks(p), busy_s, reuse, p.menu.throttle_s)


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
    flop = p.operator.matrix_flop / structured_gain(p.operator, p.machine)
    switched = switching * 1e-12 * (p.how.pj_per_flop * energy_scale(p.machine) * flop + table("matrix")["pj_per_byte"] * p.memory_byte)
    joule: Real = switched + area_joule(p.machine, flop, p.operator.a)
    return joule
