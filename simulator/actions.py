"""What an operator makes a machine do: operations, and bytes at each place that stores or carries them. One visible table says whose law counts it.

Counts are of one call on one chip. Main memory carries at least the compulsory traffic; what a law of time finds in a cache is counted
from memory all the same, so that energy is never under that of the bytes that the operator must touch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hardware_specs.schema import NearMemoryEngine
from magnitudes.arrays import Real, maximum, minimum, total, where
from magnitudes.datatypes import AnyDataType
from simulator.machine import Machine
from simulator.near_memory.bus import crossing_byte
from simulator.near_memory.layout import turns_and_reads
from simulator.near_memory.product import stored
from simulator.network import least_byte, levels
from simulator.spatial.attention import Scores, behind_byte, chain_of, scores_of, spilled
from simulator.spatial.folds import operand_bytes
from simulator.spatial.overlap import spatial_engine
from simulator.spatial.product import product_of
from simulator.spatial.tiles import TILED
from simulator.spatial.tilings import traffic_byte
from workloads.operator import Attention, Collective, Contraction, Convolution, Fused, GroupedContraction, Operator, Residency

TILE, WARP = 128.0, 64.0  # sides of a block's tile, and of a warp's, on GPUs: what libraries pick for large products (CUTLASS)
PASSES = (
    7.0  # of a score through a buffer, where the softmax goes over rows three times: written, read for maximum and exponential, written, read, written, read
)
PASSES_OUTSIDE = 5.0  # of these, where scores come from memory and weights go there
PASSES_LANES = 5.0  # of a score between an array and lanes beside it: written, read twice, its weight written and read


@dataclass(frozen=True, slots=True)
class Actions:
    """Counts of one call.

    Parameters
    ----------
    matrix, vector : Real
        Multiply-adds on the matrix units in `element`, and elementwise operations.
    element, vector_element : DataType, optional
        Their formats.
    steps : mapping of str to Real
        Operations by name beside them: ``compare``, ``add``, ``exponential``, ``divide``, ``multiply_add``.
    tier_byte, link_byte : mapping of str to Real
        Bytes read and written at each tier, and sent over each link.
    shared_byte : Real
        Bytes from shared memory to registers.
    bus_byte : Real
        Bytes between units in a memory and the chip beside it.
    """

    matrix: Real = 0.0
    vector: Real = 0.0
    element: AnyDataType | None = None
    vector_element: AnyDataType | None = None
    steps: Mapping[str, Real] = field(default_factory=dict)
    tier_byte: Mapping[str, Real] = field(default_factory=dict)
    link_byte: Mapping[str, Real] = field(default_factory=dict)
    shared_byte: Real = 0.0
    bus_byte: Real = 0.0


def actions_of(operator: Operator, machine: Machine, library: str = "") -> Actions:
    """What a machine does for one call of an operator.

    Parameters
    ----------
    library : str
        A chain of attention by name, on an array.
    """
    if isinstance(operator, Fused):
        return _fused(operator, machine, library)
    if isinstance(operator, Collective):
        sent = {level.link.name: least_byte(operator, level) for level in levels(operator, machine.system.fabric)}
        return Actions(tier_byte={machine.memory.name: operator.byte}, link_byte=sent)
    return COUNTED.get(machine.engine.execution, _once)(operator, machine, library)


def _fused(whole: Fused, machine: Machine, library: str) -> Actions:
    """Operators that run as one: each does its own work and passes its operands through the nearest tier; memory behind sees what the whole touches."""
    members = [(actions_of(o, machine, library), share) for o, share in zip(whole.operators, whole.shares, strict=True)]
    least = _once(whole, machine)
    nearest, *behind = machine.tiers
    on_chip = total(share * a.tier_byte[nearest.name] for a, share in members if nearest.name in a.tier_byte)
    links = dict.fromkeys(name for a, _ in members for name in a.link_byte)
    return Actions(
        least.matrix, least.vector, least.element, least.vector_element,
        steps={step: total(share * a.steps.get(step, 0.0) for a, share in members) for step in dict.fromkeys(s for a, _ in members for s in a.steps)},
        tier_byte={nearest.name: maximum(on_chip, whole.byte), **{tier.name: whole.byte for tier in behind}},
        link_byte={name: total(share * a.link_byte.get(name, 0.0) for a, share in members) for name in links},
    )  # fmt: skip


def _once(operator: Operator, machine: Machine, library: str = "") -> Actions:
    """Each operand through every tier once: the least that any machine does."""
    byte = {tier.name: operator.byte for tier in machine.tiers}
    return Actions(operator.matrix_flop / 2.0, operator.vector_flop, operator.arithmetic, operator.arithmetic, tier_byte=byte)


def _kernel(operator: Operator, machine: Machine, library: str) -> Actions:
    """On a GPU: tiles read their operands through the caches, warps theirs from shared memory."""
    least = _once(operator, machine)
    if not isinstance(operator, Contraction | GroupedContraction | Convolution):
        return least
    p = product_of(operator)
    loads = {side: p.batch * p.m * p.n * p.k * p.element.byte * (1.0 / minimum(p.m, side) + 1.0 / minimum(p.n, side)) for side in (TILE, WARP)}
    byte = {tier.name: maximum(operator.byte, loads[TILE]) for tier in machine.tiers[:-1]}
    return Actions(
        least.matrix, least.vector, least.element, least.vector_element, tier_byte=byte | {machine.memory.name: operator.byte}, shared_byte=loads[WARP],
    )  # fmt: skip


def _spatial(operator: Operator, machine: Machine, library: str) -> Actions:
    """On an array: operands cross the nearest buffer's ports once a fold, and what a buffer cannot hold comes again from behind it."""
    if isinstance(operator, Attention):
        return _chain(scores_of(operator, spatial_engine(machine).columns), machine, chain_of(spatial_engine(machine), library))
    least = _once(operator, machine)
    if not isinstance(operator, Contraction | GroupedContraction | Convolution):
        return least
    product = product_of(operator)
    nearest, *behind = machine.tiers
    byte = {nearest.name: maximum(total(operand_bytes(product, spatial_engine(machine))), operator.byte)}
    byte |= {tier.name: traffic_byte(product, buffer.capacity_byte) for buffer, tier in zip(machine.tiers, behind, strict=False)}
    return Actions(least.matrix, least.vector, least.element, least.vector_element, tier_byte=byte)


