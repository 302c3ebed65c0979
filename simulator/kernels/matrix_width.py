"""How wide a machine's matrix units are against those that its generation has at most.

Products on narrower units wait less for what is issued beside them, and draw by their operations: a card whose units finish half as much a clock
feeds them half as often. Its clock then stays high where whole units meet the power limit.
"""

from __future__ import annotations

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, minimum
from magnitudes.datatypes import AnyDataType, DataType, by_format
from simulator.kernels.matrix_library import usual_hz
from simulator.machine import Machine, matrix_format

# 16-bit operations a clock that one multiprocessor's whole matrix units finish, with fp32 sums: rate over multiprocessors and boost clock of V100, T4,
# A100, RTX A6000, L40S, H100, B200 and RTX PRO 6000 (their datasheets). GeForce cards, A10, L40 and others have half of it, an H20 a quarter.
WHOLE_FLOP = {
    "volta": 1024.0, "turing": 1024.0, "ampere": 2048.0, "ampere_ga10x": 1024.0, "ada": 1024.0, "hopper": 4096.0, "blackwell": 8192.0,
    "blackwell_gb20x": 1024.0,
}  # fmt: skip
BIT = {"tf32": 32.0, "fp16": 16.0, "bf16": 16.0, "fp8": 8.0, "int8": 8.0, "fp6": 8.0, "fp4": 4.0, "int4": 4.0}  # half the bits, twice the rate
WHOLE_FROM = 0.7  # of a generation's rate: from here on the units are whole and their clock is lower


def whole_flop_per_clock(machine: Machine, element: AnyDataType) -> Real:
    """Operations a clock of all multiprocessors, were their units whole; the machine's own where a generation's are not known or do not serve the format."""
    return by_format(element, lambda o: _whole(machine, o))


def _whole(machine: Machine, element: DataType) -> Real:
    engine = machine.engine
    per_unit, bit = WHOLE_FLOP.get(machine.chip.generation), BIT.get(matrix_format(engine, element) or "")
    if per_unit is None or bit is None or not isinstance(engine, KernelEngine):
        return machine.matrix_flop_per_s(element) / rated_hz(machine)
    return per_unit * 16.0 / bit * engine.multiprocessors


def rated_hz(machine: Machine) -> Real:
    """Clock to which a machine's rates refer, as its generation usually has it."""
    above = machine.engine.above_boost if isinstance(machine.engine, KernelEngine) else None
    return usual_hz(machine) if above is None else usual_hz(machine) * above


def width(machine: Machine, element: AnyDataType) -> Real:
    """How wide the units are, from 0 to 1 for whole ones, whatever their clock."""
    share = machine.matrix_flop_per_s(element) / (whole_flop_per_clock(machine, element) * rated_hz(machine))
    return minimum(1.0, share / WHOLE_FROM)


def issued(issue: Real, width: Real) -> Real:
    """Sustained share of narrower units' rate: what waits beside the arithmetic takes as long, the arithmetic longer."""
    return 1.0 / (1.0 + (1.0 / issue - 1.0) * width)
