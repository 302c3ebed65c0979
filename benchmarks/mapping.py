"""Mapping search beside ZigZag's, on its own ResNet-18 and its own TPU-like accelerator, in one run: ``python benchmarks/mapping.py``.

ZigZag is installed from the package index into an environment of its own (``benchmarks/.peers``). It searches first; then we search the same layers with
the accelerator's own energies, sizes and widths; then ZigZag's cost model says what our mappings cost, beside its own best. The table is printed and kept
in ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from peers import HERE, Peer, UnavailableError, cpu, environment, run

from simulator.spatial.hierarchy import Hierarchy, Loops, Store
from simulator.spatial.search import Found, search

PEER = Peer("zigzag-dse", "3.9.1", "zigzag_.py", "", (), 1_000, True)
BESIDE = ("six==1.17.0",)  # that it imports without naming it
HEADING = "# Mapping search beside ZigZag"
PASSES = 7
SEARCH_S = 1500
LEAST_SEARCHES_PER_S = 5_000
DESIGNS = 128
MOST_ABOVE = 1.02
BIT = 8.0
PJ = 1e-12


def loops(layer: Mapping[str, Any]) -> Loops:
    """A layer of ZigZag's as ours."""
    n, given = layer["loops"], layer["input"]
    if not given:
        return Loops(n["K"], n["C"], x=n.get("D", 1), in_x=n.get("D", 1), in_y=1.0)
    return Loops(n["K"], n["C"], n["OX"], n["OY"], n["FX"], n["FY"], n["B"], round(given["IX"] / n["OX"]), given["IX"], given["IY"], n["G"])


def store(memory: Mapping[str, Any], holds: tuple[str, ...]) -> Store:
    """A memory of ZigZag's as ours: its costs are of the widest access, in pJ."""
    read = max(p["bandwidth_max"] for p in memory["ports"] if "read" in p["type"]) / BIT
    write = max(p["bandwidth_max"] for p in memory["ports"] if "write" in p["type"]) / BIT
    least = min(p["bandwidth_min"] for p in memory["ports"]) / BIT
    shared = any(p["type"] == "read_write" for p in memory["ports"])
    return Store(memory["r_cost"] * PJ / read, memory["w_cost"] * PJ / write, read, None if shared else write, memory["size"] / BIT, least, holds)


def hierarchy(accelerator: Mapping[str, Any]) -> Hierarchy:
    """ZigZag's TPU-like accelerator as ours."""
    memories, array = accelerator["memories"], accelerator["operational_array"]
    rows, columns = array["sizes"]
    return Hierarchy(
        {"k": rows, "c": columns}, array["unit_energy"] * PJ, store(memories["sram_2MB"], ("input", "output")), store(memories["dram"], ()),
        {"weight": store(memories["rf_128B"], ("weight",)), "output": store(memories["rf_2B"], ("output",))}, cross_clock=rows + columns - 2.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ours:
    """Our searches of all layers, and the fastest pass over them."""

    found: list[Found]
    seconds: float


def ours(layers: list[Loops], own: Hierarchy) -> Ours:
    """Search each layer, those of the same shape again as well, as the peer does."""
    seconds = []
    for _ in range(PASSES):
        start = time.process_time()
        found = [search(layer, own) for layer in layers]
        seconds.append(time.process_time() - start)
    return Ours(found, min(seconds))


def searches_per_s(layers: list[Loops], own: Hierarchy) -> float:
    """Layer mappings found in a second of one core's own time, where the buffer and the memory vary from design to design."""
    rng = np.random.default_rng(0)
    buffer = replace(own.buffer, capacity_byte=own.buffer.capacity_byte * 2.0 ** rng.uniform(-1.0, 2.0, DESIGNS))
    memory = replace(own.memory, read_byte_per_clock=own.memory.read_byte_per_clock * 2.0 ** rng.uniform(-1.0, 3.0, DESIGNS))
    designs = replace(own, buffer=buffer, memory=memory)
    rates = []
    for _ in range(2):
        start = time.process_time()
        for layer in layers:
            search(layer, designs)
        rates.append(len(layers) * DESIGNS / (time.process_time() - start))
    return max(rates)


def slowest_per_s(own: Hierarchy) -> float:
    """The same of the layer that has the most mappings: a product of 4096 by 4096 by 4096."""
    return searches_per_s([Loops(4096.0, 4096.0, x=4096.0, in_x=4096.0, in_y=1.0)], own)


def installed() -> Path:
    """The peer's Python."""
    python = environment(PEER)
    run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *BESIDE])
    return python


def last_line(text: str) -> Any:
    """The JSON that a script printed last."""
    return json.loads(text.splitlines()[-1])


