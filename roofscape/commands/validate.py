"""``roofscape validate``: predictions held against measurements, table by table."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from magnitudes.errors import InputError
from magnitudes.files import check_writable, write_whole
from roofscape import named
from roofscape.report.progress import progress_bar
from roofscape.request import requests
from simulator.result import Estimate
from simulator.validation.document import document
from simulator.validation.run import Options, Validation, validate
from simulator.validation.schema import schema
from simulator.validation.traces.run import is_trace, validate_trace


def run(options: argparse.Namespace) -> int:
    """Predict and score what is measured; 0 where any row was scored, else 2."""
    if options.schema:
        print(schema())
        return 0
    if not options.path:
        raise InputError("nothing to validate: name a table, a folder of tables or a trace (`roofscape validate --schema` tells what a table is)")
    if options.sample is not None and options.sample < 1:
        raise InputError(f"--sample {options.sample}: at least one row of each group")
    check_writable(options.csv)
    check_writable(options.html)
    check_writable(options.judge)
    if options.judge:
        return _judge(options)
    result = _validation(options)
    _write(options, result)
    if options.json:
        print(json.dumps(document(result), indent=2, allow_nan=False))
    else:
        from roofscape.report.accuracy_terminal import show_validation

        show_validation(document(result))
    if result.scores:
        return 0
    reasons = "; ".join(f"{u.file}: {u.reason}" for u in result.unscored)
    print(f"roofscape validate: {options.path}: no row can be scored. {reasons}", file=sys.stderr)
    return 2


def _judge(options: argparse.Namespace) -> int:
    """Write the judgement of the laws by a folder's tables."""
    from roofscape.report.judgement import judgement_text
    from simulator.measurement.judgement import judge as judge_trace
    from simulator.measurement.trace import read_trace
    from simulator.validation.judgement import WAYS, judge

    with progress_bar("judging") as progress:
        judged, done = judge(Path(options.path), options.sample, lambda way: progress(list(WAYS).index(way), len(WAYS), way))
    trace = judge_trace(read_trace(Path(options.trace)), Path(options.trace).name) if options.trace else None
    write_whole(options.judge, judgement_text(judged, done, trace))
    print(f"{sum(j.rows for j in judged):,} rows judged in {len(WAYS)} ways: {options.judge}")
    return 0


def _validation(options: argparse.Namespace) -> Validation:
    """The scores of tables, or of a trace."""
    path = Path(options.path)
    how = Options(
        options.fidelity, options.timing, sample=options.sample, left_out=options.left_out, correction=options.correction, on=options.on or ""
    )  # fmt: skip
    if is_trace(path):
        return validate_trace(path, _estimate(options), how)
    with progress_bar("validating") as progress:
        return validate(path, how, progress)


def _estimate(options: argparse.Namespace) -> Estimate:
    """What ran while a trace was recorded, by the options.

    Raises
    ------
    InputError
        If they do not say the model and the machine, or say several designs or passes.
    """
    if options.model is None or options.on is None:
        raise InputError(f"{options.path} is a trace: say what ran, with --model and --on (and --phase, --batch, --prompt or --context, --tp, --dtype)")
    options.timing = options.timing or "kernel"
    if options.phase is None and "decode" in named.model(options.model).phases:
        options.phase = "prefill" if options.prompt else "decode"
    estimated = requests(options, options.on).estimate()
    if len(estimated) > 1 or len(estimated.passes) > 1:
        raise InputError("a trace is of one design and one kind of pass: give one value of each option, and --phase prefill, decode or images")
    return estimated


def _write(options: argparse.Namespace, result: Validation) -> None:
    """The rows and the page, where they were asked for."""
    if options.csv:
        write_whole(options.csv, result.frame.drop(columns="parts", errors="ignore").to_csv(index=False))
    if options.html:
        from roofscape.report.accuracy import accuracy_page

        write_whole(options.html, accuracy_page(result))
