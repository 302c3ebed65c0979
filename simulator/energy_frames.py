"""Energy, power and area of an estimate's designs as plain data: what ``--energy`` adds to the documented keys."""

from __future__ import annotations

from typing import Any

from magnitudes.arrays import Real
from simulator.area import area_parts, chip_area_m2
from simulator.energy import static_w
from simulator.power import headroom, limit_note
from simulator.prices import node_of
from simulator.result import Estimate
from simulator.tables import distinct_passes, row


def energy_dicts(estimate: Estimate) -> list[dict[str, Any]]:
    """The energy of each design of an estimate.

    Returns
    -------
    list of dict
        Each with ``energy_j`` (of the whole scenario on all chips) and its ``parts``, ``j_per_token``, ``power_w`` (mean, all chips),
        ``chip_power_w``, ``tdp_w``, ``headroom`` (share of the limit that is left), ``area_m2`` of a chip and ``area_template_m2`` by part,
        ``operators`` (energy of one call on one chip in the order of the design's operators, by part), and ``notes``.
    """
    use = estimate.energy
    assert estimate.confidence is not None
    machine = estimate.confidence.machines[0]
    chip = machine.chip
    shown = _operators(estimate, use.operators)
    common: dict[str, Any] = {
        "energy_j": use.energy_j, "parts": dict(use.parts), "j_per_token": use.j_per_token, "power_w": use.power_w, "chip_power_w": use.chip_power_w,
        "static_w": static_w(machine), "tdp_w": use.tdp_w, "headroom": headroom(use), "area_m2": chip_area_m2(chip), "area_template_m2": area_parts(chip),
    }  # fmt: skip
    designs = []
    for i in range(len(estimate)):
        found = {key: _row(value, i) for key, value in common.items()}
        found["operators"] = [{"energy_j": sum(own.values()), "parts": own} for own in (_row(parts, i) for parts in shown)]
        designs.append({**found, "notes": _notes(estimate, found)})
    return designs


def _row(value: Any, index: int) -> Any:
    return {name: row(v, index) for name, v in value.items()} if isinstance(value, dict) else row(value, index)


def _operators(estimate: Estimate, energies: tuple[Any, ...]) -> list[dict[str, Real]]:
    """The energies of the operators that a design shows: those of one pass a phase."""
    chosen, place = [id(p) for p in distinct_passes(estimate)], 0
    found: list[dict[str, Real]] = []
    for p in estimate.passes:
        if id(p) in chosen:
            found.extend(dict(e) for e in energies[place : place + len(p.costs)])
        place += len(p.costs)
    return found


def _notes(estimate: Estimate, design: dict[str, Any]) -> list[str]:
    """What a reader of the energy should know."""
    assert estimate.confidence is not None
    chip = estimate.confidence.machines[0].chip
    notes = []
    if chip.node_m is None:
        notes.append(f"the process node of {chip.name} is not published: arithmetic is priced at {float(row(node_of(chip), 0)) * 1e9:g} nm")
    if chip.idle_w is None and chip.tdp_w is None:
        notes.append(f"neither idle power nor a limit of {chip.name} is published: leakage is not counted")
    over = limit_note(design["chip_power_w"], design["tdp_w"])
    return [*notes, over] if over else notes
