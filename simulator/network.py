"""Collectives over the levels of a fabric: what each level must carry, and the floor that follows.

A group's chips are neighbours: they fill the innermost level first. On each level the bandwidth-optimal algorithm runs
(ring or switch; Patarasuk and Yuan 2009), and what crosses an outer level has been reduced or is yet to be spread inside:
the hierarchical scheme of NCCL and of Thakur et al. 2005.
"""

from __future__ import annotations

from collections.abc import Iterator

from hardware_specs.schema import FabricLevel, Link
from magnitudes.arrays import Real, maximum, minimum, where
from simulator.calibration import table
from workloads.operator import Collective


def level_traffic(operator: Collective, fabric: tuple[FabricLevel, ...]) -> Iterator[tuple[Link, Real, Real]]:
    """(link, bytes that a chip sends over it, chips that exchange on this level) for each level of the fabric.

    Parameters
    ----------
    operator : Collective
        Its numbers may be columns.
    fabric : tuple of FabricLevel
        Inner level first.
    """
    inner = 1.0  # chips that one unit of this level stands for
    reach: Real = 1.0  # members of the group inside one such unit
    span = operator.ranks if operator.span is None else operator.span
    spread = span / operator.ranks  # how far apart the members are
    for level in fabric:
        if inner >= level.chips:
            continue
        within = minimum(maximum(level.chips / spread, 1.0), operator.ranks)
        members = within / reach
        yield level.link, _sent_byte(operator, reach, members), members
        inner, reach = level.chips, within


def _sent_byte(operator: Collective, reach: Real, members: Real) -> Real:
    """Bytes that one chip sends to the other `members` of a level, each of which stands for `reach` chips."""
    message = operator.message_byte
    if operator.pattern == "send":
        return message * minimum(members - 1.0, 1.0)
    if operator.pattern == "all_to_all":
        return message * (members - 1.0) * reach / operator.ranks
    passes = 2.0 if operator.pattern == "all_reduce" else 1.0
    return passes * (members - 1.0) / members * message / reach


def wire_floor_s(operator: Collective, fabric: tuple[FabricLevel, ...]) -> dict[str, Real]:
    """Time that each level's wires alone need [s], by link."""
    return {link.name: byte / link.bandwidth_byte_per_s for link, byte, _ in level_traffic(operator, fabric)}


def collective_parts(operator: Collective, fabric: tuple[FabricLevel, ...]) -> tuple[Real, dict[str, Real]]:
    """Time of a collective, level after level, and what each link needs [s].

    On each level the better of a ring with a filling pipeline (NCCL) and, for an all-reduce of small messages, a peer-to-peer
    kernel that reads all others at once. Nothing is charged where a level has one member.
    """
    c = table("collectives")
    time_s: Real = 0.0
    parts: dict[str, Real] = {}
    for link, byte, members in level_traffic(operator, fabric):
        wire_s = byte / (c["payload"] * link.bandwidth_byte_per_s)
        largest_fill_s = minimum(c["fill_byte"] / (c["payload"] * link.bandwidth_byte_per_s), c["fill_limit_s"])
        hops_s = c["hop_share"][operator.pattern] * (members - 1.0) * link.latency_s
        level_s = c["start_s"] + hops_s + wire_s + wire_s * largest_fill_s / (wire_s + largest_fill_s)
        if operator.pattern == "all_reduce":
            one_shot_s = operator.message_byte * (members - 1.0) / (c["small_payload"] * link.bandwidth_byte_per_s)
            small_s = c["small_start_s"] + link.latency_s + minimum(one_shot_s, one_shot_s * 2.0 / members + c["small_sync_s"])
            level_s = where(operator.message_byte <= c["small_limit_byte"], minimum(level_s, small_s), level_s)
        parts[link.name] = where(members > 1.0, level_s, 0.0)
        time_s = time_s + parts[link.name]
    return time_s, parts
