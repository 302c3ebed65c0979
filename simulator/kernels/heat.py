"""Energy and clocks of fused attention, under a chip's power limit, by the constants of matrix products.

Exponentials and their sums are not counted apart: they are the area's.
"""

from __future__ import annotations

from magnitudes.arrays import Real
from magnitudes.datatypes import by_format
from simulator.calibration import table
from simulator.kernels.matrix_library import energy_scale, is_persistent
from simulator.kernels.matrix_width import rated_hz
from simulator.kernels.power_limit import area_joule, power_limit_s
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Attention

WIDE_BITS = 16.0  # of the format whose energy is given: a narrower product takes as much less


def cooling_s(operator: Attention, busy_s: Real, machine: Machine, reuse: Reuse) -> Real:
    """What the power limit adds to attention that keeps a chip busy for a while [s]."""
    c = table("matrix")
    if machine.chip.tdp_w is None or operator.matrix_flop is None:
        return 0.0
    flop = operator.matrix_flop
    narrowed = by_format(operator.element, lambda o: o.bits / WIDE_BITS)
    pj_per_flop = c["pj_per_flop"]["async" if is_persistent(machine.chip.generation) else "register"] * narrowed
    joule = 1e-12 * pj_per_flop * energy_scale(machine) * flop + area_joule(machine, flop, operator.element)
    clocks = flop / machine.matrix_flop_per_s(operator.element) * rated_hz(machine)
    return power_limit_s(machine, joule, clocks, busy_s, reuse, c["throttle_s"])
