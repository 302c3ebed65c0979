"""``roofscape calibrate``: a spec of this machine with measured ceilings, and fitted corrections beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from magnitudes.errors import InputError
from roofscape.files import check_writable, write_whole
from simulator.measurement.calibrate import calibrate, texts
from simulator.measurement.trace import read_trace


def run(options: argparse.Namespace) -> None:
    """Read a trace; write the spec and the corrections."""
    spec = Path(options.spec)
    if spec.suffix not in (".yaml", ".yml"):
        raise InputError(f"{options.spec} should end in .yaml: that is how --on knows a spec")
    fits = spec.with_name(f"{spec.stem}.host.json")
    check_writable(str(spec))
    check_writable(str(fits))
    made = calibrate(read_trace(Path(options.trace)), spec.stem, Path(options.trace).name)
    spec_text, fits_text = texts(made)
    write_whole(str(fits), fits_text)
    write_whole(str(spec), spec_text)
    from roofscape.report.terminal import show_table

    show_table("What the fit leaves (on the rows that it saw)", ["kernels", "mean error"], [[name, f"{error:.1%}"] for name, error in made.errors.items()])
    print(f"{spec}: ceilings as measured\n{fits}: what libraries make of them\nnext: roofscape validate {options.trace} --on {spec}")
