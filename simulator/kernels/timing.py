"""How a kernel is started and what of that is counted: the same kernel is 2 us to a profiler and 40 us to a framework.

- ``kernel``: its own time, as a profiler reports it;
- ``graph``: replayed from a graph, one kernel behind the other: the gap between two is added;
- ``eager``: called by a framework, one by one: the host's path to the launch hides the kernel until the kernel outlasts it.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Real, maximum

# Block launch, first instruction and drain: a profiler's shortest kernels (Vidur's `add` of one row on an A100: 2 us at 1 us resolution).
KERNEL_START_S = 1.6e-6
# Between two nodes of a replayed graph: shortest graph-timed kernels (aiconfigurator's smallest GEMM, 2.5 us) less the start.
GRAPH_GAP_S = 1.0e-6
# The cheapest eager operator of PyTorch, between two events: mean of the five hosts of the NeuSight set (17 to 45 us).
EAGER_HOST_S = 29e-6
# Share of the host's path that lies behind the launch: fitted on NeuSight's vector operators, hosts left out (folds 0.36 to 0.51).
EAGER_TAIL = 0.445

# Length of the host's path by the way an operator is called, 1 = a tensor-tensor operator: medians over the NeuSight hosts.
HOST_PATH = {"tensor": 1.0, "function": 1.17, "softmax": 1.28, "linear": 1.3, "layernorm": 1.75, "convolution": 5.5}


@dataclass(frozen=True, slots=True)
class Timing:
    """The context in which kernels are timed.

    Parameters
    ----------
    context : str
        ``kernel``, ``graph`` or ``eager``.
    host_s : Real
        Time of the cheapest eager operator on the host at hand.
    """

    context: str = "graph"
    host_s: Real = EAGER_HOST_S

    @property
    def start_s(self) -> float:
        """What is added to every kernel's own work."""
        return KERNEL_START_S + (GRAPH_GAP_S if self.context == "graph" else 0.0)

    def finish_s(self, work_s: Real, path: str = "tensor") -> Real:
        """Time of a kernel that works for `work_s`, as this context counts it [s]."""
        if self.context != "eager":
            return work_s + self.start_s
        length = HOST_PATH[path]
        lead_s = self.host_s * max(length - EAGER_TAIL, 0.1)
        return maximum(self.host_s * length, lead_s + self.start_s + work_s)
