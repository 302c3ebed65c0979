"""``roofscape compare``: the same question on several machines."""

from __future__ import annotations

import argparse
import json

from explorers.sensitivity import elasticities
from magnitudes.files import check_writable
from roofscape.commands.estimate import described, show_energy_of, write_results
from roofscape.report.progress import track
from roofscape.request import requests


def run(options: argparse.Namespace) -> None:
    """Estimate on each machine; print them side by side."""
    check_writable(options.csv)
    check_writable(options.html)
    check_writable(options.png)
    asked = [requests(options, on) for on in options.on]
    results = [request.estimate() for request in track(asked, "machines")]
    designs = [d for request, result in zip(asked, results, strict=True) for d in described(request, result, energy=options.energy)]
    if options.html:
        from roofscape.report.page import OPENED

        singles = [single for request in asked for single in request.designs()][:OPENED]
        for design, single in zip(designs, track(singles, "elasticities"), strict=False):
            design["elasticities"] = elasticities(single.question())
    write_results(options, asked, results, designs)
    if options.json:
        print(json.dumps(designs, indent=2))
        return
    from roofscape.report.terminal import show_designs

    show_designs(designs)
    if options.energy:
        show_energy_of(designs)
