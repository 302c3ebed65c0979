"""How fast spaces are proved, tried whole and written: ``python benchmarks/exploring.py``.

What is printed is what README and docs quote; a single run on whatever else the machine does meanwhile.
"""

from __future__ import annotations

import shutil
import tempfile
import time

import yaml

from explorers.space.catalog import find_space, read_space
from explorers.space.file import space_tree
from explorers.space.space import DesignSpace
from explorers.study import explore
from explorers.sweep import sweep

PROOFS = (("h100-like-12-axes", 1e-3), ("h100-like-20-axes", 1e-3), ("h100-like-request", 1e-2), ("h100-like-prefill", 1e-3))


def proofs() -> None:
    """The optimum of shipped spaces, with its certificate."""
    print(f"{'proved':<20} {'designs':>9} {'axes':>4} {'fidelity':>9} {'asked':>7} {'gap':>8} {'seconds':>8} {'scored':>9}")
    for name, gap in PROOFS:
        space = find_space(name)
        study = explore(space, "exact", settings={"gap": gap})
        fidelity = space_tree(space)["estimator"]["fidelity"]
        assert study.gap is not None
        print(f"{name:<20} {space.size:>9.2g} {len(space.axes):>4} {fidelity:>9} {gap:>7.1%} {study.gap:>8.2g} {study.seconds:>8.2f} {study.evaluations:>9,}")


def tried_whole(designs: int = 100_000_000) -> None:
    """Every design of a roofline space with two limits and a front of two objectives."""
    space = large(designs)
    start = time.perf_counter()
    study = explore(space, "exhaustive")
    seconds = time.perf_counter() - start
    rate = study.evaluations / seconds
    print(f"\ntried whole: {study.evaluations:,} designs in {seconds:.1f} s, {rate / 1e6:.1f} M designs/s, {len(study.front_rows)} on the front")


def written(designs: int = 10_000_000) -> None:
    """A sweep to parquet."""
    space, folder = large(designs), tempfile.mkdtemp()
    try:
        start = time.perf_counter()
        store = sweep(space, f"{folder}/results", sample=designs)
        seconds = time.perf_counter() - start
        size = sum(store.part(i).stat().st_size for i in range(store.parts))
    finally:
        shutil.rmtree(folder)
    print(f"written: {designs:,} designs to parquet in {seconds:.1f} s, {size / 1e6:.0f} MB")


def large(designs: int) -> DesignSpace:
    """The twelve-axis space with as many axes fixed as leave about so many designs, and power as a second objective."""
    tree = space_tree(find_space("h100-like-12-axes"))
    tree["objectives"] = ["maximise throughput_token_per_s", "minimise peak_w"]
    size = 1
    for axis in tree["axes"].values():
        values = axis["grid"]
        if size * len(values) > designs * 1.5:
            axis["grid"] = [values[len(values) // 2]]
        size *= len(axis["grid"])
    return read_space(yaml.safe_dump(tree, sort_keys=False), "large")


if __name__ == "__main__":
    proofs()
    tried_whole()
    written()
