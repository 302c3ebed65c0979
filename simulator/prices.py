"""What an action takes: a multiply-add, a byte from a tier or over a link, a step of a lane; and of an operator, all of its actions.

The price of an action is the chip's own where its spec says one, else that of `simulator.energy_tables` at the chip's node. Bytes are priced by
where they come from: an array of SRAM by its size, a DRAM by its type, along its whole path or, beside units in the memory itself, along
the part of it that they take (O'Connor et al., MICRO 2017).
"""

from __future__ import annotations

from hardware_specs.schema import Chip, Engine, KernelEngine, Link, NearMemoryEngine, StreamingEngine, Tier
from magnitudes.arrays import Real, total
from magnitudes.datatypes import AnyDataType, DataType, by_format
from simulator.actions import Actions, actions_of
from simulator.cost import TOGETHER, Cost
from simulator.energy_tables import components
from simulator.machine import Machine
from simulator.scaling import energy_factor, sram_j_per_byte
from workloads.operator import Operator

ACCUMULATES = {"int4": "int32", "int8": "int32", "int32": "int32", "fp64": "fp64"}  # the others in fp32
# The way out of an HBM stack that a byte takes to units at each place, as far as it goes (O'Connor et al., MICRO 2017; Park et al., AttAcc, ASPLOS 2024).
WAY = {
    "bank": ("activation", "cell"), "bank_group": ("activation", "cell", "bank_group"), "channel": ("activation", "cell", "bank_group", "global"),
    "buffer_die": ("activation", "cell", "bank_group", "global", "tsv"), "logic_die": ("activation", "cell", "bank_group", "global", "tsv"),
}  # fmt: skip
ON_DRAM = ("bank", "bank_group", "channel")


def node_of(chip: Chip) -> Real:
    """The process node of a chip; the usual one of its kind where it is not published."""
    if chip.node_m is not None:
        return chip.node_m
    usual = components()["usual_node"]
    return float(usual.get(chip.engine.execution, usual["other"]))


def units_node(machine: Machine) -> Real:
    """The process node of an engine's units: those on DRAM dies beside another processor are made as DRAM is."""
    engine, chip = machine.engine, machine.chip
    if isinstance(engine, NearMemoryEngine) and engine.at in ON_DRAM and chip.engine is not engine:
        return float(components()["usual_node"]["near_memory"])
    return node_of(chip)


def multiply_add_j(machine: Machine, element: AnyDataType) -> Real:
    """One multiply-add of the matrix units: a product in the format that serves `element`, added up in a wider one [J]."""
    return by_format(element, lambda e: _multiply_add_j(machine, e))


def _multiply_add_j(machine: Machine, element: DataType) -> Real:
    own = machine.engine.operation_energy_j.get("multiply_add")
    if own is not None:
        return own
    name = served_as(machine.engine, element)
    price = components()["operation"]
    j: Real = (price["multiply"][name] + price["add"][ACCUMULATES.get(name, "fp32")]) * energy_factor(units_node(machine))
    return j


def served_as(engine: Engine, element: DataType) -> str:
    """The format in which an engine's units serve a data type, out of those that have a price."""
    known = components()["operation"]["multiply"]
    rates = engine.matrix_flop_per_s or engine.vector_flop_per_s
    return next((f for f in element.computes_as if f in rates and f in known), "fp32")


def step_j(machine: Machine, step: str) -> Real:
    """One step of a lane by name, in 16 bits [J]."""
    own = machine.engine.operation_energy_j
    if step in own:
        return own[step]
    price, count = components()["operation"], components()["count"]
    factor = energy_factor(units_node(machine))
    multiply, add = price["multiply"]["fp16"], price["add"]["fp16"]
    default: dict[str, float] = {
        "add": add, "compare": price["add"]["int8"], "multiply_add": multiply + add,
        "exponential": count["exponential_multiply_add"] * (multiply + add) + count["exponential_multiply"] * multiply,
        "divide": count["divide_multiply_add"] * (multiply + add),
    }  # fmt: skip
    return default[step] * factor


def vector_j(machine: Machine) -> Real:
    """One elementwise operation: half of a multiply-add in 32 bits [J]."""
    own = machine.engine.operation_energy_j.get("multiply_add")
    if own is not None:
        return own / 2.0
    price = components()["operation"]
    pair_j: float = price["multiply"]["fp32"] + price["add"]["fp32"]
    return pair_j / 2.0 * energy_factor(units_node(machine))


