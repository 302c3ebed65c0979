"""Collectives over the levels of a fabric: what each level must carry, and the floor that follows.

A group's chips are neighbours: they fill the innermost level first. The floor takes the bandwidth-optimal algorithm on each level
(ring or switch; Patarasuk and Yuan 2009), where what crosses an outer level has been reduced or is yet to be spread inside
(Thakur et al. 2005). A ring through all chips, as libraries run it, carries more over the outer levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hardware_specs.schema import FabricLevel, Link
from magnitudes.arrays import Real, maximum, minimum
from simulator.calibration import table
from workloads.operator import Collective


@dataclass(frozen=True, slots=True)
class Level:
    """What a collective does on one level of a fabric.

    Parameters
    ----------
    link : Link
    reach : Real
        Chips that each member stands for.
    members : Real
        Units that exchange on this level; nothing crosses where there is one.
    """

    link: Link
    reach: Real
    members: Real


def levels(operator: Collective, fabric: tuple[FabricLevel, ...]) -> Iterator[Level]:
    """The levels of a fabric that a collective may cross, inner level first; its numbers may be columns."""
    inner = 1.0  # chips that one unit of this level stands for
    reach: Real = 1.0  # members of the group inside one such unit
    spread = 1.0 if operator.span is None else operator.span / operator.ranks  # how far apart the members are
    for level in fabric:
        if inner >= level.chips:
            continue
        within = minimum(maximum(level.chips / spread, 1.0), operator.ranks)
        yield Level(level.link, reach, maximum(within / reach, 1.0))  # never under one: a region's bounds do not know it
        inner, reach = level.chips, within


def passes(operator: Collective) -> float:
    """How often a ring carries the message round."""
    return 2.0 if operator.pattern == "all_reduce" else 1.0


def least_byte(operator: Collective, level: Level) -> Real:
    """Bytes that one chip must send over a level at least, whatever the algorithm."""
    message, reach, members = operator.message_byte, level.reach, level.members
    if operator.pattern == "send":
        return message * minimum(members - 1.0, 1.0)
    if operator.pattern == "all_to_all":
        return message * (members - 1.0) * reach / operator.ranks
    byte = passes(operator) * (members - 1.0) / members * message / reach
    return minimum(byte, in_switch_byte(operator, level)) if reduces(operator, level) else byte


def ring_byte(operator: Collective, level: Level) -> Real:
    """Bytes that one chip sends over a level, in a ring through all chips of the group."""
    if operator.pattern in ("send", "all_to_all"):
        return least_byte(operator, level)
    crosses = minimum(level.members - 1.0, 1.0)
    return crosses * passes(operator) * (operator.ranks - 1.0) / operator.ranks * operator.message_byte / level.reach


def reduces(operator: Collective, level: Level) -> bool:
    """Whether the switches of a level add up what passes through them."""
    return operator.pattern == "all_reduce" and level.link.name in table("collectives")["in_switch_links"]


def in_switch_byte(operator: Collective, level: Level) -> Real:
    """Bytes that one chip sends where the switch reduces: its share of every sum, and the sums it hands on to all."""
    return minimum(level.members - 1.0, 1.0) * operator.message_byte * (1.0 + 1.0 / level.members) / level.reach


def wire_floor_s(operator: Collective, fabric: tuple[FabricLevel, ...]) -> dict[str, Real]:
    """Time that each level's wires alone need [s], by link."""
    return {level.link.name: least_byte(operator, level) / level.link.bandwidth_byte_per_s for level in levels(operator, fabric)}
