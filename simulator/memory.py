"""What lives where, and does it fit: what one chip must hold, over the memories that its engines stand beside and the tiers behind.

Each engine's main memory holds the weights and caches of the operators that run there. What does not fit the first engine's may spill: weights
first, whose next use is known a pass ahead, then keys and values; into the nearest tier behind that has room, then into the next. It is read
once a pass, while the engines compute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hardware_specs.schema import Tier
from magnitudes.arrays import Condition, Real, both, largest, maximum, minimum, total, where
from magnitudes.units import show
from simulator.machine import Machine
from simulator.offload.choice import Offload
from workloads.graph import Workload

# What the runtime keeps for itself on a discrete accelerator: context, library workspaces, communication buffers. Assumed:
# a CUDA context with cuBLAS and NCCL buffers holds 0.5 to 1.5 GB on current parts.
RUNTIME_BYTE = 1.0e9


@dataclass(frozen=True, slots=True)
class TierUse:
    """What one tier of a chip holds, by purpose.

    Parameters
    ----------
    name : str
    capacity_byte : Real
    weight_byte, state_byte, activation_byte, workspace_byte, gradient_byte, optimizer_byte : Real
    """

    name: str
    capacity_byte: Real
    weight_byte: Real = 0.0
    state_byte: Real = 0.0
    activation_byte: Real = 0.0
    workspace_byte: Real = 0.0
    gradient_byte: Real = 0.0
    optimizer_byte: Real = 0.0

    @property
    def total_byte(self) -> Real:
        """All that it must hold."""
        return self.weight_byte + self.state_byte + self.activation_byte + self.workspace_byte + self.gradient_byte + self.optimizer_byte

    @property
    def over_byte(self) -> Real:
        """What does not fit."""
        return maximum(self.total_byte - self.capacity_byte, 0.0)


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What one chip holds, by purpose, and what there is.

    Parameters
    ----------
    weight_byte, state_byte, activation_byte, workspace_byte : Real
        In all memories together.
    capacity_byte : Real
        Of the memories that engines stand beside.
    spilled_byte : Real
        Of it in tiers behind the first engine's memory.
    homes : tuple of TierUse
        What each of those memories is asked to hold, the first engine's first, before anything is spilled; empty where there is one.
    behind : tuple of TierUse
        What was spilled, nearest tier first.
    main : str
        The first engine's memory.
    gradient_byte, optimizer_byte : Real
        In training.
    """

    weight_byte: Real
    state_byte: Real
    activation_byte: Real
    workspace_byte: Real
    capacity_byte: Real
    spilled_byte: Real = 0.0
    homes: tuple[TierUse, ...] = ()
    behind: tuple[TierUse, ...] = ()
    main: str = "main memory"
    gradient_byte: Real = 0.0
    optimizer_byte: Real = 0.0

    @property
    def total_byte(self) -> Real:
        """All that one chip must hold."""
        return self.weight_byte + self.state_byte + self.activation_byte + self.workspace_byte + self.gradient_byte + self.optimizer_byte

    @property
    def asked(self) -> tuple[TierUse, ...]:
        """What each memory is asked to hold."""
        own = TierUse(
            self.main, self.capacity_byte, self.weight_byte, self.state_byte, self.activation_byte, self.workspace_byte, self.gradient_byte, self.optimizer_byte
        )
        return self.homes or (own,)

    @property
    def tiers(self) -> tuple[TierUse, ...]:
        """What lies where after spilling."""
        first, *others = self.asked
        weight, state = (total(getattr(t, f"{kind}_byte") for t in self.behind) for kind in ("weight", "state"))
        return (replace(first, weight_byte=first.weight_byte - weight, state_byte=first.state_byte - state), *others, *self.behind)

    @property
    def over_byte(self) -> Real:
        """What does not fit the memories, whatever was spilled."""
        return total(t.over_byte for t in self.asked)

    @property
    def fits(self) -> Condition:
        """Whether all of it has a place, spilled parts included."""
        first, *others = self.asked
        found: Condition = first.over_byte <= self.spilled_byte  # not over - spilled: that may leave a rounding error
        for tier in others:
            found = both(found, tier.over_byte <= 0.0)
        for tier in self.behind:
            found = both(found, tier.over_byte <= 1.0)  # a byte: what filled a tier exactly may be over by a rounding error
        return found


def memory_use(
    workloads: tuple[Workload, ...], machine: Machine, *, spill: bool, homes: Mapping[str, TierUse] | None = None, offload: Offload | None = None
) -> MemoryUse:
    """The most that any pass of a scenario needs on one chip.

    Parameters
    ----------
    workloads : tuple of Workload
        One a pass.
    machine : Machine
        The first engine.
    spill : bool
        Whether what does not fit may lie in the tiers behind main memory.
    homes : mapping of str to TierUse, optional
        What each memory is asked to hold, where engines stand beside several; the first engine's first.
    offload : Offload, optional
        What lies behind main memory whatever room there is; instead of spilling.

    Raises
    ------
    InputError
        If it names a tier that is not behind main memory.
    """
    state = largest([w.state_byte for w in workloads])
    active = largest([w.activation_byte for w in workloads])
    alone = machine.engine.execution in ("host", "near_memory", "streaming") or machine.memory.kind == "SRAM"  # no context of a driver lies there
    workspace = 0.0 if alone else RUNTIME_BYTE
    first = workloads[0]
    use = MemoryUse(first.weight_byte, state, active, workspace, machine.memory.capacity_byte, main=machine.memory.name)
    use = replace(use, gradient_byte=first.gradient_byte, optimizer_byte=first.optimizer_byte)
    if homes:
        use = _over_all(tuple(replace(t, workspace_byte=workspace) if t.name == use.main else t for t in homes.values()), use.main)
    if offload is not None:
        return _offloaded(use, machine, offload)
    return _spilled(use, machine) if spill else use