def _chain(scores: Scores, machine: Machine, chain: str) -> Actions:
    """Attention on an array, by its chain."""
    engine, operator = spatial_engine(machine), scores.operator
    count = scores.groups * scores.rows * scores.keys
    results = scores.groups * scores.rows * scores.value_dim
    steps: dict[str, Real] = {"compare": count, "add": 2.0 * count, "exponential": count, "divide": results}
    if chain in ("unfused", "flat"):
        steps["divide"] = count
    if chain in TILED:  # for each query and tile: what was summed before is corrected
        tiles = count / engine.rows
        steps["compare"] = count + tiles
        steps["exponential"] = count + tiles
        steps["add"] = 2.0 * count + tiles * (2.0 + scores.value_dim)
        steps["multiply_add"] = tiles * (1.0 + scores.value_dim)
    element = operator.element
    behind = behind_byte(scores, machine, chain)
    nearest_byte = count * element.byte * (_operand_passes(scores, machine) + _score_passes(scores, machine, chain))
    byte = {machine.tiers[0].name: maximum(nearest_byte, operator.byte), **{name: maximum(b, operator.byte) for name, b in behind.items()}}
    return Actions(count * (scores.key_dim + scores.value_dim), 0.0, element, element, steps, byte)


def _operand_passes(scores: Scores, machine: Machine) -> Real:
    """Elements of queries, keys, values and results that cross the nearest buffer's ports for each score."""
    engine = spatial_engine(machine)
    rows, keys = minimum(engine.columns, scores.rows), minimum(engine.rows, scores.keys)
    return (scores.key_dim + scores.value_dim) * (1.0 / rows + 1.0 / keys)


def _score_passes(scores: Scores, machine: Machine, chain: str) -> Real:
    """How often a score, or what becomes of it, crosses the nearest buffer's ports."""
    if chain == "unfused":
        return PASSES_OUTSIDE
    if chain == "flat":
        return where(spilled(scores, machine), PASSES_OUTSIDE, PASSES)
    return 0.0 if chain in ("arch", "binding") else PASSES_LANES


def _near_memory(operator: Operator, machine: Machine, library: str) -> Actions:
    """In a memory: matrices and caches are read where they lie, once for each pass over them; vectors and results cross the bus."""
    engine = machine.engine
    assert isinstance(engine, NearMemoryEngine)
    least = _once(operator, machine)
    matrix, vector, stored_byte, bus_byte = least.matrix, least.vector, operator.byte, crossing_byte(operator, engine)
    if isinstance(operator, Contraction | GroupedContraction | Convolution):
        p = stored(operator)
        stored_byte = p.matrices * p.outputs * p.depth * p.stored_byte * turns_and_reads(p.vectors, engine, drawn=p.drawn)[1]
        bus_byte = p.matrices * p.vectors * (p.depth * p.vector_byte + p.outputs * p.output_byte)
    elif isinstance(operator, Attention):
        cached = operator.byte_of(Residency.STATE)
        stored_byte = cached * turns_and_reads(operator.q_len * operator.heads / operator.kv_heads, engine)[1]
        bus_byte = operator.byte - cached + 2.0 * operator.batch * operator.heads * operator.pairs * operator.element.byte
    else:  # the companion chip does it
        matrix, vector = 0.0, vector + operator.matrix_flop
    byte = {machine.memory.name: maximum(stored_byte, operator.byte)}
    return Actions(matrix, vector, least.element, least.vector_element, tier_byte=byte, bus_byte=bus_byte)


COUNTED: dict[str, Callable[[Operator, Machine, str], Actions]] = {"kernel": _kernel, "spatial": _spatial, "near_memory": _near_memory}
