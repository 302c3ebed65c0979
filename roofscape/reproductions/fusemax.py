"""FuseMax: attention of four models at six lengths, from unfused to FuseMax's binding, in time and energy, alone and end to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from pandas import read_parquet

from hardware_specs.catalog import find_system
from magnitudes.arrays import Column
from roofscape.reproductions.claim import Claim, Found, number, points, within
from roofscape.reproductions.shared import Shared
from simulator.area import chip_area_m2
from simulator.validation.checks import checked
from simulator.validation.energies import energies_of
from simulator.validation.files import read_table
from simulator.validation.run import validate

TITLE = "Nayak et al., FuseMax: Leveraging Extended Einsums to Optimize Attention Accelerator Design, MICRO 2024"

VARIANTS = {
    "unfused": "unfused", "flat": "FLAT", "cascade": "FuseMax's cascade", "arch": "and its architecture", "binding": "and its binding: FuseMax",
}  # fmt: skip
ATTENTION = {variant: f"fusemax_attn_{variant}" for variant in VARIANTS}
LINEAR = {"flat": "fusemax_end2end_flat", "unfused": "fusemax_end2end_flat", "binding": "fusemax_end2end_proposal"}
WHERE = "MICRO 2024, figures 6 to 10, and the artifact's results: arithmetic means over 4 models and 6 lengths"
PRICES = "operations priced by the artifact's tables, the buffer by CACTI at its size, DRAM as HBM2"
PICOJOULE = 1e-12
PARETO = "fusemax_pareto"
BEFORE = {"flat": "FLAT", "unfused": "unfused attention"}


@dataclass(frozen=True, slots=True)
class Points:
    """Ours and the artifact's, point by point."""

    time_s: Column
    artifact_s: Column
    energy_j: Column
    artifact_j: Column


@cache
def _points(path: Path) -> Points:
    frame, artifact_j = validate(path).frame, read_parquet(path)["energy"].to_numpy(np.float64) * PICOJOULE
    return Points(frame["predicted_us"].to_numpy() * 1e-6, frame["measured_us"].to_numpy() * 1e-6, energies_of(checked(read_table(path))), artifact_j)


def _largest_error(table: str, quantity: str = "s") -> Callable[[Shared], Found]:
    """The largest error of the times (or energies) of a table [%]."""

    def ours(shared: Shared) -> Found:
        p = _points(shared.path(table))
        off = 100.0 * np.abs((p.time_s / p.artifact_s if quantity == "s" else p.energy_j / p.artifact_j) - 1.0)
        return Found(float(off.max()), f"{len(off)} points, {off.mean():.2f} % on average")

    return ours


def _largest_sized(shared: Shared) -> Found:
    """The largest error over all sides of the array [%]."""
    frame = validate(shared.path(PARETO)).frame
    off = 100.0 * np.abs(frame["predicted_us"] / frame["measured_us"] - 1.0)
    return Found(float(off.max()), f"{len(off)} designs, {off.mean():.2f} % on average")


def _gain(before: str, quantity: str, *, whole: bool) -> Callable[[Shared], Found]:
    """Mean over the points of time before FuseMax over time with it, or of energy with it over energy before."""

    def ours(shared: Shared) -> Found:
        old, new = (_quantity(shared, variant, quantity, whole=whole) for variant in (before, "binding"))
        ratio = old / new if quantity == "time_s" else new / old
        return Found(float(ratio.mean()), f"from {ratio.min():.3g} to {ratio.max():.3g}")

    return ours


def _quantity(shared: Shared, variant: str, quantity: str, *, whole: bool) -> Column:
    attention: Column = getattr(_points(shared.path(ATTENTION[variant])), quantity)
    return attention + getattr(_points(shared.path(LINEAR[variant])), quantity) if whole else attention


def _end(before: str, pick: Callable[[Column], float], *, whole: bool, length: str = "") -> Callable[[Shared], Found]:
    """An end, or a mean, of the speed-ups over a variant; at one length, if said."""

    def ours(shared: Shared) -> Found:
        lengths = read_parquet(shared.path(ATTENTION["binding"]))["seq_len"].to_numpy()
        ratio = _quantity(shared, before, "time_s", whole=whole) / _quantity(shared, "binding", "time_s", whole=whole)
        kept = ratio[lengths == length] if length else ratio
        return Found(float(pick(kept)), f"{len(kept)} points")

    return ours