def compared() -> dict[str, Any]:
    """Both, one after the other, and what the peer's model says of ours.

    Raises
    ------
    UnavailableError
    """
    python, script = str(installed()), str(HERE / "peer_scripts" / PEER.script)
    with tempfile.TemporaryDirectory() as folder:
        theirs = last_line(run([python, script, "search", folder], limit_s=SEARCH_S))
        layers, own = [loops(layer) for layer in theirs["layers"]], hierarchy(theirs["accelerator"])
        side = ours(layers, own)
        nests = [{"element": n.element, "buffer": n.buffer, "memory": n.memory} for n in (f.nest[0] for f in side.found)]
        judged = last_line(run([python, script, "judge", folder], json.dumps(nests)))
    overfull = [layer["name"] for layer, j in zip(theirs["layers"], judged, strict=True) if max(u for used in j["used"].values() for u in used) > 1.0]
    energy, clock = (sum(j[key] for j in judged) for key in ("energy_pj", "clock"))
    own_energy, own_clock = (sum(float(getattr(f, name)[0]) for f in side.found) for name in ("energy_j", "clock"))
    return {
        "layers": len(layers), "zigzag_s": theirs["seconds"], "ours_s": side.seconds, "ratio": theirs["seconds"] / side.seconds,
        "searches_per_s": searches_per_s(layers, own), "slowest_per_s": slowest_per_s(own),
        "zigzag_energy_pj": theirs["energy_pj"], "zigzag_clock": theirs["clock"],
        "energy_pj": energy, "clock": clock, "energy_delay_ratio": energy * clock / (theirs["energy_pj"] * theirs["clock"]),
        "own_model_energy_ratio": own_energy / PJ / energy, "own_model_clock_ratio": own_clock / clock,
        "most_above_floor": max(float(f.at_most[0]) for f in side.found), "overfull": overfull,
    }  # fmt: skip


def section(r: Mapping[str, Any]) -> str:
    """What is written."""
    reached = "reached" if r["ratio"] >= PEER.target else "MISSED"
    near = "reached" if r["energy_delay_ratio"] <= MOST_ABOVE and not r["overfull"] else "MISSED"
    fast, slow = ("reached" if r[key] >= LEAST_SEARCHES_PER_S else "MISSED" for key in ("searches_per_s", "slowest_per_s"))
    overfull = f" Memories are overfull in {', '.join(r['overfull'])}." if r["overfull"] else ""
    return (
        f"{HEADING}\n\nWritten by `python benchmarks/mapping.py`.\n\n"
        f"ResNet-18 ({r['layers']} layers) on the TPU-like accelerator that {PEER.package} {PEER.version} ships, with its energies, sizes and widths; each "
        f"layer is searched for the least energy x delay, in one run on {cpu()}. Seconds are those of each side's own work on one core, ours the best of "
        f"{PASSES} passes. Both mappings are "
        f"priced by ZigZag's cost model.{overfull}\n\n"
        "| | ZigZag | roofscape | ratio | target |\n|---|---|---|---|---|\n"
        f"| search [s] | {r['zigzag_s']:.1f} | {r['ours_s']:.4f} | {r['ratio']:,.0f}x | {PEER.target:,g}x {reached} |\n"
        f"| energy x delay [pJ clocks] | {r['zigzag_energy_pj'] * r['zigzag_clock']:.4g} | {r['energy_pj'] * r['clock']:.4g} | {r['energy_delay_ratio']:.3f} "
        f"| at most {MOST_ABOVE:g} {near} |\n"
        f"| layer searches in a second of a core, {DESIGNS} designs together | | {r['searches_per_s']:,.0f} | | {LEAST_SEARCHES_PER_S:,} {fast} |\n"
        f"| of a product of 4096 x 4096 x 4096 | | {r['slowest_per_s']:,.0f} | | {LEAST_SEARCHES_PER_S:,} {slow} |\n\n"
        f"Of the same mappings our own model says {r['own_model_energy_ratio']:.3f} of ZigZag's energy and {r['own_model_clock_ratio']:.3f} of its clocks. "
        f"No layer's energy x delay is more than {r['most_above_floor']:.2f} times a floor that no mapping is under.\n"
    )


def keep(text: str) -> None:
    """Put the section into the results, in place of the one that is there."""
    path = HERE / "RESULTS.md"
    before = path.read_text().partition(HEADING)[0].rstrip() if path.exists() else ""
    path.write_text(f"{before}\n\n{text}" if before else text)


def main() -> None:
    """Compare, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON, write nothing")
    options = parser.parse_args()
    try:
        result = compared()
    except UnavailableError as error:
        sys.exit(f"{PEER.package} {PEER.version}: {error}")
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(section(result))
    keep(section(result))


if __name__ == "__main__":
    main()
