"""``roofscape reproduce``: published results of systems beside ours."""

from __future__ import annotations

import argparse
import json

from magnitudes.files import check_writable, write_whole
from roofscape.report.progress import progress_bar
from roofscape.reproductions import SYSTEMS, find_reproduction, reproduce
from roofscape.reproductions.shared import find_shared


def run(options: argparse.Namespace) -> None:
    """Ask every claim of the systems that are named, or of all. A claim that misses is an answer, not an error."""
    check_writable(options.html)
    systems = [find_reproduction(name) for name in options.systems or SYSTEMS]
    shared = find_shared(options.data)
    with progress_bar("reproducing") as progress:
        outcomes = reproduce([s.name for s in systems], shared, progress)
    if options.html:
        from roofscape.report.reproductions import reproductions_page

        write_whole(options.html, reproductions_page(systems, outcomes))
    if options.json:
        print(json.dumps([o.to_dict() for o in outcomes], indent=2, allow_nan=False))
        return
    from roofscape.report.reproductions_terminal import show_outcomes

    show_outcomes(systems, outcomes)