def tier_j_per_byte(tier: Tier, machine: Machine) -> Real:
    """A byte read from, or written to, a tier by an engine [J/byte]."""
    engine = machine.engine
    inside = isinstance(engine, NearMemoryEngine) and engine.internal_byte_per_s is not None  # the tier's own figure is that of its pins
    if tier.read_energy_j_per_byte is not None and not inside:
        return tier.read_energy_j_per_byte
    if tier.kind == "SRAM":
        if isinstance(engine, KernelEngine):
            return gpu_j_per_byte("cache", machine.chip)
        arrays = engine.memory_units if isinstance(engine, StreamingEngine) else 1.0  # a dataflow chip reads the unit that lies at hand
        return sram_j_per_byte(tier.capacity_byte / arrays, node_of(machine.chip))
    if isinstance(engine, NearMemoryEngine) and engine.at in WAY:
        return way_j_per_byte(engine.at) * (dram_j_per_byte(tier.kind) / dram_j_per_byte("HBM2"))
    return dram_j_per_byte(tier.kind)


def dram_j_per_byte(kind: str) -> float:
    """A byte of a memory type to the chip beside it: of the longest name in the table that the type begins with, else of some DDR [J/byte]."""
    table = components()["dram"]
    fitting = [name for name in table if kind.lower().startswith(name.lower())]
    return float(table[max(fitting, key=len, default="DDR")])


def way_j_per_byte(place: str) -> float:
    """A byte along HBM's path as far as a place in it [J/byte]."""
    path = components()["path"]
    return float(sum(path[step] for step in WAY[place]))


def bus_j_per_byte(tier: Tier, engine: NearMemoryEngine) -> float:
    """A byte between units in a memory and the chip beside it: the rest of the path [J/byte]."""
    path = components()["path"]
    taken = WAY.get(engine.at, ())
    scale = dram_j_per_byte(tier.kind) / dram_j_per_byte("HBM2")
    return float(sum(price for step, price in path.items() if step not in taken)) * scale


def gpu_j_per_byte(what: str, chip: Chip) -> Real:
    """A byte from a GPU's shared memory to its registers, or from its cache to a multiprocessor [J/byte]."""
    table = components()["gpu"]
    price: Real = table[what] / energy_factor(table["node"]) * energy_factor(node_of(chip))
    return price


def link_j_per_byte(link: Link) -> Real:
    """A byte over a link, both ends [J/byte]."""
    if link.j_per_byte is not None:
        return link.j_per_byte
    known = components()["link"]
    return float(known.get(link.kind, known["pcie"]))


def priced(actions: Actions, machine: Machine) -> dict[str, Real]:
    """Energy of actions by part: ``matrix``, ``vector``, ``shared``, ``bus``, tiers and links by name [J]."""
    parts: dict[str, Real] = {}
    if actions.element is not None:
        parts["matrix"] = actions.matrix * multiply_add_j(machine, actions.element)
    parts["vector"] = actions.vector * vector_j(machine) + total(count * step_j(machine, step) for step, count in actions.steps.items())
    if isinstance(machine.engine, KernelEngine):
        parts["shared"] = actions.shared_byte * gpu_j_per_byte("shared", machine.chip)
    if isinstance(machine.engine, NearMemoryEngine):
        parts["bus"] = actions.bus_byte * bus_j_per_byte(machine.memory, machine.engine)
    for tier in machine.tiers:
        if tier.name in actions.tier_byte:
            parts[tier.name] = actions.tier_byte[tier.name] * tier_j_per_byte(tier, machine)
    links = {level.link.name: level.link for level in machine.system.fabric}
    for name, byte in actions.link_byte.items():
        parts[name] = byte * link_j_per_byte(links[name])
    return parts


def operator_energy(operator: Operator, machine: Machine, library: str = "") -> dict[str, Real]:
    """Energy of one call of an operator on one chip, by part, without static draw [J]."""
    return priced(actions_of(operator, machine, library), machine)


def cost_energy(cost: Cost, machines: tuple[Machine, ...]) -> dict[str, Real]:
    """Energy of one call where it was placed: engines that share an operator each take their part [J]. A mapping brings its own."""
    if cost.mapped:
        lanes = operator_energy(cost.operator, machines[0]).get("vector", 0.0)
        return {**cost.mapped.energy_j(), "vector": lanes}
    if cost.placed is None or len(machines) == 1 or not cost.placed.shares:
        return operator_energy(cost.operator, machines[0])
    parts: dict[str, Real] = {}
    used = {name for way in cost.placed.ways for name in way.split(TOGETHER)}
    for machine in machines:
        if machine.engine.name in used and machine.engine.name in cost.placed.shares:
            share = cost.placed.shares[machine.engine.name]
            for name, j in operator_energy(cost.operator, machine).items():
                parts[name] = parts.get(name, 0.0) + share * j
    return parts
