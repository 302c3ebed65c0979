"""``roofscape validate``: predictions held against measurements, table by table."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from magnitudes.errors import InputError
from roofscape.files import check_writable, write_whole
from roofscape.report.progress import progress_bar
from simulator.validation.document import document
from simulator.validation.run import Options, Validation, validate


def run(options: argparse.Namespace) -> int:
    """Predict and score what is measured; 0 where any row was scored, else 2."""
    if options.path is None:
        raise InputError("nothing to validate: name a table or a folder of tables")
    check_writable(options.csv)
    check_writable(options.html)
    with progress_bar("validating") as progress:
        result = validate(Path(options.path), Options(options.fidelity, options.timing, sample=options.sample), progress)
    _write(options, result)
    if options.json:
        print(json.dumps(document(result), indent=2, allow_nan=False))
    else:
        from roofscape.report.accuracy_terminal import show_validation

        show_validation(document(result))
    if result.scores:
        return 0
    print(f"roofscape validate: {options.path}: no row can be scored", file=sys.stderr)
    return 2


def _write(options: argparse.Namespace, result: Validation) -> None:
    """The rows and the page, where they were asked for."""
    if options.csv:
        write_whole(options.csv, result.frame.to_csv(index=False))
