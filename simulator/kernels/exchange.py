"""Kernels of collectives: NCCL's rings and direct exchanges, and the peer-to-peer kernels of serving stacks.

A collective pays a start, a hop for each chip it passes, its wires at the payload they sustain, the copy of a chip's own share, and
a ramp: with the message grows what is in flight before pipelines of chunks are full.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hardware_specs.schema import Link
from magnitudes.arrays import Real, both, largest, maximum, minimum, total, where
from simulator.calibration import table
from simulator.kernels.timing import Timing
from simulator.machine import Machine
from simulator.network import Level, in_switch_byte, levels, reduces, ring_byte
from simulator.traffic import sustained_byte_per_s
from workloads.operator import Collective

# What a link is to a library: peers write to each other directly, through the host's root complex, or through network adapters.
REACH_OF_KIND = {"pcie": "host", "infiniband": "network", "ethernet": "network"}
COPYING = ("vllm", "sglang")  # outside a graph their kernels work on a registered buffer: the message is copied into it


def exchange_parts(operator: Collective, machine: Machine, timing: Timing, library: str = "") -> tuple[Real, dict[str, Real]]:
    """Time of a collective as a timing context counts it, and what each link needs [s].

    Parameters
    ----------
    library : str
        ``nccl``, or a serving stack (``vllm``, ``sglang``, ``trtllm``) whose own kernels take small all-reduces; another name, or
        none, means a serving stack.
    """
    c = table("collectives")
    used = tuple(levels(operator, machine.system.fabric))
    if not used:
        return 0.0, {}
    nccl_s, parts = _library_s(operator, used, machine, c)
    work_s = nccl_s if library.startswith("nccl") else _peer_s(operator, used[0], c, library, nccl_s)
    if timing.context == "eager" and library.startswith(COPYING):
        work_s = work_s + 2.0 * operator.message_byte / sustained_byte_per_s(machine)
    time_s = timing.paced_s(work_s, "collective")
    if timing.context == "kernel" and operator.pattern != "send":
        time_s = maximum(time_s, c["rank_skew_s"])
    return where(operator.ranks > 1.0, time_s, 0.0), parts


def _library_s(operator: Collective, used: tuple[Level, ...], machine: Machine, c: Mapping[str, Any]) -> tuple[Real, dict[str, Real]]:
    """NCCL's time, and its parts: a ring through all chips, whose slowest level sets its pace; or the switch's own sums."""
    clock_hz = machine.engine.clock_hz
    parts = {level.link.name: _wire_s(ring_byte(operator, level), level.link, c) for level in used}
    if reduces(operator, used[0]):
        switch_s = _wire_s(in_switch_byte(operator, used[0]), used[0].link, c) / c["in_switch_payload"]
        parts[used[0].link.name] = minimum(parts[used[0].link.name], switch_s)
    hops_s = c["hop_share"][operator.pattern] * total((level.members - 1.0) * _hop_s(level.link, clock_hz, c) for level in used)
    stream_s = largest(parts.values()) + _own_share_s(operator, machine, c)
    ramp_s = c["ramp_share"][operator.pattern] * (c["ramp_cycle"] / clock_hz + c["ramp_hops"] * hops_s)
    time_s: Real = c["start_cycle"] / clock_hz + hops_s + stream_s + ramp_s * stream_s / (stream_s + c["ramp_half_s"])
    return time_s, parts


def _wire_s(byte: Real, link: Link, c: Mapping[str, Any]) -> Real:
    usual: float = c["payload"][REACH_OF_KIND.get(link.kind, "direct")]
    payload: float = c["payload_of_link"].get(link.name, usual)
    return byte / (payload * link.bandwidth_byte_per_s)


def _hop_s(link: Link, clock_hz: Real, c: Mapping[str, Any]) -> Real:
    """One chip's step: the wire's latency in the library's protocol, and the instructions around it."""
    share: float = c["hop_latencies"][REACH_OF_KIND.get(link.kind, "direct")]
    own_s: Real = c["hop_cycle"] / clock_hz
    return share * link.latency_s + own_s


def _own_share_s(operator: Collective, machine: Machine, c: Mapping[str, Any]) -> Real:
    """Copying (or adding in) a chip's own share: read and written by the few blocks that a library runs."""
    if operator.pattern == "send":
        return 0.0
    share: float = c["own_share"]
    return 2.0 * operator.message_byte / operator.ranks / (share * machine.memory.bandwidth_byte_per_s)


def _peer_s(operator: Collective, level: Level, c: Mapping[str, Any], library: str, nccl_s: Real) -> Real:
    """A serving stack's time: of small all-reduces among peers its own kernel takes care, if NCCL is not faster.

    Each chip reads all others at once; or it reduces its share and spreads it.
    """
    if operator.pattern != "all_reduce" or level.link.kind in REACH_OF_KIND:
        return nccl_s
    own = c["peer"]["trtllm" if library.startswith("trtllm") else "vllm"]
    one_shot_s = operator.message_byte * (level.members - 1.0) / (c["peer_payload"] * level.link.bandwidth_byte_per_s)
    two_shot_s = one_shot_s * 2.0 / level.members + own["sync_s"]
    peer_s = own["start_s"] + level.link.latency_s + minimum(one_shot_s, two_shot_s)
    taken = both(operator.message_byte <= own["limit_byte"], operator.ranks <= level.members)
    time_s: Real = where(taken, minimum(peer_s, nccl_s), nccl_s)
    return time_s
