"""What one operator is as a stage of a pipeline: work for the compute units, bytes that come from behind, rows that flow through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from magnitudes.arrays import Real, ceil, maximum, total
from simulator.machine import Machine
from simulator.network import least_byte, levels, passes, ring_byte
from simulator.roofline import roofs
from simulator.spatial.product import product_of
from simulator.spatial.tilings import traffic_byte
from workloads.graph import Node
from workloads.operator import (
    Attention,
    Collective,
    Contraction,
    Convolution,
    Elementwise,
    Gather,
    GroupedContraction,
    Operator,
    Residency,
    Routing,
    Scan,
    Transfer,
)  # fmt: skip

ROUND = ("ring", "torus")  # topologies in which a message passes chip after chip; elsewhere there is a wire to each


@dataclass(frozen=True, slots=True)
class Stage:
    """One operator, `share` times in each call of its section.

    Parameters
    ----------
    operator : Operator
    share : Real
        Calls of it in one call of the section: less than one where only some of the repeated layers have it.
    sources : tuple of str
        Names of the operators whose results it reads.
    work_s : Real
        Its arithmetic on all compute units of the chip.
    weight_byte, state_byte : Real
        What it reads from (and writes to) main memory whatever is fused.
    in_byte, out_byte : Real
        Activations in and out.
    held_byte : Real
        Keys and values that stay on chip while rows stream past them.
    rows : Real, optional
        Pieces into which its work can be cut; None where it takes what comes.
    whole : bool
        Whether it needs all rows of its inputs before its first result.
    link_s : mapping of str to Real
        What each link carries of it.
    hop_s : Real
        Latency of the links that it crosses.
    """

    operator: Operator
    share: Real
    sources: tuple[str, ...]
    work_s: Real
    weight_byte: Real
    state_byte: Real
    in_byte: Real
    out_byte: Real
    held_byte: Real = 0.0
    rows: Real | None = None
    whole: bool = False
    link_s: Mapping[str, Real] = field(default_factory=dict)
    hop_s: Real = 0.0

    @property
    def name(self) -> str:
        return self.operator.name

    @property
    def works(self) -> bool:
        """Whether it takes compute units: it does, unless it only moves bytes. A matter of what it is, not of its sizes, which may be columns."""
        if isinstance(self.operator, Elementwise):
            return self.operator.flop_per_element > 0.0
        return not isinstance(self.operator, Gather | Collective | Transfer)


def stages_of(nodes: Sequence[Node], count: Real, machine: Machine) -> tuple[Stage, ...]:
    """Operators that run one behind the other as stages; an exchange belongs to the stage whose result it carries.

    Parameters
    ----------
    nodes : sequence of Node
    count : Real
        Calls of their section.
    """
    stages: list[Stage] = []
    carried: dict[str, str] = {}  # exchange -> the stage whose result it carries
    for node in nodes:
        share = share_of(node, count)
        if isinstance(node.operator, Collective) and stages:
            stages[-1] = _with_exchange(stages[-1], node.operator, share, machine)
            carried[node.operator.name] = stages[-1].name
            continue
        stage = _stage(node.operator, share, machine)
        stages.append(replace(stage, sources=tuple(dict.fromkeys(carried.get(name, name) for name in node.after))))
    return tuple(stages)


def share_of(node: Node, count: Real) -> Real:
    """Calls of an operator in one call of its section."""
    return 1.0 if node.count is count else node.count / count


def _with_exchange(stage: Stage, exchange: Collective, share: Real, machine: Machine) -> Stage:
    """A stage whose result goes over links, piece by piece as it comes."""
    links = _links(exchange, share, machine)
    link_s = {name: stage.link_s.get(name, 0.0) + links.get(name, 0.0) for name in {**stage.link_s, **links}}
    return replace(stage, link_s=link_s, hop_s=stage.hop_s + share * _hops(exchange, machine))


def _stage(operator: Operator, share: Real, machine: Machine) -> Stage:
    if isinstance(operator, Collective):
        none = Stage(operator, share, (), 0.0, 0.0, 0.0, 0.0, 0.0)
        return _with_exchange(none, operator, share, machine)
    weight, state, read, written = (share * operator.byte_of(r) for r in CLASSES)
    whole = isinstance(operator, Attention) and not operator.causal
    return Stage(operator, share, (), share * _work_s(operator, machine), weight, state, read, written, _held_byte(operator), _rows(operator), whole)


CLASSES = (Residency.WEIGHT, Residency.STATE, Residency.ACTIVATION, Residency.OUTPUT)


def _work_s(operator: Operator, machine: Machine) -> Real:
    """Arithmetic on all units: they are set up as matrix or as vector units, so that both kinds of work add [s]."""
    parts = roofs(operator, machine)
    return total(parts[name] for name in ("matrix", "vector") if name in parts)


def _held_byte(operator: Operator) -> Real:
    """Keys and values of one sequence; a decoded token streams past its own once, so that nothing is held."""
    if not isinstance(operator, Attention) or operator.decoding:
        return 0.0
    return operator.byte_of(Residency.STATE) / operator.batch


def _rows(operator: Operator) -> Real | None:
    if isinstance(operator, Contraction):
        return operator.batch * operator.m
    if isinstance(operator, GroupedContraction):
        return operator.rows
    if isinstance(operator, Attention):
        return operator.batch * operator.q_len
    if isinstance(operator, Convolution):
        return operator.batch * operator.out_h * operator.out_w
    if isinstance(operator, Scan):
        return operator.batch * operator.length
    if isinstance(operator, Routing):
        return operator.tokens
    return operator.rows if isinstance(operator, Gather) else None


def _links(operator: Collective, share: Real, machine: Machine) -> dict[str, Real]:
    """Bytes on the wires, chip after chip on a ring, straight to each elsewhere [s]."""
    used = levels(operator, machine.system.fabric)
    return {
        level.link.name: share * (ring_byte if level.link.topology in ROUND else least_byte)(operator, level) / level.link.bandwidth_byte_per_s
        for level in used
    }


def _hops(operator: Collective, machine: Machine) -> Real:
    """Latency of the first byte [s]."""
    hops: list[Real] = []
    for level in levels(operator, machine.system.fabric):
        away = level.members - 1.0
        times = away if level.link.topology in ROUND else 1.0 - maximum(1.0 - away, 0.0)  # one step to all, none where there is nobody
        hops.append(passes(operator) * times * level.link.latency_s)
    return total(hops)


def alone_byte(stage: Stage, capacity_byte: Real) -> Real:
    """Traffic of main memory where a stage has the chip for itself and takes its operands tile by tile."""
    operator = stage.operator
    once = stage.weight_byte + stage.state_byte + stage.in_byte + stage.out_byte
    if isinstance(operator, Contraction | GroupedContraction | Convolution):
        return maximum(stage.share * traffic_byte(product_of(operator), capacity_byte), once)
    if isinstance(operator, Attention):
        rounds = ceil(2.0 * (stage.in_byte + stage.out_byte) / capacity_byte)  # queries that fit meet all keys
        return once + stage.state_byte * maximum(rounds - 1.0, 0.0)
    return once
