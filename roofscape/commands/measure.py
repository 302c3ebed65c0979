"""``roofscape measure``: run real kernels on this machine and write what they took."""

from __future__ import annotations

import argparse

from roofscape.measured import measure

BUSY = 0.1  # share of disturbed repeats from which on medians are not to be trusted


def run(options: argparse.Namespace) -> None:
    """Measure a suite into a tidy table."""
    from roofscape.report.progress import progress_bar

    with progress_bar("measuring") as progress:
        out = measure(
            options.out, device=options.device, suite=options.suite, backends=options.backend, timings=options.timing, name=options.name,
            budget_s=options.budget, rounds=options.rounds, progress=progress,
        )  # fmt: skip
    from simulator.measurement.trace import read_trace

    found = read_trace(out)
    rows = found.rows
    disturbed = sum(r["disturbed"] for r in rows) / max(1.0, sum(r["repeats"] for r in rows))
    print(f"{out}: {len(rows):,} rows; {disturbed:.0%} of all repeats were disturbed by other programs")
    if disturbed > BUSY:
        print("the machine is busy: measure at a quieter time, with --rounds 3 or more, or under a real-time policy (chrt --fifo 5 roofscape measure ...)")
    if "skipped" in found.environment:
        print(f"skipped: {found.environment['skipped']}")
    print(f"next: roofscape calibrate {out} --spec this_machine.yaml")
