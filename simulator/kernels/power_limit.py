"""What a chip's power limit adds to a kernel that keeps it busy.

A busy chip draws for its area at every clock (clock tree, schedulers, register files, caches), whatever it multiplies, besides the energy of each
operation and byte. Where that is more than the limit allows, the clock falls to what the arithmetic then lasts for, and the energy with the
clock (the square of the voltage falls about as fast) as far as the voltage can fall.
"""

from __future__ import annotations

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, maximum, sqrt
from magnitudes.datatypes import AnyDataType
from simulator.calibration import table
from simulator.kernels.matrix_library import density
from simulator.kernels.matrix_width import whole_flop_per_clock
from simulator.machine import Machine
from simulator.reuse import Reuse

# Where 7 and 5 nm parts reach their least voltage; datasheets do not say. Under their limits an A100, H100, L40S and B200 all run at 1.3 to 1.4 GHz.
CALM_HZ = 1.4e9
USUAL_AREA_M2 = 6e-6  # of a multiprocessor with its share of cache and links, where no area is published: GA100 7.6, GH100 6.2, AD102 4.3 mm2


def power_limit_s(machine: Machine, least_joule: Real, clocks: Real, busy_s: Real, reuse: Reuse, throttle_s: float) -> Real:
    """What the limit adds, once heat and regulators have reacted [s].

    Parameters
    ----------
    least_joule : Real
        Energy at the least voltage.
    clocks : Real
        Clocks of what runs with the chip's clock, at the least.
    busy_s : Real
        Time without a limit.
    throttle_s : float
        Time for which the chip must be busy before half of the limit is felt.
    """
    if machine.chip.tdp_w is None:
        return 0.0
    at_rest_s = least_joule / machine.chip.tdp_w
    calm_s = clocks / CALM_HZ  # at the highest clock that the least voltage allows
    deficit_s = maximum(0.0, maximum(at_rest_s, sqrt(at_rest_s * calm_s)) - busy_s * (1.0 + reuse.spare))
    around_s = busy_s + reuse.busy_s
    added_s: Real = deficit_s * around_s / (around_s + throttle_s)
    return added_s


def area_joule(machine: Machine, flop: Real, element: AnyDataType) -> Real:
    """What a chip draws for its area while its matrix units do so many operations, at the least voltage [J]."""
    joule: Real = table("matrix")["joule_per_m2_clock"] * density(machine) * _area_m2(machine) * (flop / whole_flop_per_clock(machine, element))
    return joule


def _area_m2(machine: Machine) -> Real:
    """Area of all compute dies."""
    if machine.chip.area_m2 is not None:
        return machine.chip.area_m2
    engine = machine.engine
    assert isinstance(engine, KernelEngine)
    return USUAL_AREA_M2 * engine.multiprocessors
