"""A learned correction on top of the physics: a sum of piecewise-linear functions of dimensionless features of a kernel.

It is kept for the kinds of operators where it makes devices that were left out of its training better, and for no others
(``calibration/correction.json``), and learned on kernels whose time is the device's alone, not on eager calls. It cannot turn a
prediction against the physics: what depends on the hardware enters only through functions that never make a better machine slower,
and the result stays above the roofs of the tiers that are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, choose, clip, exp, log, maximum, minimum
from magnitudes.datatypes import DataTypeChoice
from simulator.calibration import table
from simulator.confidence.kinds import kind_of
from simulator.cost import Cost
from simulator.kernels.timing import Timing
from simulator.law import CostLaw
from simulator.machine import Machine
from simulator.reuse import Reuse
from simulator.roofline import cached_floor_s
from workloads.operator import Attention, Contraction, GroupedContraction, Normalization, Operator, Softmax

TILE_SIDE = 128.0  # of the tiles that `waves` counts


def with_correction(law: CostLaw, machine: Machine, timing: Timing) -> CostLaw:
    """A law whose times are corrected where something was learned; the law itself for engines that nothing was learned on."""
    if not isinstance(machine.engine, KernelEngine):
        return law

    def cost(operator: Operator, count: Real, reuse: Reuse) -> Cost:
        plain = law.cost(operator, count, reuse)
        learned = learned_log(operator, plain.time_s, machine, timing)
        if isinstance(learned, float) and learned == 0.0:
            return plain
        return replace(plain, time_s=maximum(plain.time_s * exp(learned), cached_floor_s(operator, machine)))

    return replace(law, cost=cost)


def learned_log(operator: Operator, time_s: Real, machine: Machine, timing: Timing) -> Real:
    """Logarithm of the factor on a predicted time; 0.0 where nothing was learned."""
    kinds: Mapping[str, Any] = table("correction")["kinds"]
    element = operator.arithmetic
    options = element.options if isinstance(element, DataTypeChoice) else (element,)
    rows = [kinds.get(kind_of(operator, option)) for option in options]
    if all(row is None for row in rows):
        return 0.0
    known = features(operator, time_s, machine, timing)
    logs = [0.0 if row is None else _sum(row, known) for row in rows]
    return choose(element.index, logs) if isinstance(element, DataTypeChoice) else logs[0]


def _sum(row: Mapping[str, Any], known: Mapping[str, Real]) -> Real:
    """A constant and a piecewise-linear function of each feature, flat outside its first and last knot."""
    result: Real = row["constant"]
    for name, curve in row["features"].items():
        for left, right, slope in zip(curve["knots"], curve["knots"][1:], curve["slopes"], strict=False):
            if slope != 0.0:
                result = result + slope * (clip(known[name], left, right) - left)
    return result


def features(operator: Operator, time_s: Real, machine: Machine, timing: Timing) -> dict[str, Real]:
    """Dimensionless features of a kernel, as logarithms.

    Returns
    -------
    dict of str to Real
        ``ramp``: its time beside a launch; ``cache``: its bytes beside the last cache. For products ``waves``: tiles beside
        multiprocessors, ``depth``: of the contraction, ``narrow``: the shorter side of the result, ``batch``. For kernels over rows
        ``cols``, and ``rows`` beside multiprocessors. For attention ``waves``: sequences' key heads beside multiprocessors, ``length`` of the
        keys, ``head``: width, ``group``: query heads a key head. For experts ``load``: rows of one that is active, ``depth``.
    """
    engine = machine.engine
    assert isinstance(engine, KernelEngine)
    known = {"ramp": log(time_s / timing.start_s)}
    if machine.cache is not None:
        known["cache"] = log(operator.byte / machine.cache.capacity_byte)
    if isinstance(operator, Contraction):
        tiles = operator.batch * maximum(operator.m / TILE_SIDE, 1.0) * maximum(operator.n / TILE_SIDE, 1.0)
        known |= {
            "waves": log(tiles / engine.multiprocessors), "depth": log(operator.k / 1024.0), "narrow": log(minimum(operator.m, operator.n) / TILE_SIDE),
            "batch": log(maximum(operator.batch, 1.0)),
        }  # fmt: skip
    if isinstance(operator, Softmax | Normalization):
        known |= {"cols": log(operator.cols / 1024.0), "rows": log(operator.rows / engine.multiprocessors)}
    if isinstance(operator, Attention):
        known |= {
            "waves": log(operator.batch * operator.kv_heads / engine.multiprocessors), "length": log(operator.kv_len / 2048.0),
            "head": log(operator.head_dim / 128.0), "group": log(operator.heads / operator.kv_heads),
        }  # fmt: skip
    if isinstance(operator, GroupedContraction):
        known |= {"load": log(operator.rows / operator.active / 32.0), "depth": log(operator.k / 1024.0)}
    return known
