"""AttAcc: decode attention beside the banks of HBM3, against the command-level simulator of its authors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from roofscape.reproductions.claim import Claim, Found, points
from roofscape.reproductions.shared import Shared
from simulator.validation.run import validate

TITLE = "Park et al., AttAcc! Unleashing the Power of PIM for Batched Transformer-based Generative Model Inference, ASPLOS 2024"

TABLE = "attacc_pim"
SETTINGS = {  # device of our catalogue, format -> placement and power setting
    ("attacc-bank", "fp16"): "units in banks, power-limited",
    ("attacc-bank", "fp8"): "units in banks, power-limited, 8-bit elements",
    ("attacc-bank-unlimited", "fp16"): "units in banks, not power-limited",
    ("attacc-bank-group", "fp16"): "units in bank groups, power-limited",
    ("attacc-bank-group-unlimited", "fp16"): "units in bank groups, not power-limited",
}


@cache
def _errors(path: Path) -> dict[tuple[str, str], tuple[float, float, int]]:
    """Mean and largest error [%] of each setting, and its rows."""
    frame = validate(path).frame
    off = 100.0 * np.abs(frame["predicted_us"] / frame["measured_us"] - 1.0)
    return {(str(d), str(t)): (float(e.mean()), float(e.max()), len(e)) for (d, t), e in off.groupby([frame["device"], frame["dtype"]], observed=True)}


def _mean_error(setting: tuple[str, str]) -> Callable[[Shared], Found]:
    def ours(shared: Shared) -> Found:
        mean, largest, rows = _errors(shared.path(TABLE))[setting]
        return Found(mean, f"{rows:,} rows, at most {largest:.1f} % off")

    return ours


CLAIMS = tuple(
    Claim(
        "attacc", f"cycles of decode attention, {words}: mean error of ours", 0.0, "%", "the authors' simulator", "A", points(5.0), "prediction",
        _mean_error(setting), needs=(TABLE,),
    )
    for setting, words in SETTINGS.items()
)  # fmt: skip
