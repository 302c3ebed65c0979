"""Every shipped model on every shipped chip, at both fidelities: ``python benchmarks/cross_product.py``.

Each pair is estimated as a user's command does it, in its model's usual scenario; an exception, a time that is no number or a tile answer below
the roofline is a fault, and the exit code tells. Winograd's convolutions multiply up to four times less than the roofline counts: that much is
theirs. ``--models 60 --chips 90`` takes evenly spread ones.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from hardware_specs.catalog import chip_names
from roofscape.testing import check_pair
from workloads.shipped import model_names

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Pair:
    """What came of one model on one chip.

    Parameters
    ----------
    fidelity : str
        What the finer of the two answers says that it is.
    fault : str
        What is wrong; nothing if nothing is.
    winograd : bool
        Whether it is faster than its roofline, by convolutions that multiply less.
    """

    model: str
    chip: str
    fidelity: str
    fault: str = ""
    winograd: bool = False


def pair(model: str, chip: str) -> Pair:
    """One model on one chip, at both fidelities."""
    try:
        tile, roof = check_pair(model, chip)
    except Exception as error:  # any exception is what is looked for
        return Pair(model, chip, "", f"{type(error).__name__}: {error}")
    return Pair(model, chip, tile.fidelity, winograd=float(tile.time_s) < float(roof.time_s) * (1.0 - ROUNDING))


def on_all(chips: Sequence[str], model: str) -> list[Pair]:
    """One model on all chips."""
    return [pair(model, chip) for chip in chips]


def spread(names: Sequence[str], count: int) -> list[str]:
    """So many names, evenly spread."""
    count = min(count, len(names))
    return [names[i * len(names) // count] for i in range(count)]


def pairs(models: Sequence[str], chips: Sequence[str], workers: int) -> Iterator[Pair]:
    """All pairs, a model at a time."""
    with ProcessPoolExecutor(workers) as pool:
        for found in pool.map(partial(on_all, chips), models):
            yield from found


def main() -> int:
    """Print what was found; the exit code is 1 where a pair has a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=10**6, metavar="N")
    parser.add_argument("--chips", type=int, default=10**6, metavar="N")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    options = parser.parse_args()
    models, chips = spread(model_names(), options.models), spread(chip_names(), options.chips)
    start = time.perf_counter()
    found = list(pairs(models, chips, options.workers))
    seconds = time.perf_counter() - start
    faults = [p for p in found if p.fault]
    print(f"{len(models)} models x {len(chips)} chips: {len(found):,} pairs, both fidelities, {seconds:.0f} s on {options.workers} processes")
    print("answers: " + ", ".join(f"{n:,} {fidelity or 'none'}" for fidelity, n in Counter(p.fidelity for p in found).items()))
    print(f"faster than the roofline by Winograd's convolutions: {sum(p.winograd for p in found)}")
    for p in faults:
        print(f"{p.model} on {p.chip}: {p.fault}")
    print("no fault" if not faults else f"{len(faults)} faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