def _offloaded(use: MemoryUse, machine: Machine, offload: Offload) -> MemoryUse:
    """What was asked to lie behind, in the tiers that are named; tiers that other engines stand beside are taken."""
    first, *others = use.asked
    taken = {t.name for t in others}
    asked = offload.within(tuple(t.name for t in tiers_behind(machine) if t.name not in taken), machine.chip.name)
    behind = tuple(
        TierUse(t.name, t.capacity_byte, first.weight_byte * asked.share("weight", t.name), first.state_byte * asked.share("state", t.name))
        for t in tiers_behind(machine)
    )
    return replace(use, spilled_byte=total(t.weight_byte + t.state_byte for t in behind), behind=behind)


def _over_all(homes: tuple[TierUse, ...], main: str) -> MemoryUse:
    """Several memories as one use."""
    weight, state, active = total(t.weight_byte for t in homes), total(t.state_byte for t in homes), total(t.activation_byte for t in homes)
    workspace, capacity = total(t.workspace_byte for t in homes), total(t.capacity_byte for t in homes)
    return MemoryUse(weight, state, active, workspace, capacity, homes=homes, main=main)


def _spilled(use: MemoryUse, machine: Machine) -> MemoryUse:
    """What is over, dealt to the tiers behind in turn."""
    first, *others = use.asked
    taken = {t.name: t.total_byte for t in others}
    over = first.over_byte
    weights = minimum(over, first.weight_byte)
    states = minimum(over - weights, first.state_byte)
    behind = []
    for tier in tiers_behind(machine):
        room = maximum(tier.capacity_byte - taken.get(tier.name, 0.0), 0.0)
        weight = minimum(weights, room)
        state = minimum(states, room - weight)
        weights, states = weights - weight, states - state
        behind.append(TierUse(tier.name, tier.capacity_byte, weight, state))
    return replace(use, spilled_byte=total(t.weight_byte + t.state_byte for t in behind), behind=tuple(behind))


def tiers_behind(machine: Machine) -> tuple[Tier, ...]:
    """The tiers behind an engine's main memory, nearest first."""
    names = [t.name for t in machine.chip.tiers]
    return machine.chip.tiers[names.index(machine.memory.name) + 1 :]


def spill_s(use: MemoryUse, machine: Machine) -> Real | None:
    """Time to read what was spilled, once a pass [s]; None where nothing may spill.

    All of it comes over the way to the nearest tier, and no tier gives it faster than it can. What finds no place behind either is counted too:
    a smaller tier must not look faster.
    """
    tiers = tiers_behind(machine)
    if not tiers or not use.behind:
        return None
    return where(moved_byte(use) > 0.0, tiers[0].latency_s + largest(reads_s(use, machine).values()), 0.0)


def reads_s(use: MemoryUse, machine: Machine) -> dict[str, Real]:
    """What each tier behind takes to give what lies there, by name; the nearest is on the way of all of it [s]."""
    tiers = tiers_behind(machine)
    own = {t.name: t.total_byte / tier.bandwidth_byte_per_s for t, tier in zip(use.behind, tiers, strict=True)}
    return {**own, tiers[0].name: maximum(own[tiers[0].name], moved_byte(use) / tiers[0].bandwidth_byte_per_s)}


def moved_byte(use: MemoryUse) -> Real:
    """Bytes that come from behind in a pass: what lies there, and what finds no place."""
    return maximum(use.asked[0].over_byte, use.spilled_byte)


def misfit_reason(use: MemoryUse) -> str:
    """Why a single design does not fit, and what would help."""
    full = [t for t in use.behind if float(np.max(t.over_byte)) > 1.0]  # type: ignore[arg-type]
    over = full or [t for t in use.asked if float(np.max(t.over_byte)) > 0.0] or [use.asked[0]]  # type: ignore[arg-type]
    spilled = ", ".join(f"{t.name} behind it {show(float(np.max(t.capacity_byte)), 'byte')}" for t in use.behind)  # type: ignore[arg-type]
    listed = f"{'; '.join(_misfit(t) for t in over)}{', ' + spilled if spilled else ''}"
    if float(np.max(use.optimizer_byte)) > 0.0:  # type: ignore[arg-type]
        return f"{listed}: more --zero, --recompute, --tp or --pp, or a smaller --micro-batch"
    return f"{listed}: more --tp or --pp, a smaller --batch or --dtype{'' if spilled else ', or --spill'}"


def _misfit(use: TierUse) -> str:
    parts = {
        "weights": use.weight_byte, "gradients": use.gradient_byte, "optimizer": use.optimizer_byte, "keys and values": use.state_byte,
        "activations": use.activation_byte, "runtime": use.workspace_byte,
    }  # fmt: skip
    held = {name: float(np.max(b)) for name, b in parts.items()}  # type: ignore[arg-type]
    listed = ", ".join(f"{name} {show(byte, 'byte')}" for name, byte in held.items() if byte > 0.0)
    need, have = show(float(np.max(use.total_byte)), "byte"), show(float(np.max(use.capacity_byte)), "byte")  # type: ignore[arg-type]
    return f"needs {need} a chip ({listed}), {use.name} has {have}"
