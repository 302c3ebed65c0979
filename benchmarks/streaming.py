"""A hundred million random designs through the roofline in bounded memory: ``python benchmarks/streaming.py``.

Designs are drawn when they are wanted, chunk by chunk; of each chunk only the fastest feasible design is kept.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from explorers.benchmark import MODEL, SYSTEM, question, random_designs
from explorers.question import Question
from explorers.stream import Chunk, stream, threads

CHUNK_ROWS = 2**17


def chunks(asked: Question, designs: int) -> Iterator[Chunk]:
    """Random designs, made when they are wanted."""
    for number, start in enumerate(range(0, designs, CHUNK_ROWS)):
        yield random_designs(asked, min(CHUNK_ROWS, designs - start), seed=number)


def fastest(inputs: Chunk, outputs: Mapping[str, Any]) -> tuple[float, int, dict[str, float]]:
    """(time, designs, values) of the fastest feasible design of a chunk."""
    times = np.where(outputs["feasible"], outputs["time_s"], math.inf)
    best = int(times.argmin())
    return float(times[best]), len(times), {name: float(column[best]) for name, column in inputs.items()}


def peak_byte() -> int:
    """Most memory that this process has held [B]: its own mark where the system keeps one (what `getrusage` says is inherited from the parent)."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def measure(designs: int, fidelity: str, workers: int | None) -> dict[str, Any]:
    """Stream that many designs; rate, peak and the best of them."""
    asked = question(fidelity)
    program = asked.compiled(tuple(random_designs(asked, 1)))
    best: tuple[float, int, dict[str, float]] = (math.inf, 0, {})
    start, count = time.perf_counter(), 0
    for found in stream(program, chunks(asked, designs), fastest, workers):
        best, count = min(best, found, key=lambda f: f[0]), count + found[1]
    seconds = time.perf_counter() - start
    return {
        "model": MODEL, "system": SYSTEM, "fidelity": fidelity, "workers": threads(workers), "designs": count, "seconds": seconds,
        "designs_per_s": count / seconds, "peak_byte": peak_byte(), "fastest_s": best[0], "fastest": best[2],
    }  # fmt: skip


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", type=float, default=1e8)
    parser.add_argument("--fidelity", default="roofline")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(int(options.designs), options.fidelity, options.workers)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{result['designs']:,} designs of {MODEL} decode on {SYSTEM} at {options.fidelity} fidelity, {result['workers']} workers")
    print(
        f"{result['seconds']:.1f} s: {result['designs_per_s']:,.0f} designs/s, drawing them at random included; peak memory {result['peak_byte'] / 1e9:.2f} GB"
    )
    print(f"fastest feasible: {result['fastest_s'] * 1e3:.2f} ms at " + ", ".join(f"{k} {v:.4g}" for k, v in result["fastest"].items()))


if __name__ == "__main__":
    main()
