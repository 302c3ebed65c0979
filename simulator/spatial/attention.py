"""Attention on an array: scores, softmax and values as a chain of operators, fused more or less.

- ``unfused``: three operators, the scores written and read between them;
- ``flat``: fused by blocks of rows (Kao et al., FLAT, ASPLOS 2023): whole rows of scores stay in the buffer between two passes of the softmax;
- ``fused``: one pass over the keys (Dao et al. 2022), each product by the array's own folds: what other machines run;
- ``cascade``, ``arch``, ``binding``: one pass, tile by tile (`simulator.spatial.tiles`): FuseMax step by step.

Heads that share keys and values are more rows of the same product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Condition, Real, ceil, floor, largest, maximum, minimum, total, where
from simulator.machine import Machine
from simulator.spatial.lanes import lane_step_s, softmax_step
from simulator.spatial.overlap import Parts, above_roofs, fill_s, matrix_s, product_parts, spatial_engine, step_s
from simulator.spatial.product import Product
from simulator.spatial.tiles import TILED, tiled_s
from simulator.spatial.tilings import traffic_byte
from workloads.operator import Attention, Operator

SPILLED_ROWS = 4.0  # blocks of FLAT whose scores spill are as many array widths of queries high: 1024 rows in FuseMax's artifact (MICRO 2024)


@dataclass(frozen=True, slots=True)
class Scores:
    """The sizes of attention as an array sees them: `groups` heads of keys, each with `rows` queries.

    Parameters
    ----------
    keys : Real
        That a query meets; the blocks on a causal diagonal are computed whole.
    key_dim, value_dim : Real
    """

    operator: Attention
    groups: Real
    rows: Real
    keys: Real
    key_dim: Real
    value_dim: Real

    @property
    def byte(self) -> Real:
        """Of all scores, written once."""
        return self.groups * self.rows * self.keys * self.operator.element.byte

    @property
    def products(self) -> tuple[Product, Product]:
        """Queries by keys, and scores by values."""
        q, k, v, o = (operand.byte for operand in self.operator.operands)
        element = self.operator.element
        v = maximum(v, self.groups * self.operator.kv_read_len * self.value_dim * self.operator.state.byte)  # latent vectors are read as values, too
        return (
            Product(self.groups, self.rows, self.keys, self.key_dim, q, k, self.byte, element, either=True),
            Product(self.groups, self.rows, self.value_dim, self.keys, self.byte, v, o, element, either=True),
        )


def scores_of(operator: Attention, block: Real) -> Scores:
    """The sizes of attention, computed in blocks of so many keys."""
    keys = operator.kv_read_len
    if operator.causal:
        keys = minimum(keys, operator.pairs / operator.q_len + block / 2.0)
    rows = operator.q_len * operator.heads / operator.kv_heads
    return Scores(operator, operator.batch * operator.kv_heads, rows, keys, operator.head_dim, operator.pair_dim - operator.head_dim)


def attention_cost(operator: Operator, machine: Machine, library: str) -> tuple[Real, Parts]:
    """Time of attention and what each resource alone needs [s].

    Parameters
    ----------
    library : str
        A chain by name; another name, or none, means the best that the machine can: ``binding`` where its elements know exponentials, else ``fused``.
    """
    assert isinstance(operator, Attention)
    engine = spatial_engine(machine)
    chain = chain_of(engine, library)
    scores = scores_of(operator, engine.columns)
    time_s, parts = CHAINS[chain](scores, machine) if chain in CHAINS else _one_pass(scores, machine, chain)
    parts = above_roofs(parts, operator, machine)
    return largest([time_s, *parts.values()]), parts


def chain_of(engine: SpatialEngine, library: str = "") -> str:
    """The chain by that name; else ``binding`` where the array's elements know exponentials, and ``fused`` where they do not."""
    if library in CHAINS or library in TILED:
        return library
    return "fused" if engine.element_exponential is None else "binding"


def spilled(scores: Scores, machine: Machine) -> Condition:
    """Whether a block of FLAT's rows of scores is more than the nearest buffer holds."""
    return spatial_engine(machine).columns * scores.keys * scores.operator.element.byte > machine.tiers[0].capacity_byte


def behind_byte(scores: Scores, machine: Machine, chain: str) -> dict[str, Real]:
    """Bytes that each tier behind a buffer carries for a chain."""
    if chain == "unfused":
        return {
            tier.name: 2.0 * scores.byte + total(traffic_byte(p, buffer.capacity_byte) for p in scores.products)
            for buffer, tier in zip(machine.tiers, machine.tiers[1:], strict=False)
        }
    if chain == "flat":
        return {tier.name: flat_byte(scores, machine) for tier in machine.tiers[1:]}
    return one_pass_byte(scores, machine)


