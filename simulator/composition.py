"""Compositions of experts on a machine: which experts lie in main memory, and what copying the others there takes.

All experts lie in the memory behind (a chip's own, or the hosts' that all chips of a node share); main memory holds the router and as many experts as
find room beside the keys and values, the least recently used leaving first. Of `n` experts that requests ask evenly and independently, with room for
`c`, a request finds its own with probability c / n: the cache then holds the last `c` distinct ones, and each is as likely as another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hardware_specs.schema import StreamingEngine, System, Tier
from magnitudes.arrays import Real, as_float, floor, maximum, minimum, total, where
from magnitudes.units import show
from simulator.calibration import table
from simulator.cost import Cost
from simulator.figures import PassEstimate
from simulator.machine import Machine
from simulator.memory import MemoryUse, TierUse
from workloads.composition import Composition
from workloads.graph import Workload
from workloads.operator import Residency

SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class ExpertMemory:
    """Where the experts of a composition lie, on one chip.

    Parameters
    ----------
    expert_byte : Real
        One expert's part on the chip.
    resident : Real
        Experts that main memory has room for.
    experts : Real
    behind_byte : Real
        Room in the memory behind.
    copy_byte_per_s, copy_start_s : Real
        What a copy from there sustains, and its latency.
    name : str
        Of the memory behind.
    """

    expert_byte: Real
    resident: Real
    experts: Real
    behind_byte: Real
    copy_byte_per_s: Real
    copy_start_s: Real
    name: str

    @property
    def copy_s(self) -> Real:
        """Time to copy one expert [s]."""
        return self.copy_start_s + self.expert_byte / self.copy_byte_per_s

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of a single design should know; nothing of columns, whose rows differ."""
        if not (isinstance(self.resident, float) and isinstance(self.experts, float) and isinstance(self.behind_byte, float)):
            return ()
        behind = f"{self.name} behind it for {int(self.behind_byte / as_float(self.expert_byte)):,}" if self.name else "there is no memory behind it"
        return (
            f"main memory has room for {self.resident:,.0f} of {self.experts:,.0f} experts, {behind}; the router runs once for the batch, then each request's "
            f"expert is copied where it is not there ({show(as_float(self.copy_s), 's')}) and runs alone: time to first token is its prefill",
        )

    def miss(self, choice: str) -> Real:
        """Share of requests whose expert is not in main memory."""
        some = maximum(self.experts - self.resident, 0.0)
        return where(some > 0.0, 1.0, 0.0) if choice == "new" else some / self.experts


def expert_memory(model: Composition, loads: tuple[Workload, ...], use: MemoryUse, machine: Machine, chips: Real) -> ExpertMemory:
    """Where the experts of a composition lie.

    Parameters
    ----------
    use : MemoryUse
        As it would be, had everything to lie in main memory.
    chips : Real
        Chips that share what the hosts have.
    """
    expert = next(load for load in loads if load.nodes[0].operator.kind == "transfer").nodes[0].operator.byte_of(Residency.OUTPUT)
    beside = use.total_byte - model.experts * expert  # router, keys and values, activations, runtime
    room = floor(maximum(use.capacity_byte - beside, 0.0) / expert)
    behind, share = _behind(machine.system, machine, chips)
    if behind is None:
        return ExpertMemory(expert, minimum(room, model.experts), model.experts, 0.0, machine.memory.bandwidth_byte_per_s, 0.0, "")
    rate = behind.bandwidth_byte_per_s / share * _copy_sustained(machine)
    name = "the hosts' memory" if behind is machine.system.shared else behind.name
    return ExpertMemory(expert, minimum(room, model.experts), model.experts, behind.capacity_byte / share, rate, behind.latency_s, name)


def _behind(system: System, machine: Machine, chips: Real) -> tuple[Tier | None, Real]:
    """The memory behind, and among how many chips its capacity and rate are shared."""
    if system.shared is not None:
        return system.shared, chips
    return system.chip.spill_tier(machine.engine), 1.0


def _copy_sustained(machine: Machine) -> float:
    """Share of the peak that copies between a chip's own memories sustain; peaks of links to hosts are taken as stated."""
    if not isinstance(machine.engine, StreamingEngine) or machine.system.shared is not None:
        return 1.0
    share = table("dataflow")["copy_sustained"]
    return float(share.get(machine.chip.generation, share["default"]))


def with_experts_behind(use: MemoryUse, experts: ExpertMemory) -> MemoryUse:
    """Memory use where experts lie behind main memory, all of them: those in main memory are copies."""
    lacking = maximum(experts.experts * experts.expert_byte - experts.behind_byte, 0.0)
    one_runs = where(experts.resident >= minimum(experts.experts, 1.0), 1.0, 0.0)  # beside the router, one expert must find room
    spilled = maximum(use.over_byte - lacking, 0.0) * one_runs
    return replace(use, spilled_byte=spilled, behind=(TierUse(experts.name, experts.behind_byte, spilled),) if experts.name else ())


def batch_s(route_s: Real, copy_s: Real, run_s: Real, requests: Real) -> Real:
    """Time of a batch whose requests are served one after another: the router once, then for each a copy and a run [s]."""
    return route_s + requests * (copy_s + run_s)


def switched(passes: tuple[PassEstimate, ...], model: Composition, experts: ExpertMemory) -> tuple[PassEstimate, ...]:
    """The passes with what it takes to bring each request's expert to main memory."""
    run_s = total(p.run.repeats * p.time_s for p in passes if p.run.phase in ("prefill", "decode"))
    return tuple(_switch(p, run_s, model, experts) if p.run.phase == SWITCH else p for p in passes)


def _switch(p: PassEstimate, run_s: Real, model: Composition, experts: ExpertMemory) -> PassEstimate:
    """One request's copy, as often as its expert is not there; but for the first, behind the request before it, where copies are made ahead."""
    copy_s = experts.miss(model.choice) * experts.copy_s
    if model.prefetch:
        requests = p.run.repeats
        copy_s = (copy_s + (requests - 1.0) * maximum(copy_s - run_s / requests, 0.0)) / requests
    cost = Cost(p.load.nodes[0].operator, 1.0, copy_s, {experts.name or "copy": copy_s})
    return PassEstimate(p.run, p.load, (cost,), copy_s)
