"""``roofscape sweep``: every design of a space, scored into a folder of parquet."""

from __future__ import annotations

import argparse
import json
import time

from explorers.space.catalog import find_space
from explorers.sweep import sweep
from roofscape.report.progress import progress_bar


def run(options: argparse.Namespace) -> None:
    """Sweep, or go on with a sweep."""
    space = find_space(options.space)
    sample = None if options.sample is None else int(options.sample)
    start = time.perf_counter()
    with progress_bar(space.name) as tell:
        store = sweep(
            space, options.out, sample=sample, seed=options.seed, part_size=options.part, workers=options.workers, ray=options.ray,
            progress=lambda done, of: tell(done, of, "parts"),
        )  # fmt: skip
    seconds = time.perf_counter() - start
    size = sum(store.part(i).stat().st_size for i in range(store.parts))
    if options.json:
        told = {"folder": str(store.folder), "space": space.name, "designs": store.manifest["designs"], "parts": store.parts, "seconds": seconds}
        print(json.dumps(told | {"notes": list(space.notes)}))
        return
    print(f"{store.folder}: {store.manifest['designs']:,} designs of {space.name} in {store.parts} parts, {size / 1e6:.1f} MB, {seconds:.1f} s")
    for note in space.notes:  # asked here: the same however many processes scored the designs
        print(f"note: {note}")
    print(f"next: roofscape query {store.folder} --pareto {','.join(o.name for o in space.objectives)}")
