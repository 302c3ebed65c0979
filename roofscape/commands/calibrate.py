"""``roofscape calibrate``: a spec of this machine with measured ceilings, and fitted corrections beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from magnitudes.errors import InputError
from magnitudes.files import check_writable, write_whole
from simulator.measurement.calibrate import calibrate, texts
from simulator.measurement.trace import read_trace


def run(options: argparse.Namespace) -> None:
    """Read a trace; write the spec and the corrections."""
    if options.judge:
        _judge(Path(options.trace))
        return
    if options.spec is None:
        raise InputError("where should the spec be written? name it with --spec this_machine.yaml")
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


def _judge(path: Path) -> None:
    """How far off the law is on rows that a fit has not seen."""
    from roofscape.report.terminal import show_table
    from simulator.measurement.judgement import judge

    scores = judge(read_trace(path), path.name).scores
    rows = [[s.source, s.op, s.dtype, f"{s.rows}", f"{s.mape:.1%}", f"{s.bias:+.1%}", "" if s.spearman is None else f"{s.spearman:.3f}"] for s in scores]
    show_table("Rows that the fit has not seen", ["library", "operator", "type", "rows", "mean error", "bias", "rank"], rows)
    print(f"mean over {len(scores)} groups: {sum(s.mape for s in scores) / len(scores):.1%}")
