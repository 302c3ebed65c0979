"""Duplex's units beside memory alone: what a product costs in energy, delay and area by where they sit (figure 8), and the area that a stack gains.

Areas of the variants on DRAM dies are not published, nor what their buffers hold: two ratios are fitted, the shape of the curves is not. Of the parts of a
softmax unit only a list is published, without counts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from hardware_specs.catalog import find_system
from magnitudes.arrays import as_float, total
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, number, within
from roofscape.reproductions.shared import Shared
from simulator.area import buffer_area_m2, multiply_add_m2, vias_area_m2
from simulator.engines import cost_law
from simulator.machine import machine_of
from simulator.prices import operator_energy
from simulator.reuse import Reuse
from simulator.scaling import area_factor
from workloads.operator import Contraction

HALF = data_type("fp16")
WORKING = Reuse(1e9, 1e9, 0.0, 1.0)  # nothing is found in a cache


# Figure 8: energy x delay x area of a product, by its operations a byte -----------------------------------------------------------------------------------
DESIGNS = {"bank": "duplex-bank-pim", "bank group": "duplex-bank-group-pim", "logic die": "duplex"}
FIGURE_8 = {  # the largest of three is 1
    "bank": (0.08, 0.16, 0.35, 0.81, 1.0, 1.0), "bank group": (1.0, 1.0, 1.0, 1.0, 0.96, 0.67), "logic die": (0.66, 0.66, 0.65, 0.65, 0.61, 0.40),
}  # fmt: skip
OPERATIONS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # a byte: as many fp16 vectors at once
UNIT_AREAS = {"bank": 0.90, "bank group": 1.0, "logic die": 0.35}  # fitted, against units in bank groups
AREA_LATENT = "areas of units in banks (0.90) and on logic dies (0.35) against those in bank groups; buffers and wires of DRAM dies are not published"


@cache
def products_at(operations: float) -> dict[str, float]:
    """Energy x delay x area of a product of 16384 x 4096 weights by so many vectors, against the largest of the three designs."""
    found = {}
    for place, name in DESIGNS.items():
        system = find_system(name)
        machine = machine_of(system, system.chip.engines[-1])
        product = Contraction(name="product", m=operations, n=4096.0, k=16384.0, a=HALF, b=HALF, c=HALF)
        delay_s = cost_law(machine, "roofline", "kernel", correction=False).cost(product, 1.0, WORKING).total_s
        found[place] = number(delay_s) * number(total(operator_energy(product, machine).values())) * UNIT_AREAS[place]
    return {place: value / max(found.values()) for place, value in found.items()}


def _edap(place: str, operations: float) -> Callable[[Shared], float]:
    return lambda _: products_at(operations)[place]


EDAP = tuple(
    Claim("duplex", f"energy x delay x area, units at each {place}, {ops:.0f} operations a byte", published, "", "figure 8: the largest of three is 1", "Q",
          within(0.15), "fit", _edap(place, ops), latents=(AREA_LATENT,),
          remark="at the peak rates that the paper gives; arithmetic on DRAM dies priced as their process; at 32 a byte it takes more in the paper than here")
    for place, row in FIGURE_8.items() for ops, published in zip(OPERATIONS, row, strict=True)
)  # fmt: skip


# Area of a stack: section 7, table of parts -------------------------------------------------------------------------------------------------------------
STACKS, NODE_M = 5.0, 7e-9  # a predictive 7 nm kit
MODULES, MODULE_BUFFER, VECTORS_BUFFER = 32.0, 8.0 * 1024.0, 2.0 * 2.0**20  # a stack's: modules, the buffer of each, two buffers of inputs and results
PITCH_M, PSEUDO_CHANNELS, LINES = 22e-6, 32.0, 512.0  # vias of data: bits that each pseudo-channel delivers at once


def modules_m2() -> float:
    """Multipliers and adders in fp16, and the modules' own buffers."""
    engine = find_system("duplex").chip.engines[-1]
    pairs = as_float(engine.matrix_flop_per_s["fp16"]) / 2.0 / as_float(engine.clock_hz) / STACKS
    return number(pairs * multiply_add_m2("fp16", "fp16") * area_factor(NODE_M) + buffer_area_m2(MODULES * MODULE_BUFFER, NODE_M))


def vias_m2() -> float:
    """Vias of the data that all pseudo-channels deliver at once."""
    return number(vias_area_m2(PSEUDO_CHANNELS * LINES, PITCH_M))


def vectors_m2() -> float:
    """Buffers of inputs and results."""
    return number(buffer_area_m2(VECTORS_BUFFER, NODE_M))


MM2 = 1e-6
CELLS = "ours counts cells and as much again around them; two buffers of many ports take more"
AREA = (
    Claim("duplex", "area of 32 modules of 512 multiply-adds and their buffers, a stack", 3.02, "mm2", "section 7", "Q", within(0.15), "prediction",
          lambda _: modules_m2() / MM2, remark="components at 45 nm, scaled to 7 nm"),
    *(Claim("duplex", f"area of {what}, a stack", published, "mm2", "section 7", "Q", within(0.0), "bound", ours, limit="floor", reach=reach, remark=remark)
      for what, published, ours, reach, remark in (
          ("vias from DRAM dies", 10.89, lambda _: vias_m2() / MM2, 0.6, "ours counts lines of data alone; commands, repair and check bits take the rest"),
          ("buffers of inputs and results", 2.26, lambda _: vectors_m2() / MM2, 0.3, CELLS),
          ("all that is added to the logic die", 17.80, lambda _: (modules_m2() + vias_m2() + vectors_m2()) / MM2, 0.6,
           "without the softmax units, whose parts are not counted out in the paper"),
      )),
)  # fmt: skip

CLAIMS = (*EDAP, *AREA)
