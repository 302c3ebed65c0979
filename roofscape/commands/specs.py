"""``roofscape specs``: machines in the catalogue, and where each value comes from."""

from __future__ import annotations

import argparse
import json
from typing import Any

from hardware_specs.catalog import Entry, chip_entry, chip_names, citation_of, find, is_system, link_names, system_names
from hardware_specs.fields import field_values, unit_names
from hardware_specs.schema import Chip, System
from magnitudes.arrays import as_float
from magnitudes.units import show


def run(options: argparse.Namespace) -> None:
    """List the catalogue, or show one entry with its sources."""
    if options.name is None:
        _list(options.json)
    else:
        _show(options.name, options.json)


def _list(as_json: bool) -> None:
    chips = [_summary(find(name)) for name in chip_names()]
    everything: dict[str, Any] = {"chips": chips, "links": link_names(), "systems": system_names()}
    if as_json:
        print(json.dumps(everything, indent=2))
        return
    from roofscape.report.terminal import show_table

    columns = ["name", "title", "execution", "memory", "bandwidth", "matrix", "tdp"]
    show_table("Machines", columns, [[str(c[k]) for k in columns] for c in chips])
    print(f"Links: {', '.join(everything['links'])}\nSystems: {', '.join(everything['systems'])}, and NxNAME such as 8xh100-sxm")


def _summary(entry: Entry) -> dict[str, Any]:
    """One chip in a line."""
    chip = entry.spec
    assert isinstance(chip, Chip)
    memory = chip.main_memory(chip.engine)
    rates = chip.engine.matrix_flop_per_s or chip.engine.vector_flop_per_s
    best = next((f for f in ("bf16", "fp16", "fp32") if f in rates), next(iter(rates)))
    return {
        "name": chip.name, "title": chip.title, "vendor": chip.vendor, "family": chip.family, "execution": chip.engine.execution,
        "memory": show(as_float(memory.capacity_byte), "byte"), "bandwidth": show(as_float(memory.bandwidth_byte_per_s), "byte/s"),
        "matrix": f"{show(as_float(rates[best]), 'flop/s')} {best}", "tdp": show(as_float(chip.tdp_w), "w") if chip.tdp_w is not None else "-",
    }  # fmt: skip


def _show(name: str, as_json: bool) -> None:
    """One entry: every value with its source and kind."""
    entry = find_any(name)
    spec = entry.spec
    if isinstance(spec, Chip):
        system = System(spec.name, spec, 1.0, entry.fabric)
        values, units = field_values(system), unit_names(system)
    else:
        values = {"bandwidth": spec.bandwidth_byte_per_s, "latency": spec.latency_s}
        units = {"bandwidth": "bandwidth_byte_per_s", "latency": "latency_s"}
    rows = [_row(path, as_float(value), units[path], entry) for path, value in values.items()]
    if as_json:
        fabric = [{"link": level.link.name, "chips": level.chips if level.chips < float("inf") else None} for level in entry.fabric]
        print(json.dumps({"name": spec.name, "title": getattr(spec, "title", spec.name), "fabric": fabric, "values": rows}, indent=2))
        return
    from roofscape.report.terminal import show_table

    show_table(
        f"{spec.name}: {getattr(spec, 'title', spec.name)}",
        ["field", "value", "kind", "source"],
        [[r["field"], r["shown"], r["kind"], r["source"]] for r in rows],
    )


def find_any(name: str) -> Entry:
    """A chip or link by name; a system's chip."""
    return chip_entry(name) if is_system(name) else find(name)


def _row(path: str, value: float, unit: str, entry: Entry) -> dict[str, Any]:
    """A value with its citation; the schema's own default where the spec does not say."""
    citation = citation_of(path, entry)
    return {
        "field": path, "value": value, "shown": show(value, unit, 4), "unit": unit,
        "kind": citation.kind if citation else "assumed", "source": citation.source if citation else "default of the schema",
    }  # fmt: skip
