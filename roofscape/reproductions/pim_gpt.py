"""PIM-GPT: batch-1 generation on GDDR6 with multiply-accumulators in each bank, beside a small ASIC.

The published ratios stand over baselines that use little of their memory: a T4 that generates at its bandwidth would be some ten times slower
than the banks, not a hundred. One constant of that baseline is fitted; what it cannot explain is said.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from hardware_specs.catalog import find_system
from magnitudes.arrays import as_float, total
from magnitudes.datatypes import data_type
from roofscape.reproductions.claim import Claim, Found, within
from roofscape.reproductions.shared import Shared
from simulator.area import buffer_area_m2
from simulator.energy import energy_use
from simulator.energy_tables import components
from simulator.estimate import estimate
from simulator.kernels.timing import Timing
from simulator.result import Estimate
from simulator.scaling import area_factor
from workloads.catalog import find_model
from workloads.scenario import Inference
from workloads.sharding import precision

TITLE = "Wu, Wang and Lu, PIM-GPT: a hybrid process in memory accelerator for autoregressive transformers, npj Unconventional Computing 2024"
MODELS = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "gpt3-small", "gpt3-medium", "gpt3-large", "gpt3-xl")
TOKENS = 1024.0
GENERATION = Inference(batch=1.0, prompt=1.0, output=TOKENS)

# The fitted constant: what an operator of our graph costs the framework on the T4's host [s]. Of the framework's own, smaller operators each of
# ours is several, and each of those takes some 30 us on the hosts that were measured.
HOST_S = 1.06e-4
LATENT = "host time of an operator on the T4's host"


@cache
def generation(model: str, system: str) -> Estimate:
    """A thousand tokens of one sequence: on the banks command by command, on the baselines operator by operator from a framework."""
    timing = {"pim-gpt": Timing("kernel"), "t4": Timing("eager", host_s=HOST_S)}.get(system, Timing("eager"))
    formats = precision(data_type({"t4": "fp16"}.get(system, "bf16" if system == "pim-gpt" else "fp32")))
    return estimate(find_model(model), find_system(system), GENERATION, None, formats, timing=timing)


def _token_ms(_: Shared) -> Found:
    found = generation("gpt3-xl", "pim-gpt")
    return Found(1e3 * as_float(found.time_s) / TOKENS, "1.316 billion weights, its head and its attention counted; the floor is of 1.15 billion")


def _speedup(system: str, pick: Callable[[list[float]], float]) -> Callable[[Shared], float]:
    """The largest or the smallest of the eight ratios."""

    def ours(_: Shared) -> float:
        return pick([as_float(generation(m, system).time_s) / as_float(generation(m, "pim-gpt").time_s) for m in MODELS])

    return ours


def _less_energy(system: str, pick: Callable[[list[float]], float]) -> Callable[[Shared], float]:
    """The largest or the smallest of the eight ratios of energy."""

    def ours(_: Shared) -> float:
        return pick([as_float(energy_use(generation(m, system)).energy_j) / as_float(energy_use(generation(m, "pim-gpt")).energy_j) for m in MODELS])

    return ours


def _row_hits(_: Shared) -> float:
    """Of the columns that all products and attention of GPT3-XL access [%]."""
    costs = generation("gpt3-xl", "pim-gpt").costs
    columns, rows = (as_float(total(c.count * c.counts.get(kind, 0.0) for c in costs)) for kind in ("columns", "rows"))
    return 100.0 * (1.0 - rows / columns)


def _movement(pick: Callable[[list[float]], float]) -> Callable[[Shared], float]:
    """Bytes that operators touch over those that cross the pins."""

    def ratio(model: str) -> float:
        costs = generation(model, "pim-gpt").costs
        touched, crossing = total(c.count * c.operator.byte for c in costs), total(c.count * c.counts.get("bus_byte", 0.0) for c in costs)
        return as_float(touched) / as_float(crossing)

    return lambda _: pick([ratio(m) for m in MODELS])


def _of_eight(
    what: str, where: str, published: float, pick: Callable[[list[float]], float], system: str, remark: str, *, energy: bool = False
) -> Claim:  # fmt: skip
    end = "largest" if pick is max else "smallest"
    quantity, ours = ("energy less, times, than", _less_energy) if energy else ("speed-up over", _speedup)
    kind, latents = ("fit", (LATENT,)) if system == "t4" else ("prediction", ())
    return Claim(
        "pim-gpt", f"{end} {quantity} {what} of eight models", published, "x", where, "S", within(0.25), kind, ours(system, pick), latents, remark=remark
    )  # fmt: skip


BASELINE = (
    "the published baseline takes some hundred milliseconds and more a token of a model that its memory delivers in a few; by the published energies it "
    "draws about half of what PIM-GPT does, some ten watts of a processor of 200, so that most of it stood idle: why is not published"
)
VERSION = "abstract of arXiv v2 and npj; v1 had 339 to 1085 and 890 to 1632 times"

ADDERS, MULTIPLIERS, BUFFER_BYTE, ASIC_NODE_M = 256.0, 128.0, 128.0 * 1024.0, 28e-9  # of the companion chip


def _asic_mm2(_: Shared) -> float:
    """Adders and multipliers in 16 bits and the buffer of the companion chip."""
    table = components()["area"]
    logic_m2 = (ADDERS * table["add"]["bf16"] + MULTIPLIERS * table["multiply"]["bf16"]) * area_factor(ASIC_NODE_M)
    return as_float(logic_m2 + buffer_area_m2(BUFFER_BYTE, ASIC_NODE_M)) / 1e-6


CLAIMS = (
    Claim("pim-gpt", "area of the companion chip", 0.64, "mm2", "section on the ASIC", "M", within(0.0), "bound", _asic_mm2, limit="floor", reach=0.6,
          remark="ours counts arithmetic and the buffer; control and interfaces come on top"),
    Claim(
        "pim-gpt", "time of a token of GPT3-XL", 0.77, "ms", "floor of 2.3 GB at 4.096 TB/s, a row switch of 24 ns each 64 columns", "D", within(0.40),
        "prediction", _token_ms,
    ),
    _of_eight("a T4", "abstract", 137.0, max, "t4", "the smallest model, bound by launches: the constant was chosen so that this comes out"),
    _of_eight("a T4", "abstract", 41.0, min, "t4", "GPT3-XL, where the T4's memory begins to count; its framework copies caches that ours does not"),
    _of_eight("a Xeon Gold 6154", "abstract", 1074.0, max, "xeon-gold-6148", f"ours is a Xeon Gold 6148, operator by operator, nothing fitted; {BASELINE}"),
    _of_eight("a Xeon Gold 6154", "abstract", 631.0, min, "xeon-gold-6148", f"ours is a Xeon Gold 6148, operator by operator, nothing fitted; {BASELINE}"),
    _of_eight("a T4", VERSION, 383.0, max, "t4", "", energy=True),
    _of_eight("a T4", VERSION, 123.0, min, "t4", "", energy=True),
    _of_eight("a Xeon Gold 6154", VERSION, 602.0, max, "xeon-gold-6148", "of a baseline that is faster than the published one", energy=True),
    _of_eight("a Xeon Gold 6154", VERSION, 320.0, min, "xeon-gold-6148", "of a baseline that is faster than the published one", energy=True),
    Claim("pim-gpt", "column accesses that hit an open row", 98.0, "%", "section on mapping", "M", within(0.02), "prediction", _row_hits),
    Claim(
        "pim-gpt", "smallest cut of data movement of eight models", 110.0, "x", "section on data movement", "M", within(0.30), "prediction", _movement(min),
        remark="inputs are counted on each channel that they are sent to",
    ),
    Claim(
        "pim-gpt", "largest cut of data movement of eight models", 259.0, "x", "section on data movement", "M", within(0.30), "prediction", _movement(max),
        remark="inputs are counted on each channel that they are sent to",
    ),
)  # fmt: skip
