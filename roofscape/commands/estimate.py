"""``roofscape estimate``: time, bound and fit of a model on a machine."""

from __future__ import annotations

import argparse
import json
from typing import Any

from explorers.sensitivity import elasticities
from magnitudes.files import check_writable, write_whole
from roofscape.report.progress import track
from roofscape.request import Request, requests
from simulator.result import Estimate
from simulator.spatial.mappings import CLOSED
from simulator.tables import design_dicts, flat, row


def run(options: argparse.Namespace) -> None:
    """Estimate what is asked; print it, and write what was asked to be written."""
    check_writable(options.csv)
    check_writable(options.html)
    check_writable(options.png)
    request = requests(options, options.on)
    result = request.estimate()
    designs = described(request, result, energy=options.energy)
    if not options.no_elasticities and options.mapping == CLOSED:
        for design, single in zip(designs, track(request.designs(), "elasticities"), strict=True):
            design["elasticities"] = elasticities(single.question())
    if options.draft:
        alone = request.without_draft().estimate()
        for i, design in enumerate(designs):
            design["speculation_speedup"] = float(row(alone.tpot_s, i)) / design["tpot_s"]
    write_results(options, [request], [result], designs)
    if options.json:
        print(json.dumps(designs if len(designs) > 1 else designs[0], indent=2))
        return
    from roofscape.report.terminal import show_design, show_designs

    if len(designs) == 1:
        show_design(designs[0])
    else:
        show_designs(designs)
    if options.energy:
        show_energy_of(designs)


def show_energy_of(designs: list[dict[str, Any]]) -> None:
    """The energy of one design, or of several side by side, below the rest."""
    from roofscape.report.energy_terminal import show_energies, show_energy
    from roofscape.report.inputs import labels_of
    from roofscape.report.terminal import console

    console().print()
    if len(designs) == 1:
        show_energy(designs[0])
    else:
        show_energies(designs, labels_of(designs))


def described(request: Request, result: Estimate, *, energy: bool = False) -> list[dict[str, Any]]:
    """The designs of a request, with their energy if asked; of several, each with its format and what was set, which may be all that tells them apart."""
    designs = design_dicts(result)
    if energy:
        from simulator.energy_frames import energy_dicts

        designs = [{**d, "energy": e} for d, e in zip(designs, energy_dicts(result), strict=True)]
    return designs if len(designs) == 1 else [{**d, **single.inputs()} for d, single in zip(designs, request.designs(), strict=True)]


def write_results(options: argparse.Namespace, asked: list[Request], results: list[Estimate], designs: list[dict[str, Any]]) -> None:
    """The table and the page, where they were asked for."""
    if options.csv:
        import csv
        import io

        rows = [{**flat(d), **d.get("set", {})} for d in designs]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(options.csv, text.getvalue())
    if options.html or options.png:
        from roofscape.report.subject import Subject

        machines = options.on if isinstance(options.on, list) else [options.on]
        subjects = [Subject(single.question, on) for request, on in zip(asked, machines, strict=True) for single in request.designs()]
        if options.html:
            from roofscape.report.page import page

            write_whole(options.html, page(results, designs, subjects))
        if options.png:
            from roofscape.report.picture import picture

            write_whole(options.png, picture(designs, subjects))
