"""The band around one predicted time: how far off kernels of its kind and size were on devices left out of every fit.

Conformal intervals by regime (Vovk et al. 2005; Romano et al. 2019): quantiles of log-residuals, the regime being how long the
kernel works beside its launch. Beyond what was measured (a size, a format, a generation, an execution model) the worst device's
quantiles count instead, and the band says that it extrapolates. A roofline knows no launch: its bands start from roof and launch together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from magnitudes.arrays import Condition, Real, choose, either, exp, maximum, minimum, where
from magnitudes.datatypes import DataType, DataTypeChoice
from simulator.calibration import table
from simulator.confidence.kinds import is_gradient, kind_on
from simulator.kernels.timing import Timing
from simulator.machine import Machine
from workloads.operator import Operator

NOTHING = 1e-12  # of a launch: what takes no time has a band all the same
SLACK = 2.0  # sizes up to this factor beyond the measured ones still count as seen


@dataclass(frozen=True, slots=True)
class Band:
    """Where a measurement lies with 90 %: between ``fast`` and ``slow`` times the prediction.

    Parameters
    ----------
    fast, slow : Real
        At most and at least 1.
    extrapolated : bool or mask
        Whether nothing like it was measured.
    kind : str
    """

    fast: Real
    slow: Real
    extrapolated: Condition
    kind: str


def band(operator: Operator, time_s: Real, machine: Machine, timing: Timing, fidelity: str) -> Band:
    """The band around one call of an operator.

    Parameters
    ----------
    operator : Operator
        Sizes may be columns.
    time_s : Real
        Its predicted time.
    machine : Machine
    timing : Timing
    fidelity : str
        The law that predicted it: ``roofline`` has bands of its own, wide ones.
    """
    element = operator.arithmetic
    if isinstance(element, DataTypeChoice):
        each = [_of_format(operator, option, time_s, machine, timing, fidelity) for option in element.options]
        fast, slow = (choose(element.index, [getattr(b, name) for b in each]) for name in ("fast", "slow"))
        flags = choose(element.index, [where(b.extrapolated, 1.0, 0.0) for b in each])
        return Band(fast, slow, flags > 0.5, each[0].kind)
    return _of_format(operator, element, time_s, machine, timing, fidelity)


def _of_format(operator: Operator, element: DataType, time_s: Real, machine: Machine, timing: Timing, fidelity: str) -> Band:
    execution = machine.engine.execution
    kind = kind_on(operator, element, execution, timing.context)
    bands: Mapping[str, Any] = table("intervals")[fidelity]
    known = kind in bands
    row: Mapping[str, Any] = bands[kind if known else "any"]
    seen = row["seen"]
    strange: Condition = not known or is_gradient(operator) or execution not in ("kernel", kind) or machine.chip.generation not in seen["generations"]
    if element.name not in seen["formats"] and operator.matrix_flop is not None:
        strange = True
    strange = either(strange, _outside(operator.flop, seen["flop"]))
    strange = either(strange, _outside(operator.byte, seen["byte"]))
    size = maximum(time_s / timing.start_s, NOTHING)
    fast = where(strange, _step(size, row["edges"], row["worst_fast"]), _step(size, row["edges"], row["fast"]))
    slow = where(strange, _step(size, row["edges"], row["worst_slow"]), _step(size, row["edges"], row["slow"]))
    launched = 1.0 + 1.0 / size if fidelity == "roofline" else 1.0
    return Band(minimum(launched * exp(fast), 1.0), maximum(launched * exp(slow), 1.0), strange, kind)


def _outside(x: Real, seen: Sequence[float]) -> Condition:
    """Whether a size is beyond what was measured."""
    return either(x < seen[0] / SLACK, x > seen[1] * SLACK)


def _step(x: Real, edges: Sequence[float], values: Sequence[float]) -> Real:
    """The value of the regime that a size falls into."""
    result: Real = values[0]
    for edge, value in zip(edges, values[1:], strict=True):
        result = where(x >= edge, value, result)
    return result
