"""From costs of operators to the time of a pass: kernels run one after another, stages of a pipeline beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from magnitudes.arrays import Real, largest, maximum, minimum, total
from simulator.cost import Cost
from simulator.machine import Machine, MachineError
from simulator.memory import MemoryUse, moved_byte, reads_s, spill_s, tiers_behind
from workloads.graph import Workload
from workloads.operator import Collective, Contraction, GroupedContraction, Transfer
from workloads.sharding import Parallelism

SHORTEST_S = 1e-30  # stands for no time where it is divided by
PRODUCTS = (Contraction, GroupedContraction)


def chain_s(costs: Sequence[Cost]) -> Real:
    """Latency of one micro-batch through all operators, one after another [s]."""
    return total(cost.total_s for cost in costs)


def exposed(costs: Sequence[Cost]) -> tuple[Cost, ...]:
    """The costs where the sums behind a product are exchanged while it is computed: of each all-reduce what is still waited for.

    An all-reduce is a reduce-scatter and an all-gather of the same length (Thakur et al. 2005). The first may begin with the product's first tile
    and hides behind the product as far as that lasts, or the product behind it; the second needs all sums (Pati et al., T3, ASPLOS 2024:
    their ideal overlap, without contention for memory).
    """
    shown = list(costs[:1])
    for before, cost in pairwise(costs):
        operator = cost.operator
        if isinstance(before.operator, PRODUCTS) and isinstance(operator, Collective) and operator.pattern == "all_reduce":
            hidden_s = minimum(before.total_s, cost.total_s / 2.0) / cost.count
            shown.append(replace(cost, time_s=cost.time_s - hidden_s))
        else:
            shown.append(cost)
    return tuple(shown)


def fetched(costs: Sequence[Cost], use: MemoryUse, machine: Machine) -> tuple[Cost, ...]:
    """What a pass waits for memory behind main memory, as a cost of its own; empty where nothing may spill.

    What was spilled is fetched while the engines compute, ahead of its use: only what outlasts the whole pass is waited for.
    """
    read_s = spill_s(use, machine)
    if read_s is None:
        return ()
    behind = tiers_behind(machine)[0]
    transfer = Transfer(name=f"fetch_from_{behind.name}", moved_byte=moved_byte(use), source=behind.name, target=machine.memory.name)
    wait_s = maximum(read_s - chain_s(costs), 0.0)
    reads = reads_s(use, machine)
    if len(reads) == 1:
        return (Cost(transfer, 1.0, wait_s, {behind.name: wait_s}),)
    longest_s = maximum(largest(reads.values()), SHORTEST_S)
    return (Cost(transfer, 1.0, wait_s, {name: wait_s * (own_s / longest_s) for name, own_s in reads.items()}),)  # the slowest tier is waited for


def brought(load: Workload, machine: Machine) -> tuple[Cost, ...]:
    """What a pass brings from the memory behind before it can begin, as a cost of its own; empty where there is nothing.

    Raises
    ------
    MachineError
        If there is no memory behind.
    """
    if isinstance(load.fetched_byte, float) and load.fetched_byte == 0.0:
        return ()
    behind = machine.chip.spill_tier(machine.engine)
    if behind is None:
        raise MachineError(f"{machine.chip.name} has no memory behind {machine.memory.name} to hold adapters; hold all of them, or take another machine")
    transfer = Transfer(name=f"bring_from_{behind.name}", moved_byte=load.fetched_byte, source=behind.name, target=machine.memory.name)
    some = minimum(load.fetched_byte, 1.0)  # where nothing is moved, nothing waits
    copy_s = some * behind.latency_s + load.fetched_byte / behind.bandwidth_byte_per_s
    return (Cost(transfer, 1.0, copy_s, {behind.name: copy_s}),)


def step_s(latency_s: Real, cut: Parallelism, *, steady: bool) -> Real:
    """Time in which a whole batch passes a pipeline whose micro-batches take `latency_s` each [s].

    Parameters
    ----------
    latency_s : Real
        One micro-batch through all `pp` stages, taken as equally long.
    cut : Parallelism
    steady : bool
        True for decoding, where the next step of a micro-batch starts as soon as its last is done: with as many micro-batches as
        stages the pipeline never drains. False for a single pass, which fills and drains: ``(pp - 1)`` more stage times
        (Huang et al., GPipe, 2019), or so many over the stretches that stages have in turn (Narayanan et al., SC 2021, section 2.2).
    """
    if isinstance(cut.pp, float) and cut.pp == 1.0 and isinstance(cut.parts, float) and cut.parts == 1.0:
        return latency_s
    if steady:
        return latency_s * maximum(cut.parts / cut.pp, 1.0)
    whole_s = latency_s * (1.0 + (cut.parts - 1.0) / cut.pp)
    if isinstance(cut.interleave, float) and cut.interleave == 1.0:
        return whole_s
    return whole_s - latency_s * (1.0 - 1.0 / cut.pp) * (1.0 - 1.0 / cut.interleave)
