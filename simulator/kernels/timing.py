"""How a kernel is started and what of that is counted: the same kernel is 2 us to a profiler and 40 us to a framework.

- ``kernel``: its own time, as a profiler reports it;
- ``graph``: replayed from a graph, one kernel behind the other: the gap between two is added;
- ``eager``: called by a framework, one by one: the host's path to the launch hides the kernel until the kernel outlasts it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hardware_specs.schema import Chip
from magnitudes.arrays import Real, maximum, minimum, power
from simulator.calibration import constant, table


def eager_host_s() -> float:
    """Time of the cheapest eager operator where nothing is known of the host: the mean of five hosts [s]."""
    return constant("timing", "eager_host_s")


@dataclass(frozen=True, slots=True)
class Timing:
    """The context in which kernels are timed.

    Parameters
    ----------
    context : str
        ``kernel``, ``graph`` or ``eager``.
    host_s : Real
        Time of the cheapest eager operator on the host at hand.
    vendor : str
        Of the chip: its driver decides how much of an eager call is over when its kernel starts.
    """

    context: str = "graph"
    host_s: Real = field(default_factory=eager_host_s)
    vendor: str = ""

    def on(self, chip: Chip) -> Timing:
        """The same context on a chip."""
        return replace(self, vendor=chip.vendor)

    @property
    def start_s(self) -> float:
        """What is added to every kernel's own work."""
        c = table("timing")
        return float(c["kernel_start_s"]) + (float(c["graph_gap_s"]) if self.context == "graph" else 0.0)

    def finish_s(self, work_s: Real, path: str = "tensor") -> Real:
        """Time of a kernel that works for `work_s`, as this context counts it [s]."""
        if self.context != "eager":
            return work_s + self.start_s
        c = table("timing")
        call_s = self.host_s * float(c["host_path"][path])
        lead = c["eager_lead"].get(self.vendor, c["eager_lead"]["default"])
        # What stands behind a launch (the way back through the framework) is the same for all calls; a longer path is longer in front of it.
        started_s = call_s - (1.0 - lead) * self.host_s + self.start_s
        return later_s(call_s, started_s + work_s)

    def paced_s(self, work_s: Real, path: str) -> Real:
        """Time of a kernel in a queue of its like: where a framework calls it over and over, the slower of host and device sets the pace [s]."""
        if self.context != "eager":
            return work_s
        return maximum(self.host_s * float(table("timing")["host_path"][path]), work_s)


def later_s(one_s: Real, other_s: Real) -> Real:
    """The later of two times that both jitter: where they are near each other, the mean of the later is behind the later mean [s].

    A maximum whose corner is round (a p-norm), so that a kernel which its host almost hides is felt a little, and a longer one more.
    """
    sharpness = float(table("timing")["eager_sharpness"])
    late_s = maximum(one_s, other_s)
    near = minimum(one_s, other_s) / late_s
    return late_s * power(1.0 + power(near, sharpness), 1.0 / sharpness)
