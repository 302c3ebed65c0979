"""``roofscape bench``: designs a second that this machine evaluates, and how far that is from its own limit."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from explorers import benchmark as bench
from explorers.limits import MachineRates
from roofscape.report.progress import progress_bar

CEILINGS = {  # name in JSON -> what a person reads
    "multiply": "products of two columns in cache",
    "copy_memory": "inputs and outputs copied in memory",
    "copy_cache": "all columns copied in cache",
    "instructions": "numpy's own instructions, all in cache",
}


def run(options: argparse.Namespace) -> int:
    """Measure and print; 1 if a row of the columns is not what the scalar call says."""
    with progress_bar("Benchmark") as progress:
        measured = bench.benchmark(options.designs, options.workers, progress=progress)
    result = as_dict(measured)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _show(result)
    return 0 if all(f["rows_equal"] for f in result["fidelity"].values()) else 1


def as_dict(measured: bench.Benchmark) -> dict[str, Any]:
    """A benchmark with stable keys, for JSON.

    Returns
    -------
    dict
        ``fidelity``: by name, `designs_per_s` and what it is made of. ``machine``: the rates beside which it stands.
        ``question``: what was asked.
    """
    rates = measured.rates
    return {
        "question": {"model": bench.MODEL, "system": bench.SYSTEM, "phase": "decode", "varying": [*bench.HARDWARE, "batch", "context", "dtype", "tp"]},
        "workers": rates.workers,
        "machine": {
            "copy_cache_byte_per_s": rates.copy_cache_byte_per_s, "copy_memory_byte_per_s": rates.copy_memory_byte_per_s,
            "multiply_flop_per_s": rates.multiply_flop_per_s,
        },
        "fidelity": {name: _fidelity(one, rates) for name, one in measured.fidelity.items()},
    }  # fmt: skip


def _fidelity(one: bench.Measured, rates: MachineRates) -> dict[str, Any]:
    ceilings = one.ceilings(rates)
    return {
        "designs_per_s": one.designs_per_s,
        "one_worker_designs_per_s": one.one_worker_designs_per_s,
        "core_share": one.core_share,
        "designs": one.designs,
        "rows_equal": one.rows_equal,
        "compile_s": one.compile_s,
        "instructions": len(one.program.instructions),
        "buffers": one.program.buffers,
        "masks": one.program.masks,
        "buffer_byte_per_worker": one.buffer_byte,
        "flop_per_design": one.work.flop,
        "byte_per_design": one.work.byte,
        "memory_byte_per_design": one.work.memory_byte,
        "limit_designs_per_s": ceilings,
        "share_of_limit": {name: one.designs_per_s / limit for name, limit in ceilings.items()},
        "what_stops_it": one.what_stops_it(rates),
    }


def _show(result: Mapping[str, Any]) -> None:
    from rich.text import Text

    from magnitudes.units import show
    from roofscape.report.terminal import console, show_table

    asked, machine, by_name = result["question"], result["machine"], result["fidelity"]
    workers = f"{result['workers']} worker{'s' if result['workers'] > 1 else ''}"
    columns = ["fidelity", "designs/s", "one worker", "workers ran", "designs", "instructions", "buffers", "flop each", "bytes each", "rows equal"]
    rows = [[name, f"{f['designs_per_s']:,.0f}", f"{f['one_worker_designs_per_s']:,.0f}", f"{f['core_share']:.0%}", f"{f['designs']:,}",
             f"{f['instructions']}", f"{f['buffers']}",
             f"{f['flop_per_design']:,}", f"{f['byte_per_design']:,}", "yes" if f["rows_equal"] else "NO"] for name, f in by_name.items()]  # fmt: skip
    show_table(f"{asked['model']} on {asked['system']}, {asked['phase']}: {len(asked['varying'])} fields vary ({workers})", columns, rows)
    copied, streamed = show(machine["copy_cache_byte_per_s"], "byte/s"), show(machine["copy_memory_byte_per_s"], "byte/s")
    console().print(f"\nMeasured here: copy {copied} in cache and {streamed} in memory, multiply {show(machine['multiply_flop_per_s'], 'flop/s')}\n")
    limits = [[text, *(f"{f['limit_designs_per_s'][key]:,.0f} ({f['share_of_limit'][key]:.0%} reached)" for f in by_name.values())]
              for key, text in CEILINGS.items()]  # fmt: skip
    show_table("Designs/s that this machine would allow, were its only limit", ["limit", *by_name], limits)
    for name, f in by_name.items():
        console().print(Text(f"\nWhat stops {name}: {f['what_stops_it']}"))
