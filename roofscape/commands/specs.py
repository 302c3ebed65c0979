"""``roofscape specs``: machines in the catalogue, and where each value comes from."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from typing import Any

from hardware_specs.audit import audit
from hardware_specs.catalog import THIS_MACHINE, Entry, chip_entry, chip_names, citation_of, find, find_system, is_system, link_names, system_names
from hardware_specs.citation import KINDS
from hardware_specs.fields import field_values, unit_names
from hardware_specs.schema import Chip, Link, System
from hardware_specs.second_sources import figures_of
from magnitudes.arrays import as_float
from magnitudes.units import show

FAMILIES = {
    "gpu": "Graphics processors", "tpu": "Tensor processing units", "npu": "Other accelerators", "rdu": "Reconfigurable dataflow units",
    "array": "Arrays under study", "fpga": "Field-programmable gate arrays", "cpu": "Processors", "soc": "Phones, boards and unified-memory chips",
}  # fmt: skip
COLUMNS = ("name", "title", "year", "execution", "memory", "bandwidth", "matrix", "tdp")


def run(options: argparse.Namespace) -> None:
    """List the catalogue, show one entry with its sources, or say what is not known for certain."""
    if options.check:
        _check(options.name, options.json)
    elif options.name is None:
        _list(options.json)
    else:
        _show(options.name, options.json)


def _list(as_json: bool) -> None:
    chips = [_summary(find(name)) for name in chip_names()]
    if as_json:
        print(json.dumps({"chips": chips, "links": link_names(), "systems": system_names()}, indent=2))
        return
    from roofscape.report.terminal import show_table

    by_family: dict[str, list[dict[str, Any]]] = {}
    for chip in sorted(chips, key=lambda c: (c["vendor"], c["year"] or "", c["name"])):
        by_family.setdefault(chip["family"], []).append(chip)
    for family in [*FAMILIES, *(f for f in by_family if f not in FAMILIES)]:
        if family in by_family:
            rows = [[_cell(chip, column) for column in COLUMNS] for chip in by_family[family]]
            show_table(FAMILIES.get(family, family), COLUMNS, rows)
            print()
    by_kind: dict[str, list[str]] = {}
    for link in (find(name).spec for name in link_names()):
        assert isinstance(link, Link)
        by_kind.setdefault(link.kind, []).append(link.name)
    show_table("Links", ["kind", "names"], [[kind, ", ".join(names)] for kind, names in sorted(by_kind.items())])
    print()
    systems = [find_system(name) for name in system_names()]
    rows = [[f"{s.chips:.0f} x {s.chip.name}", s.name] for s in sorted(systems, key=lambda s: (s.chip.name, s.chips))]
    show_table("Systems, beside any NxNAME such as 8xh100-sxm", ["chips", "name"], rows)


def _cell(chip: dict[str, Any], column: str) -> str:
    """One word of the list; of a title what comes before its explanations."""
    text = str(chip[column] or "-")
    return re.split(r" \(|, ", text, maxsplit=1)[0] if column == "title" else text


def _check(name: str | None, as_json: bool) -> None:
    """What is assumed, what rests on one source, and where sources disagree: of one entry, or of all."""
    entries = [find_any(name)] if name else [find(n) for n in (*chip_names(), *link_names()) if n != THIS_MACHINE]
    findings = audit(entries)
    if as_json:
        print(json.dumps([asdict(f) for f in findings], indent=2))
        return
    from roofscape.report.terminal import show_table

    values = [citation.kind for entry in entries for citation in entry.citations.values()]
    counts = ", ".join(f"{values.count(kind)} {kind} ({meaning})" for kind, meaning in KINDS.items())
    print(f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}, {len(values)} values: {counts}\n")
    for doubt in dict.fromkeys(f.doubt for f in findings):
        rows = [[_some(f.entries), _some(f.fields, len(f.fields) if name else 4), f.source] for f in findings if f.doubt == doubt]
        show_table(f"{doubt[0].upper()}{doubt[1:]}: {len(rows)} {'reason' if len(rows) == 1 else 'reasons'}", ["in", "values", "because"], rows)
        print()


def _some(names: tuple[str, ...], most: int = 4) -> str:
    """The first few of many names."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _summary(entry: Entry) -> dict[str, Any]:
    """One chip in a line."""
    chip = entry.spec
    assert isinstance(chip, Chip)
    memory = chip.main_memory(chip.engine)
    rates = chip.engine.matrix_flop_per_s or chip.engine.vector_flop_per_s
    best = next((f for f in ("bf16", "fp16", "fp32") if f in rates), next(iter(rates)))
    return {
        "name": chip.name, "title": chip.title, "vendor": chip.vendor, "family": chip.family, "generation": chip.generation,
        "year": f"{chip.year:.0f}" if chip.year is not None else None, "execution": chip.engine.execution,
        "memory": show(as_float(memory.capacity_byte), "byte"), "bandwidth": show(as_float(memory.bandwidth_byte_per_s), "byte/s"),
        "matrix": f"{show(as_float(rates[best]), 'flop/s')} {best}", "tdp": show(as_float(chip.tdp_w), "w") if chip.tdp_w is not None else None,
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
        [[r["field"], r["shown"], r["kind"], r["source"] + (f" | also: {', '.join(r['also'])}" if r["also"] else "")] for r in rows],
    )


def find_any(name: str) -> Entry:
    """A chip or link by name; a system's chip."""
    return chip_entry(name) if is_system(name) else find(name)


def _shown(path: str, value: float, unit: str) -> str:
    """A value as people write it: years as they are, areas in square millimetres."""
    if path == "year":
        return f"{value:.0f}"
    return f"{value * 1e6:,.4g} mm2" if unit == "m2" or unit.endswith("_m2") else show(value, unit, 4)


def _row(path: str, value: float, unit: str, entry: Entry) -> dict[str, Any]:
    """A value with its citation; the schema's own default where the spec does not say."""
    citation = citation_of(path, entry)
    also = [f.key for f in figures_of(entry, path) if f.agrees(value)]
    return {
        "field": path, "value": value, "shown": _shown(path, value, unit), "unit": unit,
        "kind": citation.kind if citation else "assumed", "source": citation.source if citation else "default of the schema",
        "also": list(dict.fromkeys(also)),
    }  # fmt: skip
