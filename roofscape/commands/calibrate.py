"""``roofscape calibrate``: a spec of this machine with measured ceilings, and fitted corrections beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from magnitudes.errors import InputError
from roofscape.measured import calibrate
from simulator.measurement.trace import read_trace


def run(options: argparse.Namespace) -> None:
    """Read a trace; write the spec and the corrections."""
    if options.judge:
        _judge(Path(options.trace))
        return
    if options.spec is None:
        raise InputError("where should the spec be written? name it with --spec this_machine.yaml")
    made, spec = calibrate(options.trace, options.spec), Path(options.spec)
    from roofscape.report.terminal import show_table

    show_table("What the fit leaves (on the rows that it saw)", ["kernels", "mean error"], [[name, f"{error:.1%}"] for name, error in made.errors.items()])
    fits = spec.with_name(f"{spec.stem}.host.json")
    print(f"{spec}: ceilings as measured\n{fits}: what libraries make of them\nnext: roofscape validate {options.trace} --on {spec}")


def _judge(path: Path) -> None:
    """How far off the law is on rows that a fit has not seen."""
    from roofscape.report.terminal import show_table
    from simulator.measurement.judgement import judge

    scores = judge(read_trace(path), path.name).scores
    rows = [[s.source, s.op, s.dtype, f"{s.rows}", f"{s.mape:.1%}", f"{s.bias:+.1%}", "" if s.spearman is None else f"{s.spearman:.3f}"] for s in scores]
    show_table("Rows that the fit has not seen", ["library", "operator", "type", "rows", "mean error", "bias", "rank"], rows)
    print(f"mean over {len(scores)} groups: {sum(s.mape for s in scores) / len(scores):.1%}")
