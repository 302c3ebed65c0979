"""From a pass to its sections: chains of operators that repeat together, each cut where it is fastest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from magnitudes.arrays import Real, as_float, largest, minimum
from magnitudes.names import nearest
from magnitudes.symbol import Symbol
from magnitudes.units import show
from simulator.cost import NEVER_S, Cost
from simulator.machine import Machine, MachineError
from simulator.roofline import roofs
from simulator.streaming.cuts import LONGEST, SCHEDULES, best_way, best_ways, readers_of, sections_on
from simulator.streaming.fabric import Fabric, fabric_of
from simulator.streaming.section import Load, assigned, extended, least_need_byte, section_parts
from simulator.streaming.stage import Stage, share_of, stages_of
from simulator.streaming.unfused import unfused
from workloads.graph import Node, Workload
from workloads.operator import Collective, Fused

AHEAD = 6  # operators among which one of the same repeat is looked for: layers of two kinds of attention are one chain


class SectionError(MachineError):
    """A group of operators that cannot be one section."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a single design.

    Parameters
    ----------
    operators : tuple of str
    count, time_s : float
        Calls in a pass, and time of one.
    units : tuple of int
        Compute units of each operator.
    on_chip_byte : float
        Least memory on chip that it takes.
    bound : str
        The resource that sets its time.
    """

    operators: tuple[str, ...]
    count: float
    time_s: float
    units: tuple[int, ...]
    on_chip_byte: float
    bound: str


def segments(nodes: Sequence[Node]) -> Iterator[tuple[tuple[Node, ...], Real]]:
    """Chains of operators that repeat together, each with its repeat.

    An operator between two of the same repeat belongs to them: some of the layers have it, others not.
    """
    start = 0
    while start < len(nodes):
        count, end = nodes[start].count, start + 1
        while end < len(nodes):
            near = nodes[end : end + AHEAD]
            same = next((i for i, node in enumerate(near) if _same(node.count, count)), None)
            if same is None or not all(_within(node.count, count) for node in near[:same]):
                break
            end += same + 1
        yield tuple(nodes[start:end]), count
        start = end


def _same(a: Real, b: Real) -> bool:
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return a.number == b.number
    return a is b or (isinstance(a, float) and isinstance(b, float) and a == b)


def _within(a: Real, b: Real) -> bool:
    return isinstance(a, float) and isinstance(b, float) and a <= b


def pass_costs(load: Workload, machine: Machine, schedule: str = "") -> tuple[Cost, ...]:
    """The cost of each chain of a pass, cut into sections.

    Parameters
    ----------
    schedule : str
        Out of `cuts.SCHEDULES`.

    Raises
    ------
    MachineError
        If the schedule is not known.
    """
    if schedule not in SCHEDULES:
        near = nearest(schedule, SCHEDULES)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MachineError(f"unknown schedule {schedule!r}{hint} (known: {', '.join(SCHEDULES[1:])}, or none for the fastest mixture)")
    fabric = fabric_of(machine)
    load = _parted(load, schedule)
    _check_groups(load)
    return tuple(_cost(nodes, count, machine, fabric, schedule, load) for nodes, count in segments(load.nodes))


def _parted(load: Workload, schedule: str) -> Workload:
    """The operators that sections are made of: where nothing is fused, not even attention is."""
    return unfused(load) if schedule == "sequential" else load


def _cost(nodes: tuple[Node, ...], count: Real, machine: Machine, fabric: Fabric, schedule: str, load: Workload) -> Cost:
    stages = stages_of(nodes, count, machine)
    way = best_way(stages, fabric, schedule, joined_in(stages, load.groups))
    if isinstance(way.time_s, float) and way.time_s >= NEVER_S:
        for group in load.groups:
            group_section(group, load, machine)  # says what does not fit
        asked, ends = ", ".join("+".join(g) for g in load.groups), f"{nodes[0].operator.name} to {nodes[-1].operator.name}"
        raise SectionError(f"the fusion groups {asked} leave no way to cut {ends} into sections; ask for fewer")
    once_s = fabric.once_s / count if fabric.keeps else 0.0
    parts = {**way.parts, "launch": way.parts["launch"] + once_s}
    time_s = largest([way.time_s + once_s, *_floor(stages, machine).values()])
    if load.groups:
        time_s, parts = minimum(time_s, NEVER_S), {name: minimum(part, NEVER_S) for name, part in parts.items()}
    return Cost(replace(_fused(nodes, count), sections=way.sections), count, time_s, parts)


def joined_in(stages: Sequence[Stage], groups: Sequence[Sequence[str]]) -> frozenset[int]:
    """The stages of a chain that must not begin a section: all of a group but the first."""
    place = {stage.name: i for i, stage in enumerate(stages)}
    return frozenset(place[name] for group in groups for name in group[1:] if name in place)


def _check_groups(load: Workload) -> None:
    """Refuse groups of operators that are not there or do not follow each other.

    Raises
    ------
    SectionError
    """
    for group in load.groups:
        _chain_of(group, load)


def _chain_of(names: Sequence[str], load: Workload) -> tuple[tuple[Node, ...], Real, int]:
    """The chain that a group is part of, its repeat, and where in it the group begins; exchanges belong to the operator before them.

    Raises
    ------
    SectionError
    """
    known = [node.operator.name for node in load.nodes]
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None or not names:
        near = nearest(wrong or "", known)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SectionError(f"there is no operator {wrong!r} in the pass{hint} (its operators: {', '.join(known)})")
    for nodes, count in segments(load.nodes):
        chain = [n.operator.name for i, n in enumerate(nodes) if not i or not isinstance(n.operator, Collective)]
        if names[0] in chain:
            start = chain.index(names[0])
            if chain[start : start + len(names)] == list(names):
                return nodes, count, start
            raise SectionError(f"{', '.join(names)} do not follow each other; from {names[0]} on the chain is {', '.join(chain[start:])}")
    raise SectionError(f"{names[0]} is an exchange: it belongs to the operator before it")


def floor_costs(load: Workload, machine: Machine) -> tuple[Cost, ...]:
    """The floor of each chain: all its operators at once, each resource busy all the time, nothing between them in main memory."""
    costs = []
    for nodes, count in segments(load.nodes):
        stages = stages_of(nodes, count, machine)
        parts = _floor(stages, machine)
        costs.append(Cost(_fused(nodes, count), count, largest(parts.values()), parts))
    return tuple(costs)


def _floor(stages: Sequence[Stage], machine: Machine) -> dict[str, Real]:
    """Arithmetic, weights and state, and links of a chain, each at its peak [s]."""
    parts: dict[str, Real] = {}
    for stage in stages:
        found = {**stage.link_s}
        if stage.works:
            found |= {name: stage.share * part for name, part in roofs(stage.operator, machine).items() if name in ("matrix", "vector")}
        for tier in machine.tiers:
            found[tier.name] = (stage.weight_byte + stage.state_byte) / tier.bandwidth_byte_per_s
        parts = {name: parts.get(name, 0.0) + found.get(name, 0.0) for name in {**parts, **found}}
    return parts


def _fused(nodes: tuple[Node, ...], count: Real) -> Fused:
    """The chain as one operator."""
    operators = tuple(node.operator for node in nodes)
    name = operators[0].name if len(operators) == 1 else f"{operators[0].name}..{operators[-1].name}"
    return Fused(name=name, operators=operators, shares=tuple(share_of(node, count) for node in nodes))


def sections_of(load: Workload, machine: Machine, schedule: str = "") -> tuple[Section, ...]:
    """The sections that a single design's pass is cut into, with the units of each operator.

    Raises
    ------
    TypeError
        For columns, whose rows may be cut differently.
    """
    fabric = fabric_of(machine)
    found: list[Section] = []
    for nodes, count in segments(_parted(load, schedule).nodes):
        stages = stages_of(nodes, count, machine)
        for start, end, *kept in sections_on(best_ways(stages, fabric, schedule, joined_in(stages, load.groups))):
            found.append(_section(stages[start:end], as_float(count), readers_of(stages), fabric, (kept[0], kept[1])))
    return tuple(found)


def group_section(names: Sequence[str], load: Workload, machine: Machine) -> Section:
    """A group of operators as one section.

    Parameters
    ----------
    names : sequence of str
        Operators that follow each other in a pass.

    Raises
    ------
    SectionError
        If they do not follow each other, or do not fit the chip: with what they need, what there is, and the remedy.
    """
    nodes, count, start = _chain_of(names, load)
    stages = stages_of(nodes, count, machine)
    section = _section(stages[start : start + len(names)], as_float(count), readers_of(stages), fabric_of(machine), (False, False))
    if len(names) > LONGEST:
        raise SectionError(f"{' + '.join(names)} are {len(names)} stages; a section has at most {LONGEST}: cut the group in two")
    if section.time_s >= NEVER_S:
        raise SectionError(_misfit(section, machine))
    return section


def _section(stages: Sequence[Stage], count: float, readers: Mapping[str, frozenset[str]], fabric: Fabric, kept: tuple[bool, bool]) -> Section:
    load = Load()
    for stage in stages:
        load = extended(load, stage)
    time_s, parts = section_parts(load, readers, fabric, kept)
    units = assigned([as_float(s.work_s) for s in stages], as_float(fabric.units))
    bound = max(parts, key=lambda n: as_float(parts[n]))
    return Section(tuple(s.name for s in stages), count, as_float(time_s), tuple(units), as_float(least_need_byte(load)), bound)


def _misfit(section: Section, machine: Machine) -> str:
    """Why a group is no section: too many stages for the units, or too little memory on chip."""
    fabric, names = fabric_of(machine), " + ".join(section.operators)
    units, capacity = as_float(fabric.units), as_float(fabric.capacity_byte)
    if section.on_chip_byte <= capacity:
        return f"{names}: {len(section.operators)} stages take at least a compute unit each, {machine.engine.name} has {units:g}; cut the group in two"
    need, have = show(section.on_chip_byte, "byte"), show(capacity, "byte")
    return (
        f"{names} need {need} on chip as one section (weights, and what flows between the stages), {fabric.on_chip} of {machine.chip.name} has {have}: "
        f"cut the group in two, more --tp, a smaller --batch or --dtype, or more memory units"
    )