def _smaller(_: Shared) -> float:
    """Area that FuseMax's chip takes less than FLAT's, by the template [%]."""
    fusemax, flat = (number(chip_area_m2(find_system(name).chip)) for name in ("fusemax-cloud", "flat-cloud"))
    return 100.0 * (1.0 - fusemax / flat)


def _end_claim(what: str, published: float, before: str, pick: Callable[[Column], float], *, whole: bool, length: str = "") -> Claim:
    needs = (ATTENTION[before], ATTENTION["binding"], *((LINEAR[before], LINEAR["binding"]) if whole else ()))
    return Claim("fusemax", what, published, "x", WHERE, "A", within(0.02), "prediction", _end(before, pick, whole=whole, length=length), needs=needs)


def _gain_claim(before: str, published: float, quantity: str, *, whole: bool) -> Claim:
    part = "end to end" if whole else "attention"
    needs = (ATTENTION[before], ATTENTION["binding"], *((LINEAR[before], LINEAR["binding"]) if whole else ()))
    ours = _gain(before, quantity, whole=whole)
    if quantity == "time_s":
        return Claim("fusemax", f"{part} over {BEFORE[before]}: mean speed-up", published, "x", WHERE, "A", within(0.01), "prediction", ours, needs=needs)
    return Claim(
        "fusemax", f"{part}: mean energy against {BEFORE[before]}", published, "", WHERE, "A", points(0.03), "prediction", ours, needs=needs,
        remark=PRICES,
    )  # fmt: skip


CLAIMS = (
    *(
        Claim(
            "fusemax", f"attention, {words}: largest error of ours in latency", 0.0, "%", "the artifact's results", "A", points(1.0), "prediction",
            _largest_error(ATTENTION[variant]), needs=(ATTENTION[variant],),
        )
        for variant, words in VARIANTS.items()
    ),
    *(
        Claim(
            "fusemax", f"attention, {words}: largest error of ours in energy", 0.0, "%", "the artifact's results", "A", points(5.0), "prediction",
            _largest_error(ATTENTION[variant], "j"), needs=(ATTENTION[variant],), remark=PRICES,
        )
        for variant, words in VARIANTS.items()
    ),
    *(
        Claim(
            "fusemax", f"linear layers, {words}: largest error of ours in latency", 0.0, "%", "the artifact's results", "A", points(1.0), "prediction",
            _largest_error(table), needs=(table,),
        )
        for table, words in (("fusemax_end2end_flat", "on FLAT's array"), ("fusemax_end2end_proposal", "on FuseMax's"))
    ),
    Claim(
        "fusemax", "designs of 16 to 512 elements a side, 256 K tokens: largest error of ours in latency", 0.0, "%", "the artifact's pareto.csv", "A",
        points(1.0), "prediction", _largest_sized, needs=(PARETO,),
    ),
    _gain_claim("flat", 6.723, "time_s", whole=False),
    _gain_claim("unfused", 10.05, "time_s", whole=False),
    _gain_claim("flat", 5.302, "time_s", whole=True),
    _gain_claim("unfused", 7.602, "time_s", whole=True),
    _gain_claim("flat", 0.787, "energy_j", whole=False),
    _gain_claim("unfused", 0.767, "energy_j", whole=False),
    _gain_claim("flat", 0.833, "energy_j", whole=True),
    _gain_claim("unfused", 0.821, "energy_j", whole=True),
    _end_claim("attention over FLAT: least speed-up", 3.44, "flat", np.min, whole=False),
    _end_claim("attention over FLAT: largest speed-up", 8.57, "flat", np.max, whole=False),
    _end_claim("end to end over FLAT at 1 M tokens: mean speed-up", 7.5, "flat", np.mean, whole=True, length="1M"),
    _end_claim("end to end over unfused attention at 1 M tokens: mean speed-up", 10.0, "unfused", np.mean, whole=True, length="1M"),
    Claim(
        "fusemax", "area less than FLAT", 6.4, "%", "MICRO 2024, evaluation of area", "Q", within(0.0), "bound", _smaller, limit="ceiling", reach=0.3,
        remark="ours counts arithmetic, registers, comparators and buffers: what both have besides makes the difference smaller",
    ),
)  # fmt: skip
