"""Does it fit: what one chip must hold, against what its main memory has."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from magnitudes.arrays import Condition, Real, largest, maximum, minimum, where
from magnitudes.units import show
from simulator.machine import Machine
from workloads.graph import Workload

# What the runtime keeps for itself on a discrete accelerator: context, library workspaces, communication buffers. Assumed:
# a CUDA context with cuBLAS and NCCL buffers holds 0.5 to 1.5 GB on current parts.
RUNTIME_BYTE = 1.0e9


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What one chip holds in main memory, by purpose, and what there is."""

    weight_byte: Real
    state_byte: Real
    activation_byte: Real
    workspace_byte: Real
    capacity_byte: Real
    spilled_byte: Real = 0.0

    @property
    def total_byte(self) -> Real:
        """All that one chip must hold."""
        return self.weight_byte + self.state_byte + self.activation_byte + self.workspace_byte

    @property
    def over_byte(self) -> Real:
        """What does not fit."""
        return maximum(self.total_byte - self.capacity_byte, 0.0)

    @property
    def fits(self) -> Condition:
        """Whether all of it has a place, spilled parts included."""
        return self.over_byte <= self.spilled_byte  # not over - spilled: that may leave a rounding error


def memory_use(workloads: tuple[Workload, ...], machine: Machine, *, spill: bool) -> MemoryUse:
    """The most that any pass of a scenario needs on one chip.

    Parameters
    ----------
    workloads : tuple of Workload
        One a pass.
    machine : Machine
    spill : bool
        Whether what does not fit may lie in the tier behind main memory.
    """
    state = largest([w.state_byte for w in workloads])
    active = largest([w.activation_byte for w in workloads])
    workspace = 0.0 if machine.engine.execution in ("host", "near_memory") else RUNTIME_BYTE  # banks hold no context of a driver
    use = MemoryUse(workloads[0].weight_byte, state, active, workspace, machine.memory.capacity_byte)
    behind = machine.chip.spill_tier(machine.engine)
    if not spill or behind is None:
        return use
    return replace(use, spilled_byte=minimum(use.over_byte, behind.capacity_byte))


def spill_s(use: MemoryUse, machine: Machine) -> Real | None:
    """Time to read what does not fit, once a pass [s]; None where nothing may spill.

    What finds no place in the tier behind either is counted too: a smaller tier must not look faster.
    """
    behind = machine.chip.spill_tier(machine.engine)
    if behind is None or (isinstance(use.spilled_byte, float) and use.spilled_byte == 0.0):
        return None
    return where(use.over_byte > 0.0, behind.latency_s + use.over_byte / behind.bandwidth_byte_per_s, 0.0)


def misfit_reason(use: MemoryUse, memory_name: str) -> str:
    """Why a single design does not fit, and what would help."""
    parts = {"weights": use.weight_byte, "keys and values": use.state_byte, "activations": use.activation_byte, "runtime": use.workspace_byte}
    listed = ", ".join(f"{name} {show(float(np.max(b)), 'byte')}" for name, b in parts.items())  # type: ignore[arg-type]
    need, have = show(float(np.max(use.total_byte)), "byte"), show(float(np.max(use.capacity_byte)), "byte")  # type: ignore[arg-type]
    return f"needs {need} a chip ({listed}), {memory_name} has {have}: more --tp or --pp, a smaller --batch or --dtype, or --spill"
