"""What a power limit adds to fused attention, by the constants of matrix products.

A busy chip draws for its area at every clock, besides the energy of each operation (`simulator.kernels.matrix_power`); where that is more than
the limit allows, the clock falls, as far as the voltage can fall with it. Exponentials and their sums are not counted apart: they are the area's.
"""

from __future__ import annotations

from magnitudes.arrays import Real, maximum, sqrt
from magnitudes.datatypes import by_format
from simulator.calibration import table
from simulator.kernels.matrix_library import density, energy_scale, is_persistent
from simulator.kernels.matrix_power import CALM_HZ, area_m2
from simulator.kernels.matrix_width import rated_hz, whole_flop_per_clock
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Attention

WIDE_BITS = 16.0  # of the format whose energy is given: a narrower product takes as much less


def cooling_s(operator: Attention, busy_s: Real, machine: Machine, reuse: Reuse) -> Real:
    """What the power limit adds to attention that keeps a chip busy for a while, once heat and regulators have reacted [s]."""
    chip, c = machine.chip, table("matrix")
    if chip.tdp_w is None or operator.matrix_flop is None:
        return 0.0
    flop = operator.matrix_flop
    narrowed = by_format(operator.element, lambda o: o.bits / WIDE_BITS)
    pj_per_flop = c["pj_per_flop"]["async" if is_persistent(chip.generation) else "register"] * narrowed
    clocks = flop / whole_flop_per_clock(machine, operator.element)
    joule = 1e-12 * pj_per_flop * energy_scale(machine) * flop + c["joule_per_m2_clock"] * density(machine) * area_m2(machine) * clocks
    at_rest_s = joule / chip.tdp_w
    calm_s = flop / machine.matrix_flop_per_s(operator.element) * rated_hz(machine) / CALM_HZ
    deficit_s = maximum(0.0, maximum(at_rest_s, sqrt(at_rest_s * calm_s)) - busy_s * (1.0 + reuse.spare))
    around_s = busy_s + reuse.busy_s
    added_s: Real = deficit_s * around_s / (around_s + c["throttle_s"])
    return added_s