def flat_byte(scores: Scores, machine: Machine) -> Real:
    """Bytes that FLAT's main memory carries: blocks of rows, and their scores and weights written and read where the buffer is too small.

    Where it is large enough, spilling taller blocks is still a choice: a larger buffer never carries more.
    """
    width = spatial_engine(machine).columns
    spilling = streamed_byte(scores, SPILLED_ROWS * width) + 4.0 * scores.byte
    return where(spilled(scores, machine), spilling, minimum(streamed_byte(scores, width), spilling))


def _unfused(scores: Scores, machine: Machine) -> tuple[Real, Parts]:
    """Three operators, one after another, each as long as its slowest resource."""
    moved_s = {tier.name: 2.0 * scores.byte / tier.bandwidth_byte_per_s for tier in machine.tiers}
    steps: list[Mapping[str, Real]] = [{"vector": _softmax_s(scores, machine), **moved_s}]
    steps += [product_parts(p, machine) for p in scores.products]
    time_s: Real = machine.memory.latency_s
    parts: Parts = {}
    for step in steps:
        time_s = time_s + largest(step.values())
        parts = {name: parts.get(name, 0.0) + step.get(name, 0.0) for name in (*parts, *(n for n in step if n not in parts))}
    for product in scores.products:
        time_s = time_s + fill_s(product, machine)
    return time_s, parts


def _flat(scores: Scores, machine: Machine) -> tuple[Real, Parts]:
    """All three at once, a block of query rows as wide as the array after the other; their scores spill where the buffer is too small."""
    byte = flat_byte(scores, machine)
    return _paced(_computed(scores, machine), {tier.name: byte for tier in machine.tiers[-1:]}, scores, machine)


def _fused(scores: Scores, machine: Machine) -> tuple[Real, Parts]:
    """One pass over the keys, by the folds of the array."""
    return _paced(_computed(scores, machine), one_pass_byte(scores, machine), scores, machine)


def _one_pass(scores: Scores, machine: Machine, chain: str) -> tuple[Real, Parts]:
    """One pass over the keys, tile by tile."""
    pace_s, parts = tiled_s(scores.groups, scores.rows, scores.keys, scores.key_dim, scores.value_dim, step_s(scores.products[0], machine), machine, chain)
    time_s, parts = _paced(parts, one_pass_byte(scores, machine), scores, machine)
    return maximum(time_s, pace_s + fill_s(scores.products[0], machine)), parts


def _computed(scores: Scores, machine: Machine) -> Parts:
    """What the array needs for both products, and the lanes for the softmax [s]."""
    return {"matrix": total(matrix_s(product, machine) for product in scores.products), "vector": _softmax_s(scores, machine)}


def _softmax_s(scores: Scores, machine: Machine) -> Real:
    """The steps that lanes need for all scores [s]."""
    return scores.groups * scores.rows * scores.keys * softmax_step(machine) * lane_step_s(machine)


def one_pass_byte(scores: Scores, machine: Machine) -> dict[str, Real]:
    """Bytes that each tier behind a buffer carries: half of the buffer holds queries and their results, keys and values stream past."""
    row_byte = (scores.key_dim + scores.value_dim) * scores.operator.element.byte
    return {
        tier.name: streamed_byte(scores, maximum(floor(buffer.capacity_byte / 2.0 / row_byte), 1.0))
        for buffer, tier in zip(machine.tiers, machine.tiers[1:], strict=False)
    }


def streamed_byte(scores: Scores, height: Real) -> Real:
    """Queries and results once, keys and values for each block of so many queries."""
    q, k, v, o = (operand.byte for operand in scores.operator.operands)
    return q + o + (k + v) * ceil(scores.rows / height)


def _paced(parts: Parts, byte: Mapping[str, Real], scores: Scores, machine: Machine) -> tuple[Real, Parts]:
    """Time where everything overlaps but the first tile, and its parts [s]."""
    parts = {**parts, **{tier.name: byte[tier.name] / tier.bandwidth_byte_per_s for tier in machine.tiers if tier.name in byte}}
    return largest(parts.values()) + fill_s(scores.products[0], machine), parts


CHAINS: dict[str, Callable[[Scores, Machine], tuple[Real, Parts]]] = {"unfused": _unfused, "flat": _flat, "fused": _fused}
