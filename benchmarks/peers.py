"""Roofscape beside its peers, on the same points in one run, a core each: ``python benchmarks/peers.py``.

Each peer is installed from the package index into an environment of its own (``benchmarks/.peers``), never into the
project's, and timed there by a script of `peer_scripts`. A peer that cannot be installed or run is reported with its reason.
The table is printed and written to ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import venv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from explorers.benchmark import DATA_TYPES, question, random_designs
from explorers.question import Question
from hardware_specs.fields import field_values
from magnitudes.arrays import Column, Condition, Real, as_float, both
from magnitudes.program import Program, compiled
from magnitudes.symbol import Formula
from roofscape.report.progress import progress_bar
from workloads.scenario import Prefill

HERE = Path(__file__).resolve().parent
ROWS = 2**17
PEER_POINTS = 2000  # at most; a slow peer takes as many of them as its time allows
OUTPUT = 512.0  # tokens generated, where a whole request is asked
PASSES = 3  # before the peer and after it: the peer takes as many
INSTALL_S, RUN_S = 900, 300


@dataclass(frozen=True, slots=True)
class Peer:
    """Another simulator and what is compared.

    Parameters
    ----------
    package, version : str
        On the package index.
    script : str
        In `peer_scripts`.
    fidelity : str
        Of ours, beside it.
    job : tuple of str
        Phases that one evaluation covers.
    target : float
        The ratio that we hold ourselves to.
    hardware : bool
        Whether the peer takes another hardware at each point.
    """

    package: str
    version: str
    script: str
    fidelity: str
    job: tuple[str, ...]
    target: float
    hardware: bool


PEERS = (
    Peer("genz-llm", "0.0.16", "genz_llm.py", "roofline", ("decode",), 200_000, True),
    Peer("llm-analysis", "0.2.2", "llm_analysis_.py", "roofline", ("prefill", "decode"), 1_000, True),
    Peer("aiconfigurator", "0.12.0", "aiconfigurator_.py", "tile", ("decode",), 2, False),
)


class UnavailableError(Exception):
    """A peer that cannot be installed or run, and why."""


def environment(peer: Peer) -> Path:
    """The Python of an environment with the peer in it, made if it is not there.

    Raises
    ------
    UnavailableError
    """
    folder = HERE / ".peers" / f"{peer.package}-{peer.version}"
    python, done = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"), folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{peer.package}=={peer.version}"], limit_s=INSTALL_S)
        done.touch()
    return python


def run(command: list[str], given: str = "", limit_s: float = RUN_S) -> str:
    """What a command prints.

    Raises
    ------
    UnavailableError
    """
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=limit_s, check=False, cwd=HERE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(str(error)) from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise UnavailableError(lines[-1].strip() if lines else f"exit code {done.returncode}")
    return done.stdout


def answer(asked: Question, job: tuple[str, ...], design: Mapping[str, Any]) -> tuple[Real, Condition]:
    """(time, feasible) of one evaluation: a decode step, or a prefill and all decode steps at the longest context."""
    if job == ("decode",):
        step = asked.estimate(design)
        return step.time_s, step.feasible
    rest = {path: value for path, value in design.items() if path != "context"}
    prefill = replace(asked, scenario=Prefill()).estimate(rest | {"prompt": design["context"]})
    step = asked.estimate(rest | {"context": design["context"] + OUTPUT})
    return prefill.time_s + OUTPUT * step.time_s, both(prefill.feasible, step.feasible)


@dataclass(frozen=True, slots=True)
class Ours:
    """Our side of a comparison.

    Parameters
    ----------
    asked : Question
    job : tuple of str
    program : Program
        Of the whole job.
    designs : mapping of str to Column
        All feasible.
    """

    asked: Question
    job: tuple[str, ...]
    program: Program
    designs: Mapping[str, Column]

    def designs_per_s(self) -> float:
        """On one core; the best of some passes."""
        seconds = []
        for _ in range(PASSES):
            start = time.process_time()
            self.program.run(self.designs)
            seconds.append(time.process_time() - start)
        return len(self.designs["tp"]) / min(seconds)

    def time_s(self, rows: list[int], hardware: bool) -> Column:
        """What we say of some designs, or of the same on the hardware as it is."""
        designs = {name: column[rows] for name, column in self.designs.items() if hardware or name in ("batch", "context", "dtype", "tp")}
        return np.asarray(answer(self.asked, self.job, designs)[0], dtype=np.float64)


def ours(peer: Peer) -> Ours:
    """Our side beside one peer."""
    asked = question(peer.fidelity)
    designs = random_designs(asked, ROWS)
    formula = Formula()
    time_s, feasible = answer(asked, peer.job, {name: formula.input(name) for name in designs})
    program = compiled(formula, {"time_s": time_s, "feasible": feasible})
    fits = program.run(designs)["feasible"]
    return Ours(asked, peer.job, program, {name: column[fits] for name, column in designs.items()})


def points(side: Ours) -> list[dict[str, Any]]:
    """The first designs as plain numbers, for the peer."""
    base, d = field_values(side.asked.system), side.designs
    matrix = as_float(base["sm.matrix.bf16"])
    return [
        {
            "matrix_flop_per_s": matrix * d["sm.matrix:factor"][i], "memory_byte": d["hbm.capacity"][i], "memory_byte_per_s": d["hbm.bandwidth"][i],
            "link_byte_per_s": d["nvlink4.bandwidth"][i], "link_s": d["nvlink4.latency"][i], "batch": d["batch"][i], "context": d["context"][i],
            "tp": d["tp"][i], "dtype": DATA_TYPES[int(d["dtype"][i])], "output": OUTPUT,
        }
        for i in range(min(PEER_POINTS, len(d["tp"])))
    ]  # fmt: skip


def compared(peer: Peer) -> dict[str, Any]:
    """One peer and us, timed one after the other, we before and after.

    Raises
    ------
    UnavailableError
    """
    python = environment(peer)
    side = ours(peer)
    before = side.designs_per_s()
    theirs = json.loads(run([str(python), str(HERE / "peer_scripts" / peer.script)], json.dumps(points(side))).splitlines()[-1])
    rate = max(before, side.designs_per_s())
    agreement = float(np.median(side.time_s(theirs["points"], peer.hardware) / np.array(theirs["time_s"])))
    return {
        "package": peer.package, "version": theirs["version"], "job": " + ".join(peer.job), "fidelity": peer.fidelity,
        "hardware_varies_there": peer.hardware, "evaluations_per_s": theirs["evaluations_per_s"], "evaluated": theirs["evaluated"],
        "designs_per_s": rate, "designs": len(side.designs["tp"]), "ratio": rate / theirs["evaluations_per_s"], "target": peer.target,
        "median_ours_over_theirs": agreement, "compiles_per_s": theirs.get("compiles_per_s"),
    }  # fmt: skip


def table(results: list[dict[str, Any]]) -> str:
    """The results in Markdown."""
    head = ["peer", "one evaluation", "peer, evaluations/s", "roofscape, designs/s", "fidelity", "ratio", "target", "time, ours / theirs (median)"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    notes = []
    for r in results:
        if "unavailable" in r:
            lines.append(f"| {r['package']} {r['version']} | not measured: {r['unavailable']} |{' |' * (len(head) - 2)}")
            continue
        varies = "hardware, batch, context, type, TP" if r["hardware_varies_there"] else "batch, context, type, TP; hardware fixed"
        reached = f"{r['target']:,g}x {'reached' if r['ratio'] >= r['target'] else 'MISSED'}"
        lines.append(
            f"| {r['package']} {r['version']} | {r['job']}; {varies} | {r['evaluations_per_s']:,.0f} ({r['evaluated']} points) | {r['designs_per_s']:,.0f} "
            f"| {r['fidelity']} | {r['ratio']:,.0f}x | {reached} | {r['median_ours_over_theirs']:.2f} |"
        )
        if r["compiles_per_s"]:
            notes.append(f"{r['package']} compiles an engine for another parallelism {r['compiles_per_s']:,.0f} times a second; that is not counted.")
    return "\n".join(lines + (["", *notes] if notes else []))


def page(results: list[dict[str, Any]]) -> str:
    """What is written: how it was measured, and the table."""
    about = (
        f"Llama-3-70B, designs in which 12 hardware fields, batch, context, data type and TP vary; a processor's time on one core each, in one run, "
        f"best of {2 * PASSES} passes on either side. "
        "The peer evaluates the first of the same designs, as many as its time allows, and takes of the hardware what it knows. "
        f"Measured on {cpu()}, Python {platform.python_version()}, numpy {np.__version__}."
    )
    return f"# Roofscape beside its peers\n\nWritten by `python benchmarks/peers.py`.\n\n{about}\n\n{table(results)}\n"


def cpu() -> str:
    """The processor's name, as the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--peers", default=",".join(p.package for p in PEERS), help="which of them (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON, write nothing")
    options = parser.parse_args()
    asked = [p for p in PEERS if p.package in options.peers.split(",")]
    results = []
    with progress_bar("Peers") as progress:
        for done, peer in enumerate(asked):
            progress(done, len(asked), peer.package)
            try:
                results.append(compared(peer))
            except UnavailableError as error:
                print(f"{peer.package} {peer.version}: {error}", file=sys.stderr)
                results.append({"package": peer.package, "version": peer.version, "unavailable": str(error)})
    if options.json:
        print(json.dumps(results, indent=2))
        return
    print(table(results))
    written = HERE / "RESULTS.md"
    _, heading, others = written.read_text().partition("\n# Mapping search") if written.exists() else ("", "", "")  # what benchmarks/mapping.py wrote
    written.write_text(page(results) + heading + others)


if __name__ == "__main__":
    main()
